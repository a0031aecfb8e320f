"""What AMP does in the limit of large problems: one number a step, the noise that it sees.

With columns of H independent, and n and m large, what AMP thresholds is the signal in white
noise of variance τ², and the error after the step is that of estimating one entry in it:

τ_k² = σ² + m · mse_k / n,    mse_{k+1} = E(η_k(S + τ_k Z) − S)²,    mse_0 = E S² = p v.

S is 0 with probability 1 − p, otherwise N(0, v), and Z is N(0, 1).

Source: Donoho, Maleki and Montanari, 2009; Bayati and Montanari, 2011, who prove it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit, ndtr

N_NODES = 4001
"""Of the trapezoid rule, which on a smooth function that vanishes at the end is exact by far."""

CONVERGED = 1e-12
"""Relative change of τ² at which the limit is reached."""


def soft_threshold_risk(tau: float, alpha: float, p: float, v: float) -> float:
    """Return E(T_{ατ}(S + τZ) − S)², in closed form.

    Where S = 0 it is τ² · 2((1 + α²) Q(α) − α φ(α)). Elsewhere R = S + τZ is N(0, w²), w² =
    v + τ², and S is cR, c = v/w², plus what R does not tell, of variance vτ²/w². With a = ατ/w,
    and with integrals 2∫_a^∞ u^j φ(u) du = q_j,

    E(T(R) − cR)² = w²((1 − c)² q_2 − 2(1 − c) a q_1 + a² q_0 + c²(1 − q_2)).

    Args:
        tau: τ > 0, standard deviation of the noise.
        alpha: α, the threshold in units of τ.
        p: probability that S is not 0.
        v: variance of S where it is not.
    """
    at_zero = tau**2 * 2 * ((1 + alpha**2) * ndtr(-alpha) - alpha * _normal_density(alpha))
    w_squared = v + tau**2
    c, a = v / w_squared, alpha * tau / np.sqrt(w_squared)
    q0, q1 = 2 * ndtr(-a), 2 * _normal_density(a)
    q2 = a * q1 + q0
    rest = tau**2 / w_squared  # 1 − c
    missed = rest**2 * q2 - 2 * rest * a * q1 + a**2 * q0 + c**2 * (1 - q2)
    return float((1 - p) * at_zero + p * (v * rest + w_squared * missed))


def bayes_risk(tau: float, p: float, v: float) -> float:
    """Return E(E[S | S + τZ] − S)², which no function of S + τZ is below.

    With R, w² and c as above, and π(R) the posterior probability that S is not 0, it is

    p vτ²/w² + p c² ∫ r² (1 − π(r)) N(r; 0, w²) dr:

    what is left when the support is known, and what it costs not to know it. No term is
    negative, so that a small risk is not lost in a difference.

    Args:
        tau: τ > 0, standard deviation of the noise.
        p: probability that S is not 0.
        v: variance of S where it is not.
    """
    w_squared = v + tau**2
    c = v / w_squared
    known_support = p * v * tau**2 / w_squared
    if p == 1:
        return float(known_support)
    # 1 − π = expit(offset − c u²/2), where r = τu; beyond ``end`` either factor is below e⁻⁴⁰.
    offset = -logit(p) + 0.5 * np.log(w_squared / tau**2)
    end = np.sqrt(2 * min((max(offset, 0.0) + 40) / c, 40 * w_squared / tau**2))
    u = np.linspace(0, end, N_NODES)
    density = tau / np.sqrt(w_squared) * _normal_density(u * tau / np.sqrt(w_squared))
    integral = 2 * np.trapezoid((tau * u) ** 2 * expit(offset - 0.5 * c * u**2) * density, u)
    return float(known_support + p * c**2 * integral)


def evolve(
    risk: Callable[[float], float],
    noise_var: float,
    signal_energy: float,
    n_observations: int,
    iterations: int | None,
) -> float:
    """Return m · mse_k, the squared error of a signal after k steps; with ``None``, in the limit.

    Args:
        risk: m E(η(S + τZ) − S)² as a function of τ.
        noise_var: σ², variance of each entry of an observation's noise.
        signal_energy: m · mse_0, the mean of ‖s‖².
        n_observations: n, entries of an observation.
        iterations: k; ``None``: until τ² settles.
    """
    error, tau_squared, k = signal_energy, np.inf, 0
    while k != iterations:
        before, tau_squared = tau_squared, noise_var + error / n_observations
        settled = abs(before - tau_squared) <= CONVERGED * tau_squared
        if iterations is None and (settled or tau_squared < np.finfo(float).tiny):
            break
        error = risk(np.sqrt(tau_squared))
        k += 1
    return error


@cache
def best_threshold_factor(
    noise_var: float, p: float, v: float, n_signal: int, n_observations: int
) -> float:
    """Return the α, in units of τ, whose limit has the least error.

    Args:
        noise_var: σ², variance of each entry of an observation's noise.
        p: probability that S is not 0.
        v: variance of S where it is not.
        n_signal: m, entries of a signal.
        n_observations: n, entries of an observation.
    """

    def limit(alpha: float) -> float:
        def risk(tau: float) -> float:
            return n_signal * soft_threshold_risk(tau, alpha, p, v)

        return evolve(risk, noise_var, n_signal * p * v, n_observations, None)

    grid = np.linspace(0.2, 4.0, 39)
    least = int(np.argmin([limit(alpha) for alpha in grid]))
    around = grid[max(least - 1, 0)], grid[min(least + 1, len(grid) - 1)]
    found = minimize_scalar(limit, bounds=around, method="bounded", options={"xatol": 1e-6})
    return float(found.x)


def _normal_density(u: np.ndarray | float) -> np.ndarray:
    return np.exp(-0.5 * np.square(u)) / np.sqrt(2 * np.pi)
