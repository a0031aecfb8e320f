"""Directions of 1000 trials: data, Root-MUSIC and MUSIC, beside other ways to the same.

Eight sensors, three sources, 100 snapshots. Root-MUSIC stands beside doa-py's, which takes the
mean off the snapshots, and so is given some without; MUSIC on a grid of half a degree beside
pyroomacoustics', whose snapshots are conjugate, in one bin of frequency. Both answer one trial
at a time. Data stand beside a loop over trials and snapshots.
"""

from timing import one_thread, seconds, show

one_thread()

import sys  # noqa: E402

import numpy as np  # noqa: E402
import torch  # noqa: E402

from mbdl_repro.areas.doa.methods.esprit import Esprit  # noqa: E402
from mbdl_repro.areas.doa.methods.music import Music  # noqa: E402
from mbdl_repro.areas.doa.methods.root_music import RootMusic  # noqa: E402
from mbdl_repro.areas.doa.scenario import Narrowband  # noqa: E402

try:
    import doa_py.algorithm
    import doa_py.arrays
    import pyroomacoustics
except ImportError as missing:
    sys.exit(f"{missing.name} is missing: pip install doa-py pyroomacoustics")

N_ROWS = 1000
LOOPED = 50
"""Trials that the loop draws; its time is in proportion to their number."""
TRUTH = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0)
FREQUENCY, FS, NFFT, BIN, SPEED = 1e9, 16000, 256, 32, 343.0


def by_doa_py(x: np.ndarray) -> np.ndarray:
    """Find the roots of one row after another."""
    array = doa_py.arrays.UniformLinearArray(8, doa_py.arrays.C / FREQUENCY / 2)
    return np.stack(
        [doa_py.algorithm.root_music(row, 3, array, FREQUENCY, unit="rad") for row in x]
    )


def by_pyroomacoustics(x: np.ndarray) -> np.ndarray:
    """Find the peaks of one row after another, on a grid of 360 points."""
    spacing = SPEED / (BIN * FS / NFFT) / 2
    places = np.stack([np.zeros(8), np.arange(8) * spacing])
    azimuth = (np.arange(360) / 360 - 0.5) * np.pi
    music = pyroomacoustics.doa.MUSIC(places, FS, NFFT, c=SPEED, num_src=3, azimuth=azimuth)
    peaks = np.full((len(x), 3), np.nan)
    X = np.zeros((8, NFFT // 2 + 1, x.shape[-1]), dtype=complex)
    for row, found in zip(x, peaks, strict=True):
        X[:, BIN] = row.conj()
        music.locate_sources(X, num_src=3, freq_bins=[BIN])
        found[: len(music.azimuth_recon)] = np.sort(music.azimuth_recon)
    return peaks


def by_loop(n: int) -> np.ndarray:
    """Draw one trial after another, snapshot by snapshot."""
    rng = np.random.default_rng(0)
    x = np.empty((n, 8, 100), dtype=complex)
    sensor = np.arange(8)
    for trial in x:
        while True:
            angles = np.sort(rng.uniform(-90, 90, 3))
            gaps = np.diff(angles)
            if gaps.min() > 15 and gaps.max() < 165:
                break
        for t in range(100):
            received = np.sqrt(0.5) * (rng.standard_normal(8) + 1j * rng.standard_normal(8)) / 10
            for angle in angles:
                a = np.exp(-1j * np.pi * sensor * np.sin(np.deg2rad(angle)))
                received += a * np.sqrt(0.5) * (rng.standard_normal() + 1j * rng.standard_normal())
            trial[:, t] = received
    return x


def apart(ours: np.ndarray, theirs: np.ndarray) -> str:
    """Return the largest difference of two answers, in rad; none where neither has one."""
    return f"{np.nanmax(np.abs(ours - theirs)):.0e}"


def main() -> None:
    """Time them, one after another, on the same snapshots."""
    x = TRUTH.draw(N_ROWS, "train", 100).x.astype(complex)
    x -= x.mean(-1, keepdims=True)
    tensor = torch.from_numpy(x)
    grid, root = Music(TRUTH, refine=False), RootMusic(TRUTH)
    rows = []

    def row(what: str, time: float, first: float, difference: str) -> None:
        rows.append((what, f"{1000 * time:.1f}", f"{time / first:.1f}", difference))

    with torch.no_grad():
        ours = seconds(lambda: root(tensor), 20)
        row("Root-MUSIC: ours", ours, ours, "0e+00")
        theirs = seconds(lambda: by_doa_py(x), 5)
        row("Root-MUSIC: doa-py", theirs, ours, apart(root(tensor).numpy(), by_doa_py(x)))
        ours = seconds(lambda: grid(tensor), 20)
        row("MUSIC, grid of 360: ours", ours, ours, "0e+00")
        theirs = seconds(lambda: by_pyroomacoustics(x), 3)
        answers = grid(tensor).numpy(), by_pyroomacoustics(x)
        row("MUSIC, grid of 360: pyroomacoustics", theirs, ours, apart(*answers))
        for name, method in (("MUSIC, refined: ours", Music(TRUTH)), ("ESPRIT", Esprit(TRUTH))):
            time = seconds(lambda method=method: method(tensor), 20)
            row(name, time, time, "")
    ours = seconds(lambda: TRUTH.draw(N_ROWS, "train", 100), 5)
    row("data: ours", ours, ours, "")
    looped = seconds(lambda: by_loop(LOOPED), 2) * N_ROWS / LOOPED
    row("data: loop over snapshots", looped, ours, "")
    columns = (f"{N_ROWS} trials of {8} × {100}", "milliseconds", "times ours", "apart (rad)")
    show("doa", columns, rows)


if __name__ == "__main__":
    main()
