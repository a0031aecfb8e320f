"""A metric against a column of the table: the sweep, the training size, or the iteration."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from mbdl_repro.figures.intervals import ALPHA, clipped, draw_line, of_rows
from mbdl_repro.figures.over import compared, label_of
from mbdl_repro.figures.panel import PanelSpec, Sources, draw_printed
from mbdl_repro.figures.style import plain_log_ticks, ticks_at

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from mbdl_repro.figures.style import RowStyle


class Spec(PanelSpec):
    """Keys of a panel of lines."""

    names_at_ends: ClassVar[bool] = True

    x: str
    y: str
    x_scale: Literal["linear", "log", "snr_db"] = "linear"
    """``snr_db`` shows a noise standard deviation σ as the SNR 1/σ² in dB."""
    y_scale: Literal["linear", "log", "db"] = "linear"
    methods: list[str] | None = None
    """Those drawn; all if not given."""
    bounds: list[str] | None = None
    x_label: str | None = None
    y_label: str | None = None
    printed: bool = False
    """Mark what others published."""
    y_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    also: str | None = None
    """Another metric of the same unit, of those that have it: thin dotted lines."""
    also_label: str | None = None
    """What legends call it; the metric's own label if not given."""
    over: str | None = None
    """A method, or a bound: lines are ratios to its own, seed by seed, in dB."""
    intervals: Literal["band", "caps"] = "band"
    """How intervals are drawn; caps where bands of many lines would cover one another."""

    @model_validator(mode="after")
    def _ratios_stand_alone(self) -> Spec:
        """Refuse keys of the metric itself where ratios of it are shown."""
        if self.over is not None and (self.also is not None or self.y_scale != "linear"):
            raise ValueError("over: ratios are in dB already: leave out also and y_scale")
        return self

    def chosen(self, sources: Sources) -> list[str]:
        """Return the methods that the panel shows, and its bounds.

        Args:
            sources: of the figure.
        """
        bounds = [n for n, s in sources.styles.items() if s.marker is None]
        methods = [n for n, s in sources.styles.items() if s.marker is not None]
        return (methods if self.methods is None else self.methods) + (
            bounds if self.bounds is None else self.bounds
        )


