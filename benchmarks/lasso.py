"""The exact LASSO of 1000 signals: ours, all at once, beside others', one by one.

Others are scikit-learn's coordinate descent, celer's with working sets, and coordinate descent on
HᵀH compiled by Numba. All stop at the same relative duality gap, and what they reached is measured
for all alike; so is how far their answers are from ours.
"""

from timing import one_thread, show

one_thread()

import sys  # noqa: E402
import time  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from sklearn.linear_model import Lasso as CoordinateDescent  # noqa: E402

from mbdl_repro.areas.sparse_recovery.exact_lasso import lasso_solution  # noqa: E402
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery  # noqa: E402
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import duality_gap  # noqa: E402

try:
    import celer
    import numba
except ImportError as missing:
    sys.exit(f"{missing.name} is missing: pip install celer numba")

EXAMPLE_5_6 = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=150,
    n_signal=200,
    n_nonzeros=4,
    nonzero_std=0.5,
    noise_std=0.01,
)
BENCHMARK = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=250,
    n_signal=500,
    nonzero_probability=0.1,
    nonzero_std=1.0,
    snr_db=40.0,
)
PROBLEMS = [(EXAMPLE_5_6, 0.015), (EXAMPLE_5_6, 0.05), (BENCHMARK, 0.004), (BENCHMARK, 0.05)]
N_SIGNALS = 1000
GAP = 1e-10
"""Relative to ½‖x‖²."""
REPEATS = 5
"""Of the two that take a fraction of a second."""


def ours(truth: SparseRecovery, x: np.ndarray, rho: float) -> np.ndarray:
    """Solve all rows together."""
    return lasso_solution(torch.from_numpy(x), torch.tensor(truth.H), rho, GAP).numpy()


def scikit_learn(
    truth: SparseRecovery, x: np.ndarray, rho: float, precompute: bool = False
) -> np.ndarray:
    """Solve row by row, with the same matrix HᵀH for all if it is precomputed."""
    H = np.asfortranarray(truth.H)
    solver = CoordinateDescent(
        alpha=rho / truth.n_observations,
        fit_intercept=False,
        tol=GAP / 2,  # relative to ‖x‖²
        max_iter=1_000_000,
        precompute=H.T @ H if precompute else False,
    )
    return np.stack([solver.fit(H, row).coef_.copy() for row in x])


def by_celer(truth: SparseRecovery, x: np.ndarray, rho: float) -> np.ndarray:
    """Solve row by row."""
    H = np.asfortranarray(truth.H)
    solver = celer.Lasso(
        alpha=rho / truth.n_observations, fit_intercept=False, tol=GAP / 2, max_iter=1000
    )
    return np.stack([solver.fit(H, row).coef_.copy() for row in x])


def compiled(truth: SparseRecovery, x: np.ndarray, rho: float) -> np.ndarray:
    """Solve row by row, in one compiled loop."""
    H = truth.H
    return coordinate_descent(H.T @ H, x @ H, np.square(x).sum(1), rho)


@numba.njit
def coordinate_descent(
    gram: np.ndarray, projection: np.ndarray, square: np.ndarray, rho: float
) -> np.ndarray:
    """Minimize over one entry after another; correlations with the residual follow each move.

    Args:
        gram: HᵀH (m, m).
        projection: Hᵀx (n, m).
        square: ‖x‖² (n,).
        rho: ρ.
    """
    n, m = projection.shape
    solution = np.zeros((n, m))
    for i in range(n):
        s, c = solution[i], projection[i].copy()
        solved, passes = False, 0
        while not solved:
            for j in range(m):
                if s[j] == 0.0 and abs(c[j]) <= rho:
                    continue
                z = c[j] + gram[j, j] * s[j]
                moved = np.sign(z) * max(abs(z) - rho, 0.0) / gram[j, j] - s[j]
                if moved != 0.0:
                    s[j] += moved
                    for k in range(m):
                        c[k] -= moved * gram[j, k]
            passes += 1
            if passes % PASSES_BETWEEN_GAPS == 0:
                scale = min(1.0, rho / np.abs(c).max())
                residual = square[i] - (s * (projection[i] + c)).sum()
                slack = rho * np.abs(s).sum() - scale * (s * c).sum()
                gap = 0.5 * (1.0 - scale) ** 2 * residual + slack
                solved = gap <= GAP * 0.5 * square[i]
    return solution


PASSES_BETWEEN_GAPS = 5


def main() -> None:
    """Time all on each problem, on the same signals, one after another."""
    rows = []
    for truth, rho in PROBLEMS:
        x = truth.draw(N_SIGNALS, "test").x
        taken, first = {}, None
        for name, solve in (
            ("ours", ours),
            ("scikit-learn", scikit_learn),
            ("  precomputed HᵀH", lambda *problem: scikit_learn(*problem, precompute=True)),
            ("celer", by_celer),
            ("compiled, HᵀH", compiled),
        ):
            solve(truth, x[:50], rho)  # to warm up, and to compile
            taken[name] = np.inf
            for _ in range(REPEATS if name in ("ours", "compiled, HᵀH") else 1):
                start = time.perf_counter()
                s = solve(truth, x, rho)
                taken[name] = min(taken[name], time.perf_counter() - start)
            first = s if first is None else first
            tensors = map(torch.from_numpy, (s, x, truth.H.copy()))
            gap = (duality_gap(*tensors, rho).numpy() / (0.5 * np.square(x).sum(1))).max()
            rows.append(
                (
                    f"{truth.n_observations} × {truth.n_signal}, ρ = {rho}",
                    name,
                    f"{taken[name]:.3f}",
                    f"{gap:.1e}",
                    f"{np.abs(s - first).max():.0e}",
                    f"{taken[name] / taken['ours']:.1f}",
                )
            )
    show("lasso", ("1000 signals", "solver", "seconds", "largest gap", "apart", "times ours"), rows)


if __name__ == "__main__":
    main()
