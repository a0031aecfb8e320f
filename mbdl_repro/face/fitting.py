"""A method fitted to pairs of one's own, with messages that name what of them does not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.face.estimating import estimate
from mbdl_repro.face.pairs import missing_in, stop_unless_finite
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import History, Report, silent

FEW = 2
"""Rows that are estimated to see what shape the targets have."""


def fit(
    method: Method,
    train: Split | tuple[Any, Any],
    validation: Split | tuple[Any, Any],
    recipe: Recipe | None = None,
    *,
    seed: int = 0,
    report: Report = silent,
) -> History:
    """Fit a method to pairs of your own, or say what of the pairs does not fit it.

    The pairs are looked at before: shapes, and numbers that are none. A method that learns nothing
    is left as it is.

    Args:
        method: that was built; changed in place.
        train: training pairs (x, s), each (n_train, ...).
        validation: pairs that choose among the steps of the fit; never those you test on.
        recipe: how to descend; ``None``: by its defaults.
        seed: of the random numbers of the fit.
        report: called with (fraction done, message).

    Returns:
        The history: rows of (step, training loss, validation loss).

    Raises:
        ValueError: which pairs and array, its shape, and what is allowed.
        TrainingDivergedError: if a loss is infinite or not a number, although all pairs are.
    """
    train = _checked(method, "training pairs", train)
    validation = _checked(method, "validation pairs", validation)
    try:
        return method.fit(train, validation, recipe, torch.Generator().manual_seed(seed), report)
    except (RuntimeError, ValueError) as error:
        for what, split in (("training", train), ("validation", validation)):
            if words := missing_in(split.x):
                raise ValueError(
                    f"of the {what} pairs, {words}, which it may not take: {error}"
                ) from error
        raise


def _checked(method: Method, what: str, pairs: Any) -> Split:
    """Return pairs of which numbers and shapes are right."""
    if not isinstance(pairs, tuple) or len(pairs) != len(Split._fields):
        raise ValueError(f"{what} should be Split(x, s), observations and targets")
    split = Split(*(one if isinstance(one, torch.Tensor) else np.asarray(one) for one in pairs))
    n, n_targets = len(split.x), len(split.s)
    if n == 0 or n != n_targets:
        raise ValueError(
            f"of the {what}, x has {n} rows and s {n_targets}: they should have as many, and one "
            "at least"
        )
    stop_unless_finite(what, split)
    try:
        shape = tuple(np.shape(estimate(method, split.first(FEW).x)))
    except ValueError as error:
        raise ValueError(f"of the {what}, {error}") from None
    if shape[1:] != tuple(split.s.shape)[1:]:
        raise ValueError(
            f"of the {what}, s has shape {tuple(split.s.shape)}: {type(method).__name__} makes "
            f"estimates of shape {(n, *shape[1:])} of x, which s is held against"
        )
    return split
