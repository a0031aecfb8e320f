"""The LASSO solved exactly, many signals at once: AMP or FISTA find the support, Newton the values.

Signals s (n, m) and observations x (n, n_observations) hold one problem a row.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated, NamedTuple

import torch
from torch import Tensor, nn

from mbdl_repro.areas.sparse_recovery.updates.gradient_steps import lipschitz_constant, momenta
from mbdl_repro.areas.sparse_recovery.updates.lasso_objective import duality_gap, gap_of
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold

AMP_ITERATIONS = 80
"""At most, of AMP, whose support is right after 4 to 60 where the columns of H are incoherent."""

BETWEEN_LOOKS = 4
"""Iterations of AMP after which rows are looked for whose support has settled."""

SETTLED = 1
"""Most signs that change in an iteration of AMP where it has."""

FIRST_ITERATIONS = 50
"""Of FISTA, before its first Newton steps; every round that follows has twice as many."""

SINGLE_PRECISION_ROUNDS = 2
"""The first rounds only look for the support, at half the cost."""

NEWTON_STEPS = 8
"""At most, in each round; where the support is nearly found, one to three do."""

VIOLATION = 1e-10
"""Relative to ρ: how far beyond it a correlation is not yet taken for rounding."""

LARGEST_BLOCK = 1_000_000
"""Entries of all the matrices H_AᵀH_A solved at a time (8 MB), which then stay in the cache."""


class _Problem(NamedTuple):
    """Rows of a LASSO, in double precision, and what is computed once for all of them."""

    x: Tensor  # (n, n_observations)
    projection: Tensor  # Hᵀx (n, m)
    largest_gap: Tensor  # at which a row is solved (n,)
    H: Tensor
    gram: Tensor  # HᵀH, and a row and a column of zeros (m + 1, m + 1)
    rho: float

    def of(self, rows: Tensor) -> _Problem:
        """Return these rows of it; itself where they are all of them."""
        if len(rows) == len(self.x):
            return self
        return self._replace(
            x=self.x[rows], projection=self.projection[rows], largest_gap=self.largest_gap[rows]
        )


@torch.no_grad()
def lasso_solution(
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
    rho: float,
    gap_tolerance: float = 1e-10,
    max_iterations: int = 100_000,
) -> Annotated[Tensor, "(n, m)"]:
    """Return argmin_s ½‖x − H s‖² + ρ‖s‖₁ of each row, or NaN in a row that was not solved.

    AMP finds the support in a few iterations where the columns of H are incoherent; what it
    leaves is taken on by FISTA, which converges for every H. Both take turns with Newton's steps,
    which are exact where they end: with the support A and its signs σ the minimum is where

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
        max_iterations: of AMP and FISTA, in all.

    Returns:
        (n, m).

    Source: Donoho, Maleki and Montanari, 2010, for AMP with the threshold that leads to the
    LASSO; Beck and Teboulle, 2009, for FISTA; the steps on the support are those of a semismooth
    Newton method, Griesse and Lorenz, 2008.
    """
    dtype = x.dtype
    x, H = x.double(), H.double()
    gram = nn.functional.pad(H.mT @ H, (0, 1, 0, 1))
    largest_gap = gap_tolerance * 0.5 * x.square().sum(1)
    problem = _Problem(x, x @ H, largest_gap, H, gram, rho)
    solution = torch.full_like(problem.projection, torch.nan)
    rows = x.isfinite().all(1).nonzero()[:, 0]
    by_amp = min(AMP_ITERATIONS, max_iterations)
    for solve, iterations in ((_by_amp, by_amp), (_by_fista, max_iterations - by_amp)):
        solution[rows] = solve(problem.of(rows), iterations)
        rows = rows[solution[rows, 0].isnan()]
    return solution.to(dtype)


def _by_amp(problem: _Problem, iterations: int) -> Tensor:
    """Return the solutions (n, m) of those rows whose support AMP finds, NaN in others.

    r ← x − H s + ω r,    s ← T_θ(s + Hᵀr),    θ ← ρ + ω θ,    ω = ‖s‖₀ / n_observations

    Where it stays, r = (x − H s) / (1 − ω) and θ = ρ / (1 − ω), so that s is the solution
    whatever H is; that it gets there is known for independent columns of length one. It runs in
    single precision, with H scaled to such columns in the mean.
    """
    solution = torch.full_like(problem.projection, torch.nan)
    length = problem.H.square().sum(0).mean().sqrt().item()
    H, rho = (problem.H / length).float(), problem.rho / length
    rows = torch.arange(len(solution), device=solution.device)
    x = problem.x.float()
    s, r = torch.zeros_like(solution, dtype=x.dtype), x
    # From above: Hᵀx is the signal in noise of standard deviation ‖x‖ / √n_observations.
    noise_std = torch.linalg.vector_norm(x, dim=1, keepdim=True) / len(H) ** 0.5
    threshold = (2 * noise_std).clamp_min(rho)
    for k in range(1, iterations + 1):
        before, s = s, soft_threshold(torch.addmm(s, r, H), threshold)
        onsager = s.sign().abs_().sum(1, keepdim=True) / len(H)
        threshold = rho + onsager * threshold
        r = torch.addmm(x, s, H.mT, alpha=-1).addcmul_(onsager, r)
        if k % BETWEEN_LOOKS:
            continue
        settled = ((s.sign() != before.sign()).sum(1) <= SETTLED).nonzero()[:, 0]
        if not len(settled):
            continue
        at = rows[settled]
        solution[at] = _newton(s[settled].double(), problem.of(at))
        left = solution[rows, 0].isnan().nonzero()[:, 0]
        if not len(left):
            break
        rows, x, s, r, threshold = (part[left] for part in (rows, x, s, r, threshold))
    return solution


def _by_fista(problem: _Problem, max_iterations: int) -> Tensor:
    """Return the solutions (n, m) of those rows that FISTA and Newton's steps solve, NaN in others.

    Rows that are not yet solved go on from where they are, each round twice as long.
    """
    solution = torch.full_like(problem.projection, torch.nan)
    if not len(solution):
        return solution
    H, rho, step = problem.H, problem.rho, 1 / lipschitz_constant(problem.H)
    rows, s = torch.arange(len(solution), device=solution.device), torch.zeros_like(solution)
    done, iterations, rounds = 0, FIRST_ITERATIONS, 0
    while len(rows) and done < max_iterations:
        iterations = min(iterations, max_iterations - done)
        unsolved = problem.of(rows)
        if rounds < SINGLE_PRECISION_ROUNDS:
            single = (s.float(), unsolved.x.float(), H.float())
            s = _fista(*single, rho, step, iterations, from_above=rounds == 0).double()
        else:
            s = _fista(s, unsolved.x, H, rho, step, iterations)
        answer = _newton(s, unsolved)
        answer = torch.where(answer.isnan().any(1, keepdim=True), s, answer)
        solved = duality_gap(answer, unsolved.x, H, rho) <= unsolved.largest_gap
        solution[rows[solved]] = answer[solved]
        rows, s = rows[~solved], s[~solved]
        done, iterations, rounds = done + iterations, 2 * iterations, rounds + 1
    return solution


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


def _newton(s: Tensor, problem: _Problem) -> Tensor:
    """Return the solutions of those rows where steps on the support of s end, NaN in others."""
    solution = torch.full_like(s, torch.nan)
    rows, signs, H, rho = torch.arange(len(s), device=s.device), s.sign(), problem.H, problem.rho
    for _ in range(NEWTON_STEPS):
        support = signs != 0
        few = support.sum(1) <= len(H)  # more columns than rows are dependent
        if not few.all():
            rows, signs, support = rows[few], signs[few], support[few]
        if not len(rows):
            break
        left = problem.of(rows)
        s = _solution_on_support(support, left.projection - rho * signs, problem.gram)
        r = torch.addmm(left.x, s, H.mT, alpha=-1)
        correlation = r @ H
        # On the support it is ρσ, up to rounding.
        enters = (correlation.abs() > rho * (1 + VIOLATION)) & ~support
        leaves = s * signs < 0
        moves = (enters | leaves).any(1)
        solved = ~moves & (gap_of(s, r, correlation, rho) <= left.largest_gap)
        solution[rows[solved]] = s[solved]
        signs = torch.where(enters, correlation.sign(), signs).masked_fill_(leaves, 0.0)
        rows, signs = rows[moves], signs[moves]
    return solution


def least_squares_on_support(
    s: Annotated[Tensor, "(n, m)"],
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, m)"],
) -> Tensor:
    """Return argmin ‖x − H z‖² over the z that are 0 where s is; NaN where it is not unique.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
    """
    gram, projection = nn.functional.pad(H.mT @ H, (0, 1, 0, 1)), x @ H
    unique = (s != 0).sum(1) <= len(H)
    solution = torch.full_like(projection, torch.nan)
    solution[unique] = _solution_on_support(s[unique] != 0, projection[unique], gram)
    return solution


def _solution_on_support(support: Tensor, right: Tensor, gram: Tensor) -> Tensor:
    """Solve H_AᵀH_A s_A = b_A in each row; NaN where the matrix is singular.

    Args:
        support: whether an entry is in A (n, m).
        right: b (n, m).
        gram: HᵀH, with a row and a column of zeros behind (m + 1, m + 1).
    """
    m = support.shape[1]
    flat = gram.flatten()
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
        inside, A = support[rows].float().topk(size, dim=1)
        filling = inside == 0
        place = A.masked_fill(filling, m).int()
        pairs = (m + 1) * place[:, :, None] + place[:, None, :]
        matrix = flat.index_select(0, pairs.flatten()).unflatten(0, pairs.shape)
        matrix.diagonal(dim1=1, dim2=2)[filling] = 1.0
        b_A = right[rows].gather(1, A).masked_fill_(filling, 0.0)
        factor, singular = torch.linalg.cholesky_ex(matrix)
        s_A = torch.cholesky_solve(b_A[:, :, None], factor)[:, :, 0]
        s_A[singular != 0] = torch.nan
        solution[rows] = solution[rows].scatter(1, A, s_A)
        start = end
    return solution
