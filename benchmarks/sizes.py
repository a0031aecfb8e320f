"""What one method of each family costs against the size of its problem, and how that grows.

Each panel is an area: sparse recovery against n, the entries of a signal; tracking against T, its
steps; direction finding against N, its sensors; image restoration against pixels. Networks are not
fitted: what they have learned does not change their time.
"""

from timing import RESULTS, one_thread, seconds, show

one_thread()

import sys  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402

from mbdl_repro import catalogue  # noqa: E402
from mbdl_repro.areas.doa.scenario import Narrowband  # noqa: E402
from mbdl_repro.areas.image_restoration.scenario import Photographs  # noqa: E402
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery  # noqa: E402
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace  # noqa: E402

N_ROWS = 16
FEWEST = 4
"""Points of the largest sizes that the exponent is fitted to."""

Case = tuple[str, str, tuple[int, ...], dict[str, dict[str, Any]]]
CASES: list[Case] = [
    (
        "sparse_recovery",
        "entries of a signal, n",
        (100, 200, 400, 800, 1600),
        {
            "lasso": {"rho": 0.05},
            "fista": {"rho": 0.05, "iterations": 30},
            "lista": {"rho": 0.05, "iterations": 10},
            "fully_connected": {},
        },
    ),
    (
        "tracking",
        "steps, T",
        (25, 50, 100, 200, 400),
        {
            "kalman_filter": {},
            "extended_kalman_filter": {},
            "unscented_kalman_filter": {},
            "kalmannet": {},
            "recurrent": {},
        },
    ),
    (
        "doa",
        "sensors, N",
        (8, 12, 16, 24, 32),
        {"root_music": {}, "music": {}, "esprit": {}, "subspacenet": {}, "angle_regressor": {}},
    ),
    (
        "image_restoration",
        "pixels",
        (32, 48, 64, 96, 128),
        {
            "tikhonov": {},
            "total_variation": {"iterations": 20},
            "wavelet_fista": {"iterations": 20},
            "unfolded_proximal_gradient": {},
            "u_net": {},
        },
    ),
]


def truth_of(area: str, size: int) -> Any:
    """Return the scenario of a size."""
    if area == "sparse_recovery":
        return SparseRecovery(
            observation_matrix="unit_columns",
            n_observations=size // 2,
            n_signal=size,
            nonzero_probability=0.05,
            nonzero_std=1.0,
            snr_db=40.0,
        )
    if area == "tracking":
        return LinearStateSpace(
            transition="canonical",
            n_state=2,
            n_observations=2,
            noise_std=1.0,
            noise_ratio_db=0.0,
            initial_std=1.0,
            n_steps=size,
        )
    if area == "doa":
        return Narrowband(n_sensors=size, n_sources=3, n_snapshots=100, snr_db=20.0)
    return Photographs(side=size, degradation="deblurring", blur_std=1.6, noise_std=0.01)


def timed(area: str, name: str, settings: dict[str, Any], size: int) -> float:
    """Return the milliseconds of a row, in a batch."""
    truth = truth_of(area, size)
    method = catalogue.method_class(catalogue.methods(area)[name])(truth, **settings).eval()
    x = torch.from_numpy(truth.draw(N_ROWS, "test").x)
    learned = next(method.parameters(), None)
    if learned is not None and not x.is_complex():
        x = x.to(learned.dtype)
    with torch.no_grad():
        return 1000 * seconds(lambda: method(x), 2) / N_ROWS


def main() -> None:
    """Time every method at every size, and draw how its cost grows."""
    rows = []
    figure, axes = plt.subplots(2, 2, figsize=(12, 6.5), layout="constrained")
    for (area, label, sizes, methods), axis in zip(CASES, axes.flat, strict=True):
        counts = np.array(sizes) ** (2 if area == "image_restoration" else 1)
        for name, settings in methods.items():
            times = [timed(area, name, settings, size) for size in sizes]
            slope = np.polyfit(np.log(counts[-FEWEST:]), np.log(times[-FEWEST:]), 1)[0]
            axis.loglog(counts, times, marker="o", label=f"{name}: {slope:.1f}")
            rows += [
                (area, name, str(count), f"{time:.4f}", f"{slope:.2f}")
                for count, time in zip(counts, times, strict=True)
            ]
        axis.set(title=area.replace("_", " "), xlabel=label, ylabel=f"ms a row, {N_ROWS} at once")
        axis.set_xticks(counts, map(str, counts))
        axis.minorticks_off()
        axis.legend(
            title="method: exponent", fontsize="small", loc="upper left", bbox_to_anchor=(1, 1)
        )
    show("sizes", ("area", "method", "size", "milliseconds a row", "exponent"), rows)
    if "--save" in sys.argv:
        figure.savefig(RESULTS / "sizes.png", dpi=120)


if __name__ == "__main__":
    main()
