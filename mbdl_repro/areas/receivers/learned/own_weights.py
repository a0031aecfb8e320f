"""Networks of which each row has weights of its own, and the steps that make them."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.receivers.learned.bank import Bank, perceptrons

Weights = tuple[Tensor, ...]
"""Of each layer (n, inputs, outputs), then the offsets of each (n, outputs)."""


def weights_of(bank: Bank, n: int) -> Weights:
    """Return the weights of a bank's one network, once a row.

    Args:
        bank: of one network.
        n: number of rows.
    """
    tensors = (*bank.weights, *bank.offsets)
    return tuple(tensor.expand(n, *tensor.shape[1:]) for tensor in tensors)


def where(is_new: Annotated[Tensor, "(n,)"], new: Weights, old: Weights) -> Weights:
    """Return the new weights of some rows, and the old ones of the others.

    Args:
        is_new: of which rows (n,).
        new: of each row.
        old: of each row.
    """
    rows = is_new[:, None, None], is_new[:, None]
    return tuple(torch.where(rows[3 - a.ndim], a, b) for a, b in zip(new, old, strict=True))


def log_probabilities(
    weights: Weights, x: Annotated[Tensor, "(n, A, T')"]
) -> Annotated[Tensor, "(n, T', S)"]:
    """Return log p(state | x_t) (n, T', S).

    Args:
        weights: of each row.
        x: what is received (n, A, T').
    """
    half = len(weights) // 2
    return perceptrons(x.mT, weights[:half], weights[half:]).log_softmax(-1)


def mismatch(
    weights: Weights,
    x: Annotated[Tensor, "(n, A, T')"],
    states: Annotated[Tensor, "(n, T')"],
) -> Tensor:
    """Return the cross-entropy of states, in nats, a mean over values, summed over rows.

    −Σ_n mean over t of log p(z_t | x_t)

    Args:
        weights: of each row.
        x: what is received (n, A, T').
        states: their numbers (n, T').
    """
    seen = log_probabilities(weights, x)
    return -seen.gather(2, states[..., None])[..., 0].mean(1).sum()


def slopes(
    weights: Weights,
    x: Annotated[Tensor, "(n, A, T')"],
    states: Annotated[Tensor, "(n, T')"],
) -> Weights:
    """Return the gradient of each row's cross-entropy in its own weights; see :func:`mismatch`.

    Args:
        weights: of each row.
        x: what is received (n, A, T').
        states: their numbers (n, T').
    """
    found: Weights = torch.func.grad(mismatch)(weights, x, states)
    return found


def after_descent(
    weights: Weights,
    x: Annotated[Tensor, "(n, A, T')"],
    states: Annotated[Tensor, "(n, T')"],
    n_steps: int,
    step_size: float,
) -> Weights:
    """Return the weights after steps down the slope: θ ← θ − μ ∇ CE(θ).

    Args:
        weights: of each row.
        x: what is received (n, A, T').
        states: known (n, T').
        n_steps: how many.
        step_size: μ.
    """
    for _ in range(n_steps):
        down = slopes(weights, x, states)
        weights = tuple(w - step_size * g for w, g in zip(weights, down, strict=True))
    return weights


def after_adam(
    weights: Weights,
    x: Annotated[Tensor, "(n, A, T')"],
    states: Annotated[Tensor, "(n, T')"],
    n_steps: int,
    step_size: float,
) -> Weights:
    """Return the weights after steps of Adam, with its published constants, begun anew.

    Args:
        weights: of each row.
        x: what is received (n, A, T').
        states: known (n, T').
        n_steps: how many.
        step_size: μ.
    """
    mean = square = tuple(torch.zeros_like(w) for w in weights)
    for k in range(1, n_steps + 1):
        down = slopes(weights, x, states)
        mean = tuple(0.9 * m + 0.1 * g for m, g in zip(mean, down, strict=True))
        square = tuple(0.999 * v + 0.001 * g**2 for v, g in zip(square, down, strict=True))
        size = step_size / (1 - 0.9**k)
        weights = tuple(
            w - size * m / ((v / (1 - 0.999**k)).sqrt() + 1e-8)
            for w, m, v in zip(weights, mean, square, strict=True)
        )
    return weights
