"""What every job shares: its command line, one thread, a log, progress, and its record."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments import reader as experiment_file
from mbdl_repro.experiments.experiment import Experiment, Scale, book_spec
from mbdl_repro.store.artifacts import Store, stop_if_orphaned, write_outputs
from mbdl_repro.store.fingerprint import fingerprint

PROGRESS_SECONDS = 5.0
"""A line of progress at most this often."""


class Job:
    """One job of the pipeline: a verb applied to an experiment, perhaps to one of its methods.

    Attributes:
        scale: how much is run.
        store: where artifacts lie.
        method: the method's name in the experiment, for the verbs that take one.
        part: which share of the method's fits this is, counted from 1.
        code: fingerprint of the code that this job stands on.
    """

    def __init__(
        self,
        verb: str,
        experiment: Experiment | None,
        scale: Scale,
        method: str | None = None,
        part: int = 1,
    ) -> None:
        self.verb = verb
        self._experiment = experiment
        self.method = method
        self.part = part
        self.scale = scale
        self.store = Store.of(scale)
        self.code = code_of(verb, experiment, method)
        share = (
            f" part {part}" if method and experiment and experiment.methods[method].jobs > 1 else ""
        )
        self.target = (
            "/".join(filter(None, [experiment.name if experiment else "", method])) + share
        )
        self._start = self._last_line = time.perf_counter()
        self._start_up = time.process_time()

    @property
    def experiment(self) -> Experiment:
        """The experiment, at the scale of the run."""
        assert self._experiment is not None, f"{self.verb} is a job for all experiments"
        return self._experiment

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """All experiments, for the jobs that gather them."""
        return experiment_file.load_all(self.scale)

    def progress(self, fraction: float, message: str) -> None:
        """Say how far the job is and what is left of it, at most every few seconds."""
        now = time.perf_counter()
        if now - self._last_line < PROGRESS_SECONDS:
            return
        self._last_line = now
        spent = now - self._start
        left = f", about {duration(spent / fraction - spent)} left" if fraction > 0.02 else ""
        self.say(f"{fraction:4.0%} after {duration(spent)}{left}: {message}")

    def say(self, message: str) -> None:
        """Print a line to the terminal and the log."""
        print(f"{self.verb} {self.target}: {message}", file=sys.stderr, flush=True)

    def save(self, outputs: Mapping[Path, bytes], **extra: Any) -> None:
        """Write the outputs and the record of what made them."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        record = {
            "verb": self.verb,
            "experiment": self._experiment.name if self._experiment else None,
            "method": self.method,
            "scale": self.scale.name,
            "spec": self._experiment.job_spec(self.verb, self.method)
            if self._experiment
            else book_spec(self.verb, self.experiments),
            "code": self.code,
            "seconds": round(time.perf_counter() - self._start, 3),
            "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 3),
            "start_up_cpu_seconds": round(self._start_up, 3),
            "max_memory_mb": _megabytes(usage),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "device": device(),
            "commit": commit(),
            "versions": versions(),
            **extra,
        }
        write_outputs(outputs, record)


def _stop_unless_complete(verb: str, experiment: Experiment | None, method: str | None) -> None:
    """Refuse a job without the words that it needs."""
    if experiment is None and verb not in ("gather", "report"):
        raise UserError("--experiment is missing: which one?")
    if (
        experiment is not None
        and verb in ("train", "evaluate")
        and method not in experiment.methods
    ):
        raise UserError(f"no method {method!r}; {one_of(method, experiment.methods)}")


def code_of(verb: str, experiment: Experiment | None, method: str | None = None) -> dict[str, str]:
    """Return the fingerprint of the code that a job stands on."""
    stands_on = [
        "mbdl_repro.reporting.report" if verb == "report" else f"mbdl_repro.pipeline.stages.{verb}"
    ]
    if experiment is None:
        return fingerprint(*stands_on)
    area = f"mbdl_repro.areas.{experiment.area}"
    if verb in ("simulate", "train", "evaluate", "bound"):
        stands_on.append(f"{area}.scenario")
    if method is not None:
        stands_on.append(experiment.methods[method].info.module)
    if verb == "evaluate":
        stands_on.append(f"{area}.metrics")
    if verb == "bound":
        stands_on.append(f"{area}.bounds")
    if verb == "tabulate":
        # With all that the table comes from (see Experiment.job_spec).
        for label in experiment.methods:
            stands_on += code_of("train", experiment, label)
            stands_on += code_of("evaluate", experiment, label)
        stands_on += code_of("bound", experiment) if experiment.bounds else []
    if verb == "draw":
        kinds = {type(panel).__module__ for panel in experiment.panels}
        stands_on += sorted(kinds)
    return fingerprint(*stands_on)


def run(verb: str, do: Callable[[Job], None]) -> None:
    """Run one job from the command line: ``python -m mbdl_repro.pipeline.stages.<verb> ...``."""
    parser = argparse.ArgumentParser(prog=f"python -m mbdl_repro.pipeline.stages.{verb}")
    parser.add_argument("--experiment")
    parser.add_argument("--method")
    parser.add_argument("--part", type=int, default=1)
    parser.add_argument("--scale", default="full")
    parser.add_argument("--log", type=Path)
    arguments = parser.parse_args()
    named = f" {arguments.experiment}" if arguments.experiment else ""
    _watch_parent()
    with _Log(arguments.log):
        try:
            scale = experiment_file.load_scale(arguments.scale)
            experiment = experiment_file.load(arguments.experiment, scale) if named else None
            _stop_unless_complete(verb, experiment, arguments.method)
            do(Job(verb, experiment, scale, arguments.method, arguments.part))
        except UserError as error:
            sys.exit(f"{verb}{named}: {error}")
        except Exception:
            traceback.print_exc()
            sys.exit(f"{verb}{named}: an error in the program; see above")


def device() -> str:
    """Return the device that torch shall use: a setting of the run, never of the science."""
    return os.environ.get("MBDL_DEVICE", "cpu")


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


def duration(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
    """Copies what the job prints into its log."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def __enter__(self) -> None:
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.path, "w", encoding="utf-8")
        except OSError as error:
            sys.exit(f"cannot write {self.path}: {error.strerror}")
        sys.stderr = _Tee(sys.stderr, self.file)

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if self.path is None:
            return
        if isinstance(error, SystemExit) and error.code:
            self.file.write(f"{error.code}\n")
        usage = resource.getrusage(resource.RUSAGE_SELF)
        self.file.write(
            f"{'done' if error is None else 'failed'}: CPU time "
            f"{usage.ru_utime + usage.ru_stime:.1f} s, peak memory {_megabytes(usage)} MB\n"
        )
        sys.stderr = sys.__stderr__
        self.file.close()


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
