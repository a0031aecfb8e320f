"""A run as Snakemake does it: it is told which jobs to run, and decides nothing by itself."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import IO, Any

from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments.reading import EXPERIMENTS, load_scale
from mbdl_repro.pipeline import console, server
from mbdl_repro.pipeline.caches import DEVICES, kind_of
from mbdl_repro.pipeline.costs import Costs
from mbdl_repro.pipeline.plan import TARGETS, Plan
from mbdl_repro.pipeline.status import Status
from mbdl_repro.pipeline.verbs import VERBS, Task, Verb
from mbdl_repro.store.files import cannot_write, set_aside

OPTIONS = ("experiments", "scale", "device")
LOCK = Path(".snakemake/mbdl.lock")

FEW = 3
"""So many jobs are done sooner by plain processes than by one that imports everything first."""


def for_snakemake(config: dict[str, Any], workflow: Any) -> Run:
    """Return a run, having stopped it with one message if it cannot be.

    Args:
        config: Snakemake's ``--config``.
        workflow: Snakemake's own object.
    """
    try:
        _stop_outside_root(Path(workflow.basedir))
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
    except UserError as error:
        sys.exit(f"\n{error}\n")
    return Run(plan, workflow)


class Run:
    """A run: what Snakemake's rules are made of, and what is done before and after its jobs.

    Until its jobs begin, it changes no file, and what runs no jobs never gets there.

    Args:
        plan: which experiments, at which scale.
        workflow: Snakemake's own object.
    """

    def __init__(self, plan: Plan, workflow: Any) -> None:
        self.plan = plan
        self.workflow = workflow
        self.costs = Costs(plan)
        self.console = console.attach(workflow) if workflow.is_main_process else None
        self._lock: IO[str] | None = None
        self._server: server.Server | None = None
        if workflow.is_main_process:
            self._heed_signals()

    # What rules are made of: functions of wildcards -------------------------------------------

    def inputs_of(self, verb: Verb) -> Callable[[Any], list[str]]:
        """Return the function that gives a job's inputs: none where it does not run.

        Args:
            verb: of the rule.
        """
        return lambda wildcards: self._inputs(verb, wildcards)

    def made_by(self, *verbs: str) -> Callable[[Any], list[Path]]:
        """Return the function that gives what all tasks of some verbs write.

        Args:
            verbs: their names.
        """

        def made(wildcards: Any) -> list[Path]:
            self.check_what_is_asked_for()
            return self.plan.made_by(*verbs)

        return made

    def outputs_of(self, verb: Verb) -> list[str]:
        """Return a rule's outputs, with names of wildcards in them.

        Args:
            verb: of the rule.
        """
        from snakemake.io import report
        from snakemake.ioflags import update

        # "update" keeps Snakemake from deleting what a job is about to replace.
        paths = [update(str(path)) for path in self.plan.outputs_of(verb)]
        category = verb.report_category
        read = [path.endswith((".csv", ".png")) and category for path in paths]
        return [
            report(path, category=category) if shown else path
            for path, shown in zip(paths, read, strict=True)
        ]

    def _inputs(self, verb: Verb, wildcards: Any) -> list[str]:
        from snakemake.io import ancient

        task = self._task(verb, wildcards)
        if task not in self.told:
            return []
        found: list[str] = []
        for need in self.plan.needs(task):
            paths = map(str, self.plan.outputs(need))
            # The time of a file that stays says nothing of what it holds.
            found += paths if need in self.told else map(ancient, paths)
        return found

    def _task(self, verb: Verb, wildcards: Any) -> Task:
        try:
            return self.plan.task(verb, wildcards)
        except UserError as error:
            sys.exit(f"\n{error}\n")

    # What Snakemake is told -------------------------------------------------------------------

    @cached_property
    def told(self) -> set[Task]:
        """The tasks that run; all of them where Snakemake only shows what there is.

        A process that Snakemake begins for one job of a cluster is told that job by the first.
        """
        settings, dag = self.workflow.dag_settings, self.workflow.dag
        settings.rerun_triggers = frozenset()
        if self.workflow.executor_plugin is None or not self.workflow.is_main_process:
            return set(self.plan.tasks)
        dag.ignore_incomplete = True
        if self.workflow.local_exec:
            # With a limit, Snakemake wakes up once a second for each job that it has ever begun.
            self.workflow.scheduling_settings.max_jobs_per_timespan = None
        tasks = self.status.to_run
        dag.forcefiles.update(map(str, self.plan.outputs(*tasks)))
        if self.console is not None and self.workflow.dryrun:
            self.console.why = {task.name: self.status.why(task) for task in tasks}
        self._announce()
        return set(tasks)

    @cached_property
    def status(self) -> Status:
        """What is made, and what is to be made for what was asked for."""
        settings = self.workflow.dag_settings
        targets = self._tasks_of(settings.targets) if settings.targets else self.plan.targets
        forced = self._tasks_of(settings.forcerun)
        if settings.forceall:
            forced = self.plan.tasks
        elif settings.forcetargets:
            forced = [*forced, *targets]
        return Status(self.plan, targets, forced)

    def check_what_is_asked_for(self) -> None:
        """Stop a run that is asked for what it does not make, even where it would do nothing."""
        self._tasks_of(self.workflow.dag_settings.targets)

    def _tasks_of(self, words: Iterable[str]) -> list[Task]:
        """Return the tasks that names of rules and files stand for."""
        plan = self.plan
        makers = {str(path): task for task in plan.tasks for path in plan.outputs(task)}
        found: list[Task] = []
        for word in words:
            path = os.path.normpath(word)
            verbs = TARGETS.get(word, (word,))
            if path in makers:
                found.append(makers[path])
            elif word == "all":
                found += plan.targets
            elif verbs[0] in VERBS:
                found += [task for task in plan.tasks if task.verb in verbs]
            verb = VERBS.get(verbs[0])
            gathers = verb is not None and verb.of_all and not verb.of_some
            gathers |= path == str(plan.store.verdicts())
            if plan.narrowed and gathers:
                sys.exit(
                    f"\n{word} gathers all experiments: ask for it without "
                    "--config experiments=...\n"
                )
            if path not in makers and os.sep in path:
                near = get_close_matches(path, list(makers), n=5, cutoff=0.3)
                listed = "\n  ".join(near)
                sys.exit(f"\nno run makes {path!r}; the nearest that there are:\n  {listed}\n")
        return found

    def _announce(self) -> None:
        """Say in the first lines what the run is about to do, and what stays as it is."""
        plan, tasks = self.plan, self.status.to_run
        names = list(plan.experiments)
        print(f"scale {plan.scale.name}: {plan.scale.about}", file=sys.stderr)
        shown = ", ".join(names) if len(names) <= 6 else f"all {len(names)}"
        print(f"experiments: {shown}", file=sys.stderr)
        stay = sum(self.status.of(task).state == "fresh" for task in self.status.concerned)
        stay -= sum(self.status.of(task).state == "fresh" for task in tasks)
        if stay:
            print(
                f"{stay} results are there as this code makes them, and stay "
                "(--forceall makes everything anew)",
                file=sys.stderr,
            )
        if tasks:
            # On a cluster a run has so many jobs at a time instead of cores.
            given = self.workflow.resource_settings
            work = self.costs.work(tasks, given.cores or given.nodes or 1)
            print(work, file=sys.stderr, flush=True)

    # Before and after its jobs ----------------------------------------------------------------

    def begin(self) -> None:
        """Take the lock, clear the way, and start what serves the jobs."""
        self._heed_signals()  # Snakemake has just put its own handler there
        try:
            self._lock = take_lock()
            for task in self.status.to_run:
                verb = VERBS[task.verb]
                for path in (verb.log(self.plan.store, task), *self.plan.outputs(task)):
                    path.parent.mkdir(parents=True, exist_ok=True)
            for path in self.plan.outputs(*self.status.to_run):
                if path.is_dir() and not self.workflow.touch:
                    aside = set_aside(path)
                    print(f"{path} was damaged: a folder; it is set aside as {aside.name}")
        except UserError as error:
            sys.exit(f"\n{error}\n")
        except OSError as error:
            sys.exit(f"\n{cannot_write(Path(str(error.filename)), error)}\n")
        if self.workflow.local_exec:
            _keep_no_notes(self.workflow.persistence)
        if self.console is not None:
            self.console.begin({task.name: self.costs.seconds(task) for task in self.told})
        if self._is_served:
            self._server = server.Server(self.plan.scale.name, self.plan.experiments)

    @property
    def _is_served(self) -> bool:
        """Whether one process serves the jobs: on this machine and its CPU, where it pays."""
        here = self.workflow.local_exec and not self.workflow.touch
        on_cpu = kind_of(self.plan.device) == "cpu"  # a copy could not use a GPU
        copies = sys.platform == "linux"  # elsewhere, libraries do not bear to be copied at work
        return here and on_cpu and copies and len(self.told) > FEW

    def end(self) -> None:
        """Say where everything lies."""
        self._close()
        store, narrowed = self.plan.store, self.plan.narrowed
        made = {task.verb for task in self.status.targets}
        places = {
            "figures   ": ({"draw", "compare"}, f"{store.figures}/"),
            "tables    ": ({"summarize"}, f"{store.results}/tables/"),
            "verdicts  ": (
                {"verify", "gather"},
                store.results / "verdicts" if narrowed else store.verdicts(),
            ),
            "report    ": ({"report"}, store.report(chosen=narrowed)),
        }
        print()
        for heading, (verbs, place) in places.items():
            if made & verbs:
                print(f"{heading}{place}")

    def fail(self) -> None:
        """Say what to do after a run that did not finish."""
        self._close()
        print(
            f"\nNot everything was made; logs are in {self.plan.store.results}/logs/. "
            "Run the same command again: what is finished is kept.",
            file=sys.stderr,
        )

    def _heed_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """End at once: jobs write whole files only, and they and their server end with it."""
        signal.signal(number, signal.SIG_DFL)  # who asks twice is not kept waiting
        try:
            if self.console is not None:
                self.console.end()
            self._cancel_on_cluster()
            name = signal.Signals(number).name
            print(
                f"\nstopped ({name}); run the same command again: what is finished is kept",
                file=sys.stderr,
                flush=True,
            )
        finally:
            os._exit(128 + number)  # also where nobody reads any more what is said

    def _cancel_on_cluster(self) -> None:
        """Cancel the jobs that wait or run on a cluster: those do not end with this process."""
        scheduler = self.workflow.scheduler
        if self.workflow.local_exec or scheduler is None:
            return
        from snakemake_interface_common.exceptions import WorkflowError

        executor = scheduler._executor
        # For a moment it does not know of those that it submits, or asks about, just now.
        deadline = time.monotonic() + 2
        while len(executor.active_jobs) < len(scheduler.running) and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            executor.cancel_jobs(list(executor.active_jobs))
        except WorkflowError as error:
            print(f"jobs on the cluster go on: {error}", file=sys.stderr)

    def _close(self) -> None:
        if self.console is not None:
            self.console.end()
        if self._server is not None:
            self._server.close()


def _keep_no_notes(persistence: Any) -> None:
    """Let Snakemake take no notes, nor copies to put back: records tell, and files are whole.

    Args:
        persistence: Snakemake's own object.
    """

    async def finished(job: Any) -> None:
        pass

    persistence.finished = finished
    persistence.started = persistence.cleanup = lambda job, *more: None
    persistence.backup_output = persistence.cleanup_backup = lambda path: None
    persistence.restore_output = lambda path: True


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


def _stop_outside_root(root: Path) -> None:
    """Refuse to run where this project's folders are not: experiments and results lie there."""
    if EXPERIMENTS.is_dir() and Path.cwd().resolve() == root.resolve():
        return
    raise UserError(
        f"snakemake works in {Path.cwd()}, and experiments and results lie beside the Snakefile: "
        f"run it in {root}, without --directory and not as a module of another workflow"
    )


def _comma_separated(value: Any) -> str | None:
    return ",".join(map(str, value)) if isinstance(value, list) else value


def _checked_device(device: str) -> str:
    if kind_of(device) not in DEVICES:
        raise UserError(f"--config device={device}: {one_of(device, DEVICES)}")
    return device
