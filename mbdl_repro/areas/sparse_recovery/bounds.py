"""What an oracle, and what AMP in the limit of large problems, reach in sparse recovery."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import numpy as np

from mbdl_repro.areas.sparse_recovery.metrics import map_error, squared_error
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.state_evolution import (
    bayes_risk,
    best_threshold_factor,
    evolve,
    soft_threshold_risk,
)
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

N_SUPPORTS = 5000
"""Supports averaged over: the traces vary by a few percent, their mean by well under 0.1 %."""


@bound(metrics=("squared_error",), kind="floor", label="oracle that knows the support")
def oracle_bayes(truth: SparseRecovery) -> float:
    """Return the least mean squared error of an oracle that knows which entries are not zero.

    Given the support S, signal and noise are Gaussian, and the conditional mean of s has

    E‖ŝ − s‖² = E_S tr (H_SᵀH_S / σ² + I / σ_s²)⁻¹.

    No rule that has to find S can have less. Where noise is weak, σ ≪ σ_s, this is
    :func:`oracle_least_squares` less a fraction of the order of σ²/σ_s².
    """
    assert truth.nonzero_std is not None
    return _mean_trace_of_inverse(truth, (truth.sigma / truth.nonzero_std) ** 2)


@bound(metrics=("squared_error",), kind="reference", label="least squares on the true support")
def oracle_least_squares(truth: SparseRecovery) -> float:
    """Return the mean squared error of least squares on the true support.

    E‖ŝ − s‖² = σ² E_S tr (H_SᵀH_S)⁻¹ ≥ σ² E_S k² / tr H_SᵀH_S

    A reference and not a floor: it is the least for unbiased rules, and :func:`oracle_bayes`,
    which also knows how large nonzeros are, shrinks and does slightly better. The mean over
    supports S is taken over :data:`N_SUPPORTS` of them, the same ones every time.
    """
    return _mean_trace_of_inverse(truth, 0.0)


@bound(
    metrics=("squared_error",),
    kind="reference",
    label="least squares on the true support, simulated",
)
def oracle_least_squares_empirical(
    truth: SparseRecovery, test: Split
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the squared error of least squares on the true support, signal by signal (n,).

    Args:
        truth: the scenario, for H.
        test: pairs of x (n, n_observations) and s (n, m), whose support is used.
    """
    estimate = np.zeros_like(test.s)
    for x, s, row in zip(test.x, test.s, estimate, strict=True):
        support = s != 0
        row[support] = np.linalg.lstsq(truth.H[:, support], x)[0]
    return squared_error(estimate, test, truth)


@bound(metrics=("nmse_db",), kind="floor", label="oracle that knows the support")
def oracle_bayes_nmse(truth: SparseRecovery) -> float:
    """Return :func:`oracle_bayes` over the mean energy E‖s‖² of a signal."""
    return oracle_bayes(truth) / truth.mean_energy


@bound(metrics=("nmse_db",), kind="reference", label="least squares on the true support")
def oracle_least_squares_nmse(truth: SparseRecovery) -> float:
    """Return :func:`oracle_least_squares` over the mean energy E‖s‖² of a signal."""
    return oracle_least_squares(truth) / truth.mean_energy


@bound(metrics=("nmse_db",), kind="reference", label="state evolution, AMP")
def amp_state_evolution_soft(truth: SparseRecovery, iteration: int | None) -> float:
    """Return E‖ŝ_k − s‖² / E‖s‖² after k steps of AMP with soft thresholding, n, m → ∞.

    Its threshold factor α is the one with the least error in the limit k → ∞ (``None``), given
    the truth: 1.14 for 250 × 500, p = 0.1 and 40 dB. In that limit it is also what the LASSO
    reaches at its best ρ (Bayati and Montanari, 2012).

    Args:
        truth: the scenario, for p, the variance of nonzeros, σ and sizes.
        iteration: k, from 0 on; ``None``: the limit k → ∞.

    Returns:
        A ratio, not in dB.

    Raises:
        ValueError: if ``observation_matrix`` is not ``unit_columns``.

    Source: Donoho, Maleki and Montanari, 2009.
    """
    p, v = _prior_of_independent_columns(truth)
    sizes = (truth.n_signal, truth.n_observations)
    alpha = best_threshold_factor(truth.sigma**2, p, v, *sizes)
    return _state_evolution(truth, partial(soft_threshold_risk, alpha=alpha, p=p, v=v), iteration)


