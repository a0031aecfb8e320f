"""The exact LASSO of 1000 signals: ours, all at once, beside scikit-learn's, one by one.

Both stop at the same relative duality gap, and what they reached is measured for both alike.
"""

from timing import one_thread, show

one_thread()

import time  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from sklearn.linear_model import Lasso as CoordinateDescent  # noqa: E402

from mbdl_repro.areas.sparse_recovery.exact_lasso import lasso_solution  # noqa: E402
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery  # noqa: E402
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import duality_gap  # noqa: E402

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


def main() -> None:
    """Time the three on each problem, on the same signals, one after another."""
    rows = []
    for truth, rho in PROBLEMS:
        x = truth.draw(N_SIGNALS, "test").x
        ours(truth, x[:50], rho)  # to warm up
        taken = {}
        for name, solve in (
            ("ours", ours),
            ("scikit-learn", scikit_learn),
            ("  precomputed HᵀH", lambda *problem: scikit_learn(*problem, precompute=True)),
        ):
            start = time.perf_counter()
            s = solve(truth, x, rho)
            taken[name] = time.perf_counter() - start
            tensors = map(torch.from_numpy, (s, x, truth.H.copy()))
            gap = (duality_gap(*tensors, rho).numpy() / (0.5 * np.square(x).sum(1))).max()
            rows.append(
                (
                    f"{truth.n_observations} × {truth.n_signal}, ρ = {rho}",
                    name,
                    f"{taken[name]:.2f}",
                    f"{gap:.1e}",
                    f"{taken[name] / taken['ours']:.1f}",
                )
            )
    show("lasso", ("1000 signals", "solver", "seconds", "largest gap", "times ours"), rows)


if __name__ == "__main__":
    main()
