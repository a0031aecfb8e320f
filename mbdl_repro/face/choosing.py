"""Which method for so many pairs and operations: what comparisons measured, and nothing beyond."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

from mbdl_repro.errors import UserError, meant, one_of
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.face.root import in_root
from mbdl_repro.reporting import choices, docstrings, numbers, tables
from mbdl_repro.reporting.made import made_table
from mbdl_repro.reporting.problems import Problems
from mbdl_repro.store.paths import Store

if TYPE_CHECKING:
    import pandas as pd

NEAR = 1.1
"""A size that is larger by this factor at most counts as what was asked for."""
FAR = 3.0
"""Beyond this factor of the largest size, nothing that was measured is near."""
OVER = ("over_bound", "over_bound_low", "over_bound_high")
ERROR = ("error", "error_low", "error_high")
COLUMNS = [
    "example",
    "condition",
    "model",
    "method",
    "legend",
    "family",
    "knowledge",
    "n_train",
    *OVER,
    "over_best",
    "over_best_low",
    "over_best_high",
    *ERROR,
    "metric",
    "unit",
    "operations",
    "n_parameters",
    "experiment",
    "with_more",
    "n_more",
]


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Methods that can be afforded in one problem and state of knowledge, the best first.

    Attributes:
        example: the problem.
        condition: its state of knowledge: ``right``, or what is wrong.
        experiment: that measured it.
        rows: a row a method: errors in decibels over the bound and over the best of all, whatever
            that costs, each with its 95 % interval; the error itself; what an estimate takes;
            ``with_more``, decibels over the bound (or the best) at ``n_more`` pairs.
        notes: what was not measured, and how wrong what is believed is, in sentences.
    """

    example: str
    condition: str
    experiment: str
    rows: pd.DataFrame
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Return the ranking as a table, with its notes before it."""
        heading = f"{self.example}, {self.condition} (measured by {self.experiment})"
        notes = [docstrings.wrapped(note, "  ") for note in self.notes]
        return "\n".join([heading, *notes, *([] if self.rows.empty else [self._table()])])

    def _table(self) -> str:
        first = self.rows.iloc[0]
        over = "over_best" if math.isnan(first["over_bound"]) else "over_bound"
        more = [f"with {first['n_more']}"] if first["n_more"] else []
        head = ["method", f"dB {over.replace('_', ' the ')}", *more, "operations", "learned"]
        lines = [
            [
                row["legend"],
                numbers.number(row[over], row[f"{over}_high"] - row[over]),
                *([f"{row['with_more']:.1f}".replace("-", "−")] if more else []),
                *(numbers.count(row[price]) for price in ("operations", "n_parameters")),
            ]
            for row in self.rows.to_dict("records")
        ]
        return tables.as_text(head, lines)


@dataclasses.dataclass(frozen=True, repr=False)
class Chosen:
    """What :func:`choose` found: a ranking for each problem and state of knowledge.

    Attributes:
        rankings: of methods, the best first.
    """

    rankings: tuple[Ranking, ...]

    @property
    def table(self) -> pd.DataFrame:
        """All rankings one under another, a row a method."""
        import pandas as pd

        return pd.concat([one.rows for one in self.rankings], ignore_index=True)

    def __repr__(self) -> str:
        """Return the rankings as tables."""
        return "\n\n".join(str(one).rstrip() for one in self.rankings)


def choose(
    problem: str,
    *,
    pairs: int,
    operations: float = math.inf,
    model: Literal["right", "wrong"] | None = None,
) -> Chosen:
    """Return the methods that so many pairs and operations allow, ranked by what was measured.

    They are ranked by their error with the largest measured number of pairs that is not more than
    yours, in decibels over the bound. What comparisons have not measured is said, not guessed::

        mbdl.choose("sparse_recovery", pairs=100, operations=1e6, model="wrong")

    Args:
        problem: a running example, such as ``tracking``, or a problem of the comparisons, such as
            ``smoothing``.
        pairs: training pairs that there are.
        operations: multiplications and additions that one more estimate may take.
        model: whether what is believed is ``right`` or ``wrong``; ``None``: both.

    Returns:
        The rankings, which print as tables; ``table`` has all numbers.

    Raises:
        UserError: an argument that is not allowed, or tables that are not made yet.
    """
    if pairs < 0 or operations <= 0 or math.isnan(operations):
        raise UserError(
            f"pairs is {pairs}, and operations {operations:g}: allowed are pairs of 0 or more, and "
            "operations above 0"
        )
    if model not in (None, "right", "wrong"):
        raise UserError(f"no model {model!r}; {one_of(model, ['right', 'wrong'])}")
    with in_root():
        scale = reading.load_scale("full")
        store, experiments = Store.of(scale), reading.load_all(scale)
        examples = _examples(problem, experiments)
        measured = made_table(store.comparison(choices.CHOICE), choices.CHOICE)
        measured = measured[measured["budget"] == "any"]
        known = Problems(experiments, lambda name: made_table(store.table(name), name))
        here = measured[measured["example"].isin(examples)]
        here = here[here["model"].isin([model] if model else ["right", "wrong"])]
        places = here.groupby(["example", "condition"], sort=False)
        return Chosen(
            tuple(_ranking(known, place, rows, pairs, operations) for place, rows in places)
        )


def _examples(problem: str, experiments: Mapping[str, Experiment]) -> list[str]:
    """Return the problems of a running example, or the one of this name."""
    known: dict[str, list[str]] = {}
    for experiment in experiments.values():
        for role in experiment.roles:
            known[_plain(role.example)] = [role.example]
    for experiment in experiments.values():
        found = [role.example for role in experiment.roles]
        if found:
            known[experiment.area] = list(dict.fromkeys([*known.get(experiment.area, ()), *found]))
    name = meant(_plain(problem), known)
    if name is None:
        raise UserError(f"no comparison has measured {problem!r}; {one_of(_plain(problem), known)}")
    return known[name]


def _plain(name: str) -> str:
    return re.sub(r"\W+", "_", name.casefold())


def _ranking(
    known: Problems, place: Any, rows: pd.DataFrame, pairs: int, operations: float
) -> Ranking:
    """Return the ranking of one problem and state of knowledge."""
    example, condition = place
    sizes = sorted(rows["n_train"].unique())
    enough = [n for n in sizes if n <= NEAR * pairs]
    n_train = int(enough[-1] if enough else sizes[0])
    above = [int(n) for n in sizes if n > n_train] if enough and n_train * NEAR < pairs else []
    here = rows[rows["n_train"] == n_train]
    notes = [*_notes(sizes, n_train, pairs, bool(enough)), *known.wrong(example, condition)]
    if here["over_bound"].isna().all():
        notes.append(f"No bound is known: decibels are over the best of all with {n_train} pairs.")
    here = _with_more(here if enough else here[~here["fitted"]], rows, above[0] if above else 0)
    label, unit = known.metric(example, condition)
    here = here.assign(metric=label, unit=unit)
    errors = [known.error(example, condition, one, n_train) for one in here["method"]]
    for i, name in enumerate(ERROR):
        here[name] = [error[i] for error in errors]
    here = here.sort_values("over_best", kind="stable")
    allowed = here[here["operations"] <= operations]
    notes += _beyond(here, allowed, operations)
    found = allowed[COLUMNS].reset_index(drop=True)
    return Ranking(example, condition, str(rows["experiment"].iloc[0]), found, tuple(notes))


def _with_more(here: pd.DataFrame, rows: pd.DataFrame, n_more: int) -> pd.DataFrame:
    """Add what each method reaches with more pairs, in the decibels that it is ranked by."""
    over = "over_bound" if here["over_bound"].notna().any() else "over_best"
    more = rows[rows["n_train"] == n_more].set_index("method")[over]
    return here.assign(with_more=here["method"].map(more), n_more=n_more)


def _notes(sizes: list[int], n_train: int, pairs: int, enough: bool) -> Iterator[str]:
    """Yield what of the number of pairs was not measured."""
    listed = ", ".join(map(str, sizes))
    if not enough:
        yield f"Measured with {listed} pairs. With {pairs}, only what is fitted to none is known."
    elif pairs > FAR * sizes[-1]:
        yield f"Nothing was measured near {pairs} pairs: ranked by {n_train}, the most there were."
    elif not n_train / NEAR <= pairs <= NEAR * n_train:
        yield f"Measured with {listed} pairs, not with {pairs}: ranked by {n_train}."


def _beyond(here: pd.DataFrame, allowed: pd.DataFrame, operations: float) -> Iterator[str]:
    """Yield what more operations would allow."""
    if here.empty:
        return
    if allowed.empty:
        least = here.loc[here["operations"].idxmin()]
        yield (
            f"No method takes {numbers.count(operations)} operations or fewer: the least is "
            f"{numbers.count(least['operations'])}, by {least['legend']}."
        )
    elif (first := here.iloc[0])["method"] != allowed["method"].iloc[0]:
        yield (
            f"The best of all, {first['legend']}, takes {numbers.count(first['operations'])} "
            f"operations; the best of these is {allowed['over_best'].iloc[0]:.1f} dB behind it."
        )
