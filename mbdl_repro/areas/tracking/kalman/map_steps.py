"""Steps towards the most probable trajectory, and how long it is best that they are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mbdl_repro.areas.tracking.kalman.chain import Chain, check_not_singular
from mbdl_repro.areas.tracking.kalman.linear_filter import (
    StoredModel,
    check_observations,
    linear_model,
)
from mbdl_repro.areas.tracking.kalman.model import LinearModel, linear_arrays, stacked
from mbdl_repro.areas.tracking.kalman.updates import predicted_covariance
from mbdl_repro.areas.tracking.systems.arrays import is_sure
from mbdl_repro.areas.tracking.systems.state_space import StateSpace
from mbdl_repro.contract.method import IterativeMethod
from mbdl_repro.learning.step_sizes import best_steps, chebyshev_steps


def seen_states(chain: Chain) -> Annotated[Tensor, "(T, n_rows, m)"]:
    """Return H⁺ x (T, n_rows, m), the least states that explain the observations of a chain.

    Args:
        chain: observations, and what sees them.
    """
    inverse = torch.linalg.pinv(chain.H)
    if inverse.ndim == 3:
        return chain.x @ inverse.mT
    return (inverse @ chain.x[..., None])[..., 0]


def chain_of(x: Annotated[Tensor, "(n_rows, T, n)"], model: LinearModel[Tensor]) -> Chain:
    """Return the chain of observations x (n_rows, T, n), also within ``torch.func.vmap``.

    Args:
        x: observations, NaN where missing; within ``vmap``, where none can be looked at, none is.
        model: the assumed model.
    """
    if is_sure(x.isnan().any()):
        return Chain.of(x, model)
    n_rows, T, n = x.shape
    chain = Chain.of(torch.zeros(1, T, n, dtype=x.dtype, device=x.device), model)
    start = model.mean_0.expand(1, n_rows, -1)
    return chain._replace(x=x.transpose(0, 1), start=start)


class StackedProblem(NamedTuple):
    """The stacked problem of T steps, scaled so that its Hessian has unit diagonal blocks."""

    curvatures: np.ndarray  # (T m,), eigenvalues of D^(−½) Q D^(−½)
    distances: np.ndarray  # (T m,), mean square of the way to go along each eigenvector


def stacked_problem(model: LinearModel[np.ndarray], T: int) -> StackedProblem:
    """Return what steps of block Jacobi meet on the way from H⁺ x to the smoother's estimate.

    Q, (T m, T m), is the matrix of all curvatures of the negative log joint density, and D, its
    blocks on the diagonal. An error e of s becomes (I − μ D⁻¹Q) e, so D^(½) e is multiplied by
    1 − μ λ along each eigenvector of D^(−½) Q D^(−½). The way to go is ŝ − H⁺x, if the model is
    true; its mean square is exact.

    Args:
        model: the assumed model, none of whose noises is singular.
        T: number of steps.
    """
    m = len(model.mean_0)
    F, H, V, W = stacked(model, T)
    V = np.concatenate((predicted_covariance(model.cov_0, F[:1], V[:1]), V[1:]))
    moves = np.eye(T * m)
    for t in range(1, T):
        moves[t * m : (t + 1) * m, (t - 1) * m : t * m] = -F[t]
    driven = _diagonal(np.linalg.inv(V)) @ moves
    seen, noise = _diagonal(H), _diagonal(np.linalg.inv(W))
    Q = moves.T @ driven + seen.T @ noise @ seen
    blocks = np.stack([Q[t : t + m, t : t + m] for t in range(0, T * m, m)])
    values, vectors = np.linalg.eigh(blocks)
    root = _diagonal(vectors * np.sqrt(values)[:, None] @ vectors.transpose(0, 2, 1))
    inverse = np.linalg.inv(root)
    curvatures, U = np.linalg.eigh(inverse @ Q @ inverse)
    # The way to go is affine in x, whose law the model says.
    spread = np.linalg.solve(moves, np.linalg.solve(moves, _diagonal(V)).T)  # of all states
    mean = np.linalg.solve(moves, np.concatenate((F[0] @ model.mean_0, np.zeros((T - 1) * m))))
    back = _diagonal(np.linalg.pinv(H))
    gain = np.linalg.solve(Q, seen.T @ noise) - back
    way = gain @ (seen @ spread @ seen.T + _diagonal(W)) @ gain.T
    offset = mean - back @ seen @ mean
    along = root @ U
    distances = np.einsum("ij,ik,kj->j", along, way + np.outer(offset, offset), along)
    return StackedProblem(curvatures, np.maximum(distances, 0.0))


def _diagonal(blocks: np.ndarray) -> np.ndarray:
    """Return the matrix (T k, T l) of these blocks (T, k, l) on its diagonal."""
    T, k, n = blocks.shape
    matrix = np.zeros((T, k, T, n))
    matrix[np.arange(T), :, np.arange(T)] = blocks
    return matrix.reshape(T * k, T * n)


LONGEST = 200
"""Steps of a trajectory that sizes are found for: curvatures of longer ones hardly differ."""


class MapSteps(IterativeMethod, ABC):
    """Steps from H⁺ x towards the most probable trajectory, all states at once.

    s_t ← s_t + μ_k (μ_past + μ_future + μ_seen),  from s_t = H⁺ x_t

    The messages are those of :meth:`Chain.messages`. With Q the curvatures of the negative log
    joint density of all states, and D its blocks on the diagonal, that is
    s ← s + μ_k D⁻¹(b − Q s). Without end, the smoother's estimate is reached.

    All observations of a trajectory, those to come included, have a part in each estimate: to be
    compared with a smoother, not with a filter. Steps are those for trajectories of as many steps
    as is believed, of which nothing is missing.

    Args:
        belief: knows F, H, V, which must not be singular, W and the law of the first state;
            each may vary in time.
        iterations: K, number of steps.
        steps: those that it takes, or starts to learn from. ``chebyshev``: of all μ_1, …, μ_K
            they leave least of the error along the worst eigenvector of D⁻¹Q; ``best``: least
            of the mean squared distance to the smoother's estimate, each state's weighted by D,
            if what is believed is true.
        condition: d: Chebyshev's steps are for eigenvalues from L/d to L, the largest of D⁻¹Q;
            ``None``: from its least. With few steps it is better to do without the least.

    Maps x (n_rows, T, n), NaN where missing, to ŝ (n_rows, T, m).
    """

    def __init__(
        self,
        belief: StateSpace,
        *,
        iterations: Annotated[int, Ge(1)] = 5,
        steps: Literal["chebyshev", "best"] = "chebyshev",
        condition: Annotated[float, Gt(1)] | None = None,
    ) -> None:
        super().__init__()
        self.iterations: int = iterations
        self.model = StoredModel(linear_model(belief))
        arrays = linear_arrays(belief)
        check_not_singular(arrays)
        problem = stacked_problem(arrays, min(belief.n_steps, LONGEST))
        if steps == "chebyshev":
            high = problem.curvatures[-1]
            low = problem.curvatures[0] if condition is None else high / condition
            sizes = chebyshev_steps(low, high, iterations)
        else:
            sizes = best_steps(*problem, iterations)
        self.first_steps = torch.tensor(sizes)

    @abstractmethod
    def step_sizes_now(self) -> Annotated[Tensor, "(K,)"]:
        """Return μ_1, …, μ_K (K,)."""

    def model_now(self) -> LinearModel[Tensor]:
        """Return the model whose objective is descended."""
        return self.model()

    def correction(
        self, k: int, s: Annotated[Tensor, "(T, n_rows, m)"], messages: tuple[Tensor, ...]
    ) -> Annotated[Tensor, "(T, n_rows, m)"] | float:
        """Return what is added in step k besides (T, n_rows, m): here nothing.

        Args:
            k: 0, …, K − 1.
            s: states before the step, (T, n_rows, m).
            messages: of past, future and observation, (T, n_rows, m) each.
        """
        return 0.0

    def iterates(
        self, x: Annotated[Tensor, "(n_rows, T, n)"]
    ) -> Iterator[Annotated[Tensor, "(n_rows, T, m)"]]:
        """Yield H⁺ x (n_rows, T, m), then what each step makes of it."""
        believed = self.model()
        check_observations(x, believed.H.shape[-2])
        s = seen_states(chain_of(x, believed))
        chain = chain_of(x, self.model_now())
        yield s.transpose(0, 1)
        for k, step in enumerate(self.step_sizes_now()):
            messages = chain.messages(s)
            s = s + step * sum(messages) + self.correction(k, s, messages)
            yield s.transpose(0, 1)

    def losses(
        self,
        x: Annotated[Tensor, "(members, rows, T, n)"],
        s: Annotated[Tensor, "(members, rows, T, m)"],
    ) -> Annotated[Tensor, "(members,)"]:
        """Return the loss of each fit of a stack, (members,).

        Args:
            x: observations, (members, rows, T, n).
            s: the true states, (members, rows, T, m).

        Raises:
            ValueError: if observations are missing.
        """
        if x.isnan().any():
            raise ValueError(
                "observations are missing, and differ from fit to fit in which: leave out together"
            )
        stacks = dict(self.named_parameters()) | dict(self.named_buffers())

        def estimates(own: dict[str, Tensor], x: Tensor) -> Any:
            return torch.func.functional_call(self, own, (x,))

        errors = torch.func.vmap(estimates)(stacks, x) - s
        return errors.square().flatten(2).sum(2).mean(1)


class LearnedMapSteps(MapSteps, ABC):
    """Steps towards the most probable trajectory, the logarithms of whose sizes μ_k are learned."""

    parent = "block_jacobi_smoother"

    def __init__(self, belief: StateSpace, **settings: Any) -> None:
        super().__init__(belief, **settings)
        self.log_step = nn.Parameter(self.first_steps.log())

    def step_sizes_now(self) -> Tensor:
        """Return the learned steps (K,)."""
        return self.log_step.exp()
