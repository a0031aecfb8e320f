"""Time of a step of each tracking method against the size of the state, 1000 trajectories at once.

The peer is our own Kalman filter. What a network has learned does not change its time, so that
none is fitted here. Operations are those of the experiment tracking_cost.
"""

from timing import one_thread, seconds, show

one_thread()

import torch  # noqa: E402

from mbdl_repro import catalogue  # noqa: E402
from mbdl_repro.areas.tracking.metrics import flops_per_step  # noqa: E402
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace  # noqa: E402

N_ROWS, T = 1000, 50
METHODS = (
    "kalman_filter",
    "steady_state_kalman_filter",
    "extended_kalman_filter",
    "unscented_kalman_filter",
    "kalmannet",
    "kalmannet_gru",
    "recurrent",
)
MOST = 5
"""The largest state that the networks are timed with: at ten, a pass takes a minute."""


def system(size: int) -> LinearStateSpace:
    """Return the canonical system of a size, seen through noise as strong as its own."""
    return LinearStateSpace(
        transition="canonical",
        n_state=size,
        n_observations=size,
        noise_std=1.0,
        noise_ratio_db=0.0,
        initial_std=1.0,
        n_steps=200,
    )


def main() -> None:
    """Time a pass over the same observations by one method after another."""
    rows = []
    for size in (1, 2, 3, 5, 10):
        truth = system(size)
        test = truth.draw(N_ROWS, "test")
        x = torch.from_numpy(test.x[:, :T])
        peer = None
        for name in METHODS:
            if size > MOST and name.startswith("kalmannet"):
                continue
            method = catalogue.method_class(catalogue.methods("tracking")[name])(truth)
            with torch.no_grad():
                time = seconds(lambda method=method, x=x: method(x), 3)
            peer = peer or time
            step = 1e9 * time / (N_ROWS * T)
            flops = flops_per_step(method, test)
            rows.append((str(size), name, f"{step:.0f}", f"{time / peer:.1f}", f"{flops:.0f}"))
    columns = ("m = n", "method", "nanoseconds a step", "times the Kalman filter", "operations")
    show("steps", columns, rows)


if __name__ == "__main__":
    main()
