"""Adam, for numbers that are fitted to each observation while a method answers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

FORGETTING = 0.1, 0.001
"""How much of the mean gradient, and of the mean of its square, each step replaces."""


@dataclasses.dataclass
class Adam:
    """Tensors with the state of Adam; changed by :meth:`descend`.

    z ← z − μ m / (√v + ε),  m and v the running means of gradients and of their squares,
    each over what it would be were they all one

    Every entry goes its own way, so that rows which have no part in each other's loss do not meet.

    Args:
        variables: z, any shapes.
        epsilon: ε.

    Source: Kingma and Ba, 2015, algorithm 1.
    """

    variables: list[Tensor]
    epsilon: float = 1e-8
    steps: int = dataclasses.field(default=0, init=False)
    means: list[Tensor] = dataclasses.field(init=False)
    squares: list[Tensor] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Begin with means of nothing."""
        self.means = [torch.zeros_like(z) for z in self.variables]
        self.squares = [torch.zeros_like(z) for z in self.variables]

    @property
    def reached(self) -> list[Tensor]:
        """The variables; NaN where a gradient's square was none or too large, and no step made."""
        pairs = zip(self.variables, self.squares, strict=True)
        return [torch.where(square.isfinite(), z, math.nan) for z, square in pairs]

    def descend(self, loss: Callable[[Sequence[Tensor]], Tensor], step: float) -> None:
        """Take one step down a loss.

        Args:
            loss: a number, as a function of the variables.
            step: μ.
        """
        with torch.enable_grad():
            leaves = [z.detach().requires_grad_() for z in self.variables]
            gradients = torch.autograd.grad(loss(leaves), leaves)
        self.steps += 1
        size, spread = (1 - (1 - share) ** self.steps for share in FORGETTING)
        everything = zip(self.variables, gradients, self.means, self.squares, strict=True)
        for z, g, mean, square in everything:
            mean.lerp_(g, FORGETTING[0])
            square.mul_(1 - FORGETTING[1]).addcmul_(g, g, value=FORGETTING[1])
            scale = (square.sqrt() / spread**0.5).add_(self.epsilon)
            z.addcdiv_(mean, scale, value=-step / size)
