"""The contract of a method, and the continuum of families on which each method stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from mbdl_repro.contract.family import Family
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.shared_fits import SharedFits, unshared
from mbdl_repro.learning.training import History, Report, gradient_descent, silent

if TYPE_CHECKING:
    from mbdl_repro.learning.recipe import Recipe

__all__ = ["Family", "IterativeMethod", "Method", "Scenario", "Split"]


class Method(nn.Module, ABC):
    """An inference rule, built from a belief, perhaps fitted to data, mapping x to an estimate.

    ``state_dict`` is what is stored; ``requires_grad`` says what is trained. A concrete class
    is final: it stands alone in the file that bears its name, and is never subclassed.
    """

    name: ClassVar[str]
    """What experiments, tables and legends call it, which is also its file's name."""

    family: ClassVar[Family]
    """Place on the continuum: fixes colour, order in legends, and whether the method learns."""

    parent: ClassVar[str | None] = None
    """Name of the classical method that an unfitted instance equals, if there is one."""

    untrained: ClassVar[bool] = False
    """Whether nothing is fitted to training data, although members of its family learn."""

    not_fitted: ClassVar[tuple[str, ...]] = ()
    """Settings that a fit does not depend on: only how the fitted method answers."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Map observations (n, ...) to estimates (n, ...); a row depends on that row only."""

    def loss(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the mean over rows of the squared error, summed over entries.

        mean over i of ‖ŝ_i − s_i‖²

        Args:
            x: observations (n, ...).
            s: targets (n, ...).
        """
        return (self(x) - s).square().flatten(1).sum(1).mean()

    def fit(
        self,
        train: Split,
        validation: Split,
        recipe: Recipe,
        rng: torch.Generator,
        report: Report = silent,
        shared: SharedFits = unshared,
    ) -> History:
        """Fit the trainable tensors to data; by default by gradient descent on :meth:`loss`.

        Override it only where a closed form exists. Initial weights are drawn here, from
        ``rng``, by :meth:`initialize`.

        Args:
            train: training pairs, tensors (n_train, ...).
            validation: pairs that choose among fits (early stopping); never the test set.
            recipe: how to descend.
            rng: the generator of this fit.
            report: called with (fraction done, message) as the fit goes on.
            shared: makes fits that other methods may ask for too, or finds what they made.

        Returns:
            The history: rows of (step, training loss, validation loss).
        """
        return gradient_descent([self], [train], [validation], recipe, [rng], report)[0]

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw random initial weights from ``rng``, and set what standardizes the training data.

        By default there is neither.

        Args:
            train: training pairs, tensors (n_train, ...).
            rng: a generator of the CPU: draw there and copy, so that a fit on another device
                starts from the same weights.
        """


class IterativeMethod(Method):
    """A method that refines its estimate; ``forward`` is the last of its iterates."""

    counted_by: ClassVar[str | None] = "iterations"
    """Setting that says how many iterations are made at most; None, or if there is none of that
    name: no setting does."""

    iterations: int | None = None
    """How many iterations are made at most; None: as many as it takes until it stops by itself."""

    @abstractmethod
    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the estimate before the first iteration, then after each one."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the last iterate."""
        for estimate in self.iterates(x):  # noqa: B007  (only the last is wanted)
            pass
        return estimate
