"""What every job shares: its words, one thread, a log, progress, and its record."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import importlib.metadata
import os
import platform
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from functools import cache, cached_property, partial
from pathlib import Path
from types import FrameType
from typing import IO, Any

from mbdl_repro.contract.hashing import digest
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.reading import load, load_all, load_scale
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.pipeline.costs import duration
from mbdl_repro.pipeline.verbs import VERBS, Book, Task, inputs, stands_on, task_of
from mbdl_repro.store.files import read_bytes, stop_if_orphaned
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import write_outputs

PROGRESS_SECONDS = 5.0
"""A line of progress at most this often."""


class Job:
    """One job of the pipeline: a verb applied to an experiment, perhaps to one of its methods.

    Args:
        task: what is done to what.
        book: the experiments that there are, at the scale of the run; the task's own at least.
        scale: how much is run.
        device: that torch shall use: a setting of the run, never of the science.

    Attributes:
        store: where artifacts lie.
        method: the method's name in the experiment, for the verbs that take one.
        part: which share of the method's fits this is, counted from 1.
    """

    def __init__(self, task: Task, book: Book, scale: Scale, device: str = "cpu") -> None:
        self.task = task
        self.book = book
        self.scale = scale
        self.device = device
        self.store = Store.of(scale)
        self.method = task.method
        self.part = task.part
        self._start = self._last_line = time.perf_counter()
        self._start_up = time.process_time()

    @property
    def experiment(self) -> Experiment:
        """The experiment, at the scale of the run."""
        assert self.task.experiment is not None, f"{self.task.verb} is a job for all experiments"
        return self.book[self.task.experiment]

    @cached_property
    def stands_on(self) -> dict[str, Any]:
        """What its outputs stand on, as code and files were when it began."""
        read = inputs(self.task, self.book, self.store)
        checksums = {str(path): digest(read_bytes(path)) for path in read if path.exists()}
        return stands_on(self.task, self.book, self.device) | {"inputs": checksums}

    def progress(self, fraction: float, message: str) -> None:
        """Say how far the job is and what is left of it, at most every few seconds.

        Args:
            fraction: how much of it is done, from 0 to 1.
            message: what it is at.
        """
        now = time.perf_counter()
        if now - self._last_line < PROGRESS_SECONDS:
            return
        self._last_line = now
        spent = now - self._start
        left = f", about {duration(spent / fraction - spent)} left" if fraction > 0.02 else ""
        self.say(f"{fraction:4.0%} after {duration(spent)}{left}: {message}")

    def say(self, message: str) -> None:
        """Print a line to the terminal and the log."""
        print(f"{self.task.name}: {message}", file=sys.stderr, flush=True)

    def save(
        self, outputs: Mapping[Path, bytes], pages: Mapping[str, bytes] = {}, **extra: Any
    ) -> None:
        """Write the outputs and the record of what made them.

        Args:
            outputs: the content of each file.
            pages: more files that belong to the one output that there then is.
            extra: what else the record shall say. Times in it are seconds of CPU.
        """
        usage = resource.getrusage(resource.RUSAGE_SELF)
        record = {
            "verb": self.task.verb,
            "experiment": self.task.experiment,
            "method": self.method,
            "comparison": self.task.comparison,
            "scale": self.scale.name,
            **self.stands_on,
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
            "start_up_cpu_seconds": round(self._start_up, 3),
            "max_memory_mb": _megabytes(usage),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "device": self.device,
            "commit": commit(),
            "versions": versions(),
            **extra,
        }
        for message in write_outputs(outputs, record, pages):
            self.say(message)


def run(words: list[str] | None = None) -> None:
    """Run one job from the command line: ``python -m mbdl_repro.pipeline <verb> ...``.

    Args:
        words: of the command, its own if not given.
    """
    parser = argparse.ArgumentParser(prog="python -m mbdl_repro.pipeline")
    parser.add_argument("verb")
    parser.add_argument("--experiment")
    parser.add_argument("--experiments", help="those that a report is of, if not of all")
    parser.add_argument("--method")
    parser.add_argument("--comparison")
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--scale", default="full")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--log", type=Path)
    given = parser.parse_args(words)
    target = " ".join(filter(None, [given.verb, given.experiment, given.comparison]))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, partial(_stop, target))
    _watch_parent()
    with _Log(given.log):
        try:
            scale = load_scale(given.scale)
            book = _book(given.verb, given.experiment, given.experiments, scale)
            named = (given.experiment, given.method, given.part, given.comparison)
            chosen = tuple(book) if given.experiments else ()
            task = task_of(given.verb, book, *named, chosen=chosen)
            do(Job(task, book, scale, given.device))
        except UserError as error:
            sys.exit(f"{target}: {error}")
        except MemoryError:
            sys.exit(f"{target}: not enough memory: close other programs, or use fewer --cores")
        except Exception:
            traceback.print_exc()
            sys.exit(f"{target}: an error in the program; see above")


def _stop(target: str, number: int, frame: FrameType | None) -> None:
    """End at once: files are written whole, and there is nothing to tidy up."""
    print(f"{target}: stopped ({signal.Signals(number).name})", file=sys.__stderr__, flush=True)
    os._exit(128 + number)


def do(job: Job) -> None:
    """Do what a job's verb does, on one thread."""
    verb = VERBS[job.task.verb]
    work = getattr(importlib.import_module(verb.module), verb.name)
    if verb.on_device:
        import torch

        torch.set_num_threads(1)
    assert job.stands_on is not None  # found out now: files may be edited while it is at work
    work(job)


