"""The most probable sequence of states, and how probable each symbol is."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.receivers.trellis.states import predecessors, symbols_of_states


def viterbi(
    log_likelihood: Annotated[Tensor, "(n, T', S)"], n_taps: int, lag: int | None = None
) -> Annotated[Tensor, "(n, T')"]:
    """Return the newest symbols (n, T') of the most probable sequence of states.

    M_t(z) = log p(x_t | z) + max over z' before z of M_{t−1}(z')

    Args:
        log_likelihood: log p(x_t | state) (n, T', S); −∞ for states that are not possible.
        n_taps: L, with S = 2^L.
        lag: decide each symbol so many values later, out of the state that is best then, and
            not at the end; at most L − 1, as a state knows no more.
    """
    n, T, S = log_likelihood.shape
    before = predecessors(n_taps).to(log_likelihood.device)
    best = log_likelihood[:, 0]
    came = torch.zeros(T, n, S, dtype=torch.bool, device=log_likelihood.device)
    leaders = [best.argmax(1)]
    for t in range(1, T):
        old, new = best[:, before[:, 0]], best[:, before[:, 1]]
        came[t] = new > old
        best = torch.maximum(old, new) + log_likelihood[:, t]
        best = best - best.amax(1, keepdim=True)
        leaders.append(best.argmax(1))
    symbols = symbols_of_states(n_taps).to(log_likelihood)
    if lag is not None:
        path = torch.stack(leaders, 1)
        decided = symbols[path[:, lag:], lag]  # of the state at t + lag the symbol of t
        return torch.cat([decided, symbols[path[:, -1]][:, :lag].flip(1)], 1)
    path = best.argmax(1)
    newest = torch.empty(n, T, dtype=symbols.dtype, device=symbols.device)
    rows = torch.arange(n, device=log_likelihood.device)
    for t in range(T - 1, -1, -1):
        newest[:, t] = symbols[path, 0]
        path = before[path, came[t, rows, path].long()]
    return newest


def forward_backward(
    log_likelihood: Annotated[Tensor, "(n, T', S)"], n_taps: int
) -> Annotated[Tensor, "(n, T', S)"]:
    """Return the posterior probability of each state (n, T', S), given all observations.

    α_t(z) = p(x_t | z) Σ over z' before z of α_{t−1}(z'),
    β_t(z') = Σ over z after z' of p(x_{t+1} | z) β_{t+1}(z),  p(z_t | x) ∝ α_t(z) β_t(z)

    Args:
        log_likelihood: log p(x_t | state) (n, T', S), in double precision; −∞ for states that
            are not possible.
        n_taps: L, with S = 2^L.
    """
    T, S = log_likelihood.shape[1:]
    before = predecessors(n_taps).to(log_likelihood.device)
    likelihood = (log_likelihood - log_likelihood.amax(2, keepdim=True)).exp()
    forwards = torch.empty_like(likelihood)
    alpha = likelihood[:, 0]
    forwards[:, 0] = alpha
    for t in range(1, T):
        alpha = likelihood[:, t] * (alpha[:, before[:, 0]] + alpha[:, before[:, 1]])
        alpha = alpha / alpha.sum(1, keepdim=True)
        forwards[:, t] = alpha
    beta = torch.ones_like(alpha)
    posterior = torch.empty_like(likelihood)
    posterior[:, T - 1] = forwards[:, T - 1]
    half = S // 2
    for t in range(T - 2, -1, -1):
        weighed = likelihood[:, t + 1] * beta
        # State z' is followed by its newer symbols with either symbol before them.
        after = weighed[:, :half] + weighed[:, half:]
        beta = after.repeat_interleave(2, 1)
        beta = beta / beta.sum(1, keepdim=True)
        posterior[:, t] = forwards[:, t] * beta
    return posterior / posterior.sum(2, keepdim=True)


def symbol_means(
    posterior: Annotated[Tensor, "(n, T', S)"], n_taps: int
) -> Annotated[Tensor, "(n, T')"]:
    """Return the posterior means (n, T') of the newest symbols, in [−1, 1].

    Args:
        posterior: of each state (n, T', S).
        n_taps: L.
    """
    return posterior @ symbols_of_states(n_taps)[:, 0].to(posterior)
