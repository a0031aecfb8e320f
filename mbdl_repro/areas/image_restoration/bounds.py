"""What simple rules reach, exactly."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages, blocks_of
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split


@bound(metrics=("mse",), kind="floor", label="one who knows all test images")
def knows_all_images(truth: DegradedImages, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the least mean squared error of each test image (n,) of one who knows their set.

    ŝ_i = Σ_j w_ij s_j,  w_ij ∝ exp(−‖x_i − H s_j‖² / (2 σ²)):  the posterior mean of an
    oracle that knows all n test images, but not which was observed. Each is as likely to be it;
    so nobody who knows less is better on average. It is far below what anyone reaches who has
    not seen the images, and zero where noise cannot confuse them.

    Args:
        truth: the scenario, for H and σ.
        test: pairs of x (n, …), as H makes them, and s (n, side, side).
    """
    noise_std = float(truth.required("noise_std"))
    if noise_std <= 0:
        return np.zeros(len(test.s))
    n = len(test.s)
    x, H_s = test.x.reshape(n, -1), truth.clean(test.s).reshape(n, -1)
    distances = np.square(x).sum(1)[:, None] - 2 * x @ H_s.T + np.square(H_s).sum(1)
    farther = distances - distances.min(1, keepdims=True)
    with np.errstate(over="ignore"):  # infinite in units of little noise: no part in the mean
        weights = np.exp(-farther / noise_std / noise_std / 2)
    weights /= weights.sum(1, keepdims=True)
    s = test.s.reshape(n, -1)
    return np.square(weights @ s - s).mean(1)


@bound(metrics=("mse",), kind="reference", label="mean image")
def guess_mean_image(validation: Split, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the error of each test image (n,) of who answers the mean image, without looking.

    Args:
        validation: pairs whose images s (n_validation, side, side) are averaged.
        test: pairs of which only the images s (n, side, side) are used.

    Returns:
        The mean over pixels of the squared error (n,).
    """
    return np.square(test.s - validation.s.mean(0)).mean((1, 2))


@bound(metrics=("mse",), kind="theory", label="minimum norm, exact")
def minimum_norm(truth: DegradedImages, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return the expected error of Hᵀ(H Hᵀ)⁻¹x in compressed sensing, of each test image (n,).

    (‖s − P s‖² + σ² tr (H Hᵀ)⁻¹) / N a block,  P = Hᵀ(H Hᵀ)⁻¹H: what is not measured, and noise.

    Args:
        truth: the scenario, for the matrix H of a block (m, N) and σ.
        test: pairs of which only the images s (n, side, side) are used.

    Raises:
        ValueError: if the degradation is not ``compressed_sensing``, or σ is withheld.
    """
    H = truth.matrix
    gram = np.linalg.inv(H @ H.T)
    blocks = blocks_of(test.s, truth.block_side)
    missing = blocks - blocks @ H.T @ gram @ H
    noise = float(truth.required("noise_std")) ** 2 * np.trace(gram)
    return (np.square(missing).sum(-1).mean((1, 2)) + noise) / H.shape[1]
