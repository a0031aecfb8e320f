"""KalmanNet's network: a recurrent unit for each covariance that a gain is made of."""

from __future__ import annotations

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.learned.network import Moment, Network, Step, features_by_group
from mbdl_repro.learning.layers import Affine, Gru, add_product, affine, block_diagonal, gru_update


class ThreeGrus(Network):
    """Three gated recurrent units, one for each covariance that a gain is made of.

    The first sees how the state changes; the second, of the prediction's covariance, sees the
    first and the last correction; the third, of the innovation's, sees the second and the
    observations. The gain is read from the last two, and goes back into the second.

    Args:
        gain: K (m, n) before a fit.
        input_multiplier: entries that each entry of a difference is expanded to.
        output_multiplier: hidden entries of the gain's layers for each of m² + n².
        magnitudes: whether lengths are among the features.

    Source: Revach et al., 2022, architecture #2, where the gain comes back through a rectifier,
    not through tanh: a unit's state lies between −1 and 1, and a rectifier may die.
    """

    def __init__(
        self, gain: Tensor, input_multiplier: int, output_multiplier: int, magnitudes: bool
    ) -> None:
        super().__init__()
        m, n = gain.shape
        lengths = int(magnitudes)
        a, p, q = input_multiplier, m * m, n * n
        self.order = features_by_group((m, m, n), magnitudes)
        self.n_observed = n + lengths
        self.of_change = Affine(m + lengths, a * m)
        self.of_correction = Affine(m + lengths, a * m)
        self.of_observation = Affine(2 * (n + lengths), 2 * a * n)
        self.process = Gru(a * m, p)
        self.prediction = Gru(a * m + p, p)
        self.innovation = Gru(2 * a * n + q, q)
        self.to_innovation = Affine(p, q)
        self.to_gain = Affine(p + q, (p + q) * output_multiplier)
        self.last = Affine((p + q) * output_multiplier, m * n, start=gain)
        self.from_gain = Affine(q + m * n, p)
        self.feedback = Affine(2 * p, p)
        self.p, self.q = p, q
        self.start: Tensor
        eye_m, eye_n = (torch.eye(k, dtype=torch.float64).flatten() for k in (m, n))
        self.register_buffer("start", torch.cat((eye_m, 0 * eye_m, eye_n)))

    def begin(self, changes: Tensor) -> tuple[Tensor, Step]:
        """Return the first hidden state (I, 0, I), and what takes one step."""
        p, q = self.p, self.q
        # All that depends on the features, or on the hidden state as it was, in two products.
        observed = self.of_observation.weight
        expand = block_diagonal(
            self.of_change.weight, self.of_correction.weight, observed[..., self.n_observed :, :]
        )[..., self.order, :]
        seen = affine(changes, observed[..., : self.n_observed, :], self.of_observation.bias)
        ahead = torch.cat((self.of_change.bias, self.of_correction.bias), -1)
        ahead = ahead[..., None, None, :].expand(*seen.shape[:-1], -1)
        offsets = torch.cat((ahead, seen), -1).unbind(-3)

        of_input, of_hidden = zip(
            *(gru.columns() for gru in (self.process, self.prediction, self.innovation)),
            strict=True,
        )
        n_correction, n_seen = self.of_correction.bias.shape[-1], seen.shape[-1]
        direct = block_diagonal(
            of_input[0], of_input[1][..., :n_correction, :], of_input[2][..., :n_seen, :]
        )
        gates = torch.cat((direct, block_diagonal(*of_hidden)), -2)
        biases = (self.process.bias, self.prediction.bias, self.innovation.bias)
        bias = torch.cat(biases, -1).unsqueeze(-2)
        from_process = self.prediction.of_input[..., n_correction:, :]
        from_prediction = self.innovation.of_input[..., n_seen:, :]
        to_innovation, to_gain, last, from_gain, feedback = (
            layer.of_rows()
            for layer in (
                self.to_innovation, self.to_gain, self.last, self.from_gain, self.feedback
            )
        )  # fmt: skip
        sizes = (2 * p, p, p, 3 * p, p, 3 * q, q)

        def step(moment: Moment, hidden: Tensor) -> tuple[Tensor, Tensor]:
            expanded = add_product(offsets[moment.t], moment.features, expand).relu()
            h_1, h_2, h_3 = hidden.split((p, p, q), -1)
            g_1, in_1, hid_1, g_2, hid_2, g_3, hid_3 = add_product(
                bias, torch.cat((expanded, hidden), -1), gates
            ).split(sizes, -1)
            h_1 = gru_update(g_1, in_1, hid_1, h_1)
            g_2, in_2 = add_product(g_2, h_1, from_process).split((2 * p, p), -1)
            h_2 = gru_update(g_2, in_2, hid_2, h_2)
            between = to_innovation(h_2).relu()
            g_3, in_3 = add_product(g_3, between, from_prediction).split((2 * q, q), -1)
            h_3 = gru_update(g_3, in_3, hid_3, h_3)
            gain = last(to_gain(torch.cat((h_2, h_3), -1)).relu())
            back = from_gain(torch.cat((h_3, gain), -1)).relu()
            h_2 = feedback(torch.cat((h_2, back), -1)).tanh()
            return gain, torch.cat((h_1, h_2, h_3), -1)

        rows = (*changes.shape[:-3], changes.shape[-2])
        return self.start.unsqueeze(-2).expand(*rows, -1), step
