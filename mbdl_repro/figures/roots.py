"""One trial's roots in the half disc, each at its angle, and where the sources are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mbdl_repro.figures.panel import PanelOfExample, Sources
from mbdl_repro.figures.spectrum import ANGLE
from mbdl_repro.figures.style import TARGET, draw_row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray


class Spec(PanelOfExample):
    """Keys of a panel of roots."""

    @property
    def wanted(self) -> tuple[str, ...]:
        """What it reads of each method's stored examples."""
        return "s", "estimate", "root_rad", "root_radius"


NEAR = 1e-6
"""How far, in rad, an estimate may be from its root: both are kept in single precision."""


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw the first seed's stored trial: filled, the roots that were taken for sources.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's examples: of its roots the angles in rad and the radii, each
            (n_examples, n_roots), and the angles of sources and estimate (n_examples, n_sources)
            in rad.
    """
    _half_disc(axes)
    for m, angle in enumerate(spec.shared(sources, "s")):
        label = ANGLE if m == 0 else None
        x, y = _at([angle, angle], [0, 1])
        axes.plot(x, y, color=TARGET, linewidth=3, label=label, zorder=0)
    for i, name in enumerate(spec.methods):
        style, angles = spec.look(sources, name), spec.shown(sources, name, "root_rad")
        x, y = _at(angles, spec.shown(sources, name, "root_radius"))
        estimate = spec.shown(sources, name, "estimate")
        taken = np.isclose(angles[:, None], estimate, rtol=0, atol=NEAR).any(1)
        # Marks on the circle itself are drawn whole.
        marks = style.line_words | {"linestyle": "none", "markersize": 7, "clip_on": False}
        hollow = {"markerfacecolor": "none", "markeredgecolor": style.colour}
        hollow["label"] = "roots not taken (hollow)" if i == 0 else "_"
        axes.plot(x[~taken], y[~taken], **marks | hollow)
        draw_row(axes, x[taken], y[taken], style, **marks)


def _at(angles: ArrayLike, radii: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where angles and radii are: 0 above the centre, and 90° right of it."""
    return np.asarray(radii) * np.sin(angles), np.asarray(radii) * np.cos(angles)


def _half_disc(axes: Axes) -> None:
    """Draw the upper half of the disc, with its angles and radii written around it."""
    import matplotlib

    axes.set_aspect("equal")
    axes.axis("off")
    thin: dict[str, Any] = {
        "color": matplotlib.rcParams["grid.color"],
        "linewidth": 0.8,
        "zorder": -1,
    }
    around = np.deg2rad(np.linspace(-90, 90, 181))
    axes.plot(*_at(around, 0.5), **thin)
    axes.fill(*_at(around, 1.0), facecolor="none", edgecolor="black", linewidth=0.8)
    for degrees in range(-90, 91, 30):
        angle = np.deg2rad(degrees)
        axes.plot(*_at([angle, angle], [0, 1]), **thin)
        x, y = _at(angle, 1.04)
        side = ("right", "center", "left")[int(np.sign(degrees)) + 1]
        axes.text(float(x), float(y), f"{degrees}°".replace("-", "−"), ha=side, va="bottom")
    for radius in (0, 0.5, 1):
        axes.text(radius, -0.03, f"{radius:g}", ha="center", va="top")
    axes.set_xlim(-1.2, 1.2)
    axes.set_ylim(-0.15, 1.15)
