"""A metric against a column of the table: the sweep, the training size, or the iteration."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mbdl_repro.figures.intervals import ALPHA, CAPS, clipped, draw_line, of_rows
from mbdl_repro.figures.metric import PanelOfMetric
from mbdl_repro.figures.panel import Sources, draw_printed
from mbdl_repro.figures.style import draw_row
from mbdl_repro.figures.ticks import plain_log_ticks, ticks_at

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from mbdl_repro.figures.style import RowStyle


class Spec(PanelOfMetric):
    """Keys of a panel of lines; those of the other metric are thin and dotted."""

    names_at_ends: ClassVar[bool] = True
    not_of_ratios: ClassVar[tuple[str, ...]] = ("also", "y_scale")

    x: str
    x_scale: Literal["linear", "log", "snr_db"] = "linear"
    """``snr_db`` shows a noise standard deviation σ as the SNR 1/σ² in dB."""
    y_scale: Literal["linear", "log", "db"] = "linear"
    methods: list[str] | None = None
    """Those drawn; all if not given."""
    x_label: str | None = None
    y_label: str | None = None
    y_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None
    also_label: str | None = None
    """What legends call the other metric; its own label if not given."""
    intervals: Literal["band", "caps"] = "band"
    """How intervals are drawn; caps where bands of many lines would cover one another."""

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
ACROSS = (0.0, 0.06, 0.5, 0.94, 1.0)
"""Points of a level line, in widths of the panel; all but the ends are marked."""


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw each method's means with their intervals; what has no x is a level line.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: the table, the rows of each seed if ``spec.over`` asks for them, and the published
            numbers if ``spec.printed`` does.
    """
    # Before it draws, seaborn looks for what axes are called.
    axes.set_xlabel(spec.x_label or sources.labels.get(spec.x, spec.x))
    in_db = " (dB)" if spec.y_scale == "db" else ""
    axes.set_ylabel(spec.y_label or spec.label(sources) + in_db)
    chosen = spec.chosen(sources)
    level_lines, places = [], []
    every = _drawn(spec, sources, chosen)
    for i, (name, metric, style) in enumerate(every):
        rows = spec.rows_of(sources, name, metric)
        along = _along(spec, rows)
        if along.empty:
            level_lines.append((name, style, rows[rows["iteration"].isna()]))
        elif len(along) == 1 and style.marker is None:  # a line of one point would not be seen
            level_lines.append((name, style, along))
        else:
            spec.stop_if_ambiguous(name, along[spec.x].duplicated().any())
            aside = ASIDE * (i - (len(every) - 1) / 2) if spec.intervals == "caps" else 0.0
            _line(axes, spec, style, along.sort_values(spec.x), aside)
            places.append(along[spec.x])
    if spec.x_scale == "log":
        axes.set_xscale("log")
    if spec.y_scale == "log":
        axes.set_yscale("log")
    for name, style, rows in level_lines:
        spec.stop_if_ambiguous(name, len(rows) > 1)
        if not rows.empty:
            _level(axes, spec, style, rows)
    if spec.printed:
        _printed(axes, spec, sources, chosen)
    if spec.over is not None:
        axes.margins(y=0.1)
    if spec.y_range is not None:
        axes.set_ylim(*spec.y_range)
    _set_ticks(axes, spec, places)


def _drawn(spec: Spec, sources: Sources, chosen: list[str]) -> list[tuple[str, str, RowStyle]]:
    """Return the label, metric and style of each line."""
    drawn = [(name, spec.y, spec.look(sources, name)) for name in chosen]
    if spec.also is not None:
        label = spec.also_label or sources.labels.get(spec.also, spec.also)
        methods = [n for n in chosen if sources.styles[n].marker is not None]
        drawn += [(n, spec.also, _dotted(spec.look(sources, n), label)) for n in methods]
    return drawn


def _dotted(style: RowStyle, label: str) -> RowStyle:
    """Return the style of another metric of a method: of its colour, without marks."""
    return dataclasses.replace(
        style, legend=f"{style.legend}: {label}", marker=None, line=(0, (1, 1.5))
    )


def _along(spec: Spec, rows: pd.DataFrame) -> pd.DataFrame:
    """Return those rows that have a place on the horizontal axis."""
    if spec.x == "iteration":
        return rows[rows["iteration"].notna()]
    answers = rows[rows["iteration"].isna()]
    return answers[answers["n_train"] > 0] if spec.x == "n_train" else answers


def _line(axes: Axes, spec: Spec, style: RowStyle, rows: pd.DataFrame, aside: float) -> None:
    if spec.x_scale != "linear":
        rows = rows[rows[spec.x] > 0]  # iteration 0 has no place on a logarithmic axis
    x = _shown_x(spec, rows[spec.x].to_numpy(float))
    draw_line(axes, x, _shown_y(spec, of_rows(rows)), style, ends=spec.intervals, aside=aside)


def _level(axes: Axes, spec: Spec, style: RowStyle, row: pd.DataFrame) -> None:
    mean, low, high = _shown_y(spec, of_rows(row))[:, 0]
    across = axes.get_yaxis_transform()  # x from edge to edge, y in data
    draw_row(axes, ACROSS, [mean] * 5, style, transform=across, markevery=[1, 2, 3])
    if not np.isfinite(low):
        return
    if spec.intervals == "band":
        axes.axhspan(low, high, color=style.colour, alpha=0.8 * ALPHA[style.weight], linewidth=0)
        return
    for at in (ACROSS[1], ACROSS[-2]):
        axes.errorbar(
            at,
            mean,
            yerr=[[mean - low], [high - mean]],
            transform=across,
            color=style.colour,
            linestyle="none",
            **CAPS,
        )


def _printed(axes: Axes, spec: Spec, sources: Sources, chosen: list[str]) -> None:
    named = False
    for name in chosen:
        for place, value in spec.published(sources, name):
            x = _shown_x(spec, np.array([place[spec.x]], float))[0]
            y = _shown_y(spec, np.full((3, 1), value))[0, 0]
            draw_printed(axes, float(x), float(y), spec.look(sources, name), named=not named)
            named = True


def _shown_x(spec: Spec, x: NDArray[np.float64]) -> NDArray[np.float64]:
    return -20 * np.log10(x) if spec.x_scale == "snr_db" else x


def _shown_y(spec: Spec, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mean and interval in the axis's unit; one that reaches below zero is clipped."""
    if spec.y_scale == "linear":
        return columns
    columns = clipped(columns)
    with np.errstate(divide="ignore"):
        return 10 * np.log10(columns) if spec.y_scale == "db" else columns


def _set_ticks(axes: Axes, spec: Spec, places: list[pd.Series]) -> None:
    """Give logarithmic axes plain numbers, and each of a few counts its tick."""
    for axis, scale in ((axes.xaxis, spec.x_scale), (axes.yaxis, spec.y_scale)):
        if scale == "log":
            plain_log_ticks(axis)
    counts = {x for column in places for x in column if x > 0 or spec.x_scale == "linear"}
    whole = spec.x in ("iteration", "n_train") or any(c.dtype.kind == "i" for c in places)
    if whole and 1 < len(counts) <= FEW:
        ticks_at(axes.xaxis, sorted(counts))
