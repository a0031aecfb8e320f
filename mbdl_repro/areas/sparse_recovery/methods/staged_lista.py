"""Staged LISTA: LISTA-CP whose fit may begin at random weights, and may go layer by layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.bases import CoupledLayers
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.layers import coupled_step
from mbdl_repro.contract.method import Family, FitInputs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.training import History, part_of


class StagedLista(CoupledLayers):
    """K steps of ISTA, each with a matrix and a threshold of its own, fitted at once or in stages.

    s_{k+1} = T_{θ_k}(s_k + W_kᵀ(x − H s_k)),    k = 0, …, K − 1,    s_0 = 0

    Unfitted it is K steps of ISTA, W_k = ``step`` · H and θ_k = ``step`` · ρ, as LISTA-CP is; what
    is learned of W_k and θ_k is what is learned there. A fit in K stages takes a K-th of its steps
    in each: in the k-th the loss is the error of s_k, and layers beyond it have no part.

    Args:
        start: where a fit begins: at ISTA, or at W_k of the same size, with ``random`` directions.
        stages: ``none``: all layers at once; ``moving``: s_1 first, then s_2, and so on, the
            layers before going on to learn; ``frozen``: the layers before stay as they are.

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Chen, Liu, Wang and Yin, 2018, for the layers; Section 6.2 for the choices.
    """

    name = "staged_lista"
    family = Family.UNFOLDED_OBJECTIVE
    parent = "ista"

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        start: Literal["ista", "random"] = "ista",
        stages: Literal["none", "moving", "frozen"] = "none",
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.V = self.learned((self.step * self.H).repeat(self.iterations, 1, 1))
        self.start, self.stages = start, stages
        self.stage: int | None = None

    def layers(self) -> Iterator[tuple[Tensor, float, int]]:
        """Yield V_k, and neither a step nor trusted entries."""
        return ((V, 1.0, 0) for V in self.V)

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw W_k, with columns as long as ISTA's, if they are to be random.

        A later stage goes on from where the one before it ended.
        """
        if self.start == "random" and self.stage in (None, 1):
            W = torch.randn(self.V.shape, generator=rng, dtype=self.V.dtype).to(self.V)
            W *= self.step * self.H.norm(dim=0) / W.norm(dim=1, keepdim=True)
            self.V.copy_(torch.linalg.solve(self.P, W))

    def loss(
        self, x: Annotated[Tensor, "(n, n_observations)"], s: Annotated[Tensor, "(n, m)"]
    ) -> Tensor:
        """Return the mean squared error of the answer; in the k-th stage of a fit, of s_k.

        Args:
            x: observations (n, n_observations).
            s: signals (n, m).
        """
        if self.stage is None:
            return super().loss(x, s)
        before = next(itertools.islice(self.iterates(x), self.stage - 1, None))
        if self.stages == "frozen":
            before = before.detach()
        V, threshold = self.V[self.stage - 1], self.log_threshold[self.stage - 1].exp()
        answer = coupled_step(before, x @ self.P, self.PH, V, threshold)
        return (answer - s).square().sum(1).mean()

    def _fit(self, inputs: FitInputs) -> History:
        """Descend once, or on the error of s_1, of s_2, …, each from where the last one ended."""
        if self.stages == "none":
            return super()._fit(inputs)
        K = self.iterations
        recipe = inputs.recipe.model_copy(update={"steps": -(-inputs.recipe.steps // K)})
        history: History = []
        for k in range(K):
            self.stage = k + 1
            part = inputs._replace(recipe=recipe, report=part_of(inputs.report, k, K))
            rows = super()._fit(part)
            history += [row | {"step": row["step"] + k * recipe.steps} for row in rows]
        self.stage = None
        return history
