"""The most probable sequence of states, and how probable each symbol is."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from mbdl_repro.areas.receivers.trellis.states import symbols_of_states


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
    T, S = log_likelihood.shape[1:]
    seen = log_likelihood.permute(1, 2, 0).contiguous()  # what is added to lies together
    half = S // 2
    best = seen[0]
    came = torch.zeros(T, half, len(log_likelihood), dtype=torch.bool, device=seen.device)
    leaders = []
    for t in range(1, T):
        if lag is not None:
            leaders.append(best.argmax(0))
        # States that differ in their newest symbol alone follow the same two.
        old, new = best.view(half, 2, -1).unbind(1)
        torch.gt(new, old, out=came[t])
        best = (seen[t].view(2, half, -1) + torch.maximum(old, new)).view(S, -1)
    path = best.argmax(0)
    symbols = symbols_of_states(n_taps).to(log_likelihood)
    if lag is not None:
        led = torch.stack([*leaders, path], 1)
        decided = symbols[led[:, lag:], lag]  # of the state at t + lag the symbol of t
        return torch.cat([decided, symbols[path][:, :lag].flip(1)], 1)
    newest = torch.empty(T, len(path), dtype=torch.long, device=path.device)
    for t in range(T - 1, -1, -1):
        newest[t] = path
        older = path % half
        path = 2 * older + came[t].gather(0, older[None])[0]
    return symbols[newest, 0].T


def checked_lag(decision_lag: int | None, n_taps: int) -> int | None:
    """Return a decision lag that a state of the trellis knows of.

    Args:
        decision_lag: values between a symbol and its decision; ``None``: until the end.
        n_taps: L.

    Raises:
        ValueError: it is more than L − 1.
    """
    if decision_lag is not None and decision_lag >= n_taps:
        raise ValueError(
            f"decision_lag is {decision_lag}: a state knows the last {n_taps} symbols, "
            f"so at most {n_taps - 1} is allowed"
        )
    return decision_lag


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
    half = S // 2
    seen = log_likelihood.permute(1, 2, 0).contiguous()  # what is added to lies together
    likelihood = (seen - seen.amax(1, keepdim=True)).exp_()
    alpha = likelihood[0]
    posterior = torch.empty_like(likelihood)
    posterior[0] = alpha
    for t in range(1, T):
        # States that differ in their newest symbol alone follow the same two.
        before = alpha.view(half, 2, -1).sum(1)
        alpha = (likelihood[t].view(2, half, -1) * before).view(S, -1)
        alpha /= alpha.sum(0)
        posterior[t] = alpha
    beta = torch.ones_like(alpha)
    for t in range(T - 2, -1, -1):
        after = (likelihood[t + 1] * beta).view(2, half, -1).sum(0)
        after /= after.sum(0)
        # Both states that differ in their oldest symbol alone are followed by the same two.
        beta = after.repeat_interleave(2, 0)
        posterior[t] *= beta
    posterior /= posterior.sum(1, keepdim=True)
    return posterior.permute(2, 0, 1)


def symbol_means(
    posterior: Annotated[Tensor, "(n, T', S)"], n_taps: int
) -> Annotated[Tensor, "(n, T')"]:
    """Return the posterior means (n, T') of the newest symbols, in [−1, 1].

    Args:
        posterior: of each state (n, T', S).
        n_taps: L.
    """
    return posterior @ symbols_of_states(n_taps)[:, 0].to(posterior)


def symbol_log_ratios(
    posterior: Annotated[Tensor, "(n, T', S)"],
) -> Annotated[Tensor, "(n, T')"]:
    """Return log p(s_t = 1 | x) / p(s_t = −1 | x) of the newest symbols (n, T'), ±∞ where certain.

    Args:
        posterior: of each state (n, T', S); of the first half the newest symbol is 1.
    """
    plus, minus = posterior.unflatten(2, (2, -1)).sum(3).log().unbind(2)
    return plus - minus
