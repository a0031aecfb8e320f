"""Methods one under another, and a metric of each, or two, along the horizontal axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from mbdl_repro.figures.intervals import clipped, draw_dots, of_rows
from mbdl_repro.figures.names import NAME, wrapped
from mbdl_repro.figures.over import compared, label_of
from mbdl_repro.figures.panel import PanelSpec, Sources, draw_printed
from mbdl_repro.figures.style import plain_log_ticks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


class Spec(PanelSpec):
    """Keys of a panel of dots."""

    names_left: ClassVar[bool] = True

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
    over: str | None = None
    """A method, or a bound: dots are ratios to its own, seed by seed, in dB."""
    printed: bool = False
    """Mark what others published."""
    x_range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = None

    @property
    def listed(self) -> list[str]:
        """Methods that stand one under another, each with its name left of it."""
        return self.methods

    @model_validator(mode="after")
    def _ratios_stand_alone(self) -> Spec:
        """Refuse keys of the metric itself where ratios of it are shown."""
        if self.over is not None and (self.also or self.seeds or self.x_scale != "linear"):
            raise ValueError("over: ratios are in dB already: leave out also, seeds and x_scale")
        return self


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw each method's mean and interval in a row of its own.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: the table, and the rows of each seed if ``spec.seeds`` asks for them.
    """
    styles = {name: spec.look(sources, name) for name in spec.methods}
    columns, seeds = {}, {}
    for name in spec.methods:
        rows = _rows(spec, sources, name)
        spec.stop_if_ambiguous(name, len(rows) > 1)
        columns[name] = of_rows(rows)
        if spec.x_scale == "log":
            columns[name] = clipped(columns[name])
        if spec.seeds:
            own = sources.seed_rows(name, spec.y, spec.where)
            # Of answers, not on the way there.
            seeds[name] = own.loc[own["iteration"].isna(), "value"].to_numpy(float)
    draw_dots(axes, spec.methods, columns, seeds, styles)
    for row, name in enumerate(spec.methods):
        if spec.also is not None:
            _ring(axes, spec, sources, name, row)
    if spec.printed:
        _printed(axes, spec, sources)
    if spec.over is not None:
        axes.axvline(0.0, color="#888888", linewidth=0.8, zorder=1)
    for name, style in sources.styles.items():
        if style.marker is None and (spec.bounds is None or name in spec.bounds):
            _bound(axes, spec, sources, name)
    names = [wrapped(style.legend, NAME) for style in styles.values()]
    axes.set_yticks(range(len(spec.methods)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(spec.methods) - 0.5, -0.5)
    axes.grid(True, axis="y", linestyle=":")
    axes.set_title(spec.title)
    label = sources.labels.get(spec.y, spec.y)
    if spec.over is not None:
        label = label_of(label, sources.kind(spec.y), sources.styles[spec.over].legend)
    axes.set_xlabel(spec.x_label or label)
    axes.set_ylabel("")
    if spec.x_scale == "log":
        axes.set_xscale("log")
        plain_log_ticks(axes.xaxis)
    if spec.x_range is not None:
        axes.set_xlim(*spec.x_range)


def _rows(spec: Spec, sources: Sources, name: str) -> pd.DataFrame:
    """Return a row's answer at the point that is shown."""
    if spec.over is None:
        rows = sources.rows(name, spec.y, spec.where)
    else:
        rows = sources.rows_over(name, spec.y, spec.where, spec.over)
    return rows[rows["iteration"].isna()]


def _printed(axes: Axes, spec: Spec, sources: Sources) -> None:
    named = False
    for row, name in enumerate(spec.methods):
        for _, value in sources.printed(name, spec.y, spec.where):
            if spec.over is not None:
                reference = sources.rows(spec.over, spec.y, spec.where)
                mean = reference.loc[reference["iteration"].isna(), "mean"]
                value = compared(value, float(mean.iloc[0]), sources.kind(spec.y))
            draw_printed(axes, value, row, spec.look(sources, name), named=not named)
            named = True


def _ring(axes: Axes, spec: Spec, sources: Sources, name: str, row: int) -> None:
    assert spec.also is not None
    others = sources.rows(name, spec.also, spec.where)
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
    style = spec.look(sources, name)
    rows = _rows(spec, sources, name)
    for value in rows["mean"]:
        line = axes.axvline(
            value, color=style.colour, linestyle=style.line, linewidth=1.4, label=style.legend
        )
        line.mbdl_order = style.order  # type: ignore[attr-defined]
        line.mbdl_dashes = style.line  # type: ignore[attr-defined]
