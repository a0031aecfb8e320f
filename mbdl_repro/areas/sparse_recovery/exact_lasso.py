"""The LASSO solved exactly, many signals at once: FISTA finds the support, Newton the values.

Signals s (n, m) and observations x (n, n_observations) hold one problem a row.
"""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import lipschitz_constant, momenta
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import duality_gap
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold

FIRST_ITERATIONS = 50
"""Of FISTA, before the first Newton steps; every round that follows has twice as many."""

SINGLE_PRECISION_ROUNDS = 2
"""The first rounds only look for the support, at half the cost."""

NEWTON_STEPS = 8
"""At most, in each round; where the support is nearly found, two to four do."""

VIOLATION = 1e-10
"""Relative to ρ: how far beyond it a correlation is not yet taken for rounding."""

LARGEST_BLOCK = 1_000_000
"""Entries of all the matrices H_AᵀH_A solved at a time (8 MB), which then stay in the cache."""


@torch.no_grad()
def lasso_solution(
    x: Tensor, H: Tensor, rho: float, gap_tolerance: float = 1e-10, max_iterations: int = 100_000
) -> Tensor:
    """Return argmin_s ½‖x − H s‖² + ρ‖s‖₁ of each row, or NaN in a row that was not solved.

    FISTA and Newton steps take turns, on the rows that are still unsolved. Newton's are exact
    where they end: with the support A and its signs σ the minimum is where

    H_AᵀH_A s_A = H_Aᵀx − ρσ,

    and it is the solution if sign(s_A) = σ, and |Hᵀ(x − H s)| ≤ ρ elsewhere. Otherwise those
    entries leave A whose sign is wrong, those enter that correlate more than ρ, and so on. A
    row is accepted when no entry has to move, and its duality gap certifies it; or else, where
    the matrix is singular, when FISTA itself gets to such a gap.

    Args:
        x: (n, n_observations).
        H: (n_observations, m).
        rho: ρ > 0.
        gap_tolerance: largest duality gap, relative to ½‖x‖², the objective of s = 0.
        max_iterations: of FISTA, in all.

    Returns:
        (n, m).

    Source: Beck and Teboulle, 2009, for FISTA; the steps on the support are those of a
    semismooth Newton method, Griesse and Lorenz, 2008.
    """
    dtype = x.dtype
    x, H = x.double(), H.double()
    largest_gap = gap_tolerance * 0.5 * x.square().sum(1)
    gram, projection = H.mT @ H, x @ H
    step = 1 / lipschitz_constant(H)
    solution = torch.full_like(projection, torch.nan)
    rows = x.isfinite().all(1).nonzero()[:, 0]  # those unsolved
    s = projection.new_zeros(len(rows), H.shape[1])
    done, iterations, rounds = 0, FIRST_ITERATIONS, 0
    while len(rows) and done < max_iterations:
        iterations = min(iterations, max_iterations - done)
        unsolved = x[rows]
        if rounds < SINGLE_PRECISION_ROUNDS:
            single = (s.float(), unsolved.float(), H.float())
            s = _fista(*single, rho, step, iterations, from_above=rounds == 0).double()
        else:
            s = _fista(s, unsolved, H, rho, step, iterations)
        answer = _newton(s, unsolved, projection[rows], H, gram, rho)
        answer = torch.where(answer.isnan().any(1, keepdim=True), s, answer)
        solved = duality_gap(answer, unsolved, H, rho) <= largest_gap[rows]
        solution[rows[solved]] = answer[solved]
        rows, s = rows[~solved], s[~solved]
        done, iterations, rounds = done + iterations, 2 * iterations, rounds + 1
    return solution.to(dtype)


