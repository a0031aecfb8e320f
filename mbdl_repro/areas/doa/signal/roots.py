"""Roots of the polynomials of Root-MUSIC, which come in pairs z and 1/z*, of many rows at once."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.doa.signal.peaks import is_peak
from mbdl_repro.areas.doa.signal.spectrum import at_phases, derivatives

ITERATIONS = 40
"""Most steps; some eight are usual, and rows that need more are handed to eigenvalues."""
CONVERGED = 1e-5
"""Step, over the distance to the circle, below which the next, some cube of it, is nothing."""
ROUNDING = 4 * torch.finfo(torch.float64).eps
"""Value of D, over the sum of |c_k|, that is as good as zero."""
WRONG_SUM = 1e-7
"""Error of the sum of all roots, relative, from which on one is lost, or found twice."""
INNERMOST = 1 - 1e-9
"""Modulus of roots on the circle itself, so that they and their partners stay apart."""


def companion_roots(c: Annotated[Tensor, "(n, L)"]) -> Annotated[Tensor, "(n, 2L − 2)"]:
    """Return the 2L − 2 roots z (n, 2L − 2) of Σ_{k=1−L}^{L−1} c_k z^{k+L−1}, as eigenvalues.

    Args:
        c: c_0 … c_{L−1} (n, L), and c_{−k} = c_k*.
    """
    whole = torch.cat([c[..., 1:].conj().flip(-1), c], -1)  # rising powers
    degree = whole.shape[-1] - 1
    companion = torch.diag(torch.ones(degree - 1, dtype=c.dtype, device=c.device), -1)
    companion = companion.repeat(*c.shape[:-1], 1, 1)
    companion[..., -1] = -whole[..., :-1] / whole[..., -1:]
    return torch.linalg.eigvals(companion)


def inner_roots(c: Annotated[Tensor, "(n, L)"]) -> Annotated[Tensor, "(n, L − 1)"]:
    """Return one root of each of the L − 1 pairs (n, L − 1), |z| ≤ 1, those nearest to 1 first.

    D(ω) = Σ_k c_k exp(−j k ω) must not be negative, but for rounding. All roots of a row are
    refined together by the iteration of Ehrlich and Aberth, started at the minima of D, each
    followed by its partner, so that a pair that all but merges on the circle, where roots are
    ill-conditioned, is found as a pair. Rows that do not converge, or whose roots' sum is not
    what the coefficients say, are handed to the eigenvalues of the companion matrix.

    Args:
        c: c_0 … c_{L−1} (n, L); roots are found in double precision.

    Returns:
        (n, L − 1); NaN in rows whose coefficients are not finite.

    Source: Ehrlich, 1967; Aberth, 1973.
    """
    shape, dtype = c.shape, c.dtype
    c = c.reshape(-1, shape[-1]).to(torch.complex128)
    finite = c.isfinite().all(-1, keepdim=True)
    c = torch.where(finite, c, 0)
    z = c.new_zeros(c.shape[1] - 1, len(c))
    good = c[:, -1].abs() > ROUNDING * c.abs().sum(-1)
    rows = good.nonzero()[:, 0]
    if len(rows):
        refined, converged = _refined(c[rows].T.contiguous())
        z[:, rows] = refined
        good[rows] = converged
    answer = z.T.contiguous()
    if not good.all():
        rest = c[~good].clone()
        # Where a leading coefficient is zero, roots are 0 and ∞, and here very small and large.
        least = ROUNDING * rest.abs().sum(-1) + torch.finfo(torch.float64).tiny
        rest[:, -1] = torch.where(rest[:, -1].abs() < least, least.to(rest.dtype), rest[:, -1])
        roots = companion_roots(rest)
        inner = roots.gather(-1, roots.abs().argsort(-1)[:, : shape[-1] - 1])
        answer[~good] = torch.where(inner.abs() > 1, 1 / inner.conj(), inner)
    order = answer.abs().argsort(-1, descending=True)
    answer = torch.where(finite, answer.gather(-1, order), torch.nan)
    return answer.reshape(*shape[:-1], shape[-1] - 1).to(dtype)


def _refined(c: Tensor) -> tuple[Tensor, Tensor]:
    """Return roots (L − 1, n) of coefficients (L, n), and which of the n have converged."""
    z = _started(c)
    found, n = z.clone(), c.shape[1]
    done = torch.zeros(n, dtype=torch.bool, device=c.device)
    rows = torch.arange(n, device=c.device)
    whole = torch.cat([c, ROUNDING * c.abs().sum(0, keepdim=True)])
    part = whole
    for _ in range(ITERATIONS):
        step, value = _step(part[:-1], z)
        # Where D is zero but for rounding, so is the direction of a step: a root stays.
        zero = _square(value) <= part[-1].real.square()
        step = torch.where(zero, 0, step)
        z = z + step
        size2 = _square(z)
        outside = size2 > 1
        if outside.any():
            z = torch.where(outside, z / size2, z)
            size2 = torch.where(outside, 1 / size2, size2)
        z = torch.where((size2 > INNERMOST**2) & ~zero, z * INNERMOST, z)
        inward = (1 - size2) / 2
        still = (_square(step) <= (CONVERGED * inward).square()).all(0)
        if still.any():
            found[:, rows[still]] = z[:, still]
            done[rows[still]] = True
            rows = rows[~still]
            if not len(rows):
                break
            z, part = z[:, ~still], whole[:, rows]
    expected = -c[-2] / c[-1] if len(c) > 2 else -c[0] / c[-1]
    partners = found / _square(found)
    off = (found.sum(0) + partners.sum(0) - expected).abs()
    return found, done & (off <= WRONG_SUM * partners.abs().sum(0))


def _square(z: Tensor) -> Tensor:
    """Return |z|²."""
    return z.real.square() + z.imag.square()


def _step(c: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Return the step (L − 1, n) of all roots, and D at each.

    With q(z) = z^{L−1} D, a step is −1 / (q'/q − Σ 1 / (z − other root)); both sides are
    multiplied by z. Quotients are written out in real numbers: complex ones are ten times as slow.
    """
    degree = len(c) - 1
    # The powers of 1/z meet the conjugate coefficients: they are those of the partner, 1/z*.
    both = torch.cat([z, z / _square(z)])
    a, a1 = torch.zeros_like(both), torch.zeros_like(both)
    for k in range(degree, 0, -1):
        a.add_(c[k]).mul_(both)
        a1.add_(k * c[k]).mul_(both)
    value = c[0] + a[:degree] + a[degree:].conj()
    turned = a1[:degree] - a1[degree:].conj()  # z D'(z)
    # Σ z_i / (z_i − z_j), and Σ z_i / (z_i − 1/z_j*) = Σ 1 + 1 / (z_i z_j* − 1)
    x, y = z.real.contiguous(), z.imag.contiguous()
    dx, dy = x[:, None] - x, y[:, None] - y
    over = dx.square().addcmul_(dy, dy)
    over.diagonal().fill_(math.inf)
    over.reciprocal_()
    others = z * torch.complex(dx.mul_(over).sum(1), dy.mul_(over).sum(1).neg_())
    px = (x[:, None] * x).addcmul_(y[:, None], y).sub_(1)
    py = (y[:, None] * x).addcmul_(x[:, None], y, value=-1)
    over = px.square().addcmul_(py, py).reciprocal_()
    others += torch.complex(px.mul_(over).sum(1), py.mul_(over).sum(1).neg_())
    # z q'/q − others = (z D' − others D) / D, with degree D on both sides.
    below = turned - others * value
    return -z * value * below.conj() / _square(below), value


