"""A metric against a column of the table: the sweep, the training size, or the iteration."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from mbdl_repro.figures.panel import PanelSpec, Sources, draw_printed
from mbdl_repro.figures.style import plain_log_ticks, ticks_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mbdl_repro.figures.style import RowStyle


class Spec(PanelSpec):
    """Keys of a panel of lines."""

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


FEW = 8
"""Of different counts on an axis, each has its tick."""


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw each method's means with their intervals; what has no x is a level line.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: the table, and the published numbers if ``spec.printed`` asks for them.
    """
    bounds = [n for n, s in sources.styles.items() if s.marker is None]
    methods = [n for n, s in sources.styles.items() if s.marker is not None]
    chosen = (methods if spec.methods is None else spec.methods) + (
        bounds if spec.bounds is None else spec.bounds
    )
    drawn = [(name, spec.y, sources.styles[name]) for name in chosen]
    if spec.also is not None:
        label = spec.also_label or sources.labels.get(spec.also, spec.also)
        drawn += [(n, spec.also, _dotted(sources, n, label)) for n in chosen if n in methods]
    level_lines = []
    counts: set[float] = set()
    whole = spec.x in ("iteration", "n_train")
    for name, metric, style in drawn:
        rows = sources.rows(name, metric, spec.where)
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
            _line(axes, spec, style, along.sort_values(spec.x))
            counts |= {x for x in along[spec.x] if x > 0 or spec.x_scale == "linear"}
            whole |= along[spec.x].dtype.kind == "i"
    _scales(axes, spec)
    for name, style, rows in level_lines:
        spec.stop_if_ambiguous(name, len(rows) > 1)
        if not rows.empty:
            _level(axes, spec, style, rows.iloc[0])
    if spec.printed:
        _printed(axes, spec, sources, chosen)
    axes.set_title(spec.title)
    axes.set_xlabel(spec.x_label or sources.labels.get(spec.x, spec.x))
    unit = " (dB)" if spec.y_scale == "db" else ""
    axes.set_ylabel(spec.y_label or sources.labels.get(spec.y, spec.y) + unit)
    if spec.y_range is not None:
        axes.set_ylim(*spec.y_range)
    for axis, scale in ((axes.xaxis, spec.x_scale), (axes.yaxis, spec.y_scale)):
        if scale == "log":
            plain_log_ticks(axis)
    if whole and 1 < len(counts) <= FEW:
        ticks_at(axes.xaxis, sorted(counts))


def _dotted(sources: Sources, name: str, label: str) -> RowStyle:
    """Return the style of another metric of a method: of its colour, without marks."""
    style = sources.styles[name]
    return dataclasses.replace(
        style, legend=f"{style.legend}: {label}", marker=None, line=(0, (1, 1.5))
    )


def _line(axes: Axes, spec: Spec, style: RowStyle, rows: Any) -> None:
    if spec.x_scale != "linear":
        rows = rows[rows[spec.x] > 0]  # iteration 0 has no place on a logarithmic axis
    x = _shown_x(spec, rows[spec.x].to_numpy(float))
    columns = [rows[c].to_numpy(float) for c in _COLUMNS]
    mean, low, high = (_shown_y(spec, column, columns[0]) for column in columns)
    every = max(1, len(x) // 10)  # markers tell methods apart; more of them would hide the line
    (line,) = axes.plot(x, mean, markevery=every, **style.line_words)
    line.mbdl_order = style.order  # type: ignore[attr-defined]
    if np.isfinite(low).any():
        axes.fill_between(x, low, high, color=style.colour, alpha=0.22, linewidth=0)


def _level(axes: Axes, spec: Spec, style: RowStyle, row: Any) -> None:
    columns = [np.array(row[c], float) for c in _COLUMNS]
    mean, low, high = (float(_shown_y(spec, column, columns[0])) for column in columns)
    across = axes.get_yaxis_transform()  # x from edge to edge, y in data
    x, marked = [0, 0.06, 0.5, 0.94, 1], [1, 2, 3]
    (line,) = axes.plot(x, [mean] * 5, transform=across, markevery=marked, **style.line_words)
    line.mbdl_order = style.order  # type: ignore[attr-defined]
    if np.isfinite(low):
        axes.axhspan(low, high, color=style.colour, alpha=0.18, linewidth=0)


def _printed(axes: Axes, spec: Spec, sources: Sources, chosen: list[str]) -> None:
    named = False
    for name in chosen:
        for place, value in sources.printed(name, spec.y, spec.where):
            x = float(_shown_x(spec, np.array(place[spec.x], float)))
            y = float(_shown_y(spec, *[np.array(value, float)] * 2))
            draw_printed(axes, x, y, sources.styles[name].colour, named=not named)
            named = True


_COLUMNS = ("mean", "ci_low", "ci_high")


def _shown_x(spec: Spec, x: np.ndarray) -> np.ndarray:
    return -20 * np.log10(x) if spec.x_scale == "snr_db" else x


def _shown_y(spec: Spec, y: np.ndarray, mean: np.ndarray) -> np.ndarray:
    # An interval may reach below zero, where there are no decibels: it ends 20 dB down instead.
    return 10 * np.log10(np.maximum(y, mean / 100)) if spec.y_scale == "db" else y


def _scales(axes: Axes, spec: Spec) -> None:
    if spec.x_scale == "log":
        axes.set_xscale("log")
    if spec.y_scale == "log":
        axes.set_yscale("log")
