"""The eigenvalues of the covariances that methods decompose, in one trial."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from mbdl_repro.figures.panel import PanelOfExample, Sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(PanelOfExample):
    """Keys of a panel of eigenvalues."""

    methods: Annotated[list[str], Field(min_length=1)]

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return "s", "eigenvalues"


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored trial: each eigenvalue over the largest, in dB.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples: its eigenvalues (n_examples, n_eigenvalues) from the
            largest to the least, and the angles of sources (n_examples, n_sources) in rad.
    """
    n_sources = sources.examples[spec.methods[0]][f"s_{spec.place}"].shape[1]
    axes.axvline(n_sources + 0.5, color="#888888", linewidth=0.8)
    for name in spec.methods:
        style = spec.look(sources, name)
        eigenvalues = spec.stored(sources.examples[name], name, "eigenvalues")[spec.example]
        shown = 10 * np.log10(np.maximum(eigenvalues / eigenvalues[0], 1e-12))
        (line,) = axes.plot(np.arange(1, len(shown) + 1), shown, **style.line_words)
        line.mbdl_order = style.order  # type: ignore[attr-defined]
    axes.set_title(spec.title)
    axes.set_xlabel("number of the eigenvalue, from the largest")
    axes.set_ylabel("eigenvalue over the largest (dB)")
