"""A metric over two swept fields, or of methods over one: a shade and a number a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from mbdl_repro.figures.names import NAME, wrapped
from mbdl_repro.figures.over import label_of
from mbdl_repro.figures.panel import PanelSpec, Sources

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.text import Text


class Spec(PanelSpec):
    """Keys of a panel of shades."""

    x: str
    """The column along the horizontal axis."""
    rows: str | None = None
    """The column along the vertical one; without it methods stand there, one under another."""
    y: str
    """The metric that is shaded."""
    methods: Annotated[list[str], Field(min_length=1)]
    """Whose it is: one, where a column stands along the vertical axis; else from top to bottom."""
    over: str | None = None
    """A method, or a bound: shades are ratios to its own, seed by seed, in dB."""
    x_label: str | None = None
    rows_label: str | None = None
    digits: Annotated[int, Field(ge=0, le=6)] = 2
    """After the point, of the numbers."""
    shade_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    """Where shades end: what is beyond has the last one, and its own number."""

    @property
    def listed(self) -> list[str]:
        """Methods that stand one under another, each with its name left of it."""
        return self.methods if self.rows is None else []

    @model_validator(mode="after")
    def _one_thing_a_row(self) -> Spec:
        """Refuse several methods where rows are values of a column."""
        if self.rows is not None and len(self.methods) > 1:
            raise ValueError("methods: one where rows is a column; leave out rows, or the others")
        return self


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw a shade a place: white where nothing is gained over ``spec.over`` or lost.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: the table, and the rows of each seed if ``spec.over`` asks for them.
    """
    import seaborn as sns

    places = _of_methods(spec, sources) if spec.rows is None else _of_column(spec, sources)
    label = sources.labels.get(spec.y, spec.y)
    if spec.over is not None:
        label = label_of(label, sources.kind(spec.y), sources.styles[spec.over].legend)
    signed = spec.over is not None or sources.kind(spec.y) in ("decibels", "difference")
    low, high = spec.shade_range or (None, None)
    sns.heatmap(
        places,
        ax=axes,
        vmin=low,
        vmax=high,
        annot=True,
        fmt=f".{spec.digits}f",
        annot_kws={"size": "small"},
        cmap="vlag" if signed else "rocket_r",
        center=0.0 if signed else None,
        linewidths=0.5,
        cbar_kws={"label": label},
        xticklabels=[f"{value:g}" for value in places.columns],
        yticklabels=list(places.index),
    )
    axes.grid(False)
    axes.tick_params(axis="y", labelrotation=0)
    if spec.rows is None:
        _mark_families(axes, spec, sources)
    axes.set_title(spec.title)
    axes.set_xlabel(spec.x_label or sources.labels.get(spec.x, spec.x))
    named = "" if spec.rows is None else sources.labels.get(spec.rows, spec.rows)
    axes.set_ylabel(spec.rows_label or named)


def _rows(spec: Spec, sources: Sources, name: str) -> pd.DataFrame:
    """Return the rows of a method that have a place, or answers where there is none."""
    if spec.over is None:
        rows = sources.rows(name, spec.y, spec.where)
    else:
        rows = sources.rows_over(name, spec.y, spec.where, spec.over)
    if spec.x != "iteration":
        return rows[rows["iteration"].isna()]
    return rows.dropna(subset=[spec.x])


def _of_column(spec: Spec, sources: Sources) -> pd.DataFrame:
    """Return means, a column for each value along x and a row for each along the other axis."""
    (name,) = spec.methods
    rows = _rows(spec, sources, name)
    spec.stop_if_ambiguous(name, rows.duplicated([spec.x, spec.rows]).any())
    places = rows.pivot(index=spec.rows, columns=spec.x, values="mean").sort_index(ascending=False)
    return places.set_axis([f"{value:g}" for value in places.index])


def _of_methods(spec: Spec, sources: Sources) -> pd.DataFrame:
    """Return means, a column for each value along x and a row for each method.

    Of what looks at no training pairs there is one number, which holds at each size.
    """
    import pandas as pd

    found = {}
    for name in spec.methods:
        rows = _rows(spec, sources, name)
        spec.stop_if_ambiguous(name, rows[spec.x].duplicated().any())
        found[wrapped(sources.styles[name].legend, NAME)] = rows.set_index(spec.x)["mean"]
    places = pd.DataFrame(found).T
    if spec.x == "n_train" and 0 in places and places.shape[1] > 1:
        everywhere = places.pop(0)
        places = places.apply(lambda column: column.fillna(everywhere))
    return places.sort_index(axis=1)


def _mark_families(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Write each method's name in its family's colour, and the least number of a column bold."""
    for label, name in zip(axes.get_yticklabels(), spec.methods, strict=True):
        label.set_color(spec.look(sources, name).colour)
    by_column: dict[float, list[Text]] = {}
    for text in axes.texts:
        by_column.setdefault(text.get_position()[0], []).append(text)
    for texts in by_column.values():
        least = min(float(text.get_text()) for text in texts)
        for text in texts:
            if float(text.get_text()) == least:
                text.set_fontweight("bold")
