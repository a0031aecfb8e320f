"""What the Snakefile asks for: targets, inputs, and the two strings that each rule carries."""

from __future__ import annotations

import base64
import fcntl
import itertools
import os
import re
import sys
from collections.abc import Callable
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments import reading as experiment_file
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.pipeline.job import code_of, gathering_spec, job_spec
from mbdl_repro.store.artifacts import Store, set_aside_damaged

OPTIONS = ("experiments", "scale", "device")
LOCK = Path(".snakemake/mbdl.lock")
READ_ONLY = re.compile(
    r"--(dry|dag|rulegraph|filegraph|d3dag|lint|summary|detailed|list|touch|unlock|help|version)"
    r"|-[a-zA-Z]*n[a-zA-Z]*$|-[lthv]$"
)
"""Options of snakemake that run nothing: only a real run takes the lock and mends files."""


class Plan:
    """A run: which experiments, at which scale, and what belongs to each of them.

    Args:
        scale: how much is run.
        chosen: comma-separated names that narrow the run, or None for all experiments.
    """

    def __init__(self, scale: Scale, chosen: str | None = None) -> None:
        self.scale = scale
        self.store = Store.of(scale)
        self.experiments = experiment_file.load_all(scale, chosen)
        self.narrowed = bool(chosen)

    # Targets ----------------------------------------------------------------------------------

    def everything(self) -> list[Path]:
        """Return what a plain run makes; gathered pages belong to all experiments only."""
        own = [*self.tables(), *self.figures(), *self.own_verdicts()]
        return own if self.narrowed else [*own, self.store.verdicts(), self.store.report()]

    def data(self) -> list[Path]:
        """Return the indexes of the simulated data."""
        return [self.store.data(name) for name in self.experiments]

    def models(self) -> list[Path]:
        """Return the indexes of all fits."""
        return [
            path
            for e in self.experiments.values()
            for label in e.methods
            for path in self._models(e, label)
        ]

    def scores(self) -> list[Path]:
        """Return the rows of all methods and bounds."""
        scored = [
            self.store.scores(e.name, label)
            for e in self.experiments.values()
            for label in e.methods
        ]
        return scored + [self.store.bounds(e.name) for e in self.experiments.values() if e.bounds]

    def tables(self) -> list[Path]:
        """Return the summaries over seeds."""
        return [self.store.table(name) for name in self.experiments]

    def figures(self) -> list[Path]:
        """Return the figures, as PNG; a PDF comes with each."""
        return [self.store.figure(name) for name in self.experiments]

    def own_verdicts(self) -> list[Path]:
        """Return the verdicts of each experiment."""
        return [self.store.verdicts(name) for name in self.experiments]

    # Inputs -----------------------------------------------------------------------------------

    def _models(self, experiment: Experiment, label: str) -> list[Path]:
        entry = experiment.methods[label]
        if not entry.has_fit:
            return []
        return [
            self.store.model(experiment.name, label, part, entry.jobs)
            for part in range(1, entry.jobs + 1)
        ]

    def models_of(self, wildcards: Any) -> list[Path]:
        """Return what the scores of a method are computed from."""
        return self._models(*self._entry(wildcards))

    def scores_of(self, wildcards: Any) -> list[Path]:
        """Return what a table is gathered from."""
        experiment = self._experiment(wildcards)
        scored = [self.store.scores(experiment.name, label) for label in experiment.methods]
        return scored + ([self.store.bounds(experiment.name)] if experiment.bounds else [])

    def examples_of(self, wildcards: Any) -> list[Path]:
        """Return the stored examples that a figure shows, and the fits whose course it shows."""
        experiment = self._experiment(wildcards)
        examples = {label for label, _ in experiment.shown("examples")}
        courses = {label for label, _ in experiment.shown("history")}
        return [self.store.examples(experiment.name, label) for label in sorted(examples)] + [
            path for label in sorted(courses) for path in self._models(experiment, label)
        ]

    def _experiment(self, wildcards: Any) -> Experiment:
        name = wildcards.experiment
        return self.experiments[name]

    def _entry(self, wildcards: Any) -> tuple[Experiment, str]:
        experiment = self._experiment(wildcards)
        label = wildcards.method
        return experiment, label

    # What each rule stands on -----------------------------------------------------------------

    def spec(self, verb: str) -> Callable[[Any], str]:
        """Return the function that gives a job's slice of its experiment, as text."""

        def of(wildcards: Any) -> str:
            if not hasattr(wildcards, "experiment"):
                return digest(canonical(gathering_spec(verb, self.experiments)))
            label = getattr(wildcards, "method", None)
            return canonical(job_spec(verb, self._experiment(wildcards), label))

        return of

    def code(self, verb: str) -> Callable[[Any], str]:
        """Return the function that gives the fingerprint of the code a job stands on, as text."""

        def of(wildcards: Any) -> str:
            if not hasattr(wildcards, "experiment"):
                return digest(canonical(code_of(verb, None)))
            label = getattr(wildcards, "method", None)
            return digest(canonical(code_of(verb, self._experiment(wildcards), label)))

        return of

    # The run ----------------------------------------------------------------------------------

    @cached_property
    def checked_files(self) -> list[Path]:
        """Every file of this store whose loss or change a run mends."""
        e = self.experiments
        verdicts = [self.store.verdicts(), *self.own_verdicts()]
        pdfs = [self.store.figure(name, "pdf") for name in e]
        rows = [self.store.seed_rows(name) for name in e]
        examples = [self.store.examples(x.name, label) for x in e.values() for label in x.methods]
        examples += [self.store.shown(name) for name in e]
        histories = [
            path.with_name(path.name.replace(".json", ".history.csv")) for path in self.models()
        ]
        return [
            *self.data(),
            *self.models(),
            *histories,
            *self.scores(),
            *examples,
            *self.tables(),
            *rows,
            *verdicts,
            *self.figures(),
            *pdfs,
            self.store.report(),
        ]

    def stop_if_unknown(self, words: list[str]) -> None:
        """Refuse a file that is asked for and that no run makes.

        Raises:
            UserError: naming the nearest ones that there are.
        """
        known = [str(path) for path in self.checked_files]
        gathered = ("verdicts", "report", str(self.store.verdicts()), str(self.store.report()))
        for before, given in itertools.pairwise(["", *words]):
            word = os.path.normpath(given)
            if before in ("--report", "--archive", "--directory", "-d"):
                continue  # the option's own path
            if self.narrowed and word in gathered:
                raise UserError(
                    f"{word} gathers all experiments: ask for it without --config experiments=..."
                )
            if word.startswith(("results/", "figures/")) and word not in known:
                near = get_close_matches(word, known, n=5, cutoff=0.3)
                raise UserError(
                    f"no run makes {word!r}; the nearest that there are:\n  " + "\n  ".join(near)
                )

    def mend(self) -> None:
        """Put away what a run must not take for made: damaged files, and those of another place.

        Snakemake knows of a file that it did not make only that it is there; so results that
        came with the repository, right or stale, would count as made until they are adopted.
        """
        for message in set_aside_damaged(self.checked_files):
            print(message, file=sys.stderr)
        # A narrowed run would not make the gathered pages again.
        pages = (self.store.verdicts(), self.store.report()) if self.narrowed else ()
        foreign = [
            path
            for path in self.checked_files
            if path not in pages and path.is_file() and not _made_here(path)
        ]
        for path in foreign:
            path.unlink()
        if foreign:
            print(
                f"{len(foreign)} results were not made in this folder and are made anew "
                "(`mbdl adopt` would have kept them; they are in the repository)",
                file=sys.stderr,
            )

    def start(self) -> None:
        """Say what is about to run."""
        names = ", ".join(self.experiments)
        print(f"scale {self.scale.name}: {self.scale.about}\nexperiments: {names}")

    def farewell(self) -> str:
        """Return the words at the end of a run: where everything lies."""
        store = self.store
        lines = [
            "",
            f"figures   {store.figures}/",
            f"tables    {store.results}/tables/",
            f"verdicts  {store.verdicts() if not self.narrowed else store.results / 'verdicts'}",
        ]
        return "\n".join(lines if self.narrowed else [*lines, f"report    {store.report()}"])

    def mishap(self) -> str:
        """Return the words at the end of a run that did not finish."""
        return (
            f"\nNot everything was made; logs are in {self.store.results}/logs/. "
            "Run the same command again: what is finished is kept."
        )


