"""Steps of gradient descent on a quadratic function: Chebyshev's, and the best there are.

K steps from 0 leave of the error, along an eigenvector of the Hessian with eigenvalue λ, the
share p(λ) = Π_k (1 − μ_k λ): a polynomial of degree K that is 1 at 0. The order of steps does
not change it, but what they make of what is added on the way: rounding, or a network's output.
Here they are in Leja's order, in which that stays small beside what sorted ones make of it.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np


def chebyshev_steps(low: float, high: float, n: int) -> Annotated[np.ndarray, "(n,)"]:
    """Return the n steps that make the largest error along any eigenvector least.

    1/μ_k = (L + l)/2 + (L − l)/2 · cos(π (2k − 1) / (2n)),  k = 1, …, n

    Args:
        low: l > 0, least eigenvalue of the Hessian.
        high: L ≥ l, the largest.
        n: number of steps.

    Returns:
        μ, (n,), in Leja's order.

    Source: textbook; of unfolding, Takabe and Wadayama, 2020.
    """
    angles = np.pi * (2 * np.arange(n) + 1) / (2 * n)
    return 1 / _in_lejas_order((high + low) / 2 + (high - low) / 2 * np.cos(angles))


def best_steps(
    eigenvalues: Annotated[np.ndarray, "(m,)"], weights: Annotated[np.ndarray, "(m,)"], n: int
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the n steps whose error is least, where it is known what has to be found.

    min over μ of Σ_i w_i Π_k (1 − μ_k λ_i)²

    The minimum is a kernel polynomial: orthogonal to all of lower degree under the weights
    λ_i w_i. Its roots 1/μ_k are the eigenvalues of the n × n matrix to which n steps of Lanczos,
    from the vector of √(λ_i w_i), bring the Hessian. Where all error is gone after fewer steps,
    those left are 1/max λ.

    Args:
        eigenvalues: λ > 0 of the Hessian, (m,).
        weights: w ≥ 0, (m,): mean square of the minimizer along each eigenvector.
        n: number of steps.

    Returns:
        μ, (n,), in Leja's order.

    Source: Fischer, 2011, on polynomial iteration; the application is ours.
    """
    q = np.sqrt(eigenvalues * weights)
    if not q.any():
        return np.full(n, 1 / eigenvalues.max())
    basis = [q / np.linalg.norm(q)]
    for _ in range(n - 1):
        q = eigenvalues * basis[-1]
        for _ in range(2):  # rounding leaves directions in that are known
            q = q - np.stack(basis).T @ (np.stack(basis) @ q)
        if np.linalg.norm(q) <= 1e-10 * eigenvalues.max():
            break
        basis.append(q / np.linalg.norm(q))
    Q = np.stack(basis)
    roots = np.linalg.eigvalsh((Q * eigenvalues) @ Q.T)
    idle = np.full(n - len(roots), eigenvalues.max())
    return 1 / _in_lejas_order(np.concatenate((roots, idle)))


def least_remaining_error(
    eigenvalues: Annotated[np.ndarray, "(m,)"], weights: Annotated[np.ndarray, "(m,)"], n: int
) -> float:
    """Return what the best n steps from 0 leave of the mean squared distance to the minimizer.

    min over μ of Σ_i w_i Π_k (1 − μ_k λ_i)² = min over q of Σ_i w_i (1 − λ_i q(λ_i))²

    The second minimum, over polynomials of degree n − 1, is a least-squares fit; unlike the
    product it may be taken of many steps.

    Args:
        eigenvalues: λ > 0 of the Hessian, (m,).
        weights: w ≥ 0, (m,): mean square of the minimizer along each eigenvector.
        n: number of steps; of none, Σ_i w_i is left.
    """
    centre = (eigenvalues.max() + eigenvalues.min()) / 2
    half = max(float(np.ptp(eigenvalues)) / 2, np.finfo(float).tiny)
    root = np.sqrt(weights)
    if not n:
        return float(weights.sum())
    powers = np.polynomial.chebyshev.chebvander((eigenvalues - centre) / half, n - 1)
    basis, _ = np.linalg.qr((root * eigenvalues)[:, None] * powers)
    return float(((root - basis @ (basis.T @ root)) ** 2).sum())


def _in_lejas_order(roots: np.ndarray) -> np.ndarray:
    """Return roots > 0 from the largest on, each then as far as may be from those before it.

    Source: Reichel, 1990.
    """
    left, ordered = np.sort(roots), np.zeros(0)
    while left.size:
        distances = np.abs(left[:, None] - ordered).clip(np.finfo(float).tiny)
        k = len(left) - 1 - int(np.log(distances).sum(1)[::-1].argmax())
        ordered, left = np.append(ordered, left[k]), np.delete(left, k)
    return ordered
