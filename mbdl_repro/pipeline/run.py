"""A run as Snakemake does it: its settings, its lock, and what is put right before it begins."""

from __future__ import annotations

import base64
import fcntl
import itertools
import os
import re
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments.reading import load_scale
from mbdl_repro.pipeline.caches import DEVICES, kind_of
from mbdl_repro.pipeline.plan import Plan
from mbdl_repro.store.records import set_aside_damaged

OPTIONS = ("experiments", "scale", "device")
LOCK = Path(".snakemake/mbdl.lock")
READ_ONLY = re.compile(
    r"--(dry|dag|rulegraph|filegraph|d3dag|lint|summary|detailed|list|touch|unlock|help|version)"
    r"|-[a-zA-Z]*n[a-zA-Z]*$|-[lthv]$"
)
"""Options of snakemake that run nothing: only a real run takes the lock and mends files."""


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
        os.environ["MBDL_RUN_PID"] = str(os.getpid())
        # Jobs run in the environment of this process, whether that is activated or not.
        os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        plan = Plan(
            load_scale(str(config.get("scale", "full"))),
            _comma_separated(config.get("experiments")),
            _checked_device(str(config.get("device", "cpu"))),
        )
        stop_if_unknown(plan, sys.argv[1:])
        if is_main_process and not any(READ_ONLY.match(word) for word in sys.argv[1:]):
            _held.append(take_lock())
            mend(plan)
    except UserError as error:
        sys.exit(f"\n{error}\n")
    except OSError as error:
        sys.exit(f"\ncannot write in this folder: {error}\n")
    return plan


def stop_if_unknown(plan: Plan, words: list[str]) -> None:
    """Refuse a file that is asked for and that no run makes.

    Args:
        plan: of the run.
        words: of Snakemake's command.

    Raises:
        UserError: naming the nearest ones that there are.
    """
    known = [str(path) for path in plan.outputs(*plan.tasks)]
    gathered = ("verdicts", "report", str(plan.store.verdicts()), str(plan.store.report()))
    for before, given in itertools.pairwise(["", *words]):
        word = os.path.normpath(given)
        if before in ("--report", "--archive", "--directory", "-d"):
            continue  # the option's own path
        if plan.narrowed and word in gathered:
            raise UserError(
                f"{word} gathers all experiments: ask for it without --config experiments=..."
            )
        if word.startswith(("results/", "figures/")) and word not in known:
            near = get_close_matches(word, known, n=5, cutoff=0.3)
            raise UserError(
                f"no run makes {word!r}; the nearest that there are:\n  " + "\n  ".join(near)
            )


def mend(plan: Plan) -> None:
    """Put away what a run must not take for made: damaged files, and those of another place.

    Snakemake knows of a file that it did not make only that it is there; so results that
    came with the repository, right or stale, would count as made until they are adopted.
    A narrowed run leaves the gathered pages alone: it would not make them again.
    """
    files = plan.outputs(*plan.tasks)
    for message in set_aside_damaged(files):
        print(message, file=sys.stderr)
    foreign = [path for path in files if path.is_file() and not _made_here(path)]
    for path in foreign:
        path.unlink()
    if foreign:
        print(
            f"{len(foreign)} results were not made in this folder and are made anew "
            "(`mbdl adopt` would have kept them; they are in the repository)",
            file=sys.stderr,
        )


def announce(plan: Plan) -> None:
    """Say what is about to run."""
    names = ", ".join(plan.experiments)
    print(f"scale {plan.scale.name}: {plan.scale.about}\nexperiments: {names}")


def summary(plan: Plan) -> str:
    """Return the words at the end of a run: where everything lies."""
    store = plan.store
    lines = [
        "",
        f"figures   {store.figures}/",
        f"tables    {store.results}/tables/",
        f"verdicts  {store.verdicts() if not plan.narrowed else store.results / 'verdicts'}",
    ]
    return "\n".join(lines if plan.narrowed else [*lines, f"report    {store.report()}"])


def on_error(plan: Plan) -> str:
    """Return the words at the end of a run that did not finish."""
    return (
        f"\nNot everything was made; logs are in {plan.store.results}/logs/. "
        "Run the same command again: what is finished is kept."
    )


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


def _comma_separated(value: Any) -> str | None:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _checked_device(device: str) -> str:
    if kind_of(device) not in DEVICES:
        raise UserError(f"--config device={device}: {one_of(device, DEVICES)}")
    return device


def _made_here(path: Path) -> bool:
    """Return whether Snakemake has a note of making, or adopting, this file in this folder."""
    note = base64.urlsafe_b64encode(str(path).encode()).decode()
    return Path(".snakemake/metadata", note).is_file()


_held: list[IO[str]] = []
