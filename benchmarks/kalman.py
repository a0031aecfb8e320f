"""The Kalman filter of 1000 trajectories: ours, beside filterpy's, torch-kf's and dynamax's.

All answer the same observations in double precision, with the mean of each state; their
answers are compared. filterpy filters one trajectory at a time, and is timed on the first few.
torch-kf filters all of them, each with covariances of its own or, as ours do, with one for all;
dynamax, compiled by JAX, all of them, each with its own. Our smoother stands beside dynamax's.
"""

from timing import one_thread, seconds, show

one_thread()

import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from functools import partial  # noqa: E402

import filterpy.kalman  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from steps import system  # noqa: E402

from mbdl_repro.areas.tracking.kalman.model import linear_arrays  # noqa: E402
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter  # noqa: E402
from mbdl_repro.areas.tracking.methods.kalman_smoother import KalmanSmoother  # noqa: E402
from mbdl_repro.areas.tracking.methods.steady_state_kalman_filter import (  # noqa: E402
    SteadyStateKalmanFilter,
)
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace  # noqa: E402

try:
    import jax
    import torch_kf
    from dynamax.linear_gaussian_ssm import inference
except ImportError as missing:
    sys.exit(f"{missing.name} is missing: pip install torch-kf dynamax")

jax.config.update("jax_enable_x64", True)

N_ROWS, T = 1000, 200
BY_FILTERPY = 20
"""Trajectories that filterpy is timed on; its time is in proportion to their number."""


def by_filterpy(truth: LinearStateSpace, x: np.ndarray) -> np.ndarray:
    """Filter one row after another."""
    F, H, V, W, mean_0, cov_0 = linear_arrays(truth)
    estimates = np.empty((*x.shape[:2], truth.m))
    for row, observations in zip(estimates, x, strict=True):
        other = filterpy.kalman.KalmanFilter(dim_x=truth.m, dim_z=truth.n)
        other.F, other.H, other.Q, other.R = F, H, V, W
        other.x, other.P = mean_0[:, None].copy(), cov_0.copy()
        for t, z in enumerate(observations):
            other.predict()
            other.update(z[:, None])
            row[t] = other.x[:, 0]
    return estimates


def by_torch_kf(truth: LinearStateSpace, x: torch.Tensor, *, one_covariance: bool) -> torch.Tensor:
    """Filter all rows together."""
    F, H, V, W, mean_0, cov_0 = map(torch.tensor, linear_arrays(truth))
    n_rows = len(x)
    state = torch_kf.GaussianState(
        mean_0.expand(n_rows, -1)[..., None],
        cov_0[None] if one_covariance else cov_0.expand(n_rows, -1, -1),
    )
    z = x.transpose(0, 1)[..., None].contiguous()
    other = torch_kf.KalmanFilter(F, H, V, W)
    states = other.filter(state, z, update_first=False, return_all=True)
    return states.mean[..., 0].transpose(0, 1)


def by_dynamax(truth: LinearStateSpace, x: np.ndarray, *, smooth: bool) -> Callable[[], np.ndarray]:
    """Return what filters, or smooths, all rows together; compiled at its first call."""
    F, H, V, W, mean_0, cov_0 = linear_arrays(truth)
    # Its first state is that of the first observation, before it is seen.
    model = inference.make_lgssm_params(F @ mean_0, F @ cov_0 @ F.T + V, F, V, H, W)

    def means(row: jax.Array) -> jax.Array:
        if smooth:
            return inference.lgssm_smoother(model, row).smoothed_means
        return inference.lgssm_filter(model, row).filtered_means

    observed, of_all = jax.numpy.asarray(x), jax.jit(jax.vmap(means))
    return lambda: np.asarray(of_all(observed))


def timed(truth: LinearStateSpace) -> dict[str, tuple[float, np.ndarray]]:
    """Return what each took for all rows, in seconds, and what it answered."""
    x = truth.draw(N_ROWS, "test").x
    tensor = torch.from_numpy(x)
    ours, limit = KalmanFilter(truth), SteadyStateKalmanFilter(truth)
    smoother = KalmanSmoother(truth)
    filtered, smoothed = (by_dynamax(truth, x, smooth=smooth) for smooth in (False, True))
    few = x[:BY_FILTERPY]
    one, each = (partial(by_torch_kf, truth, tensor, one_covariance=one) for one in (True, False))
    with torch.no_grad():
        return {
            "ours": (seconds(lambda: ours(tensor), 20), ours(tensor).numpy()),
            "ours, gain of the limit": (seconds(lambda: limit(tensor), 20), limit(tensor).numpy()),
            "torch-kf, one covariance": (seconds(one, 5), one().numpy()),
            "torch-kf": (seconds(each, 2), each().numpy()),
            "dynamax": (seconds(filtered, 3), filtered()),
            "smoother: ours": (seconds(lambda: smoother(tensor), 10), smoother(tensor).numpy()),
            "smoother: dynamax": (seconds(smoothed, 3), smoothed()),
            "filterpy": (
                seconds(lambda: by_filterpy(truth, few), 3) * N_ROWS / BY_FILTERPY,
                by_filterpy(truth, few),
            ),
        }


def main() -> None:
    """Time them, on the same observations, one after another."""
    rows = []
    for size in (2, 10):
        results = timed(system(size))
        for name, (time, other) in results.items():
            our_time, answer = results["smoother: ours" if "smoother" in name else "ours"]
            # Where the gain is that of the limit, the first steps differ.
            apart = np.abs(other - answer[: len(other)])[:, T // 2 :].max()
            times = f"{time / our_time:.1f}"
            rows.append((f"{size} × {size}", name, f"{1000 * time:.1f}", times, f"{apart:.0e}"))
    columns = (f"{N_ROWS} × {T} steps", "filter", "milliseconds", "times ours", "apart at the end")
    show("kalman", columns, rows)


if __name__ == "__main__":
    main()