def for_snakemake(config: dict[str, Any], is_main_process: bool) -> Plan:
    """Return the plan of a run, having stopped it with one message if it cannot be run.

    Args:
        config: Snakemake's ``--config``.
        is_main_process: whether this is the process that the user started.
    """
    try:
        for key in config:
            if key not in OPTIONS:
                raise UserError(f"--config {key}: unknown setting; {one_of(key, OPTIONS)}")
        os.environ["MBDL_DEVICE"] = _checked_device(str(config.get("device", "cpu")))
        os.environ["MBDL_RUN_PID"] = str(os.getpid())
        # Jobs run in the environment of this process, whether that is activated or not.
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        plan = Plan(
            experiment_file.load_scale(str(config.get("scale", "full"))),
            _comma_separated(config.get("experiments")),
        )
        plan.stop_if_unknown(sys.argv[1:])
        if is_main_process and not any(READ_ONLY.match(word) for word in sys.argv[1:]):
            _held.append(take_lock())
            plan.mend()
    except UserError as error:
        sys.exit(f"\n{error}\n")
    except OSError as error:
        sys.exit(f"\ncannot write in this folder: {error}\n")
    return plan


def _comma_separated(value: Any) -> str | None:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _checked_device(device: str) -> str:
    if device.split(":")[0] not in ("cpu", "cuda"):  # both compute in double precision
        raise UserError(f"--config device={device}: {one_of(device, ['cpu', 'cuda'])}")
    return device


def take_lock() -> IO[str]:
    """Hold a lock for as long as what is returned stays open, or this process lives.

    The system frees it however the process ends; Snakemake's own lock outlives a killed run
    and has to be removed by hand.

    Raises:
        UserError: if another run holds it.
    """
    LOCK.parent.mkdir(parents=True, exist_ok=True)
    handle = open(LOCK, "a+", encoding="utf-8")  # noqa: SIM115  (open until the process ends)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.seek(0)
        holder = handle.read().strip() or "another process"
        raise UserError(
            f"another run is at work in this folder ({holder}). Wait until it ends, or stop it; "
            "then run this command again."
        ) from None
    handle.truncate(0)
    handle.write(f"process {os.getpid()}")
    handle.flush()
    return handle


def _made_here(path: Path) -> bool:
    """Return whether Snakemake has a note of making, or adopting, this file in this folder."""
    note = base64.urlsafe_b64encode(str(path).encode()).decode()
    return Path(".snakemake/metadata", note).is_file()


_held: list[IO[str]] = []
