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

LASSO_GRID = np.geomspace(1e-3, 1.0, 36)
"""Candidates for ρ, as fractions of the largest correlation ‖Hᵀx‖_∞ (its median signal)."""


@bound(metric="squared_error", kind="floor")
def oracle_bayes(truth: SparseRecovery) -> float:
    """Return the least mean squared error of anyone, even if told which entries are not zero.

    Given the support S, signal and noise are Gaussian, and the conditional mean of s has

    E‖ŝ − s‖² = E_S tr (H_SᵀH_S / σ² + I / σ_s²)⁻¹.

    No rule that has to find S can have less. It lies below :func:`oracle_least_squares` by a
    factor of about 1 + σ²/σ_s², which is no difference at all where noise is weak.
    """
    assert truth.noise_std is not None and truth.nonzero_std is not None
    return _mean_trace_of_inverse(truth, (truth.noise_std / truth.nonzero_std) ** 2)


@bound(metric="squared_error", kind="reference")
def oracle_least_squares(truth: SparseRecovery) -> float:
    """Return the mean squared error of least squares on the true support.

    E‖ŝ − s‖² = σ² E_S tr (H_SᵀH_S)⁻¹ ≥ σ² E_S k² / tr H_SᵀH_S

    A reference and not a floor: it is the least for unbiased rules, and :func:`oracle_bayes`,
    which also knows how large nonzeros are, shrinks and does slightly better. The mean over
    supports S is taken over :data:`N_SUPPORTS` of them, the same ones every time.
    """
    return _mean_trace_of_inverse(truth, 0.0)


@bound(metric="squared_error", kind="reference")
def oracle_least_squares_empirical(truth: SparseRecovery, test: Split) -> np.ndarray:
    """Return the squared error of least squares on the true support, signal by signal (n,)."""
    estimate = np.zeros_like(test.s)
    for x, s, row in zip(test.x, test.s, estimate, strict=True):
        support = s != 0
        row[support] = np.linalg.lstsq(truth.H[:, support], x)[0]
    return squared_error(estimate, test, truth)


@bound(metric="squared_error", kind="reference")
def lasso(truth: SparseRecovery, validation: Split, test: Split) -> np.ndarray:
    """Return the squared error of the exact LASSO estimate, signal by signal (n,).

    ŝ = argmin ½‖x − H s‖² + ρ‖s‖₁, with the ρ of :data:`LASSO_GRID` that has the least squared
    error on validation data; solved on test data to a relative duality gap of 1e-10. This is
    what ISTA, FISTA and ADMM converge to, so the reference for their limit, and for nobody else.
    """
    scale = np.median(np.abs(validation.x @ truth.H).max(1))
    errors = [
        squared_error(_lasso(validation.x, truth, scale * fraction, 1e-4), validation, truth)
        for fraction in LASSO_GRID
    ]
    best = LASSO_GRID[np.argmin([error.mean() for error in errors])]
    return squared_error(_lasso(test.x, truth, scale * best, 1e-10), test, truth)


def _mean_trace_of_inverse(truth: SparseRecovery, ridge: float) -> float:
    """Return σ² E_S tr (H_SᵀH_S + ridge I)⁻¹."""
    assert truth.noise_std is not None
    gram = truth.H.T @ truth.H + ridge * np.eye(truth.n_signal)
    supports = truth.supports(N_SUPPORTS, rng_for("bound", *truth.identity(), "supports"))
    traces = [np.trace(np.linalg.inv(gram[np.ix_(S, S)])) for S in supports]
    return truth.noise_std**2 * float(np.mean(traces))


def _lasso(x: np.ndarray, truth: SparseRecovery, rho: float, tolerance: float) -> np.ndarray:
    """Return LASSO estimates to this relative duality gap."""
    import torch

    from mbdl_repro.sparse_recovery.methods.fista import Fista

    solver = Fista(truth, iterations=100_000, rho=rho, gap_tolerance=tolerance)
    return solver(torch.from_numpy(x)).numpy()
