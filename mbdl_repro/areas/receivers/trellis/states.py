"""The states of a channel with memory: all that its last L symbols can be."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor

MOST_STATES = 2**16


def symbols_of_states(n_taps: int) -> Annotated[Tensor, "(S, L)"]:
    """Return the symbols ±1 of each of S = 2^L states (S, L), newest first.

    State number z has the bits of its symbols, 1 for −1, the newest one the highest.

    Args:
        n_taps: L.

    Raises:
        ValueError: there are more than :data:`MOST_STATES`.
    """
    if 2**n_taps > MOST_STATES:
        raise ValueError(
            f"n_taps is {n_taps}: a trellis of 2^{n_taps} states is too large, at most "
            f"{MOST_STATES} are allowed"
        )
    delays = torch.arange(n_taps - 1, -1, -1)
    bits = (torch.arange(2**n_taps)[:, None] >> delays) & 1
    return 1.0 - 2.0 * bits.to(torch.float64)


def transition_log_probabilities(
    stay_probability: float | Tensor, n_taps: int
) -> Annotated[Tensor, "(S,)"]:
    """Return log p(s_t | s_{t−1}) of the two newest symbols of each state (S,).

    A state of one symbol does not know the one before: log ½.

    Args:
        stay_probability: q, that a symbol equals the one before it.
        n_taps: L.
    """
    symbols = symbols_of_states(n_taps)
    q = torch.as_tensor(stay_probability, dtype=symbols.dtype)
    if n_taps == 1:
        return symbols.new_full((2,), 0.5).log()
    return torch.where(symbols[:, 0] == symbols[:, 1], q, 1 - q).log()


def state_log_probabilities(
    stay_probability: float | Tensor, n_taps: int
) -> Annotated[Tensor, "(S,)"]:
    """Return log p(s_t, …, s_{t−L+1}) of each state (S,), far from known symbols.

    Args:
        stay_probability: q, that a symbol equals the one before it.
        n_taps: L.
    """
    symbols = symbols_of_states(n_taps)
    q = torch.as_tensor(stay_probability, dtype=symbols.dtype)
    stays = symbols[:, 1:] == symbols[:, :-1]
    return torch.where(stays, q, 1 - q).log().sum(1) - math.log(2)


def predecessors(n_taps: int) -> Annotated[Tensor, "(S, 2)"]:
    """Return the two states (S, 2) that each state may follow: the oldest symbol is forgotten.

    Args:
        n_taps: L.
    """
    newer = torch.arange(2**n_taps) & (2 ** (n_taps - 1) - 1)
    return torch.stack([newer << 1, (newer << 1) | 1], 1)


def states_of(
    s: Annotated[Tensor, "(..., T)"], n_taps: int
) -> Annotated[Tensor, "(..., T + L − 1)"]:
    """Return the numbers of the states (..., T + L − 1) that a frame goes through.

    Args:
        s: its symbols ±1 (..., T); before and after them go L − 1 symbols +1.
        n_taps: L.
    """
    guard = s.new_ones(*s.shape[:-1], n_taps - 1)
    bits = (torch.cat([guard, s, guard], -1) < 0).long()
    windows = bits.unfold(-1, n_taps, 1)  # oldest first, whose bit is the lowest
    return (windows << torch.arange(n_taps, device=s.device)).sum(-1)


def guarded(
    log_likelihood: Annotated[Tensor, "(..., T + L − 1, S)"], n_taps: int
) -> Annotated[Tensor, "(..., T + L − 1, S)"]:
    """Return log-likelihoods that are −∞ where a known symbol, +1, would be another.

    Args:
        log_likelihood: log p(x_t | state) (..., T + L − 1, S).
        n_taps: L.
    """
    n = log_likelihood.shape[-2]
    t = torch.arange(n, device=log_likelihood.device)[:, None, None]
    delay = torch.arange(n_taps, device=log_likelihood.device)
    known = (t - delay < 0) | (t - delay >= n - n_taps + 1)  # (T + L − 1, 1, L)
    other = symbols_of_states(n_taps).to(log_likelihood.device) < 0  # (S, L)
    return log_likelihood.masked_fill((known & other).any(-1), -torch.inf)
