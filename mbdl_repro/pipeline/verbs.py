"""The verbs that carry an experiment to its figure: what each reads, writes and stands on.

This table is the only place that says so. The Snakefile makes its rules from it, and ``mbdl plan``
and ``mbdl status``, jobs and their records read it too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mbdl_repro.comparisons import reading
from mbdl_repro.contract.hashing import digest
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments import specs
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.pipeline import caches
from mbdl_repro.store.fingerprint import Fingerprint, fingerprint, together
from mbdl_repro.store.paths import Store

Book = Mapping[str, Experiment]
"""The experiments of a run, by name."""


@dataclasses.dataclass(frozen=True)
class Task:
    """A verb applied to an experiment, perhaps to one of its methods, or to all experiments.

    A comparison reads several experiments.
    """

    verb: str
    experiment: str | None = None
    method: str | None = None
    part: int = 1
    """Which share of the method's fits it is, counted from 1, ..."""
    parts: int = 1
    """... and of how many."""
    comparison: str | None = None
    chosen: tuple[str, ...] = ()
    """Experiments that it is of, where it could be of all."""

    @property
    def name(self) -> str:
        """How messages name it."""
        share = f"part {self.part} of {self.parts}" if self.parts > 1 else None
        return " ".join(
            filter(None, [self.verb, self.experiment, self.method, self.comparison, share])
        )


Files = Callable[[Store, Any], tuple[Path, ...]]
"""Returns the outputs of what has the attributes of a task: a task, or names of wildcards."""


@dataclasses.dataclass(frozen=True)
class Verb:
    """A row of the table.

    Attributes:
        name: of the verb, and of its rule.
        module: that does it, in a function of the verb's name.
        of: the attributes of a task that tell its jobs apart.
        outputs: what a task writes.
        tasks: all tasks of a run.
        needs: the tasks whose outputs a task reads.
        spec: what a task depends on besides code and inputs, as plain data.
        code: what a task stands on.
        on_device: whether it computes on the device that the run is given.
        priority: tasks of the greatest are started first.
        of_some: whether a narrowed run does it, too, for the experiments that are chosen.
        report_category: under which Snakemake's own report shows outputs that people read; empty
            where it shows none.
    """

    name: str
    module: str
    of: tuple[str, ...]
    outputs: Files
    tasks: Callable[[Book], Iterable[Task]]
    needs: Callable[[Book, Task], list[Task]]
    spec: Callable[[Book, Task], dict[str, Any]]
    code: Callable[[Book, Task], Fingerprint]
    on_device: bool = False
    priority: int = 0
    of_some: bool = False
    report_category: str = ""

    @property
    def of_all(self) -> bool:
        """Whether a task of it reads several experiments; full runs do it, others if of some."""
        return "experiment" not in self.of

    def log(self, store: Store, names: Any) -> Path:
        """Return where the log of a task lies.

        Args:
            store: of the run.
            names: a task, or names of wildcards.
        """
        target = "/".join(getattr(names, one) for one in self.of if one not in ("part", "parts"))
        if "part" in self.of:
            target += f".{names.part}of{names.parts}"
        return store.log(self.name, target or self.name)


# Which tasks there are --------------------------------------------------------------------------


def _one_each(verb: str) -> Callable[[Book], Iterable[Task]]:
    return lambda book: [Task(verb, name) for name in book]


def _trainings(book: Book) -> Iterable[Task]:
    return [task for name, e in book.items() for label in e.methods for task in _fits_of(e, label)]


def _fits_of(experiment: Experiment, label: str) -> list[Task]:
    entry = experiment.methods[label]
    shares = range(1, entry.jobs + 1) if entry.has_fit else ()
    return [Task("train", experiment.name, label, part, entry.jobs) for part in shares]


def _evaluations(book: Book) -> Iterable[Task]:
    return [Task("evaluate", name, label) for name, e in book.items() for label in e.methods]


def _boundings(book: Book) -> Iterable[Task]:
    return [Task("bound", name) for name, e in book.items() if e.bounds]


def _countings(book: Book) -> Iterable[Task]:
    return [Task("count", name) for name, experiment in book.items() if experiment.roles]


def _comparisons(book: Book) -> Iterable[Task]:
    return [Task("compare", comparison=name) for name in reading.names()]


# What each reads --------------------------------------------------------------------------------


def _nothing(book: Book, task: Task) -> list[Task]:
    return []


def _data(book: Book, task: Task) -> list[Task]:
    return [Task("simulate", task.experiment)]


def _data_and_fits(book: Book, task: Task) -> list[Task]:
    assert task.experiment is not None and task.method is not None
    return [*_data(book, task), *_fits_of(book[task.experiment], task.method)]


