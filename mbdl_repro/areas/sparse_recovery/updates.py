"""What every sparse recovery method is made of: F(s) = ½‖x − H s‖² + ρ‖s‖₁, and steps down it.

Signals s (n, m) and observations x (n, n_observations) hold one problem a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

LARGEST_DUAL_STEP = (1 + 5**0.5) / 2
"""ADMM converges with μ below this, whatever λ is (Glowinski, 1984, section VI.5)."""


def soft_threshold(z: Tensor, threshold: Tensor | float) -> Tensor:
    """Shrink every entry towards zero: the proximal step of the ℓ₁ norm.

    T_β(z) = sign(z) max(|z| − β, 0) = argmin_s ½(s − z)² + β|s|

    Args:
        z: any shape.
        threshold: β ≥ 0, broadcast over z.

    Source: Example 3.6.
    """
    # The same numbers either way: with the fewest passes over memory where no threshold is
    # learned, and else twice as fast, with the derivative, as by signs and absolute values.
    if isinstance(threshold, float) or not torch.is_grad_enabled():
        return z - z.clamp(-threshold, threshold)  # type: ignore[arg-type]
    return (z - threshold).relu() - (-z - threshold).relu()


def moved(a: Tensor, b: Tensor, factor: Tensor | float) -> Tensor:
    """Return a + factor · b, in one pass over memory where the factor is a number.

    Args:
        a: any shape.
        b: the same shape.
        factor: a number, or a tensor that is broadcast over b.
    """
    return a + factor * b if isinstance(factor, Tensor) else torch.add(a, b, alpha=factor)


def trusting_soft_threshold(z: Tensor, threshold: Tensor | float, n_trusted: int) -> Tensor:
    """Shrink towards zero, except the largest of the entries that do not vanish.

    The n_trusted entries of largest magnitude in each row are taken to be on the support: those
    of them above the threshold stay as they are, T_β without its bias.

    Args:
        z: (n, m).
        threshold: β ≥ 0.
        n_trusted: how many entries a row, 0 to m; with 0 it is :func:`soft_threshold`.

    Source: Chen, Liu, Wang and Yin, 2018, equation 15 (support selection).
    """
    shrunk = soft_threshold(z, threshold)
    if n_trusted == 0:
        return shrunk
    magnitude = z.detach().abs()
    least_trusted = magnitude.kthvalue(z.shape[1] - n_trusted + 1, dim=1, keepdim=True).values
    return torch.where((magnitude >= least_trusted) & (shrunk != 0), z, shrunk)


def least_squares_gradient(s: Tensor, x: Tensor, H: Tensor) -> Tensor:
    """Return the gradient of ½‖x − H s‖² in s, Hᵀ(H s − x), for each row.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
    """
    return torch.addmm(x, s, H.mT, beta=-1) @ H


def proximal_gradient_step(
    s: Tensor, gradient: Tensor, step: Tensor | float, threshold: Tensor | float
) -> Tensor:
    """Go down the gradient, then shrink: s ← T_β(s − μ g).

    With g = Hᵀ(H s − x) and β = μρ this is ISTA's step on F; LISTA learns g, μ and β.

    Args:
        s: (n, m).
        gradient: g (n, m).
        step: μ.
        threshold: β.

    Source: Examples 3.6 and 5.6; Daubechies, Defrise and De Mol, 2004.
    """
    return soft_threshold(moved(s, gradient, -step), threshold)


def coupled_step(
    s: Tensor,
    x: Tensor,
    H: Tensor,
    W: Tensor,
    threshold: Tensor | float,
    step: Tensor | float = 1.0,
    n_trusted: int = 0,
) -> Tensor:
    """Go along the residual seen through weights, then shrink: s ← T_β(s + γ Wᵀ(x − H s)).

    With W = H it is ISTA's step. In LISTA's T_β(A x + C s), where A and C are free, it is the
    coupling C = I − A H, which thresholds tending to zero and fast convergence need.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
        W: weights (n_observations, m).
        threshold: β.
        step: γ.
        n_trusted: largest entries of a row that are not shrunk.

    Source: Chen, Liu, Wang and Yin, 2018, theorems 1 and 2; Liu, Chen, Wang and Yin, 2019.
    """
    residual = torch.addmm(x, s, H.mT, alpha=-1)
    return trusting_soft_threshold(torch.addmm(s, step * residual, W), threshold, n_trusted)


def trusted_counts(iterations: int, n_signal: int, fraction: float) -> list[int]:
    """Return how many of m entries each layer trusts: ⌊(k + 1)/K · fraction · m⌋, k = 0, …, K − 1.

    Args:
        iterations: K, number of layers.
        n_signal: m, entries of a signal.
        fraction: share of entries that the last layer trusts, 0 to 1.

    Source: Chen, Liu, Wang and Yin, 2018, section 3.2, where shares grow by 1.2 % a layer.
    """
    # Rounded first: 0.12 · 500 is a little less than 60 in floating point.
    most = round(fraction * n_signal, 6)
    return [int((k + 1) * most / iterations) for k in range(iterations)]


def analytic_weights(H: Tensor) -> Tensor:
    """Return the W nearest to a left inverse of H, column by column: least ‖WᵀH − I‖_F.

    w_i = (H Hᵀ)⁻¹h_i / (h_iᵀ(H Hᵀ)⁻¹h_i), which minimizes ‖WᵀH − I‖_F over all W with
    w_iᵀh_i = 1, i = 1, …, m (a quadratic problem with one Lagrange multiplier a column).

    Args:
        H: (n, m) with linearly independent rows.

    Returns:
        W (n, m).

    Source: Liu, Chen, Wang and Yin, 2019, equation 16, which is solved there by iteration.
    """
    rank = int(torch.linalg.matrix_rank(H))
    if rank < len(H):
        raise ValueError(
            f"analytic weights need independent rows of H: {len(H)} rows have rank {rank} "
            f"(n_observations is {len(H)}, n_signal {H.shape[1]})"
        )
    W = torch.linalg.solve(H @ H.mT, H)
    return W / (W * H).sum(0)


def learning_coordinates(H: Tensor) -> Tensor:
    """Return an invertible P for which W = P V is learned faster through V than entry by entry.

    P = (H Hᵀ/c + I/100)^(−½) / √n,  c = tr(H Hᵀ)/n

    Then Wᵀ(x − H s) = Vᵀ(P x − P H s), where the residual is about white, so that no direction of
    V learns much more slowly than another; and for W of the size of H, entries of V are of order
    one, so that one learning rate serves them and logarithms.

    Args:
        H: (n, m).

    Returns:
        P (n, n), symmetric.
    """
    eigenvalues, vectors = torch.linalg.eigh(H @ H.mT)
    scaled = eigenvalues.clamp_min(0.0) / eigenvalues.mean() + 0.01
    return (vectors * scaled.rsqrt()) @ vectors.mT / len(H) ** 0.5


def layerwise(iterations: int, value: float) -> nn.Parameter:
    """Return one positive weight a layer, all equal at first: what is learned is the logarithm.

    Args:
        iterations: K, number of layers.
        value: each weight before training, above 0.

    Returns:
        Logarithms (K,).
    """
    return nn.Parameter(torch.full((iterations,), value, dtype=torch.float64).log())


def lipschitz_constant(H: Tensor) -> float:
    """Return L, the largest eigenvalue of HᵀH: gradient steps up to 1/L never increase F."""
    return torch.linalg.matrix_norm(H, 2).square().item()


def momenta() -> Iterator[float]:
    """Yield FISTA's extrapolation factors without end.

    (t_k − 1) / t_{k+1} for k = 1, 2, …, with t_1 = 1 and t_{k+1} = (1 + √(1 + 4 t_k²)) / 2

    Source: Beck and Teboulle, 2009, equations 4.2 and 4.3.
    """
    t = 1.0
    while True:
        following = (1 + (1 + 4 * t * t) ** 0.5) / 2
        yield (t - 1) / following
        t = following


def with_orthogonal_rows(H: Tensor) -> tuple[Tensor, Tensor]:
    """Factor H = U W, where UᵀU = I and the rows of W are orthogonal: W Wᵀ is diagonal.

    What ADMM solves for every s then is, for any c > 0 and with W Wᵀ = diag(d),

    (HᵀH + c I)⁻¹(Hᵀx + c z) = z + Wᵀ diag(1 / (d + c)) (Uᵀx − W z),

    no more than a step of ISTA; c enters as a number, through which gradients pass.

    Args:
        H: (n_observations, m).

    Returns:
        U (n_observations, r) and W (r, m), r = min(n_observations, m).
    """
    U, singular_values, Vt = torch.linalg.svd(H, full_matrices=False)
    return U, singular_values[:, None] * Vt


def admm_step(
    v: Tensor,
    u: Tensor,
    x: Tensor,
    W: Tensor,
    d: Tensor,
    rho: Tensor | float,
    penalty: Tensor | float,
    dual_step: Tensor | float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit the observation, then shrink, then move the dual by where the two disagree.

    s ← (HᵀH + 2λ I)⁻¹(Hᵀx + 2λ(v − u)),    v ← T_{ρ/(2λ)}(s + u),    u ← u + μ(s − v)

    Args:
        v: the shrunken signal, which is sparse (n, m).
        u: dual variable, over 2λ (n, m).
        x: Uᵀx (n, r), with H = U W of :func:`with_orthogonal_rows`.
        W: (r, m).
        d: squared lengths of the rows of W (r,).
        rho: ρ > 0.
        penalty: λ > 0.
        dual_step: μ; from 0 to (1 + √5)/2 it converges to the minimum of F, for any λ.

    Returns:
        s, v, u, each (n, m).

    Source: Example 3.8; Glowinski, 1984, section VI.5, for the range of μ.
    """
    z = v - u
    s = torch.addmm(z, torch.addmm(x, z, W.mT, alpha=-1) / (d + 2 * penalty), W)
    v = soft_threshold(s + u, rho / (2 * penalty))
    return s, v, moved(u, s - v, dual_step)


