"""AMP unfolded into a few layers, with a network that learns how to shrink."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Gt
from torch import nn

from mbdl_repro.areas.sparse_recovery.bases import DenoisingAmp
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.amp import Denoiser
from mbdl_repro.areas.sparse_recovery.updates.layers import layerwise
from mbdl_repro.areas.sparse_recovery.updates.scalar_network import network_shrinkage
from mbdl_repro.contract.method import Family
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Perceptron


class UnfoldedAmpNetwork(DenoisingAmp):
    """K steps of AMP that shrink by a network's gain, trained end to end.

    s_{k+1} = z_k g_k(|z_k|/τ_k),    z_k = s_k + Hᵀr_k,    τ_k = ‖r_k‖ / √n,
    g_k(u) = (1 − α_k/u)₊ + σ(4(u − α_k)) M(log(1 + u))

    Each layer has its α_k, and all share the network M. The residual's memory needs the slope of
    what shrinks, which is exact here. At first M is 0: AMP with soft thresholding.

    Args:
        threshold_factor: α_k before training.
        hidden_widths: entries of each hidden layer of M (tanh).

    Maps x (n, n_observations) to ŝ (n, m).

    Source: Section 5.3, DNN conversion; Borgerding, Schniter and Rangan, 2017, and Kamilov and
    Mansour, 2016, for shrinkage that is learned.
    """

    name = "unfolded_amp_network"
    family = Family.UNFOLDED_NETWORK
    parent = "amp"

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        threshold_factor: Annotated[float, Gt(0)] = 1.1402,
        hidden_widths: tuple[int, ...] = (8,),
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        self.log_threshold_factor: nn.Parameter = layerwise(self.iterations, threshold_factor)
        self.network = Perceptron((1, *hidden_widths, 1), "tanh")

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights of all layers of M but the last, which stays 0."""
        self.network.draw(rng, gain=1, last_gain=0)

    def denoisers(self) -> Iterator[Denoiser]:
        """Yield the shrinkage of each layer."""
        for alpha in self.log_threshold_factor.exp():
            yield partial(network_shrinkage, threshold_factor=alpha, network=self.network)
