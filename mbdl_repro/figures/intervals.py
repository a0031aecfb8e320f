"""Means over seeds with their intervals, as the table has them, drawn by seaborn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mbdl_repro.figures.style import OF_ALL, blend, of_row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from mbdl_repro.figures.style import RowStyle

COLUMNS = ("mean", "ci_low", "ci_high")
DOWN = 100.0
"""An interval on a logarithmic axis, or in decibels, ends at most so many times below its mean."""
ALPHA = {"plain": 0.2, "front": 0.25, "behind": 0.12}
"""How opaque bands are, by the weight of a row."""
CAPS: dict[str, Any] = {"capsize": 2.5, "elinewidth": 0.9}
"""Of intervals that are drawn as caps, in points."""
MARKED = 10
"""Points of a line that bear a mark, roughly: more of them would hide it."""
SINGLE, FAINT = 0.65, 0.35
"""How large the dot of a seed is, over the mark of a mean on a line, and how opaque."""
PALEST, APART, ROOM = 0.66, 0.24, 0.64
"""Share of white of the palest of several dots in a row; how far apart they are, and the first from
the last, at most, in rows."""
WIDTHS = {"plain": 1.4, "front": 1.8, "behind": 1.1}
"""How wide intervals of dots are, in points, by the weight of a row."""


def of_rows(rows: pd.DataFrame) -> Annotated[NDArray[np.float64], "(3, n)"]:
    """Return the mean and the ends of the interval of each row.

    Args:
        rows: (n rows) of a table, with the columns ``mean``, ``ci_low`` and ``ci_high``.
    """
    return np.stack([rows[column].to_numpy(float) for column in COLUMNS])


def clipped(
    columns: Annotated[NDArray[np.float64], "(3, n)"],
) -> Annotated[NDArray[np.float64], "(3, n)"]:
    """Return means and intervals that a logarithm can be taken of, where means are above 0.

    Args:
        columns: mean, lower end and upper end, of any unit.
    """
    floor = np.where(columns[0] > 0, columns[0] / DOWN, columns)
    return np.where(np.isnan(columns), np.nan, np.maximum(columns, floor))


def _ends(values: pd.Series) -> tuple[float, float]:
    """Return the interval of one place, of which seaborn has the mean and the two ends."""
    return float(values.min()), float(values.max())


def draw_line(
    axes: Axes,
    x: Annotated[NDArray[np.float64], "(n,)"],
    columns: Annotated[NDArray[np.float64], "(3, n)"],
    style: RowStyle,
    *,
    ends: Literal["band", "caps"] = "band",
    aside: float = 0.0,
) -> Line2D:
    """Draw a line of means with their intervals.

    Args:
        axes: what is drawn on.
        x: places along the horizontal axis, in its unit.
        columns: mean, lower end and upper end of each, in the vertical axis's unit.
        style: of the row.
        ends: how intervals are drawn, as a band or as caps.
        aside: how far right of its places it is drawn, in points, so that caps of several lines
            do not cover one another.

    Returns:
        The line.
    """
    import pandas as pd
    import seaborn as sns

    words = style.line_words
    thin: dict[str, Any] = {"alpha": ALPHA[style.weight], "linewidth": 0}
    if ends == "caps":
        thin = CAPS | {"zorder": words["zorder"] - 0.005}
    before, collections = len(axes.lines), len(axes.collections)
    sns.lineplot(
        # Of the mean and the ends of its interval, the mean is the median.
        data=pd.DataFrame({"x": np.tile(x, 3), "y": columns.ravel()}),
        x="x",
        y="y",
        estimator="median",
        errorbar=_ends if np.isfinite(columns[1:]).any() else None,
        err_style="band" if ends == "band" else "bars",
        err_kws=thin,
        legend=False,
        ax=axes,
        markevery=max(1, len(x) // MARKED),
        **words,
    )
    if aside:
        from matplotlib.transforms import ScaledTranslation

        moved = axes.transData + ScaledTranslation(aside / 72, 0, axes.figure.dpi_scale_trans)
        for artist in (*axes.lines[before:], *axes.collections[collections:]):
            artist.set_transform(moved)
    return of_row(axes.lines[before], style)


def tones(n: int) -> list[float]:
    """Return the shares of white of n shades: the last is the colour itself.

    Args:
        n: how many there are.
    """
    return [PALEST * (n - 1 - j) / max(n - 1, 1) for j in range(n)]


def draw_dots(
    axes: Axes,
    names: list[str],
    columns: dict[str, Annotated[NDArray[np.float64], "(3, n)"]],
    white: dict[str, list[float]],
    seeds: dict[str, Annotated[NDArray[np.float64], "(n_seeds,)"]],
    styles: dict[str, RowStyle],
) -> None:
    """Draw means with their intervals in a row of its own for each name, and the seeds behind them.

    Several means of a row lie one below the other.

    Args:
        axes: what is drawn on.
        names: from top to bottom.
        columns: means, lower ends and upper ends of each, in the horizontal axis's unit.
        white: shares of white of each of its means (n,).
        seeds: the value of each seed, for those of which it is shown.
        styles: of each.
    """
    import matplotlib
    import pandas as pd
    import seaborn as sns
    from matplotlib.transforms import Affine2D

    size = matplotlib.rcParams["lines.markersize"]
    if any(len(values) for values in seeds.values()):
        _draw_seeds(axes, names, seeds, styles, SINGLE * size)
    for name in names:
        style, n = styles[name], columns[name].shape[1]
        for j, share in enumerate(white[name]):
            before = len(axes.lines)
            sns.pointplot(
                data=pd.DataFrame({"x": columns[name][:, j], "name": name}),
                x="x",
                y="name",
                order=names,
                estimator="median",
                errorbar=_ends,
                orient="h",
                color=blend(style.colour, share),
                markers=style.marker,
                markersize=(1.25 if n == 1 else 1.0) * size,
                markeredgewidth=0,
                linestyle="none",
                capsize=0.16 if n == 1 else 0.1,
                err_kws={"linewidth": WIDTHS[style.weight]},
                legend=False,
                ax=axes,
                zorder=3,
            )
            if n > 1:
                apart = min(APART, ROOM / (n - 1))
                down = Affine2D().translate(0, apart * (j - (n - 1) / 2))
                for line in axes.lines[before:]:
                    line.set_transform(down + axes.transData)


def _draw_seeds(
    axes: Axes,
    names: list[str],
    seeds: dict[str, Annotated[NDArray[np.float64], "(n_seeds,)"]],
    styles: dict[str, RowStyle],
    size: float,
) -> None:
    """Draw a faint dot of so many points for each seed, behind the mean of its row."""
    import pandas as pd
    import seaborn as sns

    rows = [pd.DataFrame({"x": values, "name": name}) for name, values in seeds.items()]
    sns.stripplot(
        data=pd.concat(rows, ignore_index=True),
        x="x",
        y="name",
        order=names,
        hue="name",
        hue_order=names,
        palette={name: styles[name].colour for name in names},
        jitter=False,
        size=size,
        alpha=FAINT,
        linewidth=0,
        legend=False,
        ax=axes,
        zorder=1,
    )
    words: dict[str, Any] = {"color": OF_ALL, "alpha": FAINT, "markersize": size}
    axes.plot([], [], "o", markeredgewidth=0, label="single seeds", **words)
