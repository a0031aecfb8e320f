"""Cramér–Rao matrices against numerical Fisher information, floors against brute force."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa import bounds
from mbdl_repro.areas.doa.array import steering
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.metrics import mspe, rmspe
from mbdl_repro.areas.doa.scenario import Narrowband, Ofdm
from mbdl_repro.areas.doa.signal.covariance import sample_covariance
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    esprit_roots,
    noise_polynomial,
    roots_of_sources,
    signal_subspace,
)
from mbdl_repro.areas.doa.theory import fisher, genie_aided
from mbdl_repro.areas.doa.theory.performance import music_covariance
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

N, T = 6, 7
SPACING = 0.45
ARRAY = {"n_snapshots": T, "positions": SPACING * np.arange(N), "noise_variance": 0.3}
THETA = np.array([-0.6, 0.1, 0.5])
M = len(THETA)


def covariances() -> dict[str, np.ndarray]:
    rng = rng_for("covariances")
    root = rng.standard_normal((M, M)) + 1j * rng.standard_normal((M, M))
    gains = rng.standard_normal(M) + 1j * rng.standard_normal(M)
    return {
        "independent": np.eye(M) + 0j,
        "correlated": root @ root.conj().T,
        "coherent": np.outer(gains, gains.conj()),
        "equal": np.ones((M, M)) + 0j,
    }


def slope(function, at: np.ndarray, step: float = 1e-4) -> np.ndarray:
    """Derivatives (parameters, …), by central differences that are exact to the fourth order."""
    out = []
    for i in range(len(at)):
        e = step * (np.arange(len(at)) == i)
        near, far = function(at + e) - function(at - e), function(at + 2 * e) - function(at - 2 * e)
        out.append((8 * near - far) / (12 * step))
    return np.array(out)


def slepian_bangs(R, at: np.ndarray) -> np.ndarray:
    """The Fisher information of T snapshots CN(0, R(at))."""
    white = np.linalg.solve(R(at), slope(R, at))
    return T * np.einsum("iab,jba->ij", white, white).real


def hermitian(p: np.ndarray) -> np.ndarray:
    """A Hermitian matrix of its M² real parameters."""
    upper = np.zeros((M, M), dtype=complex)
    rows, columns = np.triu_indices(M, 1)
    half = len(rows)
    upper[rows, columns] = p[M : M + half] + 1j * p[M + half :]
    return np.diag(p[:M]) + upper + upper.conj().T


def parameters_of(P: np.ndarray) -> np.ndarray:
    off = P[np.triu_indices(M, 1)]
    return np.concatenate([P.diagonal().real, off.real, off.imag])


@pytest.mark.parametrize("kind", covariances())
def test_the_stochastic_bound_is_that_of_numerical_fisher_information(kind):
    P = covariances()[kind]

    def R(at: np.ndarray) -> np.ndarray:
        A = steering(at[:M], N, SPACING)
        return A @ hermitian(at[M:-1]) @ A.conj().T + at[-1] * np.eye(N)

    at = np.concatenate([THETA, parameters_of(P), [ARRAY["noise_variance"]]])
    # One source known up to its phase alone leaves P with fewer free parameters than M²; nobody
    # is told so here.
    whole = np.linalg.inv(slepian_bangs(R, at))[:M, :M]
    ours = fisher.stochastic_crb(THETA[None], P, **ARRAY)[0]
    np.testing.assert_allclose(ours, whole, rtol=1e-6)


@pytest.mark.parametrize("kind", covariances())
def test_the_deterministic_bound_is_that_of_numerical_fisher_information(kind):
    rng = rng_for("waveforms", kind)
    w, V = np.linalg.eigh(covariances()[kind])
    draws = rng.standard_normal((M, T)) + 1j * rng.standard_normal((M, T))
    Y = V @ (np.sqrt(w.clip(0))[:, None] * draws)

    def mean(at: np.ndarray) -> np.ndarray:
        waveforms = at[M : M + M * T] + 1j * at[M + M * T :]
        return (steering(at[:M], N, SPACING) @ waveforms.reshape(M, T)).ravel()

    J = slope(mean, np.concatenate([THETA, Y.real.ravel(), Y.imag.ravel()]))
    information = 2 / ARRAY["noise_variance"] * (J.conj() @ J.T).real
    ours = fisher.deterministic_crb(THETA[None], Y @ Y.conj().T / T, **ARRAY)[0]
    np.testing.assert_allclose(ours, np.linalg.inv(information)[:M, :M], rtol=1e-6)


def test_the_shared_bound_is_that_of_numerical_fisher_information():
    def R(at: np.ndarray) -> np.ndarray:
        b = steering(at[:M], N, SPACING).sum(1)
        return at[M] * np.outer(b, b.conj()) + at[M + 1] * np.eye(N)

    at = np.concatenate([THETA, [1.0, ARRAY["noise_variance"]]])
    whole = np.linalg.inv(slepian_bangs(R, at))[:M, :M]
    ours = fisher.shared_waveform_crb(THETA[None], **ARRAY)[0]
    np.testing.assert_allclose(ours, whole, rtol=1e-6)


def test_of_one_source_there_is_a_closed_form():
    theta = np.array([[-1.2], [0.0], [0.7]])
    known = {"n_snapshots": 100, "positions": np.arange(8) / 2, "noise_variance": 0.2}
    snr = 5.0
    closed = 6 / (100 * snr * np.pi**2 * np.cos(theta) ** 2 * 8 * 63)
    deterministic = fisher.deterministic_crb(theta, np.eye(1), **known)
    stochastic = fisher.stochastic_crb(theta, np.eye(1), **known)
    shared = fisher.shared_waveform_crb(theta, **known)
    np.testing.assert_allclose(deterministic[..., 0], closed, rtol=1e-12)
    np.testing.assert_allclose(stochastic[..., 0], closed * (1 + 1 / (8 * snr)), rtol=1e-12)
    np.testing.assert_allclose(shared, stochastic, rtol=1e-12)
    np.testing.assert_allclose(music_covariance(theta, np.eye(1), **known), stochastic, rtol=1e-12)


def test_who_knows_more_is_bound_less():
    known = {"n_snapshots": 100, "positions": np.arange(8) / 2, "noise_variance": 0.1}
    theta = np.array([[-0.6, 0.1, 0.5]])
    ones = np.ones((3, 3))
    shared = fisher.shared_waveform_crb(theta, **known)[0]
    stochastic = fisher.stochastic_crb(theta, ones, **known)[0]
    deterministic = fisher.deterministic_crb(theta, ones, **known)[0]
    assert np.linalg.eigvalsh(stochastic - shared).min() > 0
    assert np.linalg.eigvalsh(stochastic - deterministic).min() > 0


FIXED = Narrowband(n_sources=3, n_snapshots=100, snr_db=10.0, angles_deg=(-40.0, 0.0, 30.0))


def test_music_is_near_the_bound_for_sources_that_are_not_correlated():
    assert bounds.music_mspe(FIXED) == pytest.approx(bounds.stochastic_crb_mspe(FIXED), rel=1e-3)
    correlated = dataclasses.replace(FIXED, correlation=0.8, snr_db=0.0)
    assert bounds.music_mspe(correlated) > 1.05 * bounds.stochastic_crb_mspe(correlated)


def root_music(x: torch.Tensor, n_sources: int) -> np.ndarray:
    Us = signal_subspace(sample_covariance(x.to(torch.complex128)), n_sources)
    return angles_of(roots_of_sources(noise_polynomial(Us), n_sources), 0.5).numpy()


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_root_music_has_the_error_that_theory_says(correlation):
    truth = dataclasses.replace(FIXED, correlation=correlation, snr_db=20.0)
    test = truth.draw(4000, "test", "theory")
    errors = mspe(root_music(torch.from_numpy(test.x), 3), test, truth)
    standard_error = errors.std() / np.sqrt(len(errors))
    # Many snapshots are 100: some percent beside the limit.
    expected = bounds.music_mspe(truth)
    assert abs(errors.mean() - expected) < 4 * standard_error + 0.03 * expected


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 20.0])
def test_esprit_is_as_far_from_the_bound_as_is_known(snr_db):
    truth = dataclasses.replace(FIXED, snr_db=snr_db)
    test = truth.draw(4000, "test", "esprit")
    x = torch.from_numpy(test.x).to(torch.complex128)
    estimate = angles_of(esprit_roots(signal_subspace(sample_covariance(x), 3)), 0.5).numpy()
    ratio = np.sqrt(mspe(estimate, test, truth).mean() / bounds.stochastic_crb_mspe(truth))
    assert 1.2 < ratio < 1.6


def test_bounds_of_random_phases_are_means_over_phases():
    truth = Narrowband(
        n_sources=2,
        n_snapshots=10,
        snr_db=10.0,
        correlation=1.0,
        path_phases="random",
        angles_deg=(-20.0, 25.0),
    )
    phases = np.exp(2j * np.pi * np.arange(360) / 360)
    P = np.stack([np.outer([1, z], [1, z.conjugate()]) for z in phases])
    matrices = fisher.stochastic_crb(
        np.tile(np.deg2rad(truth.angles_deg), (360, 1)),
        P,
        noise_variance=truth.noise_std**2,
        n_snapshots=10,
        positions=np.arange(8) / 2,
    )
    diagonals = matrices.diagonal(axis1=1, axis2=2)
    spread = diagonals.mean(1).std() / np.sqrt(bounds.N_DRAWS)
    assert abs(bounds.stochastic_crb_mspe(truth) - diagonals.mean()) < 5 * spread


def test_the_median_is_of_the_angles_of_each_trial():
    truth = Narrowband(n_sources=2, n_snapshots=10, snr_db=10.0)
    test = truth.draw(5, "test")
    values = bounds.stochastic_crb_median(truth, test)
    for value, s in zip(values, test.s, strict=True):
        fixed = dataclasses.replace(truth, angles_deg=tuple(np.rad2deg(s)))
        assert value**2 == pytest.approx(bounds.stochastic_crb_mspe(fixed), rel=1e-9)


@pytest.mark.parametrize(
    ("function", "changes", "word"),
    [
        (bounds.stochastic_crb_mspe, {}, "max_angle_deg"),
        (bounds.deterministic_crb_mspe, {}, "max_angle_deg"),
        (bounds.music_mspe, {"max_angle_deg": 60.0, "correlation": 1.0}, "coherent"),
        (bounds.shared_waveform_crb_mspe, {"max_angle_deg": 60.0}, "correlation"),
        (
            bounds.shared_waveform_crb_mspe,
            {"max_angle_deg": 60.0, "correlation": 1.0, "path_phases": "random"},
            "path_phases",
        ),
        (
            bounds.stochastic_crb_mspe,
            {"max_angle_deg": 60.0, "spacing_error": 0.1},
            "spacing_error",
        ),
        (bounds.told_the_rest_mspe, {"angles_deg": (0.0, 30.0)}, "angles_deg"),
    ],
)
def test_bounds_that_do_not_exist_say_why(function, changes, word):
    truth = Narrowband(n_sources=2, n_snapshots=10, snr_db=10.0, **changes)
    with pytest.raises(ValueError, match=word):
        function(truth)


def test_bounds_of_narrowband_sources_are_not_given_for_others():
    truth = Ofdm(n_sources=2, n_snapshots=10, snr_db=10.0, max_angle_deg=60.0)
    for function in (bounds.stochastic_crb_mspe, bounds.told_the_rest_rmspe):
        with pytest.raises(ValueError, match="Ofdm"):
            function(truth)


@pytest.mark.parametrize(
    ("n_sources", "published"), [(2, 0.6854), (3, 0.6034), (4, 0.5421), (5, 0.4963)]
)
def test_the_error_of_guessing_is_as_published(n_sources, published):
    """Merkofer et al., DA-MUSIC, 2023: "random", of angles without a least gap."""
    truth = Narrowband(n_sources=n_sources, n_snapshots=1, snr_db=0.0, min_gap_deg=0.0)
    # Of 10 000 guesses each of which varies by 0.25 or so: two standard errors.
    assert bounds.guess_rmspe(truth) == pytest.approx(published, abs=5e-3)


def test_the_error_of_guessing_one_angle_is_that_of_a_uniform_one():
    truth = Narrowband(n_sources=1, n_snapshots=1, snr_db=0.0)
    # Uniform in [−π/2, π/2), whose modulus and square vary by 0.45 and 0.74.
    assert bounds.guess_rmspe(truth) == pytest.approx(np.pi / 4, abs=4 * 0.45 / 50_000**0.5)
    assert bounds.guess_mspe(truth) == pytest.approx(np.pi**2 / 12, abs=4 * 0.74 / 50_000**0.5)


# --- floors ---


def without_windows(monkeypatch):
    monkeypatch.setattr(genie_aided, "WINDOW_STDS", 1e9)
    monkeypatch.setattr(genie_aided, "WINDOW_SUM", 1e9)


def test_of_one_source_that_is_loud_the_floor_is_the_cramer_rao_bound(monkeypatch):
    truth = Narrowband(n_sources=1, n_snapshots=100, snr_db=30.0, max_angle_deg=60.0)
    told = genie_aided.least_errors(truth)
    crb = bounds.stochastic_crb_mspe(truth)
    assert 0.95 * crb < told.square < crb  # being told the window costs a little
    monkeypatch.setattr(genie_aided, "WINDOW_STDS", 1000.0)
    told = genie_aided.least_errors(truth)
    assert told.square == pytest.approx(crb, rel=4 * told.square_error / crb + 3e-3)


N_POSTERIORS = 1000


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"correlation": 0.6},
        {"correlation": 1.0},
        {"n_snapshots": 1, "correlation": 0.6},
        {"n_snapshots": 9, "steering_noise_variance": 0.3},
    ],
)
def test_posteriors_are_those_of_whole_snapshots(changes, monkeypatch):
    """The first source's, with the waveform of the other one told, from its Gaussian law."""
    without_windows(monkeypatch)
    truth = Narrowband(
        n_sources=2,
        n_sensors=3,
        max_angle_deg=14.0,
        min_gap_deg=4.0,
        **{"n_snapshots": 2, "snr_db": 4.0, **changes},
    )
    rng = rng_for("posteriors")
    rho, sigma2 = truth.correlation, truth.noise_std**2
    variances, deviations = [], []
    for _ in range(N_POSTERIORS):
        s = truth.angles(1, rng)
        # Either of the two: by symmetry, the mean over both is that over sources.
        m = rng.integers(2)
        limit, gap = np.deg2rad(14.0), np.deg2rad(4.0)
        low, high = [(-limit, s[0, 1] - gap), (s[0, 0] + gap, limit)][m]
        grid = low + (high - low) * (np.arange(100) + 0.5) / 100
        A = dataclasses.replace(truth, errors_shared_by="sources").actual_steering(
            np.append(s[0], grid)[None], rng
        )[0]
        Y = truth.waveforms(1, rng)[0]
        noise = rng.standard_normal((2, 3, truth.n_snapshots)) * np.sqrt(sigma2 / 2)
        left = A[:, m : m + 1] @ Y[m : m + 1] + noise[0] + 1j * noise[1]
        a = A[:, 2:].T[:, :, None]
        R = (1 - rho**2) * a @ a.conj().swapaxes(1, 2) + sigma2 * np.eye(3)
        off = left - rho * a * Y[1 - m]
        quadratic = (off.conj() * np.linalg.solve(R, off)).sum((1, 2)).real
        logs = -quadratic - truth.n_snapshots * np.linalg.slogdet(R)[1]
        p = np.exp(logs - logs.max())
        p /= p.sum()
        variances.append(p @ grid**2 - (p @ grid) ** 2)
        median = grid[(p.cumsum() >= 0.5).argmax()]
        # Windows are over the whole range for both, so that both weigh the same.
        deviations.append(p @ np.abs(grid - median))
    ours = genie_aided.least_errors(truth)
    for mine, error, theirs in (
        (ours.square, ours.square_error, variances),
        (ours.root, ours.root_error, deviations),
    ):
        assert abs(mine - np.mean(theirs)) < 4 * np.hypot(
            error, np.std(theirs) / np.sqrt(N_POSTERIORS)
        )


