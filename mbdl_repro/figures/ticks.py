"""Ticks that are read at a glance: plain numbers, at round steps, with room between them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.transforms import Bbox

GAP = 8
"""Pixels between words that stand beside one another, at least."""


def plain_log_ticks(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers; 1, 2 and 5 where it spans few decades.

    Args:
        axis: of which the ticks are set; one of more than four decades is left as it is.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low) if low > 0 else 9.0
    if decades > 4:
        return
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def ticks_at(axis: Axis, values: Iterable[float]) -> None:
    """Put a tick at each of these values, and nowhere else.

    Args:
        axis: of which the ticks are set.
        values: in the axis's unit.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def round_ticks(axes: Axes) -> None:
    """Let ticks of linear axes that are given none stand at steps of 1, 2 or 5, not of 2.5.

    Args:
        axes: of both axes.
    """
    from matplotlib.ticker import AutoLocator

    for axis in (axes.xaxis, axes.yaxis):
        locator = axis.get_major_locator()
        if isinstance(locator, AutoLocator):
            locator.set_params(steps=[1, 2, 5, 10])


def thin_out(axis: Axis) -> None:
    """Take the numbers off ticks that have no room for them; powers of ten keep theirs first.

    Args:
        axis: a horizontal one, in its place.
    """
    low, high = sorted(axis.get_view_interval())
    labels = axis.get_majorticklabels()  # first: this brings ticks to their places
    every = zip(map(float, axis.get_majorticklocs()), labels, strict=True)
    ticks = [(place, label) for place, label in every if low <= place <= high]
    kept: dict[float, Bbox] = {}
    for place, label in sorted(ticks, key=lambda tick: (not _is_power_of_ten(tick[0]), tick[0])):
        box = label.get_window_extent()
        if all(box.x0 > other.x1 + GAP or box.x1 < other.x0 - GAP for other in kept.values()):
            kept[place] = box
    if len(kept) < len(ticks):
        names = [label.get_text() if place in kept else "" for place, label in ticks]
        axis.set_ticks([place for place, _ in ticks], names)


def _is_power_of_ten(value: float) -> bool:
    return value > 0 and math.isclose(math.log10(value), round(math.log10(value)), abs_tol=1e-9)
