"""The Kalman smoother as message passing, with a network that corrects its messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.chain import Chain, check_not_singular
from mbdl_repro.areas.tracking.kalman.linear_filter import (
    StoredModel,
    check_observations,
    linear_model,
)
from mbdl_repro.areas.tracking.kalman.model import LinearModel, linear_arrays
from mbdl_repro.areas.tracking.kalman.smoother import kalman_smoother
from mbdl_repro.areas.tracking.learned.units import root_mean_square
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import Family, IterativeMethod
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.layers import Affine, Gru


class NeuralAugmentedKalman(IterativeMethod):
    """The Kalman smoother as message passing, with a graph network that corrects the messages.

    s_t ← s_t + γ (μ_past + μ_future + μ_seen) + ε_t,    from the smoother's estimate

    The three messages are the gradients of the log joint density in s_t through s_{t−1},
    s_{t+1} and x_t, −V⁻¹(s_t − F s_{t−1}), FᵀV⁻¹(s_{t+1} − F s_t) and HᵀW⁻¹(x_t − H s_t), each
    divided by the sum of the three curvatures, D. So γ times their sum is γ of the way to
    E[s_t | s_{t−1}, s_{t+1}, x_t], and without ε, which is 0 before a fit, the smoother's
    estimate is where they rest, from any start. The correction ε is that of a graph network,
    whose node t sees its messages and its state u_t, and its neighbours' hidden states:

    a_t = relu(A (h_{t−1}, h_t, h_{t+1}, u_t/c_t) + b),  h_t ← GRU(a_t, h_t),  ε_t = c_t Σ E h_t

    with c_t = √(1 + mean u_t²), so that what is many times as large as in training is corrected
    as many times as much. Σ holds the errors of the smoother on the training data, and u_t is
    in units of its size there.

    All observations of a trajectory, those to come included, have a part in each estimate: to be
    compared with a smoother, not with a filter. An observation reaches further than
    ``iterations`` steps only through the smoother. Seeds of a fit cannot go ``together``.

    Args:
        belief: knows F, H, V, which must not be singular, W and the law of the first state;
            each may vary in time.
        iterations: K, rounds of messages, all with the same weights.
        hidden_size: entries of h_t.
        step: γ.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).

    Source: Garcia Satorras, Akata and Welling, 2019, who start from the observations and need
    some fifty rounds: their messages are not divided by D.
    """

    name = "neural_augmented_kalman"
    family = Family.NEURAL_AUGMENTATION
    parent = "kalman_smoother"

    def __init__(
        self,
        belief: StateSpace,
        *,
        iterations: Annotated[int, Ge(1)] = 6,
        hidden_size: Annotated[int, Ge(1)] = 16,
        step: Annotated[float, Gt(0), Le(1)] = 0.5,
    ) -> None:
        super().__init__()
        check_not_singular(linear_arrays(belief))
        self.model = StoredModel(linear_model(belief))
        m = belief.m
        self.gather = Affine(3 * hidden_size + 4 * m, hidden_size)
        self.unit = Gru(hidden_size, hidden_size)
        self.output = nn.Parameter(torch.zeros(hidden_size, m, dtype=torch.float64))
        self.input_unit: Tensor
        self.output_unit: Tensor
        self.register_buffer("input_unit", torch.ones(4 * m, dtype=torch.float64))
        self.register_buffer("output_unit", torch.ones(m, dtype=torch.float64))
        self.iterations: int = iterations
        self.hidden_size = hidden_size
        self.step = step

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw all weights but those of the output, and measure sizes where messages start."""
        self.gather.draw(rng)
        self.unit.draw(rng)
        self.output.zero_()
        x, truth = (part.to(self.input_unit) for part in train)
        model = self.model()
        s = _smoothed(x, model)
        inputs = torch.cat((*Chain.of(x, model).messages(s), s), -1)
        self.input_unit.copy_(root_mean_square(inputs))
        self.output_unit.copy_(root_mean_square(s - truth.transpose(0, 1)))

    def iterates(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Iterator[Annotated[Tensor, "(n_rows, T, m)"]]:
        """Yield the smoother's estimate (n_rows, T, m), then what each round makes of it."""
        model = self.model()
        check_observations(x, model.H.shape[-2])
        s = _smoothed(x, model)
        yield s.transpose(0, 1)
        chain = Chain.of(x, model)
        h = s.new_zeros(*s.shape[:2], self.hidden_size)
        edge = h[:1]
        for _ in range(self.iterations):
            messages = chain.messages(s)
            u = torch.cat((*messages, s), -1) / self.input_unit
            scale = (1 + u.square().mean(-1, keepdim=True)).sqrt()
            context = (torch.cat((edge, h[:-1])), h, torch.cat((h[1:], edge)), u / scale)
            gathered = self.gather(torch.cat(context, -1)).relu()
            h = self.unit(gathered.flatten(0, 1), h.flatten(0, 1)).unflatten(0, h.shape[:2])
            past, future, seen = messages
            s = s + self.step * (past + future + seen)
            s = s + scale * self.output_unit * (h @ self.output)
            yield s.transpose(0, 1)


def _smoothed(x: Tensor, model: LinearModel[Tensor]) -> Tensor:
    """Return the smoother's estimate (T, n_rows, m), in double precision also in training."""
    exact = LinearModel(*(tensor.double() for tensor in model))
    return kalman_smoother(x.double(), exact).means[:, 1:].transpose(0, 1).to(x)
