"""Detection of mixed BPSK symbols: ours, beside scikit-commpy's.

Both decide the same vectors, in double precision, and their decisions are compared. scikit-commpy
decides one vector at a time, and is timed on the first few.
"""

from timing import one_thread, seconds, show

one_thread()

import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402

from mbdl_repro.areas.receivers.methods.k_best import KBest  # noqa: E402
from mbdl_repro.areas.receivers.methods.vector_ml import VectorMl  # noqa: E402
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo  # noqa: E402
from mbdl_repro.contract.method import Method  # noqa: E402

try:
    from commpy.modulation import kbest, mimo_ml
except ImportError as missing:
    sys.exit(f"{missing.name} is missing: pip install scikit-commpy")

N_ROWS, T = 100, 20
BY_COMMPY = 20
"""Rows that scikit-commpy is timed on; its time is in proportion to their number."""

AMPLITUDES = np.array([-1.0, 1.0])
WIDTH = 16


def by_commpy(
    truth: LinearMimo, x: np.ndarray, detect: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Decide one vector after another."""
    K = truth.n_streams
    return np.array([[detect(y, row[:, :K]) for y in row[:, K:].T] for row in x]).mT


def main() -> None:
    """Time them, on the same observations, one after another."""
    # Beginnings are kept in another order of users where columns are sorted, as ours are: few
    # decisions differ.
    cases: list[tuple[str, int, int, type[Method], dict[str, int], Callable[..., np.ndarray]]] = [
        ("maximum likelihood", 4, 4, VectorMl, {}, lambda y, H: mimo_ml(y, H, AMPLITUDES).real),
        ("maximum likelihood", 8, 8, VectorMl, {}, lambda y, H: mimo_ml(y, H, AMPLITUDES).real),
        (
            f"K-best, {WIDTH}",
            10,
            20,
            KBest,
            {"width": WIDTH},
            lambda y, H: kbest(y, H, AMPLITUDES, WIDTH),
        ),
    ]
    rows = []
    for name, K, N, cls, settings, detect in cases:
        truth = LinearMimo(n_users=K, n_antennas=N, channel="iid", n_symbols=T, snr_db=10.0)
        x = truth.draw(N_ROWS, "test").x
        ours = cls(truth, **settings)
        few = x[:BY_COMMPY]
        our_time = seconds(lambda m=ours, x=x: m.estimate(x), 10)
        time = seconds(lambda t=truth, x=few, d=detect: by_commpy(t, x, d), 2) * N_ROWS / BY_COMMPY
        apart = np.mean(ours.estimate(few) != by_commpy(truth, few, detect))
        cells = (f"{1000 * our_time:.1f}", f"{1000 * time:.1f}", f"{time / our_time:.0f}")
        rows.append((name, f"{K} × {N}", *cells, f"{apart:.1e}"))
    columns = (
        f"{N_ROWS * T} vectors",
        "users × antennas",
        "ours, ms",
        "scikit-commpy, ms",
        "times ours",
        "decisions that differ",
    )
    show("mimo", columns, rows)


if __name__ == "__main__":
    main()
