"""What can be compared: classes of methods, fitted ones, and functions of one's own."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from mbdl_repro.contract.family import Family
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Scenario, Split, in_seed
from mbdl_repro.contract.shared_fits import unshared
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import Report
from mbdl_repro.pipeline.models import NothingFitsError, descended, fit_block, streams_of, to_device


class Candidate:
    """A method to compare, with how it is built and fitted.

    Args:
        method: a class that derives from ``Method``; it is built and fitted in every seed.
        belief: what it assumes of the scenario; ``None``: what all of the comparison do.
        tune: settings of which each seed chooses out of a list, on its validation pairs:
            ``{"rho": [0.01, 0.02]}``.
        recipe: how it is trained; ``None``: as all of the comparison are.
        settings: other settings, as the constructor of ``method`` takes them.
    """

    def __init__(
        self,
        method: type[Method],
        *,
        belief: Scenario | None = None,
        tune: Mapping[str, Sequence[Any]] | None = None,
        recipe: Recipe | None = None,
        **settings: Any,
    ) -> None:
        if not (isinstance(method, type) and issubclass(method, Method)):
            raise ValueError(f"method is {method!r}: it should be a class that derives from Method")
        self.method, self.belief, self.recipe = method, belief, recipe
        self.tune = dict(tune or {})
        self.settings = settings

    @property
    def is_fitted(self) -> bool:
        """Whether training pairs change it; else it is only tuned, or neither."""
        return self.method.family.learns and not self.method.untrained

    def built(self, label: str, belief: Scenario, tuned: Mapping[str, Any]) -> Method:
        """Return the method, not fitted.

        Args:
            label: that messages call it by.
            belief: what it assumes.
            tuned: settings that are tried.

        Raises:
            ValueError: a setting is missing, not known, or not allowed.
        """
        build: Callable[..., Method] = self.method
        try:
            return build(belief, **{**self.settings, **tuned})
        except TypeError as error:
            name = self.method.__name__
            raise ValueError(
                f"{label} cannot be built: {error}; settings are given as in "
                f"Candidate({name}, setting=value), and help({name}) lists them"
            ) from error


class _Function(Method):
    """A function of one's own, NumPy in and NumPy out, as a method that learns nothing."""

    family = Family.MODEL_BASED

    def __init__(self, function: Callable[[np.ndarray], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Annotated[Tensor, "(n, ...)"]) -> Annotated[Tensor, "(n, ...)"]:
        """Return what the function does of x (n, ...)."""
        answer = np.array(self.function(x.cpu().numpy()), dtype=np.float64)
        return torch.as_tensor(answer)


def labelled(methods: Mapping[str, Any] | Iterable[Any]) -> dict[str, Candidate | Method]:
    """Return what is to be compared, by the labels of a mapping or by what each calls itself.

    Args:
        methods: as :func:`~mbdl_repro.face.comparing.compare` takes them.

    Raises:
        ValueError: nothing is there, something is no method, or two have one name.
    """
    named = methods.items() if isinstance(methods, Mapping) else [(_name(m), m) for m in methods]
    found: dict[str, Candidate | Method] = {}
    for label, one in named:
        if label in found:
            raise ValueError(
                f"two methods are called {label!r}: give them labels, as in "
                f'{{"{label}": ..., "another": ...}}'
            )
        found[label] = _candidate(label, one)
    if not found:
        raise ValueError("methods is empty: give at least one")
    return found


def _name(one: Any) -> str:
    if isinstance(one, Candidate):
        return _name(one.method)
    return str(getattr(one, "name", None) or getattr(one, "__name__", type(one).__name__))


def _candidate(label: str, one: Any) -> Candidate | Method:
    if isinstance(one, Candidate | Method):
        return one
    if isinstance(one, type) and issubclass(one, Method):
        return Candidate(one)
    if callable(one) and not isinstance(one, type):
        return _Function(one)
    raise ValueError(
        f"{label} is {one!r}: allowed are a class that derives from Method, a Candidate, a method "
        "that is built, and a function of observations"
    )


@dataclasses.dataclass(frozen=True)
class Conditions:
    """What is the same for all that are compared.

    Args:
        truth: that the data are drawn from.
        belief: what methods assume that say nothing else.
        recipe: how those are trained.
        report: called with (fraction done, message).
    """

    truth: Scenario
    belief: Scenario
    recipe: Recipe
    report: Report

    def fitted(
        self, label: str, one: Candidate, seed: int, splits: Mapping[str, Split]
    ) -> tuple[Method, dict[str, Any]]:
        """Return a candidate as it is fitted in a seed, and the settings that it chose there.

        Args:
            label: that messages call it by.
            one: the candidate.
            seed: of the repetition.
            splits: its pairs, ``train`` and ``validation``.

        Raises:
            ValueError: it cannot be built so, or be fitted to these pairs.
        """
        belief = in_seed(one.belief or self.belief, seed)
        choices = itertools.product(*one.tune.values())
        grid = [dict(zip(one.tune, values, strict=True)) for values in choices]
        stream = streams_of(_name(one), self.truth, len(splits["train"].x), [seed])
        descend = partial(
            descended, recipe=one.recipe or self.recipe, streams=stream, shared=unshared
        )
        try:
            (found,) = fit_block(
                lambda tuned: one.built(label, belief, tuned),
                grid,
                [{name: to_device(split, "cpu") for name, split in splits.items()}],
                descend if one.is_fitted else None,
            )
        except NothingFitsError:
            raise ValueError(
                f"{label}, seed {seed}: no choice of {', '.join(one.tune)} gives a finite loss on "
                "the validation pairs: change the lists of tune"
            ) from None
        return found.method, found.settings
