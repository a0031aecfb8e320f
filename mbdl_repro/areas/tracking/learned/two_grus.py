"""Split-KalmanNet's network: a recurrent unit for each of two covariances."""

from __future__ import annotations

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.learned.network import Moment, Network, Step, features_by_group
from mbdl_repro.learning.layers import Affine, Gru, add_product, affine, block_diagonal, gru_update


class TwoGrus(Network):
    """Two gated recurrent units side by side, computed as one, that do not see each other.

    The first sees how the state changes and was corrected, the second the observations.

    Args:
        outputs: what each of the two gives before a fit.
        widths: entries of a change of the state, and of an observation.
        input_multiplier: entries that each entry of a difference is expanded to.
        hidden_multiplier: hidden entries for each entry of an output.
        magnitudes: whether lengths are among the features.

    Source: Choi et al., 2023.
    """

    def __init__(
        self,
        outputs: tuple[Tensor, Tensor],
        widths: tuple[int, int],
        input_multiplier: int,
        hidden_multiplier: int,
        magnitudes: bool,
    ) -> None:
        super().__init__()
        (m, n), lengths = widths, int(magnitudes)
        self.order = features_by_group((m, m, n), magnitudes)
        self.n_observed = n + lengths
        firsts = (2 * input_multiplier * m, 2 * input_multiplier * n)
        hiddens = [hidden_multiplier * output.numel() for output in outputs]
        self.of_state = Affine(2 * (m + lengths), firsts[0])
        self.of_observation = Affine(2 * (n + lengths), firsts[1])
        self.gru_of_state = Gru(firsts[0], hiddens[0])
        self.gru_of_observation = Gru(firsts[1], hiddens[1])
        self.last_of_state = Affine(hiddens[0], outputs[0].numel(), outputs[0])
        self.last_of_observation = Affine(hiddens[1], outputs[1].numel(), outputs[1])
        self.n_hidden = sum(hiddens)

    def begin(self, changes: Tensor) -> tuple[Tensor, Step]:
        """Return the first hidden state, 0, and what takes one step."""
        k = self.n_hidden
        observed = self.of_observation.weight
        expand = block_diagonal(self.of_state.weight, observed[..., self.n_observed :, :])
        expand = expand[..., self.order, :]
        seen = affine(changes, observed[..., : self.n_observed, :], self.of_observation.bias)
        ahead = self.of_state.bias[..., None, None, :].expand(*seen.shape[:-1], -1)
        offsets = torch.cat((ahead, seen), -1).unbind(-3)

        grus = (self.gru_of_state, self.gru_of_observation)
        columns = [[part.chunk(4, -1) for part in gru.columns()] for gru in grus]
        gates = torch.cat(
            [
                torch.cat([block_diagonal(*same) for same in zip(*halves, strict=True)], -1)
                for halves in zip(*columns, strict=True)
            ],
            -2,
        )
        biases = [gru.bias.chunk(4, -1) for gru in grus]
        parts = [part for same in zip(*biases, strict=True) for part in same]
        bias = torch.cat(parts, -1).unsqueeze(-2)
        lasts = (self.last_of_state, self.last_of_observation)
        last = block_diagonal(*(layer.weight for layer in lasts))
        start = torch.cat([layer.bias for layer in lasts], -1).unsqueeze(-2)
        sizes = (2 * k, k, k)

        def step(moment: Moment, hidden: Tensor) -> tuple[Tensor, Tensor]:
            expanded = add_product(offsets[moment.t], moment.features, expand).relu()
            both = torch.cat((expanded, hidden), -1)
            g, from_input, from_hidden = add_product(bias, both, gates).split(sizes, -1)
            hidden = gru_update(g, from_input, from_hidden, hidden)
            return add_product(start, hidden, last), hidden

        return changes.new_zeros(*changes.shape[:-3], changes.shape[-2], k), step
