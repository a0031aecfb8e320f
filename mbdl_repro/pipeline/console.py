"""What a run says on the terminal: a bar with the time left, or a line for each finished job."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.common import LogEvent

from mbdl_repro.pipeline.costs import duration
from mbdl_repro.pipeline.verbs import VERBS, Task

CHATTER = (
    "Assuming unrestricted",
    "At least one job did not",
    "Building DAG",
    "Complete log",
    "Conda environments",
    "Elapsed time",
    "Execute ",
    "Exiting because a job",
    "Finished jobid",
    "Missing metadata",
    "Provided cores",
    "Reasons:",
    "Restored previous version",
    "Rules claiming",
    "Rules with missing metadata",
    "Select jobs",
    "Touching output",
    "Using shell",
    "Will exit after",
)
"""How lines begin that tell of Snakemake's own work, and not of this project's."""


def attach(workflow: Any) -> Console | None:
    """Put a console in the place of Snakemake's own, unless the user asked for all that it says.

    Args:
        workflow: Snakemake's own object.
    """
    if workflow.output_settings.verbose or workflow.output_settings.debug_dag:
        return None
    logger = workflow.logger_manager.logger
    for handler in list(logger.handlers):
        if isinstance(handler, ColorizingTextHandler):
            console = Console(handler)
            logger.removeHandler(handler)
            logger.addHandler(console)
            return console
    return None  # another logger's: the user chose it


class Console(logging.Handler):
    """Says in a line each what a reader of Snakemake's log wants to know.

    Args:
        theirs: Snakemake's own handler, which formats and writes what is said otherwise.
    """

    def __init__(self, theirs: ColorizingTextHandler) -> None:
        super().__init__(theirs.level)
        self.theirs = theirs
        self.filters = list(theirs.filters)
        self.why: Mapping[str, str] | None = None
        """Why each task runs, by its name: in a dry run."""
        self._seconds: Mapping[str, float | None] = {}
        self._started: dict[int, tuple[str, float]] = {}
        self._bar: Any = None
        self._n_done = 0

    def begin(self, seconds: Mapping[str, float | None]) -> None:
        """Begin to count jobs.

        Args:
            seconds: how long each should take, by its name; None where that is not known.
        """
        self._seconds = seconds
        if sys.stderr.isatty():
            self._bar = _bar(sum(map(self._weight, seconds)))

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def emit(self, record: logging.LogRecord) -> None:
        """Say what a record tells, if it is for this project's users.

        Args:
            record: of Snakemake's logger.
        """
        event = getattr(record, "event", None)
        if event == LogEvent.JOB_INFO:
            self._job(record)
        elif event == LogEvent.JOB_FINISHED:
            self._finished(record)
        elif event == LogEvent.JOB_ERROR:
            name = self._started.pop(record.__dict__["jobid"], ("a job", 0.0))[0]
            self._say(f"failed: {name}")
        elif event == LogEvent.RUN_INFO:
            # A dry run counts its jobs before and after it lists them; once is enough.
            if self.why is not None and self._started:
                self._through_theirs(record)
        elif event == LogEvent.SHELLCMD or (
            event in (None, LogEvent.ERROR) and not self._is_chatter(record.getMessage())
        ):
            self._through_theirs(record)

    @staticmethod
    def _is_chatter(message: str) -> bool:
        text = message.strip()
        # A job that ends with 1 has said why by itself; one that was killed could not.
        told = "CalledProcessError" in text and "non-zero exit status 1." in text
        told |= "At least one job did not complete" in text
        return not text or text.startswith(CHATTER) or told or "provenance/metadata" in text

    def _job(self, record: logging.LogRecord) -> None:
        told = record.__dict__
        if told["rule_name"] not in VERBS:
            return
        words: dict[str, str] = told["wildcards"] or {}
        experiment, method, comparison = map(words.get, ("experiment", "method", "comparison"))
        part, parts = (int(words.get(key, 1)) for key in ("part", "parts"))
        name = Task(told["rule_name"], experiment, method, part, parts, comparison).name
        self._started[told["jobid"]] = (name, time.monotonic())
        if self.why is not None:
            self._say(f"{name}: {self.why[name]}")
        elif self._bar is not None:
            self._bar.update(0, description=name)

    def _finished(self, record: logging.LogRecord) -> None:
        name, start = self._started.pop(record.__dict__["job_id"], ("", 0.0))
        if not name:
            return
        self._n_done += 1
        if self._bar is not None:
            self._bar.update(0, advance=self._weight(name))
        else:
            took = duration(time.monotonic() - start)
            self._say(f"[{self._n_done}/{len(self._seconds)}] {name}, {took}")

    def _weight(self, name: str) -> float:
        """Return how much of the bar a job takes: its seconds, 3 where they are not known."""
        return self._seconds.get(name) or 3.0

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=self.theirs.stream, flush=True)

    def _through_theirs(self, record: logging.LogRecord) -> None:
        if self._bar is not None:
            self._bar.console.print(self.theirs.format(record), highlight=False, markup=False)
        else:
            self.theirs.emit(record)


def _bar(total: float) -> Any:
    """Return a bar on the terminal that has begun."""
    from rich.console import Console as Terminal
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}"),
    )
    bar = Progress(*columns, console=Terminal(stderr=True), transient=True)
    bar.add_task("", total=total)
    bar.start()
    return bar
