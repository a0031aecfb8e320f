"""What every panel is drawn from: the table, a few stored examples, and a style for each row."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mbdl_repro.contract.table import N_EXAMPLES, same
from mbdl_repro.errors import UserError
from mbdl_repro.figures.over import Kind, kind_of, paired
from mbdl_repro.figures.style import OF_ALL

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from mbdl_repro.contract.table import Place
    from mbdl_repro.figures.style import RowStyle


Reads = Literal["table", "examples", "history"]
"""What a panel shows of the methods that it names: rows of the table, a few stored examples, or the
histories of their training."""


class PanelSpec(BaseModel):
    """Keys that every kind of panel takes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    reads: ClassVar[Reads] = "table"
    wide: ClassVar[bool] = False
    """Whether it takes a whole row, and says itself how high that is."""
    names_at_ends: ClassVar[bool] = False
    """Whether the names of its rows stand at the ends of its lines, where there is room."""
    names_left: ClassVar[bool] = False
    """Whether names of its rows stand left of it."""

    title: str = Field(min_length=1)
    focus: list[str] | None = None
    """Rows that carry the message, in full colour; others stand behind them, paler."""
    where: dict[str, Any] = {}
    """Point of the sweep that is shown; a column that is not named must have one value."""
    place: int = Field(default=0, ge=0)
    """Of which point stored examples are: counted from 0, in the order of the file."""

    optional: ClassVar[frozenset[str]] = frozenset()
    """What of :attr:`wanted` a method may be without."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples: names without their places."""
        return ()

    def look(self, sources: Sources, name: str) -> RowStyle:
        """Return how a row looks in this panel.

        Args:
            sources: of the figure.
            name: the row's label in the experiment.
        """
        return sources.styles[name].seen(name, self.focus)

    @property
    def n_examples(self) -> int:
        """Up to which of the stored examples it reads them, counted from 1."""
        return 0

    def kept(self, examples: Mapping[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        """Return what it reads of a method's stored examples, as is kept with the rows.

        Args:
            examples: the method's arrays, their names ending in their places: ``estimate_0``.
            name: what messages call the method.

        Raises:
            UserError: if the method stores no such thing.
        """
        found = {
            kind: self.stored(examples, name, kind)
            for kind in self.wanted
            if kind not in self.optional or f"{kind}_{self.place}" in examples
        }
        return {f"{kind}_{self.place}": array for kind, array in self.reduced(found).items()}

    def reduced(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return :func:`kept` of these arrays."""
        return kept(arrays)

    def stored(self, examples: Mapping[str, np.ndarray], name: str, kind: str) -> np.ndarray:
        """Return what a method stored of a few signals, at the place that is shown.

        Args:
            examples: the method's arrays, their names ending in their places: ``estimate_0``.
            name: what messages call the method.
            kind: the array's name without its place.

        Raises:
            UserError: if it has no such thing.
        """
        key = f"{kind}_{self.place}"
        if key not in examples:
            there = sorted({k.rpartition("_")[0] for k in examples})
            raise UserError(
                f"panel {self.title!r}: {name} stores no {kind}; it has {', '.join(there)}"
            )
        return examples[key]

    def stop_if_ambiguous(self, name: str, ambiguous: bool) -> None:
        """Refuse to draw a method or bound of which several rows stand at one place.

        Args:
            name: what messages call it.
            ambiguous: whether several of its rows stand at one place.
        """
        if ambiguous:
            raise UserError(
                f"panel {self.title!r}: {name} has several rows for one place; say in `where` "
                "which value each column has that is not the panel's x"
            )


class PanelOfExample(PanelSpec):
    """Keys that every panel of one stored example takes."""

    reads: ClassVar[Reads] = "examples"

    methods: Annotated[list[str], Field(min_length=1)]
    """Whose examples are shown; the first one's give what all share."""
    example: Annotated[int, Field(ge=0, lt=N_EXAMPLES)] = 0

    @property
    def n_examples(self) -> int:
        """Up to which of the stored examples it reads them, counted from 1."""
        return self.example + 1

    def shown(self, sources: Sources, name: str, kind: str) -> np.ndarray:
        """Return what a method stored of the example that is shown.

        Args:
            sources: of the figure.
            name: the method's label in the experiment.
            kind: the array's name without its place.

        Raises:
            UserError: if it has no such thing.
        """
        found: np.ndarray = self.stored(sources.examples[name], name, kind)[self.example]
        return found

    def shared(self, sources: Sources, kind: str) -> np.ndarray:
        """Return what all methods have in common of the example: its truth, or its observation.

        Args:
            sources: of the figure.
            kind: the array's name without its place.
        """
        return self.shown(sources, self.methods[0], kind)


@dataclasses.dataclass(frozen=True)
class Sources:
    """What a panel may read."""

    table: pd.DataFrame
    examples: Mapping[str, Mapping[str, np.ndarray]]
    styles: Mapping[str, RowStyle]
    labels: Mapping[str, str]
    """Names of metrics and columns, as axes spell them."""
    seed_table: pd.DataFrame | None = None
    """The rows of each seed."""
    histories: pd.DataFrame | None = None
    """The training histories of learned methods: rows of all their fits."""
    published: Sequence[tuple[Place, float]] = ()
    """Numbers that others printed, and where in the table ours stand."""
    decibels: frozenset[str] = frozenset()
    """Metrics in dB that are averaged as the ratios that they stand for."""

    def rows(self, method: str, metric: str, where: Mapping[str, Any]) -> pd.DataFrame:
        """Return the rows of a method or bound at a point; training size 0 fits all of them.

        Args:
            method: its label in the experiment, or the bound's name.
            metric: which of its metrics.
            where: columns and their values; a number is met up to rounding in its text.
        """
        return _at(self.table, method, metric, where)

    def seed_rows(self, method: str, metric: str, where: Mapping[str, Any]) -> pd.DataFrame:
        """Return the rows of each seed, as :meth:`rows` does those of their mean.

        Args:
            method: its label in the experiment, or the bound's name.
            metric: which of its metrics.
            where: columns and their values; a number is met up to rounding in its text.
        """
        assert self.seed_table is not None
        return _at(self.seed_table, method, metric, where)

    def kind(self, metric: str) -> Kind:
        """Return how values of a metric are compared.

        Args:
            metric: its name.
        """
        return kind_of(self.labels.get(metric, metric), decibels=metric in self.decibels)

    def rows_over(
        self, method: str, metric: str, where: Mapping[str, Any], reference: str
    ) -> pd.DataFrame:
        """Return what a method's metric is over that of another row, seed by seed.

        Args:
            method: its label in the experiment, or the bound's name.
            metric: which of its metrics.
            where: columns and their values; a number is met up to rounding in its text.
            reference: label of the method, or name of the bound, that it is compared with.

        Returns:
            The columns of places, ``iteration``, and the mean with its interval: of the ratio in
            dB, or of the difference of what is in dB already.
        """
        ours = self.seed_rows(method, metric, where)
        theirs = self.seed_rows(reference, metric, where)
        return paired(ours, theirs, self.kind(metric))

    def printed(
        self, method: str, metric: str, where: Mapping[str, Any]
    ) -> list[tuple[Mapping[str, Any], float]]:
        """Return the published numbers of a method at a point, each with its place.

        Args:
            method: its label in the experiment.
            metric: which of its metrics.
            where: columns and their values; a number is met up to rounding in its text.
        """
        return [
            (place.at, value)
            for place, value in self.published
            if (place.method, place.metric) == (method, metric)
            and all(same(place.at.get(column, wanted), wanted) for column, wanted in where.items())
        ]


def kept(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what is kept of the arrays that are wanted: all, in single precision.

    Args:
        arrays: by their names without their places.
    """
    return {kind: single(array) for kind, array in arrays.items()}


def single(array: np.ndarray) -> np.ndarray:
    """Return an array in single precision, where its numbers are of a higher one."""
    smaller = {"d": np.float32, "D": np.complex64}
    return array.astype(smaller.get(array.dtype.char, array.dtype))


def draw_printed(axes: Axes, x: float, y: float, style: RowStyle, *, named: bool) -> None:
    """Mark a published number, hollow, in the colour and the marker of its method.

    Args:
        axes: what is drawn on.
        x: where it stands on the horizontal axis, in that axis's unit.
        y: where it stands on the vertical one.
        style: of the method.
        named: whether it stands for all of them in the legend.
    """
    axes.plot(
        [x],
        [y],
        style.marker or "d",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=style.colour,
        markeredgewidth=1.3,
        zorder=5,
        clip_on=False,
        gid="published",
    )
    if named:
        (mark,) = axes.plot(
            [], [], "o", markersize=8, markerfacecolor="none", markeredgecolor=OF_ALL
        )
        mark.set_label("published (hollow)")
        mark.mbdl_order = math.inf  # type: ignore[attr-defined]


def _at(table: pd.DataFrame, method: str, metric: str, where: Mapping[str, Any]) -> pd.DataFrame:
    rows = table[(table["method"] == method) & (table["metric"] == metric)]
    for column, value in where.items():
        here = rows[column] == value
        if _is_number(value):  # the same but for rounding in their text
            here = np.isclose(rows[column], value, rtol=1e-9, atol=0)
        if column == "n_train":
            here |= rows[column] == 0
        rows = rows[here]
    return rows


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
