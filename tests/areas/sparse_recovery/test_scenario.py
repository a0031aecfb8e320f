"""The scenario draws what its docstring says, with the moments that it says."""

import dataclasses

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract.seeding import rng_for

UNIT_COLUMNS = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=30,
    n_signal=50,
    n_nonzeros=4,
    nonzero_std=0.5,
    noise_std=0.2,
)
ORTHONORMAL_ROWS = dataclasses.replace(UNIT_COLUMNS, observation_matrix="orthonormal_rows")
BERNOULLI = dataclasses.replace(
    UNIT_COLUMNS, n_nonzeros=None, nonzero_probability=0.08, noise_std=None, snr_db=15.0
)
BOTH = pytest.mark.parametrize("truth", [UNIT_COLUMNS, ORTHONORMAL_ROWS])
N = 20_000


def test_columns_have_length_one():
    np.testing.assert_allclose(np.linalg.norm(UNIT_COLUMNS.H, axis=0), 1.0, rtol=1e-14)


def test_rows_are_orthonormal():
    H = ORTHONORMAL_ROWS.H
    np.testing.assert_allclose(H @ H.T, np.eye(30), atol=1e-13)


def test_orthonormal_rows_have_no_preferred_sign():
    """A uniform H has entries of mean 0, variance 1/m: LAPACK's own signs would show in them."""
    H = dataclasses.replace(ORTHONORMAL_ROWS, n_observations=200, n_signal=200).H
    assert abs(np.trace(H)) < 5  # N(0, 1) for a uniform orthogonal matrix
    assert abs(np.mean(H**2) - 1 / 200) < 1e-15


@BOTH
def test_matrix_depends_on_its_kind_and_sizes_only(truth):
    other = dataclasses.replace(truth, n_nonzeros=1, nonzero_std=3.0, noise_std=None)
    assert other.H is truth.H
    assert not np.array_equal(UNIT_COLUMNS.H, ORTHONORMAL_ROWS.H)


def test_matrix_cannot_be_edited_by_those_who_borrow_it():
    with pytest.raises(ValueError, match="read-only"):
        UNIT_COLUMNS.H[0, 0] = 1.0


@BOTH
def test_moments(truth):
    x, s = truth.sample(N, rng_for("test", "moments"))
    k, m, n = truth.n_nonzeros, truth.n_signal, truth.n_observations
    support = s != 0
    assert (support.sum(1) == k).all()

    frequency = support.mean(0)  # each position equally often: binomial, 5 standard errors
    np.testing.assert_allclose(frequency, k / m, atol=5 * np.sqrt(k / m * (1 - k / m) / N))
    together = (support[:, 0] & support[:, 1]).mean()  # and without regard to its neighbour
    pair = k * (k - 1) / (m * (m - 1))
    assert abs(together - pair) < 5 * np.sqrt(pair / N)

    nonzeros = s[support]
    assert abs(nonzeros.mean()) < 5 * truth.nonzero_std / np.sqrt(N * k)
    np.testing.assert_allclose(nonzeros.std(), truth.nonzero_std, rtol=5 / np.sqrt(2 * N * k))

    w = x - s @ truth.H.T
    covariance = w.T @ w / N
    expected = truth.noise_std**2 * np.eye(n)
    np.testing.assert_allclose(covariance, expected, atol=6 * truth.noise_std**2 * np.sqrt(2 / N))


@BOTH
def test_signal_to_noise_ratio_is_the_documented_one(truth):
    _, s = truth.sample(N, rng_for("test", "snr"))
    energy = np.square(s @ truth.H.T).sum(1)
    noise_energy = truth.n_observations * truth.noise_std**2
    frobenius = {"unit_columns": truth.n_signal, "orthonormal_rows": truth.n_observations}
    documented = (
        truth.n_nonzeros
        * truth.nonzero_std**2
        * frobenius[truth.observation_matrix]
        / (truth.n_signal * noise_energy)
    )
    error = energy.std() / np.sqrt(N) / noise_energy
    assert abs(energy.mean() / noise_energy - documented) < 5 * error


@pytest.mark.parametrize(
    "wrong",
    [
        {"noise_std": -0.1},
        {"nonzero_std": 0.0},
        {"n_nonzeros": 0},
        {"n_nonzeros": 51},
        {"n_signal": 29},
        {"n_observations": None},
        {"observation_matrix": "gaussian"},
        {"snr_db": 20.0},
    ],
)
def test_a_wrong_description_is_refused(wrong):
    adapter = TypeAdapter(SparseRecovery)
    fields = dataclasses.asdict(ORTHONORMAL_ROWS)
    assert adapter.validate_python(fields) == ORTHONORMAL_ROWS
    if "snr_db" in wrong:  # unknown fields are the experiment reader's to refuse, and Python's
        with pytest.raises(TypeError):
            SparseRecovery(**fields, **wrong)
        return
    with pytest.raises(ValidationError):
        adapter.validate_python(fields | wrong)


