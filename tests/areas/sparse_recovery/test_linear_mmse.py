"""The linear rule against the joint covariance, its own theory, and the rules beside it."""

import dataclasses

import numpy as np
import pytest
import torch
from truths import EXAMPLE_5_6

from mbdl_repro.areas.sparse_recovery.methods.linear_mmse import LinearMMSE
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery

BERNOULLI = SparseRecovery(
    observation_matrix="unit_columns",
    n_observations=30,
    n_signal=50,
    nonzero_probability=0.1,
    nonzero_std=2.0,
    snr_db=10.0,
)


def covariances(truth):
    """Cov(s), which is a multiple of I, Cov(s, x) and Cov(x)."""
    C_s = truth.mean_energy / truth.n_signal * np.eye(truth.n_signal)
    C_x = truth.H @ C_s @ truth.H.T + truth.sigma**2 * np.eye(truth.n_observations)
    return C_s, C_s @ truth.H.T, C_x


@pytest.mark.parametrize("truth", [EXAMPLE_5_6, BERNOULLI])
def test_it_is_the_conditional_mean_of_the_joint_gaussian(truth):
    x = truth.draw(20, "test").x
    _, C_sx, C_x = covariances(truth)
    expected = x @ np.linalg.inv(C_x) @ C_sx.T
    answer = LinearMMSE(truth)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("truth", [EXAMPLE_5_6, BERNOULLI])
def test_its_error_is_that_of_theory(truth):
    """tr(C_s − C_sx C_x⁻¹ C_xs): it holds for signals that are not Gaussian, too."""
    x, s = map(torch.from_numpy, truth.draw(4000, "test"))
    errors = (LinearMMSE(truth)(x) - s).square().sum(1)
    C_s, C_sx, C_x = covariances(truth)
    expected = np.trace(C_s - C_sx @ np.linalg.solve(C_x, C_sx.T))
    assert abs(errors.mean() - expected) < 4 * errors.std() / 4000**0.5
    if truth is EXAMPLE_5_6:
        assert abs(expected - 0.2853) < 0.01  # of another H


def test_no_other_ridge_is_better():
    x, s = map(torch.from_numpy, BERNOULLI.draw(20_000, "test"))
    best = (LinearMMSE(BERNOULLI)(x) - s).square().sum(1).mean()
    for db in (7.0, 13.0):
        other = LinearMMSE(dataclasses.replace(BERNOULLI, snr_db=db))
        assert (other(x) - s).square().sum(1).mean() > best


@pytest.mark.parametrize(
    "field", ["observation_matrix", "nonzero_std", "nonzero_probability", "snr_db"]
)
def test_it_says_what_it_has_to_know(field):
    with pytest.raises(ValueError, match=field):
        LinearMMSE(BERNOULLI.believed(**{field: None}))
