"""Training histories: the validation loss of each seed's fit, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mbdl_repro.contract.table import same
from mbdl_repro.errors import UserError
from mbdl_repro.figures.panel import PanelSpec, Reads, Sources
from mbdl_repro.figures.style import of_row
from mbdl_repro.figures.ticks import plain_log_ticks

if TYPE_CHECKING:
    import pandas as pd
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
        sources: the training histories.
    """
    import seaborn as sns

    # Before it draws, seaborn looks for what axes are called.
    axes.set(xlabel="gradient step", ylabel=spec.y_label)
    for name in spec.methods:
        style, rows = spec.look(sources, name), _of(spec, sources, name)
        spec.stop_if_ambiguous(name, rows[["seed", "step"]].duplicated().any())
        if rows.empty:
            continue
        before, steps = len(axes.lines), rows["step"].nunique()
        words = style.line_words | {"linewidth": 1.0, "markevery": max(1, steps // 6)}
        sns.lineplot(
            data=rows,
            x="step",
            y="validation_loss",
            units="seed",
            estimator=None,
            legend=False,
            ax=axes,
            **words,
        )
        for i, line in enumerate(axes.lines[before:]):
            of_row(line, style)
            if i > 0:
                line.set_label("_")  # once in the legend
    axes.set_yscale(spec.y_scale)
    if spec.y_scale == "log":
        plain_log_ticks(axes.yaxis)


def _of(spec: Spec, sources: Sources, name: str) -> pd.DataFrame:
    """Return the history of a method's fits at the point that is shown."""
    assert sources.histories is not None
    rows = sources.histories[sources.histories["method"] == name]
    for column, value in spec.where.items():
        if column not in rows:
            places = ", ".join(rows.columns[1 : rows.columns.get_loc("seed")])
            raise UserError(
                f"panel {spec.title!r}: where: {column} is nothing that {name} was fitted at; "
                f"allowed are {places}"
            )
        rows = rows[np.array([same(one, value) for one in rows[column]], dtype=bool)]
    return rows