@pytest.mark.parametrize(
    "truth",
    [
        Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0),
        Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0, correlation=1.0),
        Narrowband(n_sources=2, n_snapshots=2, snr_db=10.0, correlation=1.0),
        Narrowband(n_sources=2, n_snapshots=5, snr_db=-5.0),
        Narrowband(n_sources=2, n_snapshots=100, snr_db=20.0, max_angle_deg=60.0),
        Narrowband(n_sources=1, n_snapshots=5, snr_db=0.0),
    ],
    ids=lambda t: (
        f"{t.n_sources}-{t.n_snapshots}-{t.snr_db:g}-{t.correlation:g}-{t.max_angle_deg:g}"
    ),
)
def test_nobody_is_below_the_floor_and_the_floor_is_not_far(truth):
    test = truth.draw(500, "test", "floor")
    x = torch.from_numpy(test.x)
    estimates = [MaximumLikelihood(truth)(x).numpy(), root_music(x, truth.n_sources)]
    if truth.correlation:
        estimates.append(MaximumLikelihood(truth, waveforms="shared")(x).numpy())
    floor = genie_aided.least_errors(truth)
    ratios = []
    for estimate in estimates:
        errors, squares = rmspe(estimate, test, truth), mspe(estimate, test, truth)
        ratios.append(errors.mean() / floor.root)
        assert errors.mean() > floor.root - 4 * errors.std() / np.sqrt(500)
        assert squares.mean() > floor.square - 4 * squares.std() / np.sqrt(500)
    assert min(ratios) < 12