ASIDE = 1.6
"""Points between the caps of one line and those of the next."""
FEW = 8
"""Of different counts on an axis, each has its tick."""


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw each method's means with their intervals; what has no x is a level line.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: the table, the rows of each seed if ``spec.over`` asks for them, and the published
            numbers if ``spec.printed`` does.
    """
    chosen = spec.chosen(sources)
    level_lines = []
    counts: set[float] = set()
    whole = spec.x in ("iteration", "n_train")
    every = _drawn(spec, sources, chosen)
    for i, (name, metric, style) in enumerate(every):
        rows = _rows(spec, sources, name, metric)
        along = (
            rows[rows["iteration"].notna()]
            if spec.x == "iteration"
            else rows[rows["iteration"].isna()]
        )
        if spec.x == "n_train":
            along = along[along["n_train"] > 0]
        if along.empty:
            level_lines.append((name, style, rows[rows["iteration"].isna()]))
        elif len(along) == 1 and style.marker is None:  # a line of one point would not be seen
            level_lines.append((name, style, along))
        else:
            spec.stop_if_ambiguous(name, along[spec.x].duplicated().any())
            aside = ASIDE * (i - (len(every) - 1) / 2) if spec.intervals == "caps" else 0.0
            _line(axes, spec, style, along.sort_values(spec.x), aside)
            counts |= {x for x in along[spec.x] if x > 0 or spec.x_scale == "linear"}
            whole |= along[spec.x].dtype.kind == "i"
    _scales(axes, spec)
    for name, style, rows in level_lines:
        spec.stop_if_ambiguous(name, len(rows) > 1)
        if not rows.empty:
            _level(axes, spec, style, rows.iloc[:1])
    if spec.printed:
        _printed(axes, spec, sources, chosen)
    axes.set_title(spec.title)
    axes.set_xlabel(spec.x_label or sources.labels.get(spec.x, spec.x))
    axes.set_ylabel(spec.y_label or _label(spec, sources))
    if spec.over is not None:
        axes.margins(y=0.1)
    if spec.y_range is not None:
        axes.set_ylim(*spec.y_range)
    for axis, scale in ((axes.xaxis, spec.x_scale), (axes.yaxis, spec.y_scale)):
        if scale == "log":
            plain_log_ticks(axis)
    if whole and 1 < len(counts) <= FEW:
        ticks_at(axes.xaxis, sorted(counts))


def _drawn(spec: Spec, sources: Sources, chosen: list[str]) -> list[tuple[str, str, RowStyle]]:
    """Return the label, metric and style of each line."""
    drawn = [(name, spec.y, spec.look(sources, name)) for name in chosen]
    if spec.also is not None:
        label = spec.also_label or sources.labels.get(spec.also, spec.also)
        methods = [n for n in chosen if sources.styles[n].marker is not None]
        drawn += [(n, spec.also, _dotted(spec.look(sources, n), label)) for n in methods]
    return drawn


def _rows(spec: Spec, sources: Sources, name: str, metric: str) -> pd.DataFrame:
    if spec.over is None:
        return sources.rows(name, metric, spec.where)
    return sources.rows_over(name, metric, spec.where, spec.over)


def _label(spec: Spec, sources: Sources) -> str:
    """Return what the vertical axis is called, of the metric or of its ratio."""
    label = sources.labels.get(spec.y, spec.y)
    if spec.over is not None:
        return label_of(label, sources.kind(spec.y), sources.styles[spec.over].legend)
    return label + (" (dB)" if spec.y_scale == "db" else "")


def _dotted(style: RowStyle, label: str) -> RowStyle:
    """Return the style of another metric of a method: of its colour, without marks."""
    return dataclasses.replace(
        style, legend=f"{style.legend}: {label}", marker=None, line=(0, (1, 1.5))
    )


def _line(axes: Axes, spec: Spec, style: RowStyle, rows: pd.DataFrame, aside: float) -> None:
    if spec.x_scale != "linear":
        rows = rows[rows[spec.x] > 0]  # iteration 0 has no place on a logarithmic axis
    x = _shown_x(spec, rows[spec.x].to_numpy(float))
    draw_line(axes, x, _shown_y(spec, of_rows(rows)), style, ends=spec.intervals, aside=aside)


def _level(axes: Axes, spec: Spec, style: RowStyle, row: pd.DataFrame) -> None:
    mean, low, high = _shown_y(spec, of_rows(row))[:, 0]
    across = axes.get_yaxis_transform()  # x from edge to edge, y in data
    x, marked = [0, 0.06, 0.5, 0.94, 1], [1, 2, 3]
    (line,) = axes.plot(x, [mean] * 5, transform=across, markevery=marked, **style.line_words)
    line.mbdl_order = style.order  # type: ignore[attr-defined]
    line.mbdl_dashes = style.line  # type: ignore[attr-defined]
    if np.isfinite(low) and spec.intervals == "band":
        axes.axhspan(low, high, color=style.colour, alpha=0.8 * ALPHA[style.weight], linewidth=0)
    elif np.isfinite(low):
        for at in (0.06, 0.94):
            axes.errorbar(
                at,
                mean,
                yerr=[[mean - low], [high - mean]],
                transform=across,
                color=style.colour,
                elinewidth=0.9,
                capsize=2.5,
                linestyle="none",
            )


def _printed(axes: Axes, spec: Spec, sources: Sources, chosen: list[str]) -> None:
    named = False
    for name in chosen:
        for place, value in sources.printed(name, spec.y, spec.where):
            x = _shown_x(spec, np.array([place[spec.x]], float))[0]
            if spec.over is not None:
                value = _printed_over(spec, sources, place, value)
            y = _shown_y(spec, np.full((3, 1), value))[0, 0]
            draw_printed(axes, float(x), float(y), spec.look(sources, name), named=not named)
            named = True


def _printed_over(spec: Spec, sources: Sources, place: Any, value: float) -> float:
    """Return what a published number is over our mean of the row that all is compared with."""
    assert spec.over is not None
    rows = sources.rows(spec.over, spec.y, spec.where | {spec.x: place[spec.x]})
    rows = rows[rows["iteration"].isna()]
    if rows.empty:
        return float("nan")
    return compared(value, float(rows["mean"].iloc[0]), sources.kind(spec.y))


def _shown_x(spec: Spec, x: NDArray[np.float64]) -> NDArray[np.float64]:
    return -20 * np.log10(x) if spec.x_scale == "snr_db" else x


def _shown_y(spec: Spec, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean and interval in the axis's unit; one that reaches below zero is clipped."""
    if spec.y_scale == "linear":
        return columns
    columns = clipped(columns)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(columns) if spec.y_scale == "db" else columns


def _scales(axes: Axes, spec: Spec) -> None:
    if spec.x_scale == "log":
        axes.set_xscale("log")
    if spec.y_scale == "log":
        axes.set_yscale("log")
