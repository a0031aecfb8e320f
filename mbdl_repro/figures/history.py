"""Training histories: the validation loss of each seed's fit, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mbdl_repro.errors import UserError
from mbdl_repro.figures.panel import PanelSpec, Reads, Sources
from mbdl_repro.figures.style import plain_log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Spec(PanelSpec):
    """Keys of a panel of training histories."""

    reads: ClassVar[Reads] = "history"

    methods: Annotated[list[str], Field(min_length=1)]
    y_label: str = "validation loss"
    y_scale: Literal["linear", "log"] = "log"


def draw(axes: Axes, spec: Spec, sources: Sources) -> None:
    """Draw a thin line a seed.

    Args:
        axes: what is drawn on.
        spec: the panel's keys.
        sources: each method's training history: columns of one length, among them ``seed``,
            ``step`` and ``validation_loss``.
    """
    for name in spec.methods:
        style = sources.styles[name]
        columns = {
            column.removeprefix("history_"): values
            for column, values in sources.examples[name].items()
            if column.startswith("history_")
        }
        shown = np.ones(len(columns["seed"]), dtype=bool)
        for column, value in spec.where.items():
            if column not in columns:
                raise UserError(
                    f"panel {spec.title!r}: where: {column} is no number that {name} was fitted "
                    f"at; allowed are {', '.join(sorted(columns))}"
                )
            shown &= np.isclose(columns[column], value, rtol=1e-9, atol=0)
        for i, seed in enumerate(np.unique(columns["seed"])):
            rows = shown & (columns["seed"] == seed)
            steps = columns["step"][rows]
            spec.stop_if_ambiguous(name, len(np.unique(steps)) < len(steps))
            words = style.line_words | {"linewidth": 1.0, "markevery": max(1, len(steps) // 6)}
            words |= {} if i == 0 else {"label": None}
            (line,) = axes.plot(steps, columns["validation_loss"][rows], **words)
            line.mbdl_order = style.order  # type: ignore[attr-defined]
    axes.set_yscale(spec.y_scale)
    if spec.y_scale == "log":
        plain_log_ticks(axes.yaxis)
    axes.set_title(spec.title)
    axes.set_xlabel("gradient step")
    axes.set_ylabel(spec.y_label)
