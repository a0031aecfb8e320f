"""One trial's pseudo-spectra over the angle, and where the sources are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from mbdl_repro.figures.panel import PanelOfExample, Sources
from mbdl_repro.figures.style import MARKS, TARGET, draw_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes


ANGLE = "angle of a source"
"""What legends call where a source is."""


class Spec(PanelOfExample):
    """Keys of a panel of spectra."""

    y_label: str = "spectrum over its peak (dB)"
    floor_db: Annotated[float, Field(lt=0)] = -50.0
    """Where the axis ends."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return "s", "spectrum", "grid_rad"


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored trial.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples: its spectrum on a grid of angles in rad, both
            (n_examples, n_angles), and the angles of sources (n_examples, n_sources) in rad.
    """
    for m, angle in enumerate(np.rad2deg(spec.shared(sources, "s"))):
        label = ANGLE if m == 0 else None
        axes.axvline(angle, color=TARGET, linewidth=3, label=label, zorder=0)
    for name in spec.methods:
        spectrum = spec.shown(sources, name, "spectrum")
        grid = np.rad2deg(spec.shown(sources, name, "grid_rad"))
        shown, style = 10 * np.log10(spectrum / spectrum.max()), spec.look(sources, name)
        draw_row(axes, grid, shown, style, markevery=max(1, len(grid) // MARKS))
    axes.set_xlabel("angle (°)")
    axes.set_xticks(range(-90, 91, 30))
    axes.set_xlim(-92, 92)
    axes.set_ylim(spec.floor_db, 2)
    axes.set_ylabel(spec.y_label)