def _started(c: Tensor) -> Tensor:
    """Return where roots (L − 1, n) are looked for first.

    Near a minimum of D, with a pair z = r exp(−jω), D is in proportion to
    (1 − r)² + r (ω − ω_0)², so that r follows from D and D″. What has no minimum of its own
    starts far inside, in the middle of the widest gap between the others.
    """
    n_roots, n = len(c) - 1, c.shape[1]
    G = 16 * len(c)
    grid = torch.arange(G, dtype=torch.float64, device=c.device) * (2 * math.pi / G)
    D = at_phases(c.T, grid).T  # (G, n)
    at, row = is_peak(-D, circular=True, dim=0).nonzero(as_tuple=True)
    omega, own = grid[at], c[:, row]
    half = math.pi / G
    for _ in range(4):
        value, slope, bend = derivatives(own, omega)
        newton = omega - slope / bend
        near = (bend > 0) & ((newton - omega).abs() < 2 * half)
        omega = torch.where(near, newton, omega)
    value, _, bend = derivatives(own, omega)
    ratio = torch.where(bend > 0, 2 * value / bend, 1).clamp_min(0)
    r = 1 + ratio / 2 - (ratio + ratio.square() / 4).sqrt()
    start = torch.polar(r.clamp(0.3, INNERMOST), -omega)
    # Slots of each row are filled in the order of minima, which is that of the angle.
    order = row.argsort(stable=True)
    found = row.bincount(minlength=n)
    first = found.cumsum(0) - found
    slot = torch.arange(len(row), device=c.device) - first[row[order]]
    z = c.new_zeros(n_roots, n)
    kept = slot < n_roots
    z[slot[kept], row[order][kept]] = start[order][kept]
    angle = torch.full((n_roots, n), math.inf, dtype=torch.float64, device=c.device)
    angle[slot[kept], row[order][kept]] = -z.angle()[slot[kept], row[order][kept]]
    while (lacking := (found < n_roots).nonzero()[:, 0]).numel():
        sorted_angles = angle[:, lacking].sort(0).values
        known = found[lacking]
        last = sorted_angles.gather(0, (known - 1).clamp_min(0)[None])
        wrapped = torch.cat([last - 2 * math.pi, sorted_angles])
        gaps = torch.where(wrapped[1:] < math.inf, wrapped.diff(dim=0), 0)
        widest = gaps.max(0)
        middle = wrapped.gather(0, widest.indices[None])[0] + widest.values / 2
        middle = torch.where(known > 0, middle, 0)
        z[known, lacking] = torch.polar(torch.full_like(middle, 0.6), -middle)
        angle[known, lacking] = (middle + math.pi).remainder(2 * math.pi) - math.pi
        found[lacking] += 1
    return z