def admm_iterates(
    x: Tensor,
    U: Tensor,
    W: Tensor,
    settings: Iterable[tuple[Tensor | float, Tensor | float, Tensor | float]],
) -> Iterator[Tensor]:
    """Yield v = 0, then v after each step of ADMM with these (ρ, λ, μ), (n, m).

    Args:
        x: (n, n_observations).
        U: (n_observations, r), with H = U W of :func:`with_orthogonal_rows`.
        W: (r, m).
        settings: (ρ, λ, μ) of each iteration.
    """
    x = x @ U
    d = W.square().sum(1)
    v = u = x.new_zeros(len(x), W.shape[1])
    yield v
    for rho, penalty, dual_step in settings:
        _, v, u = admm_step(v, u, x, W, d, rho, penalty, dual_step)
        yield v


def amp_step(
    s: Tensor, r: Tensor, x: Tensor, H: Tensor, threshold_factor: Tensor | float
) -> tuple[Tensor, Tensor]:
    """Take the residual with its Onsager term, then shrink by a multiple of the noise it shows.

    r ← x − H s + (‖s‖₀ / n) r,    s ← T_{ατ}(s + Hᵀr),    τ = ‖r‖ / √n

    The term makes up for what s owes to H: where the columns of H are independent and of length
    one, s + Hᵀr is the signal in white noise of standard deviation τ.

    Args:
        s: (n, m); 0 at first.
        r: residual (n, n_observations); 0 at first.
        x: (n, n_observations).
        H: (n_observations, m), n of the equation being n_observations.
        threshold_factor: α.

    Returns:
        s and r.

    Source: Donoho, Maleki and Montanari, 2009; Montanari, 2012, for τ.
    """
    onsager = (s != 0).sum(1, keepdim=True, dtype=r.dtype) / len(H)
    r = torch.addmm(x, s, H.mT, alpha=-1).addcmul(onsager, r)
    tau = torch.linalg.vector_norm(r, dim=1, keepdim=True) / len(H) ** 0.5
    return soft_threshold(torch.addmm(s, r, H), threshold_factor * tau), r


