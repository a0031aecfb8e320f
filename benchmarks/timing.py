"""What the benchmarks share: one thread, times, and a table."""

import argparse
import csv
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def one_thread() -> None:
    """Keep torch, BLAS and JAX to one thread; to be called before any is imported."""
    if hasattr(os, "sched_setaffinity"):  # JAX asks for nothing else
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"


def seconds(do: Callable[[], Any], repeats: int) -> float:
    """Return the least time of some calls, after one to warm up."""
    do()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        do()
        times.append(time.perf_counter() - start)
    return min(times)


def processor() -> str:
    """Return the model of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def show(name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table; with ``--save`` on the command line, write it as well."""
    parser = argparse.ArgumentParser(prog=f"python benchmarks/{name}.py")
    parser.add_argument("--save", action="store_true", help=f"write results/{name}.csv")
    save = parser.parse_args().save
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    print(f"{processor()}, one thread")
    for row in (columns, *rows):
        first, *others = (cell for cell in row)
        words = [first.ljust(widths[0])]
        words += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join(words))
    if save:
        RESULTS.mkdir(exist_ok=True)
        with open(RESULTS / f"{name}.csv", "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*columns, "processor"])
            writer.writerows([*row, processor()] for row in rows)
