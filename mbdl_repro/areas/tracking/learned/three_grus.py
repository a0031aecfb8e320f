"""KalmanNet's network: a recurrent unit for each covariance that a gain is made of."""

from __future__ import annotations

import torch
from torch import Tensor

from mbdl_repro.areas.tracking.learned.network import Moment, Network, Step, features_by_group
from mbdl_repro.learning.layers import Affine, Gru, gru_update


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
        expand = torch.block_diag(
            self.of_change.weight, self.of_correction.weight, observed[self.n_observed :]
        )[self.order]
        ahead = (self.of_change.bias, self.of_correction.bias)
        seen = changes @ observed[: self.n_observed] + self.of_observation.bias
        offsets = torch.cat((*(b.expand(*seen.shape[:-1], -1) for b in ahead), seen), -1).unbind()

        of_input, of_hidden = zip(
            *(gru.columns() for gru in (self.process, self.prediction, self.innovation)),
            strict=True,
        )
        n_correction = len(ahead[1])
        direct = torch.block_diag(
            of_input[0], of_input[1][:n_correction], of_input[2][: seen.shape[-1]]
        )
        gates = torch.cat((direct, torch.block_diag(*of_hidden)))
        bias = torch.cat((self.process.bias, self.prediction.bias, self.innovation.bias))
        from_process = self.prediction.of_input[n_correction:]
        from_prediction = self.innovation.of_input[seen.shape[-1] :]
        sizes = (2 * p, p, p, 3 * p, p, 3 * q, q)

        def step(moment: Moment, hidden: Tensor) -> tuple[Tensor, Tensor]:
            expanded = torch.addmm(offsets[moment.t], moment.features, expand).relu()
            h_1, h_2, h_3 = hidden.split((p, p, q), -1)
            g_1, in_1, hid_1, g_2, hid_2, g_3, hid_3 = torch.addmm(
                bias, torch.cat((expanded, hidden), -1), gates
            ).split(sizes, -1)
            h_1 = gru_update(g_1, in_1, hid_1, h_1)
            g_2, in_2 = torch.addmm(g_2, h_1, from_process).split((2 * p, p), -1)
            h_2 = gru_update(g_2, in_2, hid_2, h_2)
            between = self.to_innovation(h_2).relu()
            g_3, in_3 = torch.addmm(g_3, between, from_prediction).split((2 * q, q), -1)
            h_3 = gru_update(g_3, in_3, hid_3, h_3)
            gain = self.last(self.to_gain(torch.cat((h_2, h_3), -1)).relu())
            back = self.from_gain(torch.cat((h_3, gain), -1)).relu()
            h_2 = self.feedback(torch.cat((h_2, back), -1)).tanh()
            return gain, torch.cat((h_1, h_2, h_3), -1)

        return self.start.expand(changes.shape[1], -1), step