def _fista(
    s: Tensor,
    x: Tensor,
    H: Tensor,
    rho: float,
    step: float,
    iterations: int,
    from_above: bool = False,
) -> Tensor:
    """Take FISTA's steps from s, written as few products of matrices.

    From above: in the first half ρ falls to its value from ‖Hᵀx‖_∞, where the solution is 0.
    Supports then stay small; started at a small ρ, nearly every entry joins, and leaves late.
    """
    # z − μ Hᵀ(H z − x) = (I − μ HᵀH) z + μ Hᵀx, cheaper where H is not very wide
    one_product = H.shape[1] <= 2 * H.shape[0]
    if one_product:
        descent = torch.eye(H.shape[1], dtype=H.dtype, device=H.device) - step * (H.mT @ H)
        offset = step * (x @ H)
    falling = iterations // 2 if from_above else 0
    excess = ((x @ H).abs().amax(1, keepdim=True) / rho).clamp_min(1.0)
    z = s
    for k, momentum in enumerate(islice(momenta(), iterations), start=1):
        threshold = step * rho * (excess ** (1 - k / falling) if k < falling else 1.0)
        if one_product:
            descended = torch.addmm(offset, z, descent)
        else:
            residual = torch.addmm(x, z, H.mT, alpha=-1)
            descended = torch.addmm(z, residual, H, alpha=step)
        previous, s = s, soft_threshold(descended, threshold)
        z = torch.lerp(previous, s, 1 + momentum)
    return s


def _newton(
    s: Tensor, x: Tensor, projection: Tensor, H: Tensor, gram: Tensor, rho: float
) -> Tensor:
    """Return the solutions of those rows where steps on the support of s end, NaN in others."""
    solution = torch.full_like(s, torch.nan)
    rows, signs = torch.arange(len(s), device=s.device), s.sign()
    for _ in range(NEWTON_STEPS):
        few = (signs != 0).sum(1) <= len(H)  # more columns than rows are dependent
        rows, signs = rows[few], signs[few]
        if not len(rows):
            break
        s = _solution_on_support(signs != 0, projection[rows] - rho * signs, gram)
        correlation = torch.addmm(x[rows], s, H.mT, alpha=-1) @ H
        # On the support it is ρσ, up to rounding.
        enters = (correlation.abs() > rho * (1 + VIOLATION)) & (signs == 0)
        leaves = s * signs < 0
        moves = (enters | leaves).any(1)
        solution[rows[~moves]] = s[~moves]
        signs = torch.where(enters, correlation.sign(), signs).masked_fill_(leaves, 0.0)
        rows, signs = rows[moves], signs[moves]
    return solution


def least_squares_on_support(s: Tensor, x: Tensor, H: Tensor) -> Tensor:
    """Return argmin ‖x − H z‖² over the z that are 0 where s is; NaN where it is not unique.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
    """
    gram, projection = H.mT @ H, x @ H
    unique = (s != 0).sum(1) <= len(H)
    solution = torch.full_like(projection, torch.nan)
    solution[unique] = _solution_on_support(s[unique] != 0, projection[unique], gram)
    return solution


def _solution_on_support(support: Tensor, right: Tensor, gram: Tensor) -> Tensor:
    """Solve H_AᵀH_A s_A = b_A in each row; NaN where the matrix is singular.

    Args:
        support: whether an entry is in A (n, m).
        right: b (n, m).
        gram: HᵀH (m, m).
    """
    m = support.shape[1]
    solution = torch.zeros_like(right)
    by_size, order = support.sum(1).sort()
    start, sizes = 0, by_size.tolist()
    while start < len(sizes):
        # Supports of about one size, filled up to the largest of them with rows of the identity.
        end = start + 1
        while (
            end < len(sizes)
            and sizes[end] <= 1.2 * sizes[start] + 8
            and (end + 1 - start) * sizes[end] ** 2 <= LARGEST_BLOCK
        ):
            end += 1
        rows, size = order[start:end], max(sizes[end - 1], 1)
        inside, A = support[rows].to(gram.dtype).topk(size, dim=1)
        pairs = (m * A[:, :, None] + A[:, None, :]).flatten()
        matrix = gram.flatten().index_select(0, pairs).unflatten(0, (len(rows), size, size))
        matrix *= inside[:, :, None] * inside[:, None, :]
        matrix.diagonal(dim1=1, dim2=2)[inside == 0] = 1.0
        b_A = right[rows].gather(1, A) * inside
        factor, singular = torch.linalg.cholesky_ex(matrix)
        s_A = torch.cholesky_solve(b_A[:, :, None], factor)[:, :, 0]
        solution[rows] = solution[rows].scatter(1, A, s_A)
        solution[rows[singular != 0]] = torch.nan
        start = end
    return solution
