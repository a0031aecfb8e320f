"""What is known of linear channels without drawing from them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from scipy.special import ndtr

from mbdl_repro.areas.receivers.linear.constellation import (
    bit_differences,
    is_complex,
    nearest,
)
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo

N_ANGLES = 400
"""Of the midpoint rule over smooth functions of an angle, which is exact to rounding soon."""

N_NODES = 200
"""Of Gauss–Hermite quadrature."""


def error_probabilities(
    levels: Annotated[np.ndarray, "(M,)"], std: np.ndarray, bits: bool
) -> np.ndarray:
    """Return the error rate of amplitudes that are seen in Gaussian noise, of the shape of std.

    Σ_j c_j Q(j d/2σ),  j = 1, 3, …,  d the distance of neighbours

    Each decision goes to the nearest amplitude; all are equally probable.

    Args:
        levels: evenly spaced, in rising order (M,).
        std: standard deviation of the noise, of any shape.
        bits: whether bits are counted, with Gray labels, or symbols.
    """
    half = (levels[1] - levels[0]) / 2
    rate: np.ndarray = sum(c * ndtr(-j * half / std) for j, c in _tails(levels, bits).items())
    return rate


def _cost(levels: np.ndarray, bits: bool) -> np.ndarray:
    number = nearest(levels, levels)
    if bits:
        differing = bit_differences(len(levels))
        return differing / differing[0].max()
    return (number[:, None] != number).astype(float)


def matched_filter_error(truth: LinearMimo, bits: bool) -> float:
    """Return the error rate of one who knows all other symbols, a mean over users and channels.

    mean over k of Σ_j c_j E Q(j d ‖h_k‖/2σ),  of Gaussian h_k by
    E Q(a ‖h_k‖) = (1/π) ∫_0^{π/2} E exp(−a² ‖h_k‖²/(2 sin² φ)) dφ

    Args:
        truth: with a channel without errors.
        bits: whether bits are counted, or symbols.

    Source: textbook; Craig, 1991, for the integral.
    """
    levels, std = truth.levels, truth.noise_std
    if not truth.told:
        return float(
            error_probabilities(levels, std / np.linalg.norm(truth.H, axis=0), bits).mean()
        )
    half = (levels[1] - levels[0]) / 2
    tails = _tails(levels, bits).items()
    return float(sum(c * _mean_tail(truth, j * half / std) for j, c in tails))


def _tails(levels: np.ndarray, bits: bool) -> dict[int, float]:
    """Return c_j of the error rate by j; each side of each amplitude has a part in it."""
    cost, M = _cost(levels, bits), len(levels)
    found: dict[int, float] = {}
    for sent in range(M):
        for side in (-1, 1):
            before = 0.0
            for steps in range(1, M):
                decided = sent + side * steps
                if not 0 <= decided < M:
                    break
                gain = cost[sent, decided] - before
                before = cost[sent, decided]
                found[2 * steps - 1] = found.get(2 * steps - 1, 0.0) + gain / M
    return found


def _mean_tail(truth: LinearMimo, a: float) -> float:
    """Return E Q(a ‖h_k‖) over drawn channels, whose columns have one law but for their order."""
    variances = (
        np.linalg.eigvalsh(
            np.linalg.matrix_power(truth.correlation_root(truth.n_antennas), 2)
        ).clip(0)
        / truth.n_antennas
    )
    # A column of R_N^½ G R_K^½ is R_N^½ times a white vector of the same variance, as R_kk = 1.
    angle = (np.arange(N_ANGLES) + 0.5) * np.pi / 2 / N_ANGLES
    scaled = a**2 / np.sin(angle)[:, None] ** 2 * variances
    # E exp(−b |g|²/2) of g ~ N(0, v) is (1 + b v)^(−1/2), of g ~ CN(0, v) it is (1 + b v/2)^(−1).
    law = 1 / (1 + scaled / 2) if is_complex(truth.constellation) else 1 / np.sqrt(1 + scaled)
    return float(np.prod(law, axis=1).mean() / 2)


def state_evolution(truth: LinearMimo, iterations: int | None) -> float:
    """Return the variance τ² that AMP sees each amplitude in, in large systems.

    τ² ← σ² + (K/N) E (s − E[s | s + N(0, τ²)])²,  from mmse = E s²

    Args:
        truth: an ``iid`` channel without errors.
        iterations: number of steps, at least 1; ``None``: the limit.
    """
    load, noise = truth.n_users / truth.n_antennas, truth.noise_std**2
    tau2 = noise + load * truth.energy
    for _ in range(10_000 if iterations is None else max(iterations, 1) - 1):
        after = noise + load * _mmse(truth.levels, tau2)
        if after == tau2:
            break
        tau2 = after
    return tau2


def _mmse(levels: np.ndarray, tau2: float) -> float:
    """Return the mean squared error of the posterior mean of an amplitude in noise τ²."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(N_NODES)
    weights = weights / weights.sum()
    seen = levels[:, None] + np.sqrt(tau2) * nodes
    score = -((seen[..., None] - levels) ** 2) / (2 * tau2)
    p = np.exp(score - score.max(-1, keepdims=True))
    mean = p @ levels / p.sum(-1)
    return float((((mean - levels[:, None]) ** 2) @ weights).mean())
