"""Networks that shrink one entry at a time, and how steeply they do."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.learning.layers import Perceptron

SHARPNESS = 4.0
"""How fast, in standard deviations of the noise, a network's part sets in at the threshold."""


def with_slope(
    network: Perceptron, inputs: Annotated[Tensor, "(..., k)"], along: Annotated[Tensor, "(..., k)"]
) -> tuple[Tensor, Tensor]:
    """Return what a tanh network answers, and its derivative along a direction of its inputs.

    h = tanh(W a + b),    ḣ = (1 − h²) W ȧ,    layer by layer

    Args:
        network: with ``tanh`` and one output.
        inputs: (..., k).
        along: the derivative of the inputs in what the slope is asked for (..., k).

    Returns:
        Both (...).
    """
    value, slope = inputs, along
    last = len(network.weights) - 1
    for k, (W, b) in enumerate(zip(network.weights, network.offsets, strict=True)):
        value, slope = torch.nn.functional.linear(value, W, b), slope @ W.mT
        if k < last:
            value = value.tanh()
            slope = (1 - value.square()) * slope
    return value[..., 0], slope[..., 0]


def network_shrinkage(
    z: Annotated[Tensor, "(n, m)"],
    tau: Annotated[Tensor, "(n, 1)"],
    threshold_factor: Tensor,
    network: Perceptron,
) -> tuple[Tensor, Tensor]:
    """Shrink by soft thresholding and by what a network adds, and say how steeply.

    f(z) = z g(u),    g(u) = (1 − α/u)₊ + σ(4(u − α)) M(log(1 + u)),    u = |z|/τ

    f is odd, and scales with τ. Where M is 0, it is soft thresholding.

    Args:
        z: (n, m).
        tau: τ (n, 1).
        threshold_factor: α.
        network: M, with one input and one output.

    Returns:
        f(z) and f′(z) = g(u) + u g′(u), each (n, m).
    """
    u = z.abs() / tau
    gate = (SHARPNESS * (u - threshold_factor)).sigmoid()
    M, steepness = with_slope(network, u.log1p()[..., None], (1 / (1 + u))[..., None])
    added = gate * (M + u * (SHARPNESS * (1 - gate) * M + steepness))
    passes = (u > threshold_factor).to(z.dtype)
    return soft_threshold(z, threshold_factor * tau) + z * gate * M, passes + added


def network_gain(
    z: Annotated[Tensor, "(n, m)"],
    tau: Annotated[Tensor, "(n, 1)"],
    level: Annotated[Tensor, "(n, 1)"],
    network: Perceptron,
) -> tuple[Tensor, Tensor]:
    """Multiply by a network's gain, between 0 and 1, and say how steep that is.

    f(z) = z σ(M(log(1 + (z/τ)²), level))

    Args:
        z: (n, m).
        tau: τ (n, 1).
        level: what else the network is told, of each row (n, 1).
        network: M, with two inputs and one output.

    Returns:
        f(z) and f′(z), each (n, m).
    """
    a = z / tau
    along = 2 * a / (1 + a.square()) / tau
    along = torch.stack([along, torch.zeros_like(along)], -1)
    M, steepness = with_slope(network, gain_inputs(z, tau, level), along)
    gain = M.sigmoid()
    return z * gain, gain + z * gain * (1 - gain) * steepness


def gain_inputs(
    z: Annotated[Tensor, "(n, m)"],
    tau: Annotated[Tensor, "(n, 1)"],
    level: Annotated[Tensor, "(n, 1)"],
) -> Annotated[Tensor, "(n, m, 2)"]:
    """Return what the network of :func:`network_gain` is told of every entry (n, m, 2).

    Args:
        z: (n, m).
        tau: τ (n, 1).
        level: of each row (n, 1).
    """
    return torch.stack([(z / tau).square().log1p(), level.expand_as(z)], -1)