@pytest.mark.parametrize("field", ["observation_matrix", "n_nonzeros", "nonzero_std", "noise_std"])
def test_what_is_withheld_cannot_be_used(field):
    belief = UNIT_COLUMNS.believed(**{field: None})
    with pytest.raises(ValueError, match=f"{field}.* withheld"):
        belief.sample(3, rng_for("test"))


def test_bernoulli_supports_are_independent_entry_by_entry():
    _, s = BERNOULLI.sample(N, rng_for("test", "bernoulli"))
    support, p, m = s != 0, 0.08, 50
    np.testing.assert_allclose(support.mean(0), p, atol=5 * np.sqrt(p * (1 - p) / N))
    counts = support.sum(1)  # binomial: its variance would be 0 with a fixed number of nonzeros
    variance = m * p * (1 - p)
    assert abs(counts.mean() - m * p) < 5 * np.sqrt(variance / N)
    fourth = variance * (1 + 3 * (m - 2) * p * (1 - p))  # central moment of a binomial
    assert abs(counts.var() - variance) < 5 * np.sqrt((fourth - variance**2) / N)
    nonzeros = s[support]
    np.testing.assert_allclose(nonzeros.std(), 0.5, rtol=5 / np.sqrt(2 * nonzeros.size))


@pytest.mark.parametrize("kind", ["unit_columns", "orthonormal_rows"])
@pytest.mark.parametrize("n_nonzeros", [None, 4])
def test_noise_follows_from_the_signal_to_noise_ratio(kind, n_nonzeros):
    truth = dataclasses.replace(
        BERNOULLI,
        observation_matrix=kind,
        n_nonzeros=n_nonzeros,
        nonzero_probability=None if n_nonzeros else 0.08,
    )
    x, s = truth.sample(N, rng_for("test", "snr_db"))
    energy = np.square(s @ truth.H.T).sum(1)
    noise = np.square(x - s @ truth.H.T).sum(1)
    ratio = energy.mean() / noise.mean()
    error = np.hypot(energy.std() / energy.mean(), noise.std() / noise.mean()) / np.sqrt(N)
    assert abs(ratio / 10**1.5 - 1) < 5 * error
    assert abs(noise.mean() / (30 * truth.sigma**2) - 1) < 5 * np.sqrt(2 / 30 / N)


def test_mean_energy_is_the_mean_of_energies():
    for truth in (UNIT_COLUMNS, BERNOULLI):
        energy = np.square(truth.sample(N, rng_for("test", "energy")).s).sum(1)
        assert abs(energy.mean() - truth.mean_energy) < 5 * energy.std() / np.sqrt(N)


@pytest.mark.parametrize("epsilon", [0.02, 0.2])
def test_a_perturbed_matrix_is_off_by_as_much_as_it_says(epsilon):
    perturbed = dataclasses.replace(UNIT_COLUMNS, matrix_perturbation=epsilon).H
    np.testing.assert_allclose(np.linalg.norm(perturbed, axis=0), 1.0, rtol=1e-14)
    off = np.linalg.norm(perturbed - UNIT_COLUMNS.H, axis=0)
    # The angle between a Gaussian column and itself plus ε times another, in 30 dimensions.
    assert abs(off.mean() / epsilon - 1) < 0.15
    rows = dataclasses.replace(ORTHONORMAL_ROWS, matrix_perturbation=epsilon).H
    np.testing.assert_allclose(rows @ rows.T, np.eye(30), atol=1e-13)
    assert not np.array_equal(rows, ORTHONORMAL_ROWS.H)


@pytest.mark.parametrize(
    "both",
    [{"nonzero_probability": 0.1}, {"snr_db": 20.0}],
)
def test_what_implies_each_other_is_not_given_twice(both):
    with pytest.raises(ValueError, match=f"{next(iter(both))} are both given"):
        dataclasses.replace(UNIT_COLUMNS, **both)


@pytest.mark.parametrize("field", ["nonzero_probability", "snr_db"])
def test_what_is_withheld_of_a_bernoulli_signal_cannot_be_used(field):
    with pytest.raises(ValueError, match=f"{field}.* withheld"):
        BERNOULLI.believed(**{field: None}).sample(3, rng_for("test"))
