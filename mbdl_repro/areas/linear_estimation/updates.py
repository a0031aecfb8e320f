"""The rules of linear estimation, written once: the methods call them with what they know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated

import torch
from torch import Tensor


def linear_mmse_gain(
    H: Annotated[Tensor, "(n_observations, n_signal)"],
    C_s: Annotated[Tensor, "(n_signal, n_signal)"],
    noise_variance: float | Tensor,
) -> Annotated[Tensor, "(n_signal, n_observations)"]:
    """Return the gain of the estimator with the least mean squared error.

    G = C_s Hᵀ (H C_s Hᵀ + σ² I)⁻¹,  or diag(σ_1², …) in place of σ² I

    Args:
        H: observation matrix, (n_observations, n_signal).
        C_s: covariance of the signal, (n_signal, n_signal).
        noise_variance: σ², or one of each entry of x.

    Returns:
        G, (n_signal, n_observations).
    """
    C_xs = H @ C_s
    C_xx = C_xs @ H.mT + noise_variance * torch.eye(len(H), dtype=H.dtype, device=H.device)
    return torch.linalg.solve(C_xx, C_xs).mT


def whitener_of(
    H: Annotated[Tensor, "(n_observations, n_signal)"],
    C_s: Annotated[Tensor, "(n_signal, n_signal)"],
    noise_variance: float,
) -> Annotated[Tensor, "(n_observations, n_observations)"]:
    """Return the symmetric matrix that makes observations white, (H C_s Hᵀ + σ² I)^(−½).

    Args:
        H: observation matrix, (n_observations, n_signal).
        C_s: covariance of the signal, (n_signal, n_signal).
        noise_variance: σ².

    Returns:
        (n_observations, n_observations).
    """
    values, vectors = torch.linalg.eigh(H @ C_s @ H.mT)
    return vectors * (values.clamp_min(0.0) + noise_variance).rsqrt() @ vectors.mT


def linear_regression(
    inputs: Annotated[Tensor, "(n, n_inputs)"], outputs: Annotated[Tensor, "(n, n_outputs)"]
) -> tuple[Tensor, Tensor]:
    """Return the affine map of inputs to outputs with the least sum of squared errors.

    A = Ĉ_yu Ĉ_uu⁻¹,  b = ȳ - A ū,  with the sample means and covariances of inputs u, outputs y.

    The QR factorization of the centred inputs takes the place of Ĉ_uu, whose condition number
    is the square of theirs.

    Args:
        inputs: u, (n, n_inputs), where n > n_inputs.
        outputs: y, (n, n_outputs).

    Returns:
        A, (n_outputs, n_inputs), and b, (n_outputs,).

    Raises:
        ValueError: if there are too few rows for Ĉ_uu to be invertible.
    """
    n, n_inputs = inputs.shape
    if n <= n_inputs:
        raise ValueError(
            f"n_train is {n}, but the sample covariance of {n_inputs} entries is invertible only "
            f"from {n_inputs + 1} training pairs on: raise n_train"
        )
    u_mean, y_mean = inputs.mean(0), outputs.mean(0)
    # The default driver pivots by what it finds in memory, so its last bits change by the run.
    A = torch.linalg.lstsq(inputs - u_mean, outputs - y_mean, driver="gels").solution.mT
    return A, y_mean - A @ u_mean


def gradient_step(
    s: Annotated[Tensor, "(n, n_signal)"],
    b: Annotated[Tensor, "(n, n_signal)"],
    Q: Annotated[Tensor, "(n_signal, n_signal)"],
    step: Tensor | float,
) -> Annotated[Tensor, "(n, n_signal)"]:
    """Return what a step down ½ sᵀQ s − bᵀs adds to s: μ (b − Q s).

    Args:
        s: (n, n_signal).
        b: (n, n_signal).
        Q: the Hessian, (n_signal, n_signal), symmetric.
        step: μ.

    Returns:
        The change of s, (n, n_signal).
    """
    return step * torch.addmm(b, s, Q, alpha=-1)


def descent_iterates(
    b: Annotated[Tensor, "(n, n_signal)"],
    Q: Annotated[Tensor, "(n_signal, n_signal)"],
    steps: Annotated[Tensor, "(K,)"],
) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
    """Yield s_0 = 0, s_1, …, s_K (n, n_signal) of gradient descent on ½ sᵀQ s − bᵀs.

    Args:
        b: (n, n_signal).
        Q: the Hessian, (n_signal, n_signal), symmetric.
        steps: μ_1, …, μ_K, (K,).
    """
    s = torch.zeros_like(b)
    yield s
    for step in steps:
        s = s + gradient_step(s, b, Q, step)
        yield s


Factors = Callable[[int, Tensor, Tensor, Tensor], tuple[Tensor | float, Tensor | float]]
"""Of iteration k, b, the residual r and β: what β, and then α, are multiplied by."""


def conjugate_gradient_iterates(
    b: Annotated[Tensor, "(n, n_signal)"],
    Q: Annotated[Tensor, "(n_signal, n_signal)"],
    iterations: int,
    factors: Factors | None = None,
) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
    """Yield s = 0, then s after each step of conjugate gradients on Q s = b, (n, n_signal).

    β = ‖r‖² / ‖r_before‖²,  d ← r + β d,  α = rᵀd / dᵀQ d,  s ← s + α d,  r ← r − α Q d

    Each row has an α and a β of its own. One that is solved stays.

    Args:
        b: (n, n_signal).
        Q: (n_signal, n_signal), symmetric and positive definite.
        iterations: K.
        factors: of β and α, where other steps are made of them.

    Source: Hestenes and Stiefel, 1952.
    """
    s, r, d = torch.zeros_like(b), b, torch.zeros_like(b)
    before = torch.zeros_like(b[:, :1])
    yield s
    for k in range(iterations):
        power = r.square().sum(1, keepdim=True)
        beta = _ratio(power, before)
        of_beta, of_alpha = (1.0, 1.0) if factors is None else factors(k, b, r, beta)
        d = r + of_beta * beta * d
        Qd = d @ Q
        alpha = of_alpha * _ratio((r * d).sum(1, keepdim=True), (d * Qd).sum(1, keepdim=True))
        s, r, before = s + alpha * d, r - alpha * Qd, power
        yield s


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    """Return a / b, and 0 where b is 0."""
    return (a / b.masked_fill(b == 0, 1)).masked_fill(b == 0, 0)


def denoising_admm_iterates(
    x: Annotated[Tensor, "(n, n_observations)"],
    H: Annotated[Tensor, "(n_observations, n_signal)"],
    noise_variance: float,
    denoise: Callable[[Tensor], Tensor],
    penalty: float,
    iterations: int,
) -> Iterator[Annotated[Tensor, "(n, n_signal)"]]:
    """Yield v = 0, then v after each step of ADMM with a denoiser for a prior, (n, n_signal).

    s ← (HᵀH/σ² + ρ I)⁻¹ (Hᵀx/σ² + ρ (v − u)),  v ← D(s + u),  u ← u + s − v

    With the posterior mean D of a signal in white noise of variance 1/ρ, and a Gaussian prior,
    its limit is the posterior mean of s given x. (Without u, half-quadratic splitting, it is not.)

    Args:
        x: (n, n_observations).
        H: (n_observations, n_signal).
        noise_variance: σ².
        denoise: D, from (n, n_signal) to (n, n_signal).
        penalty: ρ.
        iterations: K.

    Source: Venkatakrishnan, Bouman and Wohlberg, 2013.
    """
    b = x @ H / noise_variance
    inverse = torch.linalg.inv(
        H.mT @ H / noise_variance + penalty * torch.eye(H.shape[1], dtype=H.dtype, device=H.device)
    )
    v = u = torch.zeros_like(b)
    yield v
    for _ in range(iterations):
        s = (b + penalty * (v - u)) @ inverse
        v = denoise(s + u)
        u = u + s - v
        yield v


def lower_triangle(matrix: Annotated[Tensor, "(m, m)"]) -> Annotated[Tensor, "(entries,)"]:
    """Return the entries on and below the diagonal of a matrix (m, m), as a vector (entries,)."""
    i, j = torch.tril_indices(len(matrix), len(matrix), device=matrix.device)
    return matrix[i, j]


def triangular(entries: Annotated[Tensor, "(entries,)"], m: int) -> Annotated[Tensor, "(m, m)"]:
    """Return the lower triangular matrix of these entries, :func:`lower_triangle` undone.

    Args:
        entries: m (m + 1)/2 numbers, (entries,).
        m: rows and columns.

    Returns:
        (m, m).
    """
    i, j = torch.tril_indices(m, m, device=entries.device)
    return entries.new_zeros(m, m).index_put((i, j), entries)
