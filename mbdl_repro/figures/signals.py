"""One test signal: what was observed, what was sent, and what methods make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from mbdl_repro.figures.panel import PanelOfExample, Sources
from mbdl_repro.figures.style import RULE, TARGET, draw_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(PanelOfExample):
    """Keys of a panel of signals."""

    show: Literal["observation", "target", "estimates"]
    x_label: str = "index"
    y_label: str = "value"

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return {"observation": ("x",), "target": ("s",), "estimates": ("s", "estimate")}[self.show]


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored test signal.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples: signals (n_examples, n_signal) and observations
            (n_examples, n_observations).
    """
    if spec.show == "observation":
        x = spec.shared(sources, "x")
        axes.plot(np.arange(len(x)), x, color="#555555", linewidth=0.8)
    else:
        s = spec.shared(sources, "s")
        support = np.flatnonzero(s)
        axes.set_xlim(-0.02 * len(s), 1.02 * len(s))
        axes.axhline(0, color=RULE, linewidth=0.8)
        axes.vlines(support, 0, s[support], color=TARGET, linewidth=3, label="sparse signal s")
        axes.plot(support, s[support], "o", color=TARGET, markersize=8)
    if spec.show == "estimates":
        for name in spec.methods:
            estimate = spec.shown(sources, name, "estimate")
            found = np.union1d(support, np.flatnonzero(estimate))  # what is missed is at 0
            draw_row(axes, found, estimate[found], spec.look(sources, name), linestyle="none")
    axes.set_xlabel(spec.x_label)
    axes.set_ylabel(spec.y_label)
