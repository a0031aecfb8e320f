"""What a model is worth in training pairs: how many of them a family needs to reach it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from mbdl_repro.comparisons.drawing import heat_map
from mbdl_repro.comparisons.kind import KindOfComparison
from mbdl_repro.comparisons.needed import needed, needed_by_seed
from mbdl_repro.comparisons.representatives import STRATEGIES
from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.contract.family import Family
from mbdl_repro.figures.over import Kind
from mbdl_repro.figures.style import COLOURS, RULE
from mbdl_repro.statistics.relations import Scale

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DARKEST = 1.4
"""Where the colour of what is never reached lies, beyond that of the largest size, 1."""
KEYS = ["example", "condition", "model", "family"]
WIDE = 10.0
"""Width of a figure for a talk, in inches."""
MARKED = {
    "learned models": (COLOURS[Family.GENERATIVE_LEARNING], 0.18),
    "model-based deep learning": (COLOURS[Family.UNFOLDED_OBJECTIVE], 0.0),
    Family.DEEP_LEARNING.title: (COLOURS[Family.DEEP_LEARNING], -0.18),
}
"""Strategies that a talk shows, with their colours, and how far above their row they stand."""
ENDS = {"from": "<", "never": ">"}
"""Marks of what lies beyond the sizes that were tried."""


class Spec(KindOfComparison):
    """Training pairs until the tuned model-based method is reached."""

    quantities: ClassVar[dict[str, Scale]] = {"pairs": "ratio"}
    ends_unknown: ClassVar[tuple[str, ...]] = ("pairs",)
    keys: ClassVar[list[str]] = KEYS

    within_db: Annotated[float, Field(gt=0, le=3)] = 0.1
    """What counts as reached: so much above the reference, or less."""
    drawn: Literal["families", "strategies"] = "families"

    def measured(self, sources: Sources) -> pd.DataFrame:
        """Return a row a problem, condition, family and seed.

        What is not reached up to the largest size counts as reached there: it needs that at least.
        """
        import pandas as pd

        found = []
        for place, sizes, own, reference, kind in _curves(sources):
            values = (own.to_numpy(float), reference.to_numpy(float))
            pairs = needed_by_seed(sizes, *values, kind, self.within_db)
            pairs = np.minimum(pairs, sizes[-1])
            each = zip(own.columns, pairs, strict=True)
            found += [{**place, "seed": seed, "pairs": n} for seed, n in each]
        return pd.DataFrame(found)

    def summary(self, sources: Sources) -> pd.DataFrame:
        """Return the pairs needed by the means over seeds, with bootstrapped intervals.

        ``answer`` says whether they are reached ``from`` the smallest size on, ``at`` a size
        between, or ``never`` up to the largest.
        """
        import pandas as pd

        found = []
        for place, sizes, own, reference, kind in _curves(sources):
            values = (own.to_numpy(float), reference.to_numpy(float))
            one = needed(sizes, *values, kind, self.within_db)
            ends = {"pairs_low": one.low, "pairs_high": one.high, "answer": one.answer}
            rest = {"smallest": sizes[0], "largest": sizes[-1], "n_seeds": own.shape[1]}
            found.append({**place, "pairs": one.pairs, **ends, **rest})
        return pd.DataFrame(found)

    def draw(self, table: pd.DataFrame) -> Figure:
        """Draw a heat map: problems down, families across; the paler, the fewer pairs.

        Or, for a talk, a row a problem whose model is wrong, with a mark a strategy.
        """
        if self.drawn == "strategies":
            return _strategies(table[table["model"] == "wrong"])
        table = table[~table["family"].isin(STRATEGIES)]
        table = table.assign(problem=table["example"] + ", " + table["condition"])
        shown = table.assign(words=[_words(row) for row in table.itertuples()], share=_share(table))
        order = [family.title for family in Family if family.title in set(table["family"])]
        values, words = (
            shown.pivot(index="problem", columns="family", values=name).loc[
                table["problem"].unique(), order
            ]
            for name in ("share", "words")
        )
        return heat_map(values, words, cmap="YlGnBu", ends=(0, DARKEST))


def _curves(
    sources: Sources,
) -> Iterator[tuple[dict[str, str], np.ndarray, pd.DataFrame, pd.Series, Kind]]:
    """Yield each place with its sizes, errors (k, n), those of the reference (n,), their kind."""
    learned = sources.families[sources.families["n_train"] > 0]
    for place, rows in learned.groupby(KEYS, sort=False):
        own = rows.pivot(index="n_train", columns="seed", values="value").sort_index()
        reference = rows.drop_duplicates("seed").set_index("seed")["baseline"][own.columns]
        named = dict(zip(KEYS, map(str, place), strict=True))
        yield named, own.index.to_numpy(float), own, reference, rows["kind"].iloc[0]


def _strategies(table: pd.DataFrame) -> Figure:
    from matplotlib import pyplot as plt
    from matplotlib.lines import Line2D

    places = list(dict.fromkeys(zip(table["example"], table["condition"], strict=True)))
    figure, axes = plt.subplots(figsize=(WIDE, 0.42 * len(places) + 1.3))
    for i, (title, (colour, aside)) in enumerate(MARKED.items()):
        for y, place in enumerate(reversed(places)):
            here = (table["example"] == place[0]) & (table["condition"] == place[1])
            for row in table[here & (table["family"] == title)].itertuples():
                never = row.answer == "never"
                marker = ENDS.get(row.answer, "o")
                if not never:
                    ends = (row.pairs_low, row.pairs_high)
                    axes.plot(ends, [y + aside] * 2, color=colour, lw=1.6, alpha=0.6)
                x = 1.25 * row.largest if never else row.pairs
                axes.plot(x, y + aside, marker, color=colour, ms=9, zorder=3 + i)
    axes.set_xscale("log")
    axes.set_yticks(range(len(places)), [f"{e}, {c}" for e, c in reversed(places)])
    axes.set_ylim(-0.6, len(places) - 0.4)
    axes.set_xlabel("training pairs until the tuned model-based method is reached")
    handles = [Line2D([], [], color=c, marker="o", ls="", label=t) for t, (c, _) in MARKED.items()]
    handles.append(Line2D([], [], color=RULE, marker="<", ls="", label="from the fewest tried"))
    handles.append(Line2D([], [], color=RULE, marker=">", ls="", label="not with the most tried"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure


def _words(row: Any) -> str:
    if row.answer == "never":
        return f"> {row.largest:g}"
    if row.answer == "from":
        return f"≤ {row.smallest:g}"
    return f"{float(f'{row.pairs:.2g}'):g}"


def _share(table: pd.DataFrame) -> pd.Series:
    """Return where between the smallest and the largest size each lies, in logarithms."""
    smallest, largest = table["smallest"], table["largest"]
    share: pd.Series = np.log(table["pairs"] / smallest) / np.log(largest / smallest)
    return share.where(table["answer"] != "never", DARKEST)
