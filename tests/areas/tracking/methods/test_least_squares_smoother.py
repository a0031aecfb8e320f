"""The fitted smoother against the smoother that is told what is fitted."""

import math

import numpy as np
import pytest
import torch
from areas.tracking.linear_systems import CANONICAL, as_tuples
from areas.tracking.stacks import pairs

from mbdl_repro.areas.tracking.methods.kalman_smoother import KalmanSmoother
from mbdl_repro.areas.tracking.methods.least_squares_model import LeastSquaresModel
from mbdl_repro.areas.tracking.methods.least_squares_smoother import LeastSquaresSmoother

TRUTH = CANONICAL.believed(observation_rotation_rad=math.radians(10))
UNKNOWN = TRUTH.believed(observation=None)


def test_it_is_the_smoother_with_the_h_of_least_squares():
    train, test = pairs(TRUTH, 10, "train"), pairs(TRUTH, 5, "test")
    method = LeastSquaresSmoother(UNKNOWN)
    method.fit(train, train)
    H = np.linalg.lstsq(train.s.flatten(0, 1), train.x.flatten(0, 1), rcond=None)[0].T
    told = KalmanSmoother(TRUTH.believed(observation=as_tuples(H), observation_rotation_rad=0.0))
    torch.testing.assert_close(method(test.x), told(test.x), rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(
        method.claimed_variance(test.x), told.claimed_variance(test.x), rtol=1e-8, atol=1e-12
    )
    forwards = LeastSquaresModel(UNKNOWN, estimate="observation")
    forwards.fit(train, train)
    torch.testing.assert_close(method(test.x)[:, -1], forwards(test.x)[:, -1])


def test_it_learns_from_all_entries_that_are_seen():
    train = pairs(TRUTH, 40, "train")
    train.x[::2, :, 0] = train.x[1::2, :, 1] = math.nan  # no step is seen whole
    method = LeastSquaresSmoother(UNKNOWN)
    method.fit(train, train)
    for i, rows in enumerate((slice(1, None, 2), slice(0, None, 2))):
        s, seen = train.s[rows].flatten(0, 1), train.x[rows, :, i].flatten()
        expected = np.linalg.lstsq(s, seen, rcond=None)[0]
        np.testing.assert_allclose(method.observation[i].detach(), expected, rtol=1e-8)
    train.x[..., 1] = math.nan
    with pytest.raises(ValueError, match="missing from all training data"):
        method.fit(train, train)
