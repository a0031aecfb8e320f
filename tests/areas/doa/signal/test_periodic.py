"""Errors of the best assignment: of arrays and tensors alike, by trying all."""

import itertools

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa.signal.periodic import assigned_errors, periodic
from mbdl_repro.contract.seeding import rng_for


def test_angles_are_the_same_after_half_a_turn():
    turns = np.arange(-3, 4) * np.pi
    np.testing.assert_allclose(periodic(0.3 + turns), 0.3, atol=1e-14)
    assert periodic(np.pi / 2) == -np.pi / 2 == periodic(-np.pi / 2)
    torch.testing.assert_close(periodic(torch.tensor([4.0])), torch.tensor([4.0 - torch.pi]))


@pytest.mark.parametrize("M", [1, 2, 3, 5])
def test_errors_are_those_of_the_best_of_all_assignments(M):
    rng = rng_for("errors", M)
    s = rng.uniform(-np.pi / 2, np.pi / 2, (100, M))
    estimate = rng.uniform(-4, 4, (100, M))
    ours = assigned_errors(estimate, s)
    for own, angles, errors in zip(estimate, s, ours, strict=True):
        tried = [periodic(own[list(order)] - angles) for order in itertools.permutations(range(M))]
        best = min(tried, key=lambda e: (e**2).sum())
        np.testing.assert_allclose(np.abs(errors), np.abs(best), atol=1e-12)
    tensors = assigned_errors(torch.from_numpy(estimate), torch.from_numpy(s))
    np.testing.assert_allclose(tensors.numpy(), ours, atol=1e-14)


def test_a_row_that_is_no_number_has_no_error_and_touches_no_other():
    s = np.array([[0.1, 0.5], [0.2, -0.4], [0.0, 1.0]])
    estimate = s + 0.01
    estimate[1, 0] = np.nan
    for errors in (
        assigned_errors(estimate, s),
        assigned_errors(torch.from_numpy(estimate), torch.from_numpy(s)).numpy(),
    ):
        np.testing.assert_allclose(errors[[0, 2]], 0.01)
        assert np.isnan(errors[1]).any()
