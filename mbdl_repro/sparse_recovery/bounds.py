"""What an oracle, and what the exact LASSO, reach in sparse recovery."""

from __future__ import annotations

import numpy as np

from mbdl_repro.measure import bound
from mbdl_repro.scenario import Split
from mbdl_repro.seeding import rng_for
from mbdl_repro.sparse_recovery.metrics import squared_error
from mbdl_repro.sparse_recovery.scenario import SparseRecovery

N_SUPPORTS = 5000
"""Supports averaged over: the traces vary by a few percent, their mean by well under 0.1 %."""

LASSO_GRID = np.geomspace(0.5, 1e-3, 53)
"""Candidates for ρ, as fractions of the largest correlation ‖Hᵀx‖_∞ (its median signal)."""

N_VALIDATION = 200
"""Signals that choose ρ: candidates are compared on the same ones, so a few do."""


@bound(metric="squared_error", kind="floor", label="oracle that knows the support")
def oracle_bayes(truth: SparseRecovery) -> float:
    """Return the least mean squared error of anyone, even if told which entries are not zero.

    Given the support S, signal and noise are Gaussian, and the conditional mean of s has

    E‖ŝ − s‖² = E_S tr (H_SᵀH_S / σ² + I / σ_s²)⁻¹.

    No rule that has to find S can have less. Where noise is weak, σ ≪ σ_s, this is
    :func:`oracle_least_squares` less a fraction of the order of σ²/σ_s².
    """
    assert truth.nonzero_std is not None
    return _mean_trace_of_inverse(truth, (truth.sigma / truth.nonzero_std) ** 2)


@bound(metric="squared_error", kind="reference", label="least squares on the true support")
def oracle_least_squares(truth: SparseRecovery) -> float:
    """Return the mean squared error of least squares on the true support.

    E‖ŝ − s‖² = σ² E_S tr (H_SᵀH_S)⁻¹ ≥ σ² E_S k² / tr H_SᵀH_S

    A reference and not a floor: it is the least for unbiased rules, and :func:`oracle_bayes`,
    which also knows how large nonzeros are, shrinks and does slightly better. The mean over
    supports S is taken over :data:`N_SUPPORTS` of them, the same ones every time.
    """
    return _mean_trace_of_inverse(truth, 0.0)


@bound(
    metric="squared_error", kind="reference", label="least squares on the true support, simulated"
)
def oracle_least_squares_empirical(truth: SparseRecovery, test: Split) -> np.ndarray:
    """Return the squared error of least squares on the true support, signal by signal (n,)."""
    estimate = np.zeros_like(test.s)
    for x, s, row in zip(test.x, test.s, estimate, strict=True):
        support = s != 0
        row[support] = np.linalg.lstsq(truth.H[:, support], x)[0]
    return squared_error(estimate, test, truth)


@bound(metric="squared_error", kind="reference", label="LASSO solution, ρ tuned")
def lasso(truth: SparseRecovery, validation: Split, test: Split) -> np.ndarray:
    """Return the squared error of the exact LASSO estimate, signal by signal (n,).

    ŝ = argmin ½‖x − H s‖² + ρ‖s‖₁, solved to a relative duality gap of 1e-10, with the ρ of
    :data:`LASSO_GRID` that has the least squared error on validation data. It is what ISTA,
    FISTA and ADMM converge to, so the reference for their limit, and a bound on nobody else.
    """
    tuning = validation.first(N_VALIDATION)
    scale = np.median(np.abs(tuning.x @ truth.H).max(1))
    best_rho, least = np.nan, np.inf
    for rho in scale * LASSO_GRID:
        error = squared_error(_lasso(tuning.x, truth, rho, 1e-4), tuning, truth).mean()
        if error > least:  # the smaller ρ, the slower: the error falls, then only rises
            break
        best_rho, least = rho, error
    return squared_error(_lasso(test.x, truth, best_rho, 1e-10), test, truth)


def _mean_trace_of_inverse(truth: SparseRecovery, ridge: float) -> float:
    """Return σ² E_S tr (H_SᵀH_S + ridge I)⁻¹."""
    gram = truth.H.T @ truth.H + ridge * np.eye(truth.n_signal)
    supports = truth.supports(N_SUPPORTS, rng_for("bound", *truth.identity(), "supports"))
    traces = [np.trace(np.linalg.inv(gram[np.ix_(S, S)])) for S in supports]
    return truth.sigma**2 * float(np.mean(traces))


def _lasso(x: np.ndarray, truth: SparseRecovery, rho: float, tolerance: float) -> np.ndarray:
    """Return LASSO estimates to this relative duality gap."""
    import torch

    from mbdl_repro.sparse_recovery.methods.fista import Fista

    solver = Fista(truth, iterations=100_000, rho=rho, gap_tolerance=tolerance)
    return solver(torch.from_numpy(x)).numpy()