def _scores(book: Book, task: Task) -> list[Task]:
    """Return the scores of all methods, the bounds, and the fits of those that learn."""
    experiment = _experiment(book, task)
    own = {experiment.name: experiment}
    fits = [fit for label in experiment.learned for fit in _fits_of(experiment, label)]
    return [*_evaluations(own), *_boundings(own), *fits]


def _rows(book: Book, task: Task) -> list[Task]:
    return [Task("tabulate", task.experiment)]


def _tables(book: Book, task: Task) -> list[Task]:
    return [Task("summarize", task.experiment), *_rows(book, task)]


def _compared(book: Book, task: Task) -> list[Task]:
    """Return the rows of all experiments that have a role, and what their methods cost."""
    roles = [name for name, experiment in book.items() if experiment.roles]
    also = [name for name in _comparison(task).spec.experiments if name in book]
    counted = [Task("count", name) for name in roles]
    return [*(Task("tabulate", name) for name in dict.fromkeys([*roles, *also])), *counted]


def _verdicts(book: Book, task: Task) -> list[Task]:
    return [*(Task("verify", name) for name in book), *_comparisons(book)]


def _all_results(book: Book, task: Task) -> list[Task]:
    own = [Task(verb, name) for verb in ("tabulate", "summarize", "draw") for name in book]
    if task.chosen:
        return [*own, *(Task("verify", name) for name in book)]
    return [Task("gather"), *own, *_comparisons(book)]


# What each stands on ----------------------------------------------------------------------------


def _experiment(book: Book, task: Task) -> Experiment:
    assert task.experiment is not None
    return book[task.experiment]


def _of_experiment(
    spec: Callable[[Experiment], dict[str, Any]],
) -> Callable[[Book, Task], dict[str, Any]]:
    return lambda book, task: spec(_experiment(book, task))


def _of_method(
    spec: Callable[[Experiment, str], dict[str, Any]],
) -> Callable[[Book, Task], dict[str, Any]]:
    return lambda book, task: spec(_experiment(book, task), str(task.method))


COMPARISONS = "mbdl_repro.comparisons"
STAGES = "mbdl_repro.pipeline.stages"
TABLE = "mbdl_repro.store.files:table_to_bytes"
"""How numbers are written into tables."""

SMALL = "mbdl_repro.store.files:arrays_to_small_bytes"
"""How arrays are kept with rows."""

WEIGHTS = "mbdl_repro.pipeline.weights"
ROWS = "mbdl_repro.pipeline.rows"


def _code_of_simulate(book: Book, task: Task) -> Fingerprint:
    return caches.data_code(_experiment(book, task))


def _code_of_train(book: Book, task: Task) -> Fingerprint:
    fitted = caches.fit_code(_experiment(book, task), str(task.method))
    return together([fitted, fingerprint(f"{STAGES}.train:described", TABLE)])


def _code_of_evaluate(book: Book, task: Task) -> Fingerprint:
    scored = caches.score_code(_experiment(book, task), str(task.method))
    return together([scored, fingerprint(f"{STAGES}.evaluate:gathered", TABLE)])


def _code_of_bound(book: Book, task: Task) -> Fingerprint:
    computed = caches.bound_code(_experiment(book, task))
    return together([computed, fingerprint(f"{ROWS}:rows_of", TABLE)])


def _code_of_tabulate(book: Book, task: Task) -> Fingerprint:
    """Return what the rows of seeds stand on, with all that they come from.

    So rows that came with the repository, without the scores, are known to be right or not.
    """
    codes = [VERBS[need.verb].code(book, need) for need in _scores(book, task)]
    made = ("long_table", "of_seeds", "shown", "histories")
    own = [f"{ROWS}:groups_of", *(f"{STAGES}.tabulate:{name}" for name in made)]
    kept = ("main_fit", "note_of", "learned_tensors", "weights_to_bytes")
    own += [f"{WEIGHTS}:{name}" for name in kept]
    keeping = {type(one).reduced.__module__ for one in _experiment(book, task).panels_of_examples}
    own += [f"{module}:kept" for module in sorted(keeping)]
    return together([fingerprint(*own, TABLE, SMALL), *codes])


def _code_of_summarize(book: Book, task: Task) -> Fingerprint:
    made = (f"{STAGES}.summarize:{name}" for name in ("summary_of", "described"))
    return fingerprint(*made, f"{ROWS}:with_groups", TABLE)


def _code_of_verify(book: Book, task: Task) -> Fingerprint:
    return fingerprint(f"{STAGES}.verify:verdicts", f"{ROWS}:with_groups", TABLE)


