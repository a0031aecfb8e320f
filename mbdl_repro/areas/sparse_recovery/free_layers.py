"""Networks of layers with a matrix each, and what theory says of how they generalize."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import lipschitz_constant
from mbdl_repro.contract.method import FitInputs, IterativeMethod, descend
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.training import History

Start = Literal["ista", "random"]
UNKNOWN = -1.0
"""What stands for a number that no fit has found; none that it may find is negative."""
SINGULAR = 1e14
"""A condition number of what counts as singular in double precision."""


class FreeLayers(IterativeMethod):
    """K layers that are free: each has a matrix for the observation and one for the signal.

    s_{k+1} = φ(W_k x + S_k s_k),    k = 0, …, K − 1,    s_0 = 0

    A fit minimizes the training error itself and stops nowhere before: it keeps the weights of
    the least training error, and remembers that error. Validation has no say in it.

    Args:
        belief: gives the sizes; where layers start as ISTA, H too.
        iterations: K, number of layers.
        start: W_k = μ Hᵀ and S_k = I − μ HᵀH, μ = 1/L, as ISTA has them (L the largest eigenvalue
            of HᵀH); or entries N(0, 1/fan-in), the fan-in of both matrices together.
        skips: whether each layer sees the observation, or the first alone.
        with_tangent_kernel: whether a fit works out the condition of its tangent kernel.
    """

    is_odd: ClassVar[bool] = True
    """Whether φ(−z) = −φ(z): then networks of some norms are as many as their negatives."""

    iterations: int
    training_errors: Tensor
    """After a fit: the mean of ‖ŝ − s‖², and of |ŝ − s| an entry, over its signals."""
    input_complexity: Tensor
    """After a fit: :func:`linear_complexity` of its observations."""
    tangent: Tensor
    """After a fit, if asked for: :func:`tangent_condition` at its start."""

    def __init__(
        self,
        belief: SparseRecovery,
        *,
        iterations: Annotated[int, Ge(1)] = 4,
        start: Start = "ista",
        skips: bool = True,
        with_tangent_kernel: bool = False,
    ) -> None:
        super().__init__()
        m, n = belief.n_signal, belief.n_observations
        self.iterations = iterations
        self.start: Start = start
        self.with_tangent_kernel = with_tangent_kernel
        W = torch.zeros(iterations if skips else 1, m, n, dtype=torch.float64)
        S = torch.zeros(iterations - 1, m, m, dtype=torch.float64)
        if start == "ista":
            H = torch.tensor(belief.H)
            step = 1 / lipschitz_constant(H)
            W += step * H.mT
            S += torch.eye(m, dtype=H.dtype) - step * H.mT @ H
        # Tensors that nothing was written into, by which a method that was never fitted is known.
        self.W, self.S = nn.Parameter(W.clone()), nn.Parameter(S.clone())
        unknown = torch.tensor(UNKNOWN, dtype=torch.float64)
        self.register_buffer("training_errors", unknown.repeat(2))
        self.register_buffer("input_complexity", unknown)
        self.register_buffer("tangent", unknown.clone())

    @abstractmethod
    def activation(self, z: Tensor) -> Tensor:
        """Return φ(z), entry by entry."""

    def answer(self, s: Tensor) -> Tensor:
        """Return the estimate (n, m) that the last layer's s (n, m) stands for."""
        return s

    @torch.no_grad()
    def initialize(self, train: Split, rng: torch.Generator) -> None:
        """Draw the weights where they do not start as ISTA; note what theory asks of the start."""
        if self.start == "random":
            for k in range(self.iterations):
                layer = [self.W[k]] if k < len(self.W) else []
                layer += [self.S[k - 1]] if k else []
                fan_in = sum(matrix.shape[1] for matrix in layer)
                for matrix in layer:
                    drawn = torch.randn(matrix.shape, generator=rng, dtype=matrix.dtype)
                    matrix.copy_(drawn / math.sqrt(fan_in))
        self.input_complexity.fill_(linear_complexity(train.x))
        if self.with_tangent_kernel:
            self.tangent.fill_(tangent_condition(self, train.x))

    def iterates(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Iterator[Annotated[Tensor, "(n, m)"]]:
        """Yield 0, and what each layer stands for (n, m), of observations x (n, n_observations)."""
        s = x.new_zeros(len(x), self.W.shape[1])
        yield s
        for k in range(self.iterations):
            z = x @ self.W[k].mT if k < len(self.W) else torch.zeros_like(s)
            s = self.activation(z + s @ self.S[k - 1].mT if k else z)
            yield self.answer(s)

    def _fit(self, inputs: FitInputs) -> History:
        """Descend on the training error, and remember what it came to."""
        train, _, recipe, rng, report, _ = inputs
        history = descend([self], [train], [train], recipe, [rng], report)[0]
        with torch.no_grad():
            off = self(train.x) - train.s
        self.training_errors[0] = off.square().sum(1).mean()
        self.training_errors[1] = off.abs().mean()
        return history

    @torch.no_grad()
    def gap_bound(self) -> float:
        """Return a bound on how much larger the mean absolute error is at test than in training.

        E sup_f (E|f − s| − mean |f − s|) ≤ 2 r_K,  r_{k+1} = ‖W_k‖_∞ r_x + c ‖S_k‖_∞ r_k,  r_0 = 0

        over all networks whose matrices have norms (largest sums of a row's magnitudes) of at
        most those found here; r_x is :func:`linear_complexity` of the observations, and c is 1
        where φ is odd, else 2. An answer that is linear in s_K has its norm, times c, as a last
        factor. The networks' own norms stand for norms that would have to be fixed beforehand.

        Source: contraction of Rademacher averages, layer by layer (Ledoux and Talagrand, 1991),
        as Shultzman, Azar, Rodrigues and Eldar, 2023, begin, who also gain from the threshold.
        """
        c = 1.0 if self.is_odd else 2.0
        r_x, r = self.input_complexity.item(), 0.0
        for k in range(self.iterations):
            seen = _norm(self.W[k]) * r_x if k < len(self.W) else 0.0
            r = seen + (c * _norm(self.S[k - 1]) * r if k else 0.0)
        return 2 * r * self.answer_factor(c)

    def answer_factor(self, c: float) -> float:
        """Return by how much :meth:`answer` may raise the complexity of s_K; c as in the bound."""
        return 1.0


def linear_complexity(x: Annotated[Tensor, "(n, d)"]) -> float:
    """Return a bound on E‖(1/n) Σ ε_i x_i‖_∞ over random signs ε, by Massart's lemma.

    √(2 log 2d) max_j √(Σ_i x_ij²) / n

    Args:
        x: observations (n, d).
    """
    n, d = x.shape
    return math.sqrt(2 * math.log(2 * d)) * x.square().sum(0).max().sqrt().item() / n


def tangent_condition(method: FreeLayers, x: Annotated[Tensor, "(n, d)"]) -> float:
    """Return the condition number of J Jᵀ, J the derivatives of all answers in all weights.

    It is finite if and only if any small change of all answers can be had by some small change
    of the weights; gradient descent on the squared error then goes down at a rate. Infinite:
    beyond :data:`SINGULAR`, where rounding decides.

    Args:
        method: the network, as it stands.
        x: observations (n, d).

    Source: Jacot, Gabriel and Hongler, 2018, for the kernel; Liu, Zhu and Belkin, 2022.
    """
    weights = {name: p.detach() for name, p in method.named_parameters()}
    if method.W.shape[1] * len(x) > sum(p.numel() for p in weights.values()):
        return SINGULAR  # more answers than weights

    def answers(weights: dict[str, Tensor]) -> Tensor:
        made: Tensor = torch.func.functional_call(method, weights, (x,))
        return made.flatten()

    jacobians = torch.func.jacrev(answers)(weights)
    J = torch.cat([one.flatten(1) for one in jacobians.values()], 1)
    eigenvalues = torch.linalg.eigvalsh(J @ J.mT)
    return min(SINGULAR, (eigenvalues[-1] / eigenvalues[0].clamp_min(1e-300)).item())


def _norm(matrix: Tensor) -> float:
    return matrix.abs().sum(1).max().item()
