"""ESPRIT of the covariance's first column: exact where it should be, and where it fails."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg
import torch

from mbdl_repro.areas.doa.methods.esprit import Esprit
from mbdl_repro.areas.doa.methods.first_column_esprit import FirstColumnEsprit
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.covariance import hermitian_toeplitz

COHERENT = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0, correlation=1.0)


def errors(method, truth, n=500):
    test = truth.draw(n, "validation", "first_column")
    return rmspe(method.estimate(test.x), test, truth)


def test_a_toeplitz_matrix_is_that_of_scipy():
    c = np.array([3.0, 1 + 2j, -1j, 0.5])
    ours = hermitian_toeplitz(torch.from_numpy(c)).numpy()
    np.testing.assert_array_equal(ours, scipy.linalg.toeplitz(c.conj(), c))


def test_it_decomposes_the_toeplitz_matrix_of_the_first_column():
    x = torch.from_numpy(COHERENT.draw(3, "test").x).to(torch.complex128)
    T = FirstColumnEsprit(COHERENT).covariance(x).numpy()
    for row, ours in zip(x.numpy(), T, strict=True):
        R = row @ row.conj().T / row.shape[1]
        np.testing.assert_allclose(ours, scipy.linalg.toeplitz(R[:, 0]), rtol=1e-12)


def test_of_equal_coherent_sources_it_is_exact_without_noise():
    truth = dataclasses.replace(COHERENT, snr_db=300.0, max_angle_deg=60.0)
    # Snapshots are in single precision.
    assert errors(FirstColumnEsprit(truth), truth).max() < 1e-4


@pytest.mark.parametrize("fields", [{"path_phases": "random"}, {"correlation": 0.0}], ids=str)
def test_of_other_sources_it_is_not(fields):
    truth = dataclasses.replace(COHERENT, snr_db=300.0, max_angle_deg=60.0, **fields)
    assert np.median(errors(FirstColumnEsprit(truth), truth)) > 1e-3


def test_it_halves_the_median_of_smoothed_esprit_where_sources_are_equal():
    own = errors(FirstColumnEsprit(COHERENT), COHERENT)
    smoothed = errors(Esprit(COHERENT, smoothing="forward_backward", subarray=6), COHERENT)
    assert np.median(own) < 0.6 * np.median(smoothed)


def test_it_counts_coherent_sources():
    truth = dataclasses.replace(COHERENT, max_angle_deg=50.0, min_gap_deg=25.0)
    x = truth.draw(200, "test").x
    counted = FirstColumnEsprit(truth, count="mdl").count_sources(torch.from_numpy(x))
    plain = Esprit(truth, count="mdl").count_sources(torch.from_numpy(x))
    assert (plain == 1).all() and (counted >= 3).double().mean() > 0.9
