"""What figures of comparisons share: a grid of panels, a legend of families, and its place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from mbdl_repro.contract.family import Family
from mbdl_repro.figures.style import COLOURS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 7.6
"""Of a figure, in inches."""
CELL = 1.95
"""Height of a panel of a grid."""
LEGEND, LINE = 3, 0.2
"""Columns of the legend under a grid, and the height of one of its lines."""


def colours() -> dict[str, str]:
    """Return the colour of each family by its title, and of the bound."""
    return {family.title: colour for family, colour in COLOURS.items()}


def facets(table: pd.DataFrame, columns: int) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """Return a figure with a panel for each problem and condition of a table.

    Args:
        table: with the columns ``example``, ``condition`` and ``family``.
        columns: of panels.

    Returns:
        The figure, and each panel with its rows.
    """
    from matplotlib import pyplot as plt

    groups = list(table.groupby(["example", "condition"], sort=False))
    n_rows = -(-len(groups) // columns)
    lines = -(-(len(set(table["family"])) + 2) // LEGEND)
    height = n_rows * CELL + LINE * lines + 0.2
    figure, grid = plt.subplots(n_rows, columns, figsize=(WIDTH, height), squeeze=False)
    every: list[Axes] = list(grid.ravel())
    for axes in every[len(groups) :]:
        axes.remove()
    cells = []
    for axes, ((example, condition), rows) in zip(every, groups, strict=False):
        axes.set_title(f"{example}:\n{condition}", fontsize="medium")
        cells.append((axes, rows))
    return figure, cells


def family_handles(titles: Iterable[str], *, bound: bool) -> list[Any]:
    """Return a line for each family, for a legend in the order of the continuum.

    Args:
        titles: of the families that are shown.
        bound: whether lines of the baseline and the bound stand there, too.
    """
    from matplotlib.lines import Line2D

    shown = set(titles)
    handles = [
        Line2D([], [], color=COLOURS[family], marker=".", label=family.title)
        for family in Family
        if family.title in shown
    ]
    if bound:
        model_based, below = COLOURS[Family.MODEL_BASED], COLOURS[Family.BOUND]
        handles.append(Line2D([], [], color=model_based, label="model-based, tuned (0 dB)"))
        handles.append(Line2D([], [], color=below, ls="--", label="bound"))
    return handles


def finish(figure: Figure, handles: Sequence[Any], y_label: str = "") -> None:
    """Put the legend under a grid, and the name of its vertical axes beside it.

    Args:
        figure: with all its panels.
        handles: of the legend.
        y_label: with its unit.
    """
    if y_label:
        figure.supylabel(y_label, fontsize="medium")
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=LEGEND)


LINEAR_DB = 1.0
"""Decibels around zero that an axis shows as they are; beyond, their logarithm."""


def signed_log(axes: Axes) -> None:
    """Make the vertical axis show small and large decibels, above and below zero.

    Args:
        axes: with all that is drawn on them.
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_yscale("symlog", linthresh=LINEAR_DB, linscale=0.7)
    ticks = [0.0, *(sign * size for size in (1, 3, 10, 30) for sign in (-1, 1))]
    axes.yaxis.set_major_locator(FixedLocator(sorted(ticks)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


CELL_INCHES = 0.33
"""Height of a row of a heat map."""


def heat_map(
    values: pd.DataFrame, words: pd.DataFrame, *, cmap: str, ends: tuple[float, float]
) -> Figure:
    """Return a figure of a heat map with a word in each cell, blank where there is no value.

    Args:
        values: that are coloured.
        words: of the same rows and columns.
        cmap: the name of its colours.
        ends: values at which colours end.
    """
    import seaborn as sns
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(WIDTH, CELL_INCHES * len(values) + 1.9))
    sns.heatmap(
        values.astype(float),
        annot=words.fillna(""),
        fmt="",
        cmap=cmap,
        vmin=ends[0],
        vmax=ends[1],
        cbar=False,
        linewidths=1,
        annot_kws={"fontsize": "small"},
        ax=axes,
    )
    axes.grid(visible=False)
    axes.set(xlabel="", ylabel="")
    axes.tick_params(axis="both", length=0)
    axes.tick_params(axis="x", rotation=35)
    for label in axes.get_xticklabels():
        label.set(ha="right", rotation_mode="anchor")
    return figure