def _code_of_draw(book: Book, task: Task) -> Fingerprint:
    kinds = sorted({type(panel).__module__ for panel in _experiment(book, task).panels})
    drawn = [f"{kind}:{name}" for kind in kinds for name in ("Spec", "draw")]
    return fingerprint(f"{STAGES}.draw:drawn", f"{STAGES}.draw:sources_of", *drawn)


def _code_of_count(book: Book, task: Task) -> Fingerprint:
    experiment = _experiment(book, task)
    fits = [caches.fit_code(experiment, label) for label in experiment.methods]
    return together([*fits, fingerprint(f"{STAGES}.count:counted", TABLE)])


def _code_of_compare(book: Book, task: Task) -> Fingerprint:
    kind = f"{COMPARISONS}.kinds.{_comparison(task).kind}"
    return fingerprint(
        f"{kind}:Spec", *(f"{STAGES}.compare:{f}" for f in ("compared", "read")), TABLE
    )


def _code_of_gather(book: Book, task: Task) -> Fingerprint:
    return fingerprint("mbdl_repro.pipeline.stages.gather:gathered", TABLE)


def _code_of_report(book: Book, task: Task) -> Fingerprint:
    return fingerprint("mbdl_repro.reporting.report:pages")


def _comparison(task: Task) -> reading.Comparison:
    assert task.comparison is not None
    return reading.load(task.comparison)


# The table --------------------------------------------------------------------------------------

VERBS: dict[str, Verb] = {
    verb.name: verb
    for verb in (
        Verb(
            name="simulate",
            module=f"{STAGES}.simulate",
            of=("experiment",),
            outputs=lambda store, of: (store.data(of.experiment),),
            tasks=_one_each("simulate"),
            needs=_nothing,
            spec=_of_experiment(specs.simulate_spec),
            code=_code_of_simulate,
        ),
        Verb(
            name="train",
            module=f"{STAGES}.train",
            of=("experiment", "method", "part", "parts"),
            outputs=lambda store, of: (
                store.model(of.experiment, of.method, of.part, of.parts),
                store.history(of.experiment, of.method, of.part, of.parts),
            ),
            tasks=_trainings,
            needs=_data,
            spec=_of_method(specs.train_spec),
            code=_code_of_train,
            on_device=True,
            priority=1,  # the longest jobs first, so that no core waits for the last of them
        ),
        Verb(
            name="evaluate",
            module=f"{STAGES}.evaluate",
            of=("experiment", "method"),
            outputs=lambda store, of: (
                store.scores(of.experiment, of.method),
                store.examples(of.experiment, of.method),
            ),
            tasks=_evaluations,
            needs=_data_and_fits,
            spec=_of_method(specs.evaluate_spec),
            code=_code_of_evaluate,
            on_device=True,
        ),
        Verb(
            name="bound",
            module=f"{STAGES}.bound",
            of=("experiment",),
            outputs=lambda store, of: (store.bounds(of.experiment),),
            tasks=_boundings,
            needs=_data,
            spec=_of_experiment(specs.bounds_spec),
            code=_code_of_bound,
        ),
        Verb(
            name="tabulate",
            module=f"{STAGES}.tabulate",
            of=("experiment",),
            outputs=lambda store, of: (
                store.seed_rows(of.experiment),
                store.groups(of.experiment),
                store.shown(of.experiment),
                store.histories(of.experiment),
                store.weights(of.experiment),
            ),
            tasks=_one_each("tabulate"),
            needs=_scores,
            spec=_of_experiment(specs.tabulate_spec),
            code=_code_of_tabulate,
            report_category="Tables",
        ),
        Verb(
            name="summarize",
            module=f"{STAGES}.summarize",
            of=("experiment",),
            outputs=lambda store, of: (store.table(of.experiment),),
            tasks=_one_each("summarize"),
            needs=_rows,
            spec=_of_experiment(specs.summarize_spec),
            code=_code_of_summarize,
            report_category="Tables",
        ),
        Verb(
            name="verify",
            module=f"{STAGES}.verify",
            of=("experiment",),
            outputs=lambda store, of: (store.verdicts(of.experiment),),
            tasks=_one_each("verify"),
            needs=_rows,
            spec=_of_experiment(specs.verify_spec),
            code=_code_of_verify,
            report_category="Verdicts",
        ),
        Verb(
            name="draw",
            module=f"{STAGES}.draw",
            of=("experiment",),
            outputs=lambda store, of: store.figure_files(of.experiment),
            tasks=_one_each("draw"),
            needs=_tables,
            spec=_of_experiment(specs.draw_spec),
            code=_code_of_draw,
            report_category="Figures",
        ),
        Verb(
            name="count",
            module=f"{STAGES}.count",
            of=("experiment",),
            outputs=lambda store, of: (store.operations(of.experiment),),
            tasks=_countings,
            needs=_nothing,
            spec=_of_experiment(specs.count_spec),
            code=_code_of_count,
        ),
        Verb(
            name="compare",
            module=f"{STAGES}.compare",
            of=("comparison",),
            outputs=lambda store, of: (
                store.comparison(of.comparison),
                store.verdicts(of.comparison),
                *store.figure_files(of.comparison),
            ),
            tasks=_comparisons,
            needs=_compared,
            spec=lambda book, task: specs.compare_spec(
                book, _comparison(task).file, _comparison(task).spec.experiments
            ),
            code=_code_of_compare,
            report_category="Comparisons",
        ),
        Verb(
            name="gather",
            module=f"{STAGES}.gather",
            of=(),
            outputs=lambda store, of: (store.verdicts(),),
            tasks=lambda book: [Task("gather")],
            needs=_verdicts,
            spec=lambda book, task: specs.gather_spec([*book, *reading.names()]),
            code=_code_of_gather,
            report_category="Verdicts",
        ),
        Verb(
            name="report",
            module="mbdl_repro.reporting.report",
            of=(),
            outputs=lambda store, of: (store.report(chosen=bool(of.chosen)),),
            tasks=lambda book: [Task("report")],
            needs=_all_results,
            spec=lambda book, task: specs.report_spec(book, layout()),
            code=_code_of_report,
            of_some=True,
        ),
    )
}


