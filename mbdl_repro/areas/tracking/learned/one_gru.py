"""A network of one recurrent unit."""

from __future__ import annotations

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.learned.network import Moment, Network, Step
from mbdl_repro.learning.layers import Affine, Gru, add_product, affine, gru_update


class OneGru(Network):
    """One gated recurrent unit between two layers.

    Args:
        n_changes: features of the observations' changes.
        n_features: other features.
        widths: entries of the input layer, of the hidden state, and of the layer before the last.
        start: the output before a fit.
    """

    def __init__(
        self, n_changes: int, n_features: int, widths: tuple[int, int, int], start: Tensor
    ) -> None:
        super().__init__()
        first, hidden, before_last = widths
        self.n_changes = n_changes
        self.first = Affine(n_changes + n_features, first)
        self.gru = Gru(first, hidden)
        self.before_last = Affine(hidden, before_last)
        self.last = Affine(before_last, start.numel(), start)

    def begin(self, changes: Tensor) -> tuple[Tensor, Step]:
        """Return the first hidden state, 0, and what takes one step."""
        k = self.gru.n_hidden
        weight = self.first.weight
        offsets = affine(changes, weight[..., : self.n_changes, :], self.first.bias).unbind(-3)
        inner = weight[..., self.n_changes :, :]
        gates, bias = torch.cat(self.gru.columns(), -2), self.gru.bias.unsqueeze(-2)
        before_last, last = self.before_last.of_rows(), self.last.of_rows()
        sizes = (2 * k, k, k)

        def step(moment: Moment, hidden: Tensor) -> tuple[Tensor, Tensor]:
            expanded = add_product(offsets[moment.t], moment.features, inner).relu()
            both = torch.cat((expanded, hidden), -1)
            g, from_input, from_hidden = add_product(bias, both, gates).split(sizes, -1)
            hidden = gru_update(g, from_input, from_hidden, hidden)
            return last(before_last(hidden).relu()), hidden

        return changes.new_zeros(*changes.shape[:-3], changes.shape[-2], k), step