def objective(s: Tensor, x: Tensor, H: Tensor, rho: float) -> Tensor:
    """Return F(s) = ½‖x − H s‖² + ρ‖s‖₁ of each row (n,).

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
        rho: ρ > 0.
    """
    return 0.5 * (x - s @ H.mT).square().sum(1) + rho * s.abs().sum(1)


def duality_gap(s: Tensor, x: Tensor, H: Tensor, rho: Tensor | float) -> Tensor:
    """Return for each row a certificate: F(s) − min F is at most this.

    The dual of min F is max ½‖x‖² − ½‖x − θ‖² over ‖Hᵀθ‖_∞ ≤ ρ. With the residual r = x − H s
    scaled into that set, θ = c r, c = min(1, ρ / ‖Hᵀr‖_∞), the gap is

    F(s) − ½‖x‖² + ½‖x − θ‖² = ½(1 − c)²‖r‖² + Σ_i (ρ|s_i| − c s_i (Hᵀr)_i),

    where no term is negative, so that a tiny gap is not lost in a difference of large numbers.

    Args:
        s: (n, m).
        x: (n, n_observations).
        H: (n_observations, m).
        rho: ρ > 0.

    Returns:
        Gaps (n,), zero at the minimum.

    Source: Kim, Koh, Lustig, Boyd and Gorinevsky, 2007, section III.
    """
    r = x - s @ H.mT
    correlation = r @ H
    c = (rho / correlation.abs().amax(1)).clamp_max(1.0)
    slack = rho * s.abs() - c[:, None] * s * correlation
    return 0.5 * (1 - c).square() * r.square().sum(1) + slack.sum(1)


def until_gap(
    iterates: Iterator[Tensor], x: Tensor, H: Tensor, rho: Tensor | float, tolerance: float | None
) -> Iterator[Tensor]:
    """Hold every row at its first iterate with duality gap ≤ tolerance · ½‖x‖².

    Each row has its own stopping time, as if it had been solved alone; the iteration ends when
    all are held. A small change between iterates is no such sign: a small step does that too.

    Args:
        iterates: estimates (n, m), from the first on.
        x: (n, n_observations).
        H: (n_observations, m).
        rho: ρ of the objective.
        tolerance: largest relative gap; ``None`` lets all iterates pass.
    """
    if tolerance is None:
        yield from iterates
        return
    largest_gap = tolerance * 0.5 * x.square().sum(1)
    solved = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    held = x.new_zeros(len(x), H.shape[1])
    for estimate in iterates:
        held = torch.where(solved[:, None], held, estimate)
        with torch.no_grad():  # gradients pass through what is held, and not through when
            solved = solved | (duality_gap(held, x, H, rho) <= largest_gap)
        yield held
        if solved.all():
            return
