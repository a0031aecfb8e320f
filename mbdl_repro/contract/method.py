"""The contract of a method, and the continuum of families on which each method stands."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from mbdl_repro.contract.family import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.settings import Checked
from mbdl_repro.contract.shared_fits import SharedFits, unshared
from mbdl_repro.learning.training import History, Report, gradient_descent, silent

if TYPE_CHECKING:
    from mbdl_repro.learning.recipe import Recipe

__all__ = [
    "ClosedFormMethod",
    "Family",
    "FitInputs",
    "IterativeMethod",
    "Method",
    "Split",
    "descend",
]


class FitInputs(NamedTuple):
    """What a fit may look at; tensors are on the method's device."""

    train: Split
    """Training pairs, (n_train, ...)."""
    validation: Split
    """Pairs that choose among fits, as early stopping does; never the test set."""
    recipe: Recipe
    """How to descend."""
    rng: torch.Generator
    """The generator of this fit, on the CPU."""
    report: Report
    """Called with (fraction done, message) as the fit goes on."""
    shared: SharedFits
    """Makes fits that other methods may ask for too, or finds what they made."""


class Method(nn.Module, metaclass=Checked):
    """An inference rule, built from a belief, perhaps fitted to data, mapping x to an estimate.

    ``state_dict`` is what is stored; ``requires_grad`` says what is trained. A concrete class
    is final: it stands alone in the file that bears its name, and is never subclassed. Settings
    are checked when it is built: ``ValueError`` names the one that is not allowed.
    """

    name: ClassVar[str]
    """What experiments, tables and legends call it, which is also its file's name."""

    family: ClassVar[Family]
    """Place on the continuum: fixes colour, order in legends, and whether the method learns."""

    parent: ClassVar[str | None] = None
    """Name of the classical method that an unfitted instance equals, if there is one."""

    untrained: ClassVar[bool] = False
    """Whether nothing is fitted to training data, although members of its family learn."""

    needs_targets: ClassVar[bool] = True
    """Whether its loss looks at targets: then neither a fit nor tuning can do without them."""

    not_fitted: ClassVar[tuple[str, ...]] = ()
    """Settings that a fit does not depend on: only how the fitted method answers."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Map observations (n, ...) to estimates (n, ...); a row depends on that row only."""

    def estimate(self, x: Any) -> Any:
        """Return the estimates of observations: what users call, without recording gradients.

        Args:
            x: observations (n, ...), as a NumPy array or a tensor, real numbers in any precision;
                computed with in double, on the method's device.

        Returns:
            Estimates (n, ...): a tensor where x is one, otherwise a NumPy array. A row that has no
            answer is NaN.
        """
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                answer = self(self._tensor(x))
        finally:
            self.train(was_training)
        return answer if isinstance(x, Tensor) else answer.cpu().numpy()

    def loss(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the mean over rows of the squared error, summed over entries.

        mean over i of ‖ŝ_i − s_i‖²

        Args:
            x: observations (n, ...), or what :meth:`prepare` makes of them.
            s: targets (n, ...).
        """
        return (self(x) - s).square().flatten(1).sum(1).mean()

    @torch.no_grad()
    def loss_on(self, split: Split) -> float:
        """Return the loss on pairs, tensors (n, ...)."""
        return self.loss(*self.prepare(split)).item()

    def prepare(self, split: Split) -> Split:
        """Return the pairs that :meth:`loss` is taken of: features of x, say, made once a fit.

        Args:
            split: observations and targets, tensors (n, ...).

        Returns:
            As many pairs; by default the split itself.
        """
        return split

    def fit(
        self,
        train: Split,
        validation: Split,
        recipe: Recipe | None = None,
        rng: torch.Generator | None = None,
        report: Report = silent,
        shared: SharedFits = unshared,
    ) -> History:
        """Fit the trainable tensors to data; a method that has none is left as it is.

        Args:
            train: training pairs (n_train, ...), NumPy arrays or tensors.
            validation: pairs that choose among fits (early stopping); never the test set.
            recipe: how to descend; ``None``: by its defaults.
            rng: the generator of this fit, on the CPU; ``None``: of seed 0.
            report: called with (fraction done, message) as the fit goes on.
            shared: makes fits that other methods may ask for too, or finds what they made.

        Returns:
            The history: rows of (step, training loss, validation loss).

        Raises:
            ValueError: if the data cannot be fitted; says why.
            TrainingDivergedError: if a loss is infinite or not a number; says at which step.
        """
        if not any(tensor.requires_grad for tensor in self.parameters()):
            return []
        if recipe is None:
            from mbdl_repro.learning.recipe import Recipe

            recipe = Recipe()
        rng = rng or torch.Generator().manual_seed(0)
        train, validation = (Split(*map(self._tensor, one)) for one in (train, validation))
        return self._fit(FitInputs(train, validation, recipe, rng, report, shared))

    def _fit(self, inputs: FitInputs) -> History:
        """Fit, by default by gradient descent on :meth:`loss`; override it for any other way."""
        train, validation, recipe, rng, report, _ = inputs
        return descend([self], [train], [validation], recipe, [rng], report)[0]

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw random initial weights from ``rng``, and set what standardizes the training data.

        By default there is neither.

        Args:
            train: training pairs (n_train, ...), as :meth:`prepare` returns them.
            rng: a generator of the CPU: draw there and copy, so that a fit on another device
                starts from the same weights.
        """

    @property
    def device(self) -> torch.device:
        """Where it computes: the device of its tensors; the CPU where it has none."""
        tensors = itertools.chain(self.parameters(), self.buffers())
        return next((tensor.device for tensor in tensors), torch.device("cpu"))

    def _tensor(self, data: Any) -> Tensor:
        """Return data as a tensor on the method's device; real numbers in double precision."""
        tensor = torch.as_tensor(data if isinstance(data, Tensor) else np.asarray(data))
        return tensor.to(self.device, tensor.dtype if tensor.is_complex() else torch.float64)


class ClosedFormMethod(Method):
    """A method that is fitted to the training pairs alone, and not by steps."""

    @abstractmethod
    def solve(self, train: Split) -> None:
        """Set the trainable tensors to what the training pairs (n_train, ...) say; no gradients.

        Raises:
            ValueError: if they do not say it.
        """

    @torch.no_grad()
    def _fit(self, inputs: FitInputs) -> History:
        """Solve; the history is one row."""
        self.solve(inputs.train)
        train_loss, validation_loss = map(self.loss_on, inputs[:2])
        return [{"step": 0, "train_loss": train_loss, "validation_loss": validation_loss}]


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


def descend(
    methods: Sequence[Method],
    trains: Sequence[Split],
    validations: Sequence[Split],
    recipe: Recipe,
    rngs: Sequence[torch.Generator],
    report: Report = silent,
) -> list[History]:
    """Fit methods of one class and settings side by side, each on what it prepares of its data.

    Args:
        methods: changed in place.
        trains: training pairs of each, (n_train, ...).
        validations: pairs of each that choose among its steps.
        recipe: how to descend.
        rngs: the generator of each fit.
        report: called with (fraction done, message).

    Returns:
        The history of each.
    """
    trains, validations = (
        [method.prepare(split) for method, split in zip(methods, splits, strict=True)]
        for splits in (trains, validations)
    )
    return gradient_descent(methods, trains, validations, recipe, rngs, report)
