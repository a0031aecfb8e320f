"""One trial's roots in the half disc, each at its angle, and where the sources are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from mbdl_repro.figures.panel import PanelOfExample, Sources
from mbdl_repro.figures.signals import TARGET

if TYPE_CHECKING:
    from matplotlib.projections.polar import PolarAxes


class Spec(PanelOfExample):
    """Keys of a panel of roots."""

    projection: ClassVar[str | None] = "polar"

    methods: Annotated[list[str], Field(min_length=1)]

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return "s", "estimate", "root_rad", "root_radius"


def draw(axes: PolarAxes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored trial: filled, the roots that were taken for sources.

    Args:
        axes: what is drawn on, of polar projection.
        spec: the panel's keys.
        sources: each method's examples: of its roots the angles in rad and the radii, each
            (n_examples, n_roots), and the angles of sources and estimate (n_examples, n_sources)
            in rad.
    """
    axes.set_thetamin(-90)
    axes.set_thetamax(90)
    axes.set_theta_zero_location("N")
    axes.set_theta_direction(-1)
    for m, angle in enumerate(sources.examples[spec.methods[0]][f"s_{spec.place}"][spec.example]):
        label = "angle of a source" if m == 0 else None
        axes.plot([angle, angle], [0, 1], color=TARGET, linewidth=3, label=label, zorder=0)
    for i, name in enumerate(spec.methods):
        stored, style = sources.examples[name], spec.look(sources, name)
        angles = spec.stored(stored, name, "root_rad")[spec.example]
        radii = stored[f"root_radius_{spec.place}"][spec.example]
        taken = np.isclose(
            angles[:, None], stored[f"estimate_{spec.place}"][spec.example], rtol=0, atol=1e-6
        ).any(1)
        # Marks on the circle itself are drawn whole.
        words = style.line_words | {"linestyle": "none", "markersize": 7, "clip_on": False}
        hollow = {"markerfacecolor": "none", "markeredgecolor": style.colour}
        hollow["label"] = "roots not taken (hollow)" if i == 0 else "_"
        axes.plot(angles[~taken], radii[~taken], **words | hollow)
        (marks,) = axes.plot(angles[taken], radii[taken], **words)
        marks.mbdl_order = style.order  # type: ignore[attr-defined]
    axes.set_ylim(0, 1)
    axes.set_yticks([0.5, 1.0], ["0.5", "1"])
    axes.set_xticks(np.deg2rad(range(-90, 91, 30)))
    axes.set_title(spec.title)
