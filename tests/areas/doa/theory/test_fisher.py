"""Cramér–Rao matrices against numerical Fisher information, and where it is singular."""

import numpy as np
import pytest

from mbdl_repro.areas.doa.array import steering, steering_at
from mbdl_repro.areas.doa.theory import fisher
from mbdl_repro.areas.doa.theory.performance import music_covariance
from mbdl_repro.contract.seeding import rng_for

N, T = 6, 7
SPACING = 0.45
ARRAY = fisher.Reception(0.3, T, SPACING * np.arange(N))
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


GAINS = np.exp(0.3j * np.arange(N) ** 2) * np.linspace(0.5, 1.5, N)
POSITIONS = np.array([0.0, 0.4, 1.1, 1.3, 2.2, 3.0])


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

    at = np.concatenate([THETA, parameters_of(P), [ARRAY.noise_variance]])
    # One source known up to its phase alone leaves P with fewer free parameters than M²; nobody
    # is told so here.
    whole = np.linalg.inv(slepian_bangs(R, at))[:M, :M]
    ours = fisher.stochastic_crb(THETA[None], P, ARRAY)[0]
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
    information = 2 / ARRAY.noise_variance * (J.conj() @ J.T).real
    ours = fisher.deterministic_crb(THETA[None], Y @ Y.conj().T / T, ARRAY)[0]
    np.testing.assert_allclose(ours, np.linalg.inv(information)[:M, :M], rtol=1e-6)


def test_the_shared_bound_is_that_of_numerical_fisher_information():
    def R(at: np.ndarray) -> np.ndarray:
        b = steering(at[:M], N, SPACING).sum(1)
        return at[M] * np.outer(b, b.conj()) + at[M + 1] * np.eye(N)

    at = np.concatenate([THETA, [1.0, ARRAY.noise_variance]])
    whole = np.linalg.inv(slepian_bangs(R, at))[:M, :M]
    ours = fisher.shared_waveform_crb(THETA[None], ARRAY)[0]
    np.testing.assert_allclose(ours, whole, rtol=1e-6)


def test_of_one_source_there_is_a_closed_form():
    theta = np.array([[-1.2], [0.0], [0.7]])
    known = fisher.Reception(0.2, 100, np.arange(8) / 2)
    snr = 5.0
    closed = 6 / (100 * snr * np.pi**2 * np.cos(theta) ** 2 * 8 * 63)
    deterministic = fisher.deterministic_crb(theta, np.eye(1), known)
    stochastic = fisher.stochastic_crb(theta, np.eye(1), known)
    shared = fisher.shared_waveform_crb(theta, known)
    np.testing.assert_allclose(deterministic[..., 0], closed, rtol=1e-12)
    np.testing.assert_allclose(stochastic[..., 0], closed * (1 + 1 / (8 * snr)), rtol=1e-12)
    np.testing.assert_allclose(shared, stochastic, rtol=1e-12)
    np.testing.assert_allclose(music_covariance(theta, np.eye(1), known), stochastic, rtol=1e-12)


def test_who_knows_more_is_bound_less():
    known = fisher.Reception(0.1, 100, np.arange(8) / 2)
    theta = np.array([[-0.6, 0.1, 0.5]])
    ones = np.ones((3, 3))
    shared = fisher.shared_waveform_crb(theta, known)[0]
    stochastic = fisher.stochastic_crb(theta, ones, known)[0]
    deterministic = fisher.deterministic_crb(theta, ones, known)[0]
    assert np.linalg.eigvalsh(stochastic - shared).min() > 0
    assert np.linalg.eigvalsh(stochastic - deterministic).min() > 0


def test_bounds_of_any_positions_and_gains_are_those_of_numerical_fisher_information():
    P = covariances()["correlated"]
    known = ARRAY._replace(positions=POSITIONS, gains=GAINS)

    def R(at: np.ndarray) -> np.ndarray:
        A = GAINS[:, None] * steering_at(at[:M], POSITIONS)
        return A @ hermitian(at[M:-1]) @ A.conj().T + at[-1] * np.eye(N)

    at = np.concatenate([THETA, parameters_of(P), [ARRAY.noise_variance]])
    whole = np.linalg.inv(slepian_bangs(R, at))[:M, :M]
    np.testing.assert_allclose(fisher.stochastic_crb(THETA[None], P, known)[0], whole, rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.1, 1e160])
def test_a_bad_row_of_angles_touches_no_other(bad):
    """Among them one with an angle twice, which has a singular information."""
    P = covariances()["correlated"]
    theta = np.tile(THETA, (3, 1))
    theta[1, 0] = bad
    for function in (fisher.stochastic_crb, fisher.deterministic_crb, music_covariance):
        alone = function(THETA[None], P, ARRAY)[0]
        rows = function(theta, P, ARRAY)
        np.testing.assert_allclose(rows[[0, 2]], [alone, alone], rtol=1e-10)
        if not np.isfinite(bad):
            assert np.isnan(rows[1]).all()
        if bad == 0.1:
            assert np.isinf(rows[1].diagonal()).any()
    rows = fisher.shared_waveform_crb(theta, ARRAY)
    alone = fisher.shared_waveform_crb(THETA[None], ARRAY)[0]
    np.testing.assert_allclose(rows[[0, 2]], [alone, alone], rtol=1e-10)


def test_a_weak_source_has_a_bound_of_its_own():
    """Information of unlike powers is not singular: it is in proportion to each power."""
    powers = np.array([1.0, 1e-20, 1.0])
    weak = fisher.deterministic_crb(THETA[None], np.diag(powers), ARRAY)[0].diagonal()
    even = fisher.deterministic_crb(THETA[None], np.eye(M), ARRAY)[0].diagonal()
    np.testing.assert_allclose(weak * powers, even, rtol=1e-9)
