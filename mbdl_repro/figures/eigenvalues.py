"""The eigenvalues of the covariances that methods decompose, in one trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mbdl_repro.figures.panel import PanelOfExample, Sources
from mbdl_repro.figures.style import RULE, draw_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


LEAST = 1e-12
"""What an eigenvalue over the largest is shown as, at least: rounding may leave it below 0."""


class Spec(PanelOfExample):
    """Keys of a panel of eigenvalues."""

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
    n_sources = len(spec.shared(sources, "s"))
    axes.axvline(n_sources + 0.5, color=RULE, linewidth=0.8)
    for name in spec.methods:
        eigenvalues = spec.shown(sources, name, "eigenvalues")
        shown = 10 * np.log10(np.maximum(eigenvalues / eigenvalues[0], LEAST))
        draw_row(axes, np.arange(1, len(shown) + 1), shown, spec.look(sources, name))
    axes.set_xlabel("number of the eigenvalue, from the largest")
    axes.set_ylabel("eigenvalue over the largest (dB)")