def task_of(
    verb: str,
    book: Book,
    experiment: str | None,
    method: str | None,
    part: int = 1,
    comparison: str | None = None,
    chosen: tuple[str, ...] = (),
) -> Task:
    """Return the task that a job's words name.

    Args:
        verb: its name.
        book: the experiments that there are.
        experiment: its name, for a verb that takes one.
        method: its name in the experiment, for a verb that takes one.
        part: share of the method's fits, counted from 1.
        comparison: its name, for a verb that takes one.
        chosen: experiments that it is of, for a verb that may be of all or of some.

    Raises:
        UserError: if a word is missing, or names what there is not.
    """
    if verb not in VERBS:
        raise UserError(f"no verb {verb!r}; {one_of(verb, VERBS)}")
    of = VERBS[verb].of
    if "comparison" in of:
        if comparison is None:
            raise UserError("--comparison is missing: which one?")
        return Task(verb, comparison=reading.load(comparison).name)
    if "experiment" not in of:
        return Task(verb, chosen=chosen if VERBS[verb].of_some else ())
    if experiment is None:
        raise UserError("--experiment is missing: which one?")
    if "method" not in of:
        return Task(verb, experiment)
    methods = book[experiment].methods
    if method is None:
        raise UserError("--method is missing: which one?")
    if method not in methods:
        raise UserError(f"no method {method!r}; {one_of(method, methods)}")
    if "part" not in of:
        return Task(verb, experiment, method)
    parts = methods[method].jobs
    if not 1 <= part <= parts:
        raise UserError(f"--part {part}: allowed is 1 to {parts}")
    return Task(verb, experiment, method, part, parts)


def inputs(task: Task, book: Book, store: Store) -> list[Path]:
    """Return the files that a task reads.

    Args:
        task: a verb, applied.
        book: the experiments that there are.
        store: where everything lies.
    """
    needs = VERBS[task.verb].needs(book, task)
    return [path for need in needs for path in VERBS[need.verb].outputs(store, need)]


def stands_on(task: Task, book: Book, device: str) -> dict[str, Any]:
    """Return what a task's outputs stand on besides its inputs, as its record keeps it.

    Args:
        task: whose outputs they are.
        book: the experiments that there are.
        device: that the run is given.
    """
    verb = VERBS[task.verb]
    code = verb.code(book, task)
    return {
        "spec": verb.spec(book, task),
        "code": {
            "digest": code.digest,
            "definitions": code.definitions,
            "versions": code.versions,
            "device": caches.kind_of(device) if computes_on_device(task.verb) else None,
        },
    }


def computes_on_device(verb: str) -> bool:
    """Return whether a verb's numbers come from the run's device: its own, or of its inputs."""
    return VERBS[verb].on_device or verb == "tabulate"


def layout() -> str:
    """Return the digest of the report's layout, of which no fingerprint knows."""
    folder = Path(__file__).parents[1] / "reporting/templates"
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return digest(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files))
