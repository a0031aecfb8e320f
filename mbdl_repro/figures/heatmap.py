"""A metric of one method over two swept fields, a shade and a number a place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from mbdl_repro.figures.over import label_of
from mbdl_repro.figures.panel import PanelSpec, Sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(PanelSpec):
    """Keys of a panel of shades."""

    x: str
    """The column along the horizontal axis."""
    rows: str
    """The column along the vertical one."""
    y: str
    """The metric that is shaded."""
    methods: Annotated[list[str], Field(min_length=1, max_length=1)]
    """Whose it is."""
    over: str | None = None
    """A method, or a bound: shades are ratios to its own, seed by seed, in dB."""
    x_label: str | None = None
    rows_label: str | None = None
    digits: Annotated[int, Field(ge=0, le=6)] = 2
    """After the point, of the numbers."""


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw a shade a place: white where nothing is gained over ``spec.over`` or lost.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: the table, and the rows of each seed if ``spec.over`` asks for them.
    """
    import seaborn as sns

    (name,) = spec.methods
    if spec.over is None:
        rows = sources.rows(name, spec.y, spec.where)
    else:
        rows = sources.rows_over(name, spec.y, spec.where, spec.over)
    rows = rows[rows["iteration"].isna()] if spec.x != "iteration" else rows.dropna(subset=[spec.x])
    spec.stop_if_ambiguous(name, rows.duplicated([spec.x, spec.rows]).any())
    label = sources.labels.get(spec.y, spec.y)
    if spec.over is not None:
        label = label_of(label, sources.kind(spec.y), sources.styles[spec.over].legend)
    places = rows.pivot(index=spec.rows, columns=spec.x, values="mean")
    signed = spec.over is not None or sources.kind(spec.y) in ("decibels", "difference")
    sns.heatmap(
        places.sort_index(ascending=False),
        ax=axes,
        annot=True,
        fmt=f".{spec.digits}f",
        annot_kws={"size": "small"},
        cmap="vlag" if signed else "rocket_r",
        center=0.0 if signed else None,
        linewidths=0.5,
        cbar_kws={"label": label},
        xticklabels=[f"{value:g}" for value in places.columns],
        yticklabels=[f"{value:g}" for value in places.index[::-1]],
    )
    axes.grid(False)
    axes.set_title(spec.title)
    axes.set_xlabel(spec.x_label or sources.labels.get(spec.x, spec.x))
    axes.set_ylabel(spec.rows_label or sources.labels.get(spec.rows, spec.rows))