def _book(verb: str, experiment: str | None, chosen: str | None, scale: Scale) -> Book:
    """Return the experiments that a job needs to know: its own, or all for one that gathers."""
    if experiment is not None:
        return {experiment: load(experiment, scale)}
    return load_all(scale, chosen) if verb in VERBS and VERBS[verb].of_all else {}


@cache
def commit() -> str:
    """Return the commit that the code stands at, with ``+`` where it has been changed since."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "mbdl_repro", "workflow", "Snakefile")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


@cache
def versions() -> dict[str, str]:
    """Return the versions of what computes."""
    found = {"python": platform.python_version()}
    for name in (
        "numpy",
        "scipy",
        "torch",
        "pandas",
        "matplotlib",
        "snakemake",
        "scikit-image",
        "scikit-learn",
        "PyWavelets",
    ):
        found[name] = importlib.metadata.version(name)
    return found


def _megabytes(usage: resource.struct_rusage) -> int:
    """Return the peak memory, which Linux counts in kilobytes and macOS in bytes."""
    return round(usage.ru_maxrss / (1024 if sys.platform == "linux" else 2**20))


def _watch_parent() -> None:
    """End with the run that started this job, even if that is killed without a word."""
    if "MBDL_RUN_PID" not in os.environ:
        return

    def watch() -> None:
        while True:
            stop_if_orphaned()
            time.sleep(0.2)

    threading.Thread(target=watch, daemon=True).start()


class _Log:
    """Copies what the job prints into its log, for as long as there is room for one."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def __enter__(self) -> None:
        self.file: IO[str] | None = None
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.path, "w", encoding="utf-8")
        except OSError as error:
            sys.exit(f"cannot write {self.path}: {error.strerror}")
        sys.stderr = _Tee(sys.stderr, self)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self.path is None:
            return
        sys.stderr = sys.__stderr__
        if isinstance(error, SystemExit) and error.code:
            self.write(f"{error.code}\n")
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self.write(
            f"{'done' if error is None else 'failed'}: CPU time "
            f"{usage.ru_utime + usage.ru_stime:.1f} s, peak memory {_megabytes(usage)} MB\n"
        )
        with contextlib.suppress(OSError):
            if self.file is not None:
                self.file.close()

    def write(self, text: str) -> None:
        """Write a text; on a full disk nothing, for what the job itself says of it counts."""
        if self.file is None:
            return
        try:
            self.file.write(text)
            self.file.flush()
        except OSError:
            with contextlib.suppress(OSError):
                self.file.close()
            self.file = None

    def flush(self) -> None:
        """Do nothing: each text is written at once."""


class _Tee:
    """A text stream that writes to two."""

    def __init__(self, *streams: Any) -> None:
        self.streams = streams

    def write(self, text: str) -> int:
        for stream in self.streams:
            stream.write(text)
        return len(text)

    def flush(self) -> None:
        for stream in self.streams:
            stream.flush()
