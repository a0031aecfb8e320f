"""One trial's pseudo-spectra over the angle, and where the sources are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from mbdl_repro.figures.panel import PanelOfExample, Sources
from mbdl_repro.figures.signals import TARGET

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(PanelOfExample):
    """Keys of a panel of spectra."""

    methods: Annotated[list[str], Field(min_length=1)]
    """Whose spectra are shown; the first one's stored example gives the angles."""
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
    first = sources.examples[spec.methods[0]]
    for m, angle in enumerate(np.rad2deg(first[f"s_{spec.place}"][spec.example])):
        label = "angle of a source" if m == 0 else None
        axes.axvline(angle, color=TARGET, linewidth=3, label=label, zorder=0)
    for name in spec.methods:
        style = spec.look(sources, name)
        stored = sources.examples[name]
        spectrum = spec.stored(stored, name, "spectrum")[spec.example]
        grid = np.rad2deg(stored[f"grid_rad_{spec.place}"][spec.example])
        words = style.line_words | {"markevery": max(1, len(grid) // 8)}
        (line,) = axes.plot(grid, 10 * np.log10(spectrum / spectrum.max()), **words)
        line.mbdl_order = style.order  # type: ignore[attr-defined]
    axes.set_title(spec.title)
    axes.set_xlabel("angle (°)")
    axes.set_xticks(range(-90, 91, 30))
    axes.set_xlim(-92, 92)
    axes.set_ylim(spec.floor_db, 2)
    axes.set_ylabel(spec.y_label)
