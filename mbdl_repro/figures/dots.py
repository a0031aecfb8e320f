"""Methods one under another, and a metric of each, or two, along the horizontal axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from mbdl_repro.errors import UserError
from mbdl_repro.figures.panel import PanelSpec, Sources
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
    x_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw each method's mean and interval in a row of its own."""
    for row, name in enumerate(spec.methods):
        style = sources.styles[name]
        rows = sources.rows(name, spec.y, spec.where)
        rows = rows[rows["iteration"].isna()]
        if len(rows) > 1:
            raise UserError(
                f"panel {spec.title!r}: {name} has several rows for one place; say in `where` "
                "which value each column has"
            )
        for _, cell in rows.iterrows():
            ends = [
                [max(cell["mean"] - cell["ci_low"], 0)],
                [max(cell["ci_high"] - cell["mean"], 0)],
            ]
            axes.errorbar(
                cell["mean"],
                row,
                xerr=None if np.isnan(ends).any() else ends,
                color=style.colour,
                marker=style.marker,
                markersize=6,
                capsize=3,
            )
        if spec.also is not None:
            others = sources.rows(name, spec.also, spec.where)
            label = sources.labels.get(spec.also, spec.also) if row == 0 else None
            axes.plot(
                others["mean"],
                [row] * len(others),
                "o",
                markersize=12,
                markerfacecolor="none",
                markeredgecolor=style.colour,
                label=label,
            )
    for name, style in sources.styles.items():
        if style.marker is None and (spec.bounds is None or name in spec.bounds):
            for value in sources.rows(name, spec.y, spec.where)["mean"]:
                line = axes.axvline(
                    value,
                    color=style.colour,
                    linestyle=style.line,
                    linewidth=1.4,
                    label=style.legend,
                )
                line.mbdl_order = style.order  # type: ignore[attr-defined]
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
