"""What is measured of restored images."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from mbdl_repro.contract.capabilities import HasFixedPointMap, HasOracleStart, HasProjection
from mbdl_repro.contract.measure import metric
from mbdl_repro.contract.scenario import Split

if TYPE_CHECKING:
    from mbdl_repro.areas.image_restoration.physics.degradation import DegradedImages
    from mbdl_repro.contract.method import Method


@metric(label="PSNR (dB)")
def psnr_db(
    estimate: Annotated[np.ndarray, "(n, side, side)"], split: Split, truth: DegradedImages
) -> Annotated[np.ndarray, "(n,)"]:
    """Return −10 log₁₀ of the mean squared error a pixel, of each image; higher is better.

    Estimates are cut to [0, 1] first, as a screen would; the mean is over images, of their dB.
    An estimate that is not finite everywhere has none: NaN, as of all metrics here.

    Args:
        estimate: ŝ (n, side, side).
        split: the pairs (x, s) that it belongs to; s is (n, side, side), in [0, 1].
        truth: the scenario that drew them (not needed).

    Returns:
        PSNR in dB (n,).
    """
    from skimage.metrics import peak_signal_noise_ratio

    with np.errstate(divide="ignore"):  # infinite, where an estimate is the truth itself
        pairs = zip(split.s, shown(estimate), strict=True)
        return np.array([float(peak_signal_noise_ratio(s, e, data_range=1.0)) for s, e in pairs])


@metric(label="gain in PSNR over a linear estimate (dB)")
def psnr_gain_db(
    estimate: Annotated[np.ndarray, "(n, side, side)"], split: Split, truth: DegradedImages
) -> Annotated[np.ndarray, "(n,)"]:
    """Return by how many dB each image's PSNR is above that of the first image; higher is better.

    The first image is linear in x (``Operator.start``), or x itself where nobody knows H.
    Images differ far more than methods do, and here that is taken off: differences between methods
    are those in PSNR, image by image.

    Args:
        estimate: ŝ (n, side, side).
        split: the pairs (x, s) that it belongs to: x (n, …), s (n, side, side) in [0, 1].
        truth: the scenario that drew them, for H.

    Returns:
        Gains in dB (n,).
    """
    first = split.x
    if truth.required("degradation") != "blind_deblurring":
        import torch

        first = _operator(truth).start(torch.from_numpy(split.x)).numpy()
    return psnr_db(estimate, split, truth) - psnr_db(first, split, truth)


@metric(label="SSIM")
def ssim(
    estimate: Annotated[np.ndarray, "(n, side, side)"], split: Split, truth: DegradedImages
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the structural similarity of each image, in windows of 7 × 7; higher is better.

    Args:
        estimate: ŝ (n, side, side).
        split: the pairs (x, s) that it belongs to; s is (n, side, side), in [0, 1].
        truth: the scenario that drew them (not needed).

    Returns:
        SSIM, at most 1 (n,).

    Source: Wang, Bovik, Sheikh and Simoncelli, 2004; scikit-image's.
    """
    from skimage.metrics import structural_similarity

    pairs = zip(split.s, shown(estimate), strict=True)
    return np.array([float(structural_similarity(s, e, data_range=1.0)) for s, e in pairs])


@metric(label="mean squared error a pixel", positive=True)
def mse(
    estimate: Annotated[np.ndarray, "(n, side, side)"], split: Split, truth: DegradedImages
) -> Annotated[np.ndarray, "(n,)"]:
    """Return the mean over pixels of the squared error of each image.

    Args:
        estimate: ŝ (n, side, side).
        split: the pairs (x, s) that it belongs to; s is (n, side, side), in [0, 1].
        truth: the scenario that drew them (not needed).

    Returns:
        Squared errors a pixel (n,).
    """
    return np.square(estimate - split.s).mean((1, 2))


@metric(label="mean squared error a pixel, of the best that the prior can give", positive=True)
def representation_error(method: Method, split: Split) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return how far each test image lies from what a generative prior can draw.

    min_z ‖s − G(z)‖² / N over latent variables z, found as the method searches, from s itself:
    the floor that no number of measurements goes below.

    Args:
        method: the fitted method; only one with a generative prior has an answer.
        split: pairs of which only the images s (n, side, side) are used.

    Returns:
        Squared errors a pixel (n,); ``None`` for a method without such a prior.
    """
    if not isinstance(method, HasProjection):
        return None
    import torch

    s = torch.as_tensor(split.s, device=_device(method))
    with torch.no_grad():
        nearest = method.project(s)
    return (nearest - s).square().mean((1, 2)).cpu().numpy()


@metric(label="mean squared error a pixel, for lack of search", positive=True)
def search_error(
    estimate: Annotated[np.ndarray, "(n, side, side)"], split: Split, method: Method
) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return what a generative prior's search loses, of each image: the optimization error.

    The squared error of the answer, less that of the answer of a search that starts at the truth's
    own latent variable as well, and takes the lower objective; for single images it may be
    negative.

    Args:
        estimate: ŝ (n, side, side).
        split: the pairs (x, s) that it belongs to: x (n, …), s (n, side, side).
        method: the fitted method that gave it.

    Returns:
        Differences of squared errors a pixel (n,); ``None`` for a method without such a search.
    """
    if not isinstance(method, HasOracleStart):
        return None
    import torch

    device = _device(method)
    with torch.no_grad():
        x, s = (torch.as_tensor(part, device=device) for part in split)
        best = method.answer_from_oracle_start(x, s).cpu().numpy()
    return np.square(estimate - split.s).mean((1, 2)) - np.square(best - split.s).mean((1, 2))


@metric(
    label="relative residual of the fixed point", summary="median", positive=True, targets=False
)
def fixed_point_residual(
    estimate: Annotated[np.ndarray, "(n, side, side)"], split: Split, method: Method
) -> Annotated[np.ndarray, "(n,)"] | None:
    """Return ‖T(s) − s‖ / ‖s‖ of each image: how far one more iteration T moves an estimate.

    Args:
        estimate: ŝ (n, side, side).
        split: the pairs (x, s) that it belongs to; only x (n, …) is used.
        method: the fitted method that gave it, whose iteration T is.

    Returns:
        Ratios of norms (n,); ``None`` for a method that iterates no such T.
    """
    if not isinstance(method, HasFixedPointMap):
        return None
    import torch

    device = _device(method)
    with torch.no_grad():
        s = torch.as_tensor(estimate, device=device)
        moved = method.once_more(s, torch.as_tensor(split.x, device=device)) - s
    return (moved.flatten(1).norm(dim=1) / s.flatten(1).norm(dim=1)).cpu().numpy()


def shown(image: np.ndarray) -> np.ndarray:
    """Return an image as a screen shows it: cut to [0, 1], and NaN where it is not finite."""
    return np.where(np.isfinite(image), np.clip(image, 0.0, 1.0), np.nan)


@cache
def _operator(truth: DegradedImages) -> Any:
    from mbdl_repro.areas.image_restoration.physics.operators import operator_of

    return operator_of(truth)


def _device(method: Method) -> Any:
    return next((p.device for p in (*method.parameters(), *method.buffers())), None)
