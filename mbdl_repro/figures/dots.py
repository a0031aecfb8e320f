"""Methods one under another, and a metric of each, or two, along the horizontal axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from mbdl_repro.figures.panel import PanelSpec, Sources, draw_printed
from mbdl_repro.figures.style import plain_log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(PanelSpec):
    """Keys of a panel of dots."""

    y: str
    """The metric: filled marks, with their intervals."""
    also: str | None = None
    """Another metric of the same unit: rings around them."""
    methods: Annotated[list[str], Field(min_length=1)]
    """From top to bottom."""
    bounds: list[str] | None = None
    """Those drawn, as vertical lines; all that bound the metric if not given."""
    x_scale: Literal["linear", "log"] = "linear"
    x_label: str | None = None
    seeds: bool = False
    """Draw a faint dot for each seed, too."""
    printed: bool = False
    """Mark what others published."""
    x_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw each method's mean and interval in a row of its own.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: the table, and the rows of each seed if ``spec.seeds`` asks for them.
    """
    named = False
    for row, name in enumerate(spec.methods):
        _dot(axes, spec, sources, name, row)
        if spec.also is not None:
            _ring(axes, spec, sources, name, row)
        if spec.seeds:
            own = sources.seed_rows(name, spec.y, spec.where)
            values = own.loc[own["iteration"].isna(), "value"]  # of answers, not on the way there
            colour = sources.styles[name].colour
            axes.plot(values, [row] * len(values), ".", color=colour, alpha=0.25, zorder=1)
        if spec.printed:
            for _, value in sources.printed(name, spec.y, spec.where):
                draw_printed(axes, value, row, sources.styles[name].colour, named=not named)
                named = True
    for name, style in sources.styles.items():
        if style.marker is None and (spec.bounds is None or name in spec.bounds):
            _bound(axes, spec, sources, name)
    axes.set_yticks(
        range(len(spec.methods)), [sources.styles[name].legend for name in spec.methods]
    )
    axes.set_ylim(len(spec.methods) - 0.5, -0.5)
    axes.set_title(spec.title)
    axes.set_xlabel(spec.x_label or sources.labels.get(spec.y, spec.y))
    if spec.x_scale == "log":
        axes.set_xscale("log")
        plain_log_ticks(axes.xaxis)
    if spec.x_range is not None:
        axes.set_xlim(*spec.x_range)


def _dot(axes: Axes, spec: Spec, sources: Sources, name: str, row: int) -> None:
    rows = sources.rows(name, spec.y, spec.where)
    rows = rows[rows["iteration"].isna()]
    spec.stop_if_ambiguous(name, len(rows) > 1)
    style = sources.styles[name]
    for _, cell in rows.iterrows():
        mean, low, high = (cell[column] for column in ("mean", "ci_low", "ci_high"))
        axes.errorbar(
            mean,
            row,
            xerr=None if np.isnan([low, high]).any() else [[mean - low], [high - mean]],
            color=style.colour,
            marker=style.marker,
            markersize=6,
            capsize=3,
        )


def _ring(axes: Axes, spec: Spec, sources: Sources, name: str, row: int) -> None:
    assert spec.also is not None
    others = sources.rows(name, spec.also, spec.where)
    axes.plot(
        others["mean"],
        [row] * len(others),
        "o",
        markersize=12,
        markerfacecolor="none",
        markeredgecolor=sources.styles[name].colour,
        # Once in the legend, where it is the first method's.
        label=sources.labels.get(spec.also, spec.also) if row == 0 else None,
    )


def _bound(axes: Axes, spec: Spec, sources: Sources, name: str) -> None:
    style = sources.styles[name]
    for value in sources.rows(name, spec.y, spec.where)["mean"]:
        line = axes.axvline(
            value, color=style.colour, linestyle=style.line, linewidth=1.4, label=style.legend
        )
        line.mbdl_order = style.order  # type: ignore[attr-defined]
