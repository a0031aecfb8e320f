"""Gradients against differences of losses."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

EPS = float(np.finfo(float).eps)
STEP = 1e-6


def assert_slopes_are_those_of_differences(
    module: torch.nn.Module, loss_of: Callable[[], torch.Tensor], rng: torch.Generator
) -> None:
    """Step up or down in all entries of each trained tensor at once: any wrong one shows."""
    module.zero_grad()
    loss = loss_of()
    loss.backward()
    # Losses are known to some roundings of as many terms as there are.
    rounding = 1e3 * EPS * max(abs(loss.item()), 1.0) / STEP
    for name, parameter in module.named_parameters():
        if not parameter.requires_grad:
            continue
        signs = torch.randint(2, parameter.shape, generator=rng, dtype=torch.float64) * 2 - 1
        there, beside = parameter.data, []
        for step in (STEP, -STEP):
            parameter.data = there + step * signs
            beside.append(loss_of().item())
        parameter.data = there
        slope = (parameter.grad * signs).sum().item()
        found = (beside[0] - beside[1]) / (2 * STEP)
        assert found == pytest.approx(slope, rel=1e-5, abs=rounding), name
