"""What methods of linear estimation share: the objective that they go down, and how they start."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.linear_estimation.spectrum import mean_squares, prior_precision
from mbdl_repro.contract.method import IterativeMethod
from mbdl_repro.learning.step_sizes import best_steps, chebyshev_steps


class KnownObjective(IterativeMethod):
    """Steps from s = 0 down the believed objective, whose minimum is the posterior mean.

    ½‖x − H s‖²/σ² + ½ sᵀC_s⁻¹s,  with the Hessian Q = HᵀH/σ² + C_s⁻¹

    Args:
        belief: states ``observation_matrix``, ``signal_covariance`` and ``noise_std``.
        iterations: K, number of steps.
    """

    H: Tensor
    Q: Tensor

    def __init__(self, belief: LinearGaussian, *, iterations: Annotated[int, Ge(1)]) -> None:
        super().__init__()
        self.iterations: int = iterations
        self.noise_variance = belief.noise_variance
        H, P = torch.tensor(belief.matrix), torch.tensor(prior_precision(belief))
        self.register_buffer("H", H)
        self.register_buffer("Q", H.mT @ H / self.noise_variance + P)

    def pulled(
        self, x: Annotated[Tensor, "(n, n_observations)"]
    ) -> Annotated[Tensor, "(n, n_signal)"]:
        """Return b = Hᵀx/σ² (n, n_signal), the negative gradient at 0, of x (n, n_observations)."""
        return x @ self.H / self.noise_variance


class GradientSteps(KnownObjective):
    """Steps of gradient descent, s ← s + μ_k (Hᵀx/σ² − Q s).

    Args:
        steps: those that it takes, or starts to learn from. ``chebyshev``: of all μ_1, …, μ_K
            they leave least of the error along the worst eigenvector of Q; ``best``: least of
            the mean squared error, if what is believed is true.
        condition: d: Chebyshev's steps are for eigenvalues from L/d to L, the largest of Q;
            ``None``: from its least. With few steps it is better to do without the least.
    """

    def __init__(
        self,
        belief: LinearGaussian,
        *,
        steps: Literal["chebyshev", "best"] = "chebyshev",
        condition: Annotated[float, Gt(1)] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(belief, **settings)
        values, vectors = np.linalg.eigh(self.Q.numpy())
        if steps == "chebyshev":
            low = values[0] if condition is None else values[-1] / condition
            sizes = chebyshev_steps(low, values[-1], self.iterations)
        else:
            sizes = best_steps(values, mean_squares(belief, values, vectors), self.iterations)
        self.first_steps = torch.tensor(sizes)
