"""DeepSIC: soft interference cancellation with a network for each user and iteration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, cast

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.receivers.learned.user_bank import UserBank, cross_entropy
from mbdl_repro.areas.receivers.linear.detector import BlindDetector, marked
from mbdl_repro.areas.receivers.linear.posterior import answer, uniform
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.method import Family, FitInputs, IterativeMethod
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.training import History, gradient_descent, part_of


class Deepsic(BlindDetector, IterativeMethod):
    """Soft interference cancellation in which networks find each user's posterior.

    p_k^(q) = softmax N_kq(y, {p_j^(q−1): j ≠ k}),  p^(0) uniform,  q = 1, …, Q

    It knows nothing of H, nor of the noise, and needs a channel that holds.

    Args:
        belief: gives the amplitudes, and how many values are sent and received at a time.
        iterations: Q.
        hidden_widths: entries of the hidden layers: a sigmoid follows the first, ReLU the others.
        training: ``sequential``: each iteration's networks by themselves, on the cross-entropy of
            their own posteriors, with what those before them answer, the recipe's steps for each;
            ``end_to_end``: all together, on that of the last. The published code shows the first
            iteration the true symbols instead, which it then never sees.

    Maps x (n, N, T) to ŝ (n, K, T): means of two amplitudes, of more the most probable one.

    Source: Shlezinger, Fu and Eldar, 2021, "DeepSIC"; Section 5.5.
    """

    name = "deepsic"
    family = Family.DNN_AIDED_INFERENCE

    def __init__(
        self,
        belief: LinearMimo,
        *,
        iterations: Annotated[int, Ge(1)] = 5,
        hidden_widths: tuple[int, ...] = (60, 30),
        training: Literal["sequential", "end_to_end"] = "sequential",
    ) -> None:
        super().__init__(belief)
        self.iterations: int = iterations
        self.training_of = training
        size = (self.n_observations, self.n_streams)
        self.networks = nn.ModuleList(
            UserBank(*size, self.levels, hidden_widths) for _ in range(iterations)
        )

    @property
    def banks(self) -> list[UserBank]:
        """The networks of each iteration."""
        return cast(list[UserBank], list(self.networks))

    def posteriors(
        self, y: Annotated[Tensor, "(n, N, T)"]
    ) -> Iterator[Annotated[Tensor, "(n, K, T, M)"]]:
        """Yield log p (n, K, T, M): before the first iteration, and after each.

        Args:
            y: received (n, N, T).
        """
        log_p = uniform(y.new_zeros(len(y), self.n_streams, y.shape[2]), len(self.levels))
        yield log_p
        for bank in self.banks:
            log_p = bank(bank.inputs(y, log_p))
            yield log_p

    def iterates(
        self, x: Annotated[Tensor, "(n, N, C)"]
    ) -> Iterator[Annotated[Tensor, "(n, K, T)"]]:
        """Yield estimates (n, K, T) of x (n, N, C): before the first iteration, and after each."""
        self.check(x)
        for log_p in self.posteriors(self.values(x)):
            yield marked(x, answer(log_p, self.levels))

    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all networks."""
        for bank in self.banks:
            bank.initialize(train, rng)

    def loss(self, x: Annotated[Tensor, "(n, N, C)"], s: Annotated[Tensor, "(n, K, T)"]) -> Tensor:
        """Return the cross-entropy of the last iteration's posteriors, summed over users.

        Args:
            x: observations (n, N, C), C = T.
            s: amplitudes (n, K, T).
        """
        *_, last = self.posteriors(self.values(x))
        return cross_entropy(last, s, self.levels)

    def _fit(self, inputs: FitInputs) -> History:
        """Descend on all iterations, or on one after another."""
        if self.training_of == "end_to_end":
            return super()._fit(inputs)
        train, validation = (
            (self.values(x), s, next(self.posteriors(self.values(x))))
            for x, s in (inputs.train, inputs.validation)
        )
        history: History = []
        for q, bank in enumerate(self.banks):
            splits = [Split(bank.inputs(y, log_p), s) for y, s, log_p in (train, validation)]
            rows = gradient_descent(
                [bank],
                splits[:1],
                splits[1:],
                inputs.recipe,
                [inputs.rng],
                part_of(inputs.report, q, self.iterations),
            )[0]
            history += [row | {"step": row["step"] + q * inputs.recipe.steps} for row in rows]
            with torch.no_grad():
                train, validation = (
                    (y, s, bank(split.x))
                    for (y, s, _), split in zip((train, validation), splits, strict=True)
                )
        return history
