"""The rules of linear estimation, written once: the methods call them with what they know."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor


def linear_mmse_gain(
    H: Annotated[Tensor, "(n_observations, n_signal)"],
    C_s: Annotated[Tensor, "(n_signal, n_signal)"],
    noise_variance: float,
) -> Annotated[Tensor, "(n_signal, n_observations)"]:
    """Return the gain of the estimator with the least mean squared error.

    G = C_s Hᵀ (H C_s Hᵀ + σ² I)⁻¹

    Args:
        H: observation matrix, (n_observations, n_signal).
        C_s: covariance of the signal, (n_signal, n_signal).
        noise_variance: σ².

    Returns:
        G, (n_signal, n_observations).
    """
    C_xs = H @ C_s
    C_xx = C_xs @ H.mT + noise_variance * torch.eye(len(H), dtype=H.dtype, device=H.device)
    return torch.linalg.solve(C_xx, C_xs).mT


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
