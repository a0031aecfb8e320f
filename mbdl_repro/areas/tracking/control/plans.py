"""Plans of the next inputs, and projected gradient steps towards the best of them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated, NamedTuple

import numpy as np
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import momenta
from mbdl_repro.areas.tracking.control.model import Plant
from mbdl_repro.areas.tracking.control.regulator import regulator


class Planning(NamedTuple):
    """What plans U = (u_t, …, u_{t+N−1}) cost at each step of a loop, up to what none changes.

    J_t(U) / L = Uᵀ C_t U + 2 Uᵀ D_t ŝ_t
    """

    C: np.ndarray  # (T − 1, N p, N p), of which the largest curvature, of all steps, is 1
    D: np.ndarray  # (T − 1, N p, m)
    free: np.ndarray  # (T − 1, N p, m), −C_t⁻¹ D_t: times ŝ_t, the best plan without limits


def planning(plant: Plant[np.ndarray], T: int, N: int) -> Planning:
    """Return what plans of N inputs cost, at steps t = 1 … T − 1 of a loop.

    J_t(U) = Σ_{k=0}^{N−1} u_{t+k}ᵀ R u_{t+k} + Σ_{k=1}^{N−1} s_{t+k}ᵀ Q s_{t+k}
             + s_{t+N}ᵀ P_{t+N} s_{t+N}

    of the predicted states, s_{t+k+1} = F s_{t+k} + B u_{t+k} from s_t = ŝ_t; what comes after the
    plan costs P, what it would if the regulator acted then and nothing had a limit. What would be
    after step T costs nothing. So the best plan without limits is the regulator's, for any N.

    Args:
        plant: F, B, Q and R; nothing else is read.
        T: steps t = 1 … T of the loop, of which the last has no input.
        N: inputs of a plan.

    Source: textbook, model predictive control in its condensed form.
    """
    F, B, _, Q, R, _ = plant
    m, p = B.shape
    _, P = regulator(plant, T)
    powers = [np.eye(m)]
    for _ in range(N):
        powers.append(F @ powers[-1])
    moved = np.stack(powers[1:])  # (N, m, m), by ŝ
    driven = np.zeros((N, m, N, p))  # by U
    weights = np.zeros((T - 1, N, m, m))
    for k in range(N):
        for j in range(k + 1):
            driven[k, :, j] = powers[k - j] @ B
        weights[: max(T - 1 - k, 0), k] = Q
    for t in range(1, T - N + 1):
        weights[t - 1, N - 1] = P[t + N - 1]
    by_plan = driven.reshape(N, m, N * p)
    weighted = np.einsum("tkab,kbj->tjka", weights, by_plan).reshape(T - 1, N * p, N * m)
    C = weighted @ by_plan.reshape(N * m, N * p) + np.kron(np.eye(N), R)
    D = weighted @ moved.reshape(N * m, m)
    largest = np.linalg.eigvalsh(C)[:, -1].max()
    return Planning(C / largest, D / largest, -np.linalg.solve(C, D))


def descended(
    plan: Annotated[Tensor, "(rows, Np)"],
    pull: Annotated[Tensor, "(rows, Np)"],
    curvature: Annotated[Tensor, "(Np, Np)"],
    steps: Iterable[float | Tensor],
    extrapolations: Iterable[float | Tensor],
    limit: Annotated[Tensor, "(1, Np)"],
) -> Annotated[Tensor, "(rows, Np)"]:
    """Return what projected gradient steps with momentum make of a plan, (rows, Np).

    U_k = clip(V_{k−1} − μ_k (C V_{k−1} + D ŝ)),  V_k = U_k + β_k (U_k − U_{k−1}),  V_0 = U_0

    Args:
        plan: U_0, (rows, Np).
        pull: D ŝ, (rows, Np).
        curvature: C, (Np, Np).
        steps: μ_1 … μ_K, a number each, or one an input, (Np,).
        extrapolations: β_1 … β_{K−1}, and more, if there are, which are not read.
        limit: of each input, (1, Np).

    Source: Beck and Teboulle, 2009, with their extrapolations.
    """
    ahead = plan
    for step, beta in zip(steps, (*extrapolations, 0.0), strict=False):
        before, plan = plan, (ahead - step * (ahead @ curvature + pull)).clamp(-limit, limit)
        ahead = plan + beta * (plan - before)
    return plan


def settled(momentum: float | None, iterations: int) -> list[float]:
    """Return β_1 … β_{K−1}: all alike, or FISTA's.

    Args:
        momentum: each of them; ``None``: FISTA's.
        iterations: K.
    """
    n = iterations - 1
    return list(islice(momenta(), n)) if momentum is None else [momentum] * n
