"""What the training loop asks of those that it trains, and of their data; it loads no torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Parameter


class Pairs(Protocol):
    """Observations x (n, ...) and the targets s (n, ...) that they came from, row by row."""

    @property
    def x(self) -> Any:
        """Observations (n, ...), NumPy arrays or tensors."""

    @property
    def s(self) -> Any:
        """Targets (n, ...), NumPy arrays or tensors."""


class Trainable(Protocol):
    """A ``torch.nn.Module`` with a loss, whose tensors that require gradients are trained."""

    def initialize(self, train: Any, rng: torch.Generator) -> None:
        """Draw initial weights, and set what standardizes the data.

        Args:
            train: the training pairs, which the loss is then taken of.
            rng: the generator of this fit, on the CPU.
        """

    def loss(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the mean over rows of what is descended, a scalar.

        Args:
            x: observations (n, ...).
            s: targets (n, ...).
        """

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield the names and tensors of which those that require gradients are trained."""

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Yield the names and tensors that a fit leaves as :meth:`initialize` set them."""


@runtime_checkable
class HasIterates(Protocol):
    """What refines its estimate step by step, and shows each step."""

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the estimates (n, ...) of x (n, ...): before the first iteration, after each."""


@runtime_checkable
class TakesStacks(Protocol):
    """What works out the losses of many fits at once faster than ``torch.func.vmap`` does."""

    def losses(self, x: Tensor, s: Tensor) -> Tensor:
        """Return the loss of each fit, (members,).

        Meanwhile all tensors of this module are those of the fits, stacked along a first axis.

        Args:
            x: observations of each, (members, n, ...).
            s: targets of each, (members, n, ...).
        """