def test_the_floor_does_not_depend_on_its_random_numbers():
    truth = Narrowband(n_sources=3, n_snapshots=20, snr_db=10.0)
    told = [genie_aided.least_errors(truth, stream) for stream in (0, 1)]
    squares = np.hypot(told[0].square_error, told[1].square_error)
    roots = np.hypot(told[0].root_error, told[1].root_error)
    assert 0 < abs(told[0].square - told[1].square) < 4 * squares < 0.15 * told[0].square
    assert 0 < abs(told[0].root - told[1].root) < 4 * roots < 0.1 * told[0].root


@pytest.mark.parametrize("n_sources", [1, 2, 3, 5])
def test_exchanging_estimates_does_not_pay_where_windows_are_short(n_sources):
    """For any estimates there are ones in the windows that are better at all angles in them."""
    rng = rng_for("exchange", n_sources)
    truth = Narrowband(n_sources=n_sources, n_snapshots=1, snr_db=0.0, min_gap_deg=0.0)
    tried = 0
    for _ in range(3000):
        centre = np.sort(rng.uniform(-np.pi / 2, np.pi / 2, n_sources))
        length = rng.uniform(0, np.pi / n_sources, n_sources)
        fixed = max(np.pi - length.sum(), 0) ** 2 / (4 * n_sources)
        if np.square(length).sum() > fixed:
            continue
        tried += 1
        # Near the windows, an arbitrary place further in the circle's order, or anywhere.
        estimate = np.sort(
            np.roll(centre, rng.integers(n_sources)) + rng.normal(0, 0.5, n_sources)
            if rng.random() < 0.5
            else rng.uniform(-np.pi / 2, np.pi / 2, n_sources)
        )
        estimate = np.sort((estimate + np.pi / 2) % np.pi - np.pi / 2)
        turns = np.arange(-n_sources, 2 * n_sources)
        lifted = [
            estimate[(np.arange(n_sources) + k) % n_sources]
            + np.pi * ((np.arange(n_sources) + k) // n_sources)
            for k in turns
        ]
        kept = min(lifted, key=lambda e: abs((e - centre).sum()))
        inside = np.clip(kept, centre - length / 2, centre + length / 2)
        s = centre + length * (rng.random((50, n_sources)) - 0.5)
        s = np.concatenate([s, centre + length / 2 * rng.choice([-1, 1], (50, n_sources))])
        s = s[(np.diff(s, axis=1) >= 0).all(1) & (np.abs(s) <= np.pi / 2).all(1)]
        given = rmspe(np.tile(estimate, (len(s), 1)), Split(None, s), truth)
        best = np.sqrt(np.square(inside - s).mean(1))
        assert (given >= best - 1e-12).all()
    assert tried > 100
