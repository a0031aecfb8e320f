"""One test trajectory: an entry of the state over time, what was observed, and estimates of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from mbdl_repro.errors import UserError
from mbdl_repro.figures.panel import PanelOfExample, Sources
from mbdl_repro.figures.style import MARKS, TARGET, draw_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(PanelOfExample):
    """Keys of a panel of a trajectory."""

    show: Annotated[int, Field(ge=0)] = 0
    """Which entry of the state, counted from 0."""
    observation: Annotated[int, Field(ge=0)] | None = None
    """Which entry of the observation stands beside it; none if not given."""
    steps: Annotated[list[int], Field(min_length=2, max_length=2)] | None = None
    """First and last step that are shown."""
    time_step_s: float | None = None
    """Seconds a step; without it, steps are counted."""
    y_label: str = "state"

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return ("s", "estimate") if self.observation is None else ("s", "estimate", "x")


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored trajectory.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples: states and estimates (n_examples, T, n_state), and
            observations (n_examples, T, n_observations).
    """
    first = spec.methods[0]
    s = _entry(spec, sources, first, "s", "show")
    begin, end = spec.steps or (1, len(s))
    shown = slice(begin - 1, end)
    time = np.arange(begin, min(end, len(s)) + 1) * (spec.time_step_s or 1)
    if spec.observation is not None:
        x = _entry(spec, sources, first, "x", "observation")
        axes.plot(time, x[shown], ".", color="#a8a8a8", markersize=3, label="observation")
    axes.plot(time, s[shown], color=TARGET, linewidth=4, label="true state")
    for name in spec.methods:
        estimate = _entry(spec, sources, name, "estimate", "show")[shown]
        style, every = spec.look(sources, name), max(1, len(time) // MARKS)
        draw_row(axes, time, estimate, style, markevery=every)
    axes.set_xlabel("step t" if spec.time_step_s is None else "time (s)")
    axes.set_ylabel(spec.y_label)


def _entry(spec: Spec, sources: Sources, name: str, kind: str, key: str) -> np.ndarray:
    """Return over time the entry of a stored state or observation that a key of the panel names."""
    example = spec.shown(sources, name, kind)
    entry, n_entries = getattr(spec, key), example.shape[1]
    if entry >= n_entries:
        raise UserError(
            f"panel {spec.title!r}: {key}: {entry}: there are {n_entries} entries, counted from 0"
        )
    entries: np.ndarray = example[:, entry]
    return entries
