"""How many training pairs a method needs until it reaches the model-based one."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mbdl_repro.comparisons.representatives import averaged
from mbdl_repro.comparisons.standing import excess
from mbdl_repro.contract.seeding import rng_for
from mbdl_repro.figures.over import Kind
from mbdl_repro.statistics.crossings import first_crossing

RESAMPLES = 1000
"""Of the seeds, with replacement."""

Answer = Literal["from", "at", "never"]
"""Reached from the smallest size on; between two sizes; or not up to the largest."""


@dataclasses.dataclass(frozen=True)
class Needed:
    """Pairs needed, with the interval that holds 95 % of the resamples.

    Ends of the range of sizes stand for all beyond them.
    """

    pairs: float
    low: float
    high: float
    answer: Answer


def needed(
    sizes: ArrayLike,
    own: Annotated[NDArray[np.float64], "(k, n)"],
    reference: Annotated[NDArray[np.float64], "(n,)"],
    kind: Kind,
    within_db: float = 0.1,
) -> Needed:
    """Return the number of pairs at which the mean error first comes down to the reference's.

    Between two sizes, the ratio in decibels is interpolated along the logarithm of the size.

    Args:
        sizes: (k,), rising.
        own: errors at each size, one a seed, of which less is better.
        reference: the error of the reference in each seed.
        kind: how errors compare.
        within_db: so much above the reference counts as reached: who estimates what the other is
            told comes near it, and is never there.
    """
    sizes = np.asarray(sizes, dtype=float)
    n = own.shape[1]
    draws = rng_for("pairs needed").integers(n, size=(RESAMPLES, n))
    pairs = _crossings(sizes, own, reference, kind, within_db, np.vstack([np.arange(n), draws]))
    low, high = np.quantile(pairs[1:], [0.025, 0.975], method="inverted_cdf")
    ends: dict[float, Answer] = {sizes[0]: "from", np.inf: "never"}
    mean, low, high = np.minimum([pairs[0], low, high], sizes[-1]).tolist()
    return Needed(mean, low, high, ends.get(pairs[0], "at"))


def needed_by_seed(
    sizes: ArrayLike,
    own: Annotated[NDArray[np.float64], "(k, n)"],
    reference: Annotated[NDArray[np.float64], "(n,)"],
    kind: Kind,
    within_db: float = 0.1,
) -> Annotated[NDArray[np.float64], "(n,)"]:
    """Return the same of each seed alone; where it is never reached, infinity.

    Args:
        sizes: (k,), rising.
        own: errors at each size, one a seed, of which less is better.
        reference: the error of the reference in each seed.
        kind: how errors compare.
        within_db: so much above the reference counts as reached: who estimates what the other is
            told comes near it, and is never there.
    """
    n = own.shape[1]
    each = np.arange(n)[:, None]
    return _crossings(np.asarray(sizes, dtype=float), own, reference, kind, within_db, each)


def _crossings(
    sizes: NDArray[np.float64],
    own: NDArray[np.float64],
    reference: NDArray[np.float64],
    kind: Kind,
    within_db: float,
    draws: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return where the means over each draw of seeds (b, m) cross; infinity where they do not."""
    own, reference = averaged(own, kind), averaged(reference, kind)
    means, references = own[:, draws].mean(2), reference[draws].mean(1)
    above = excess(means, references, "square" if kind == "decibels" else kind)
    pairs = first_crossing(sizes, within_db - above) if len(sizes) > 1 else sizes
    return np.where((above >= within_db).all(0), np.inf, pairs)
