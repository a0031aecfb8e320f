"""Choices of training that several experiments try: each option over the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from pydantic import Field

from mbdl_repro.comparisons.drawing import WIDTH
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.listed import how_compared, known, values_at
from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.comparisons.standing import excess
from mbdl_repro.errors import UserError, one_of
from mbdl_repro.experiments.schema import Block, Text
from mbdl_repro.figures.intervals import tones
from mbdl_repro.figures.over import interval_over
from mbdl_repro.figures.style import RULE, blend
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KEYS = ["question", "option", "n_train"]
APART = 0.36
"""How far apart the dots of the smallest and the largest size are, in rows."""
COLOUR = "#0072b2"
LINE, HEAD = 0.24, 0.75
"""Inches of a row, and of a panel's title and axis."""


class Question(Block):
    """One choice: an experiment that tries it, and which of its methods is which option."""

    name: Text
    experiment: Text
    options: Annotated[dict[Text, Text], Field(min_length=2)]
    """Methods by what is chosen; all are over the first."""
    n_train: Annotated[list[int], Field(min_length=1)]
    metric: Text | None = None
    """The experiment's first one if not given."""
    at: dict[str, Any] = Field(default_factory=dict)
    """Values of the table's other columns."""
    higher_is_better: bool = False


class Spec(KindOfComparison):
    """What each option of a choice is over the first one, in decibels."""

    quantities: ClassVar[dict[str, Scale]] = {"over_first": "decibels"}
    keys: ClassVar[list[str]] = KEYS

    questions: Annotated[list[Question], Field(min_length=1)]

    @property
    def experiments(self) -> tuple[str, ...]:
        """Names of the experiments that it reads, besides those with a role."""
        return tuple(dict.fromkeys(one.experiment for one in self.questions))

    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return a row a question, option, size of training and seed."""
        import pandas as pd

        found = []
        for question in self.questions:
            experiment = known(sources.experiments, question.experiment)
            metric = question.metric or experiment.metrics[0]
            kind = how_compared(experiment, metric)
            sign = -1.0 if question.higher_is_better else 1.0
            first = next(iter(question.options.values()))
            sizes = experiment.columns["n_train"]
            # A scale that has none of these sizes has others.
            for n_train in [n for n in question.n_train if n in sizes] or sizes:
                at = {**question.at, "n_train": n_train}
                rows = sources.rows[question.experiment]
                values = sign * values_at(rows, experiment, metric, at)
                if values.empty:
                    continue  # this scale has fewer places
                for option, label in question.options.items():
                    if label not in values:
                        raise UserError(f"{experiment.name} has no method {label!r} at {at}; "
                                        f"{one_of(label, values)}")  # fmt: skip
                    own, reference = values[label].to_numpy(float), values[first].to_numpy(float)
                    each = {"seed": values.index, "value": own, "first": reference}
                    place = {"question": question.name, "option": option, "n_train": n_train}
                    over = excess(own, reference, kind)
                    rest = {"method": label, "kind": kind, "over_first": over}
                    found.append(pd.DataFrame(each | place | rest))
        return pd.concat(found, ignore_index=True)

    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return the means over seeds with their intervals."""
        import pandas as pd

        found = []
        names = ("over_first", "over_first_low", "over_first_high")
        for place, rows in self.measured(sources).groupby([*KEYS, "method"], sort=False):
            own, first = rows["value"].to_numpy(float), rows["first"].to_numpy(float)
            ends = interval_over(own, first, rows["kind"].iloc[0])
            record = dict(zip([*KEYS, "method"], place, strict=True))
            found.append(record | dict(zip(names, ends, strict=True)))
        return pd.DataFrame(found)

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw a panel a question, a row an option, a dot a size: the darker, the more data."""
        from matplotlib import pyplot as plt

        groups = [table[table["question"] == one.name] for one in self.questions]
        heights = [HEAD + LINE * rows["option"].nunique() for rows in groups]
        figure, grid = plt.subplots(
            len(groups),
            1,
            figsize=(WIDTH, sum(heights)),
            height_ratios=heights,
            squeeze=False,
        )
        for axes, one, rows in zip(grid[:, 0], self.questions, groups, strict=True):
            _draw(axes, rows)
            axes.set_title(one.name)
        axes.set_xlabel("error over that of the first option (dB); left is better")
        return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    options = list(rows["option"].unique())
    sizes = sorted(rows["n_train"].unique())
    apart = APART / max(1, len(sizes) - 1)
    for i, (size, tone) in enumerate(zip(sizes, tones(len(sizes)), strict=True)):
        here = rows[rows["n_train"] == size]
        y = np.array([-options.index(option) for option in here["option"]])
        y = y - (i - (len(sizes) - 1) / 2) * apart
        colour = blend(COLOUR, tone)
        axes.hlines(y, here["over_first_low"], here["over_first_high"], color=colour, lw=1.4)
        axes.scatter(here["over_first"], y, color=colour, s=24, zorder=3, label=f"{size} pairs")
    axes.axvline(0, color=RULE, lw=1.0)
    axes.set_yticks([-i for i in range(len(options))], options)
    axes.set_ylim(-len(options) + 0.4, 0.6)
    if len(sizes) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
