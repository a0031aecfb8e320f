"""Methods one under another, and a metric of each, or two, along the horizontal axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from mbdl_repro.figures.intervals import clipped, draw_dots, of_rows, tones
from mbdl_repro.figures.metric import PanelOfMetric
from mbdl_repro.figures.names import wrapped
from mbdl_repro.figures.panel import Sources, draw_printed
from mbdl_repro.figures.style import OF_ALL, RULE, blend, of_row
from mbdl_repro.figures.ticks import plain_log_ticks

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

NAME = 27
"""Letters of a line of a row's name."""


class Spec(PanelOfMetric):
    """Keys of a panel of dots: filled marks with intervals, and rings of the other metric."""

    names_left: ClassVar[bool] = True
    not_of_ratios: ClassVar[tuple[str, ...]] = ("also", "seeds", "x_scale")

    methods: Annotated[list[str], Field(min_length=1)]
    """From top to bottom."""
    x_scale: Literal["linear", "log"] = "linear"
    x_label: str | None = None
    seeds: bool = False
    """Draw a faint dot for each seed, too."""
    x_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    shades: str | None = None
    """A column: a row has a dot for each of its values, one below the other, the last darkest."""

    @model_validator(mode="after")
    def _one_dot_a_row(self) -> Spec:
        """Refuse what is drawn beside the one dot of a row where a row has several."""
        given = [key for key in ("also", "seeds", "printed") if getattr(self, key)]
        if self.shades is not None and given:
            raise ValueError(f"shades: a row has several dots: leave out {', '.join(given)}")
        return self


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw each method's mean and interval in a row of its own; bounds are lines across all.

    With ``spec.shades`` a row has several; of one that does not depend on that column, one.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: the table, and the rows of each seed if ``spec.seeds`` or ``spec.over`` asks for
            them.
    """
    styles = {name: spec.look(sources, name) for name in spec.methods}
    if spec.shades is not None:
        styles = {name: of.plain for name, of in styles.items()}
    shares = _shares(spec, sources)
    columns, white = {}, {}
    for name in spec.methods:
        rows = _rows(spec, sources, name)
        columns[name] = clipped(of_rows(rows)) if spec.x_scale == "log" else of_rows(rows)
        values = rows[spec.shades] if spec.shades is not None else [0.0] * len(rows)
        white[name] = [shares.get(value, 0.0) for value in values]
    seeds = {name: _seeds(spec, sources, name) for name in spec.methods} if spec.seeds else {}
    draw_dots(axes, spec.methods, columns, white, seeds, styles)
    if spec.shades is not None:
        _name_shades(axes, spec.shades, shares, sources)
    for row, name in enumerate(spec.methods):
        if spec.also is not None:
            _ring(axes, spec, sources, name, row)
    if spec.printed:
        _printed(axes, spec, sources)
    if spec.over is not None:
        axes.axvline(0.0, color=RULE, linewidth=0.8, zorder=1)
    for name, style in sources.styles.items():
        if style.marker is None and (spec.bounds is None or name in spec.bounds):
            _bound(axes, spec, sources, name)
    axes.set_yticks(range(len(styles)), [wrapped(one.legend, NAME) for one in styles.values()])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(styles) - 0.5, -0.5)
    axes.grid(True, axis="y", linestyle=":")
    axes.set(xlabel=spec.x_label or spec.label(sources), ylabel="")
    if spec.x_scale == "log":
        axes.set_xscale("log")
        plain_log_ticks(axes.xaxis)
    if spec.x_range is not None:
        axes.set_xlim(*spec.x_range)


def _rows(spec: Spec, sources: Sources, name: str) -> pd.DataFrame:
    """Return the row of a method's answer, or one for each shade that it has, rising."""
    rows = spec.rows_of(sources, name)
    rows = rows[rows["iteration"].isna()]
    if spec.shades is None:
        ambiguous = len(rows) > 1
    else:
        rows = rows.sort_values(spec.shades)
        ambiguous = rows.duplicated(spec.shades).any()
    spec.stop_if_ambiguous(name, ambiguous)
    return rows


def _shares(spec: Spec, sources: Sources) -> dict[float | str, float]:
    """Return the share of white of each shade, which stands for one value in every row."""
    values = [] if spec.shades is None else shades_of(spec.shades, sources)
    return dict(zip(values, tones(len(values)), strict=True))


def shades_of(column: str, sources: Sources) -> list[float | str]:
    """Return the values of a column that have shades, rising: no size of what learns nothing.

    Args:
        column: of the table.
        sources: of the figure.
    """
    return sorted({value for value in sources.table[column] if column != "n_train" or value > 0})


def _name_shades(
    axes: Axes, column: str, shares: dict[float | str, float], sources: Sources
) -> None:
    """Name the shades of a column's values, in the grey that stands for all rows' colours."""
    called = sources.labels.get(column, column)
    for value, share in shares.items():
        (mark,) = axes.plot([], [], "o", color=blend(OF_ALL, share), markeredgewidth=0)
        counted = called.removeprefix("number of ")
        shown = value if isinstance(value, str) else f"{value:g}"
        mark.set_label(f"{called} {shown}" if counted == called else f"{shown} {counted}")


def _seeds(spec: Spec, sources: Sources, name: str) -> NDArray[np.float64]:
    """Return the metric of a method's answer, a value a seed."""
    rows = sources.seed_rows(name, spec.y, spec.where)
    return rows.loc[rows["iteration"].isna(), "value"].to_numpy(float)


def _printed(axes: Axes, spec: Spec, sources: Sources) -> None:
    named = False
    for row, name in enumerate(spec.methods):
        for _, value in spec.published(sources, name):
            draw_printed(axes, value, row, spec.look(sources, name), named=not named)
            named = True


def _ring(axes: Axes, spec: Spec, sources: Sources, name: str, row: int) -> None:
    assert spec.also is not None
    others = spec.rows_of(sources, name, spec.also)
    axes.plot(
        others["mean"],
        [row] * len(others),
        "o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor=spec.look(sources, name).colour,
        # Once in the legend, where it is the first method's.
        label=sources.labels.get(spec.also, spec.also) if row == 0 else None,
    )


def _bound(axes: Axes, spec: Spec, sources: Sources, name: str) -> None:
    style, rows = spec.look(sources, name), spec.rows_of(sources, name)
    words = {"color": style.colour, "linestyle": style.line, "label": style.legend}
    for value in rows.loc[rows["iteration"].isna(), "mean"]:
        of_row(axes.axvline(value, linewidth=1.4, **words), style)
