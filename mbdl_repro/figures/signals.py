"""One test signal: what was observed, what was sent, and what methods make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from mbdl_repro.figures.panel import PanelOfExample, Sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TARGET = "#b0b0b0"


class Spec(PanelOfExample):
    """Keys of a panel of signals."""

    show: Literal["observation", "target", "estimates"]
    methods: Annotated[list[str], Field(min_length=1)]
    """Whose estimates are shown; the first one's stored example gives observation and target."""
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
    first = sources.examples[spec.methods[0]]
    if spec.show == "observation":
        x = first[f"x_{spec.place}"][spec.example]
        axes.plot(np.arange(len(x)), x, color="#555555", linewidth=0.8)
    else:
        s = first[f"s_{spec.place}"][spec.example]
        support = np.flatnonzero(s)
        axes.set_xlim(-0.02 * len(s), 1.02 * len(s))
        axes.axhline(0, color="#888888", linewidth=0.8)
        axes.vlines(support, 0, s[support], color=TARGET, linewidth=3, label="sparse signal s")
        axes.plot(support, s[support], "o", color=TARGET, markersize=8)
    if spec.show == "estimates":
        for name in spec.methods:
            style = spec.look(sources, name)
            estimate = sources.examples[name][f"estimate_{spec.place}"][spec.example]
            found = np.union1d(support, np.flatnonzero(estimate))  # what is missed is at 0
            (line,) = axes.plot(found, estimate[found], **style.line_words | {"linestyle": "none"})
            line.mbdl_order = style.order  # type: ignore[attr-defined]
    axes.set_title(spec.title)
    axes.set_xlabel(spec.x_label)
    axes.set_ylabel(spec.y_label)
