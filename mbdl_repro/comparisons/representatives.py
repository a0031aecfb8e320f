"""One method for a family: chosen without a look at the test signals that it is then judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray

from mbdl_repro.contract.family import Family
from mbdl_repro.figures.over import Kind

if TYPE_CHECKING:
    import pandas as pd

STRATEGIES = {
    "learned models": (Family.GENERATIVE_LEARNING, Family.DISCRIMINATIVE_LEARNING),
    "model-based deep learning": (
        Family.LEARNED_OPTIMIZATION,
        Family.UNFOLDED_HYPERPARAMETERS,
        Family.UNFOLDED_OBJECTIVE,
        Family.UNFOLDED_NETWORK,
        Family.DNN_AIDED_PRIOR,
        Family.DNN_AIDED_INFERENCE,
        Family.NEURAL_AUGMENTATION,
    ),
}
"""Families of which one method stands for all, too: those of Section 5.1, and those after it."""

GROUP = ["example", "condition", "family", "n_train"]


def averaged(values: Any, kind: Kind) -> Any:
    """Return what means are taken of: of values in dB, the ratios that they stand for.

    Args:
        values: an array or a column, in the metric's unit.
        kind: how they compare.
    """
    return 10 ** (values / 10) if kind == "decibels" else values


def chosen(
    values: Annotated[NDArray[np.float64], "(m, n)"], kind: Kind
) -> Annotated[NDArray[np.intp], "(n,)"]:
    """Return which of m methods stands for them in each of n seeds: the best in all other seeds.

    Seeds have test signals of their own, so none of those that judge a choice has made it. With a
    single seed there is nothing to choose by: the first one stands. One that is NaN in any seed
    never does, if another one can.

    Args:
        values: of each method in each seed, of which less is better; in dB if the kind says so.
        kind: how they compare.
    """
    linear = averaged(values, kind)
    n = values.shape[1]
    if n == 1:
        return np.zeros(1, dtype=np.intp)
    others = np.stack([np.delete(linear, i, axis=1).mean(1) for i in range(n)], axis=1)
    failed = np.isnan(values).any(1, keepdims=True)
    return np.argmin(np.where(failed, np.inf, others), axis=0)


def represented(standings: pd.DataFrame) -> pd.DataFrame:
    """Return one row a problem, condition, family, size of training and seed.

    Besides families, :data:`STRATEGIES` have a row each. Beside each value stands that of the
    model-based family in the same seed, ``baseline``: the tuned method that looks at no pairs.

    Args:
        standings: as :func:`~mbdl_repro.comparisons.standing.standings` returns them.

    Returns:
        The columns of the standings, where ``method`` is the one that stands for its family in the
        seed, and ``baseline``; ``data``: ``little``, ``some`` or ``much``.
    """
    import pandas as pd

    parts = [standings]
    for strategy, families in STRATEGIES.items():
        titles = [family.title for family in families]
        parts.append(standings[standings["family"].isin(titles)].assign(family=strategy))
    pairs = pd.concat(parts, ignore_index=True)
    found = [_of_group(rows) for _, rows in pairs.groupby(GROUP, sort=False)]
    table = pd.concat(found, ignore_index=True)
    meeting = ["example", "condition", "seed"]
    model_based = table[table["family"] == Family.MODEL_BASED.title].set_index(meeting)["value"]
    table["baseline"] = model_based.reindex(pd.MultiIndex.from_frame(table[meeting])).to_numpy()
    return table.assign(data=amounts(table))


def _of_group(rows: pd.DataFrame) -> pd.DataFrame:
    by_seed = rows.pivot(index="method", columns="seed", values="value")
    by_seed = by_seed.loc[rows["method"].unique()]  # in the order of the file
    stands = by_seed.index[chosen(by_seed.to_numpy(dtype=float), rows["kind"].iloc[0])]
    wanted = dict(zip(by_seed.columns, stands, strict=True))
    return rows[rows["method"] == rows["seed"].map(wanted)]


def amounts(table: pd.DataFrame) -> pd.Series:
    """Return how much data each row has, of the sizes of its problem: little, some, or much.

    Args:
        table: with the columns ``example`` and ``n_train``; 0 pairs are ``none``.
    """
    learned = table[table["n_train"] > 0].groupby("example")["n_train"]
    least, most = (table["example"].map(found) for found in (learned.min(), learned.max()))
    words = np.select(
        [table["n_train"] == 0, table["n_train"] == most, table["n_train"] == least],
        ["none", "much", "little"],
        "some",
    )
    import pandas as pd

    return pd.Series(words, index=table.index)