@bound(metrics=("nmse_db",), kind="reference", label="state evolution, Bayes-AMP")
def amp_state_evolution_bayes(truth: SparseRecovery, iteration: int | None) -> float:
    """Return E‖ŝ_k − s‖² / E‖s‖² after k steps of AMP with the posterior mean, n, m → ∞.

    The denoiser E[S | S + τZ] knows p, the variance of nonzeros, and τ. A reference, and not a
    floor: nothing is proved of a few hundred entries, nor of rules that do not iterate.

    Args:
        truth: the scenario, for p, the variance of nonzeros, σ and sizes.
        iteration: k, from 0 on; ``None``: the limit k → ∞.

    Returns:
        A ratio, not in dB.

    Raises:
        ValueError: if ``observation_matrix`` is not ``unit_columns``.

    Source: Donoho, Maleki and Montanari, 2010; Borgerding, Schniter and Rangan, 2017, section V.
    """
    p, v = _prior_of_independent_columns(truth)
    return _state_evolution(truth, partial(bayes_risk, p=p, v=v), iteration)


@bound(metrics=("squared_error",), kind="reference", label="state evolution, Bayes-AMP")
def state_evolution_bayes(truth: SparseRecovery, iteration: int | None) -> float:
    """Return E‖ŝ_k − s‖² after k steps of AMP with the posterior mean, n, m → ∞.

    It is :func:`amp_state_evolution_bayes`, times the mean energy E‖s‖² of a signal.

    Args:
        truth: the scenario, for p, the variance of nonzeros, σ and sizes.
        iteration: k, from 0 on; ``None``: the limit k → ∞.

    Raises:
        ValueError: if ``observation_matrix`` is not ``unit_columns``.

    Source: Donoho, Maleki and Montanari, 2010; Borgerding, Schniter and Rangan, 2017, section V.
    """
    return amp_state_evolution_bayes(truth, iteration) * truth.mean_energy


def _prior_of_independent_columns(truth: SparseRecovery) -> tuple[float, float]:
    """Return p and the variance of nonzeros, where H is one that state evolution is about."""
    if truth.observation_matrix != "unit_columns":
        law = truth.observation_matrix
        raise ValueError(
            f"observation_matrix is {'given' if isinstance(law, tuple) else law}: the state "
            "evolution of AMP holds for columns of independent entries and of length one, which "
            "is unit_columns"
        )
    assert truth.nonzero_std is not None
    return truth.sparsity, truth.nonzero_std**2


def _state_evolution(
    truth: SparseRecovery, risk: Callable[[float], float], iteration: int | None
) -> float:
    """Return E‖ŝ_k − s‖² / E‖s‖², given the risk of estimating one entry."""

    def of_signal(tau: float) -> float:
        return truth.n_signal * risk(tau)

    error = evolve(of_signal, truth.sigma**2, truth.mean_energy, truth.n_observations, iteration)
    return error / truth.mean_energy


def _mean_trace_of_inverse(truth: SparseRecovery, ridge: float) -> float:
    """Return σ² E_S tr (H_SᵀH_S + ridge I)⁻¹."""
    gram = truth.H.T @ truth.H + ridge * np.eye(truth.n_signal)
    supports = truth.supports(N_SUPPORTS, rng_for("bound", *truth.identity(), "supports"))
    traces = [np.trace(np.linalg.inv(gram[np.ix_(S, S)])) for S in supports]
    return truth.sigma**2 * float(np.mean(traces))


@bound(metrics=("map_error",), kind="reference", label="non-negative least squares, places known")
def known_places(truth: BlinkingEmitters, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the error of each map (n,), if it is known which fine pixels hold emitters.

    min_{s ≥ 0} ‖g − B s Bᵀ‖² over maps that vanish elsewhere, g the variance image: what is left is
    the error of how bright each is. Of several minima, one.

    Args:
        truth: the scenario, for B.
        test: movies x (n, T, N, N) and maps s (n, G, G), whose support is used.
    """
    from scipy.optimize import nnls

    B = truth.A**2
    unit = truth.photons**2 * truth.emitter_variance
    images = (test.x.var(1, ddof=1) - truth.noise_std**2) / unit
    estimate = np.zeros_like(test.s)
    for g, s, row in zip(images, test.s, estimate, strict=True):
        rows, columns = np.nonzero(s)
        if len(rows):
            seen = np.einsum("ij,kj->ikj", B[:, rows], B[:, columns]).reshape(-1, len(rows))
            row[rows, columns] = nnls(seen, g.ravel())[0]
    return map_error(estimate, test, truth)
