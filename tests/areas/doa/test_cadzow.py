"""Cadzow's iteration against Hankel matrices and their singular values; its unfolding."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg
import torch

from mbdl_repro.areas.doa.methods.cadzow import Cadzow
from mbdl_repro.areas.doa.methods.esprit import Esprit
from mbdl_repro.areas.doa.methods.unfolded_cadzow import UnfoldedCadzow
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.learning.recipe import Recipe

TRUTH = Narrowband(n_sources=3, n_snapshots=50, snr_db=10.0, correlation=1.0, max_angle_deg=60.0)


def hankel_step(Y: np.ndarray, L: int, M: int) -> np.ndarray:
    """One step by Hankel matrices of all columns and of their mirror images, side by side."""
    N = len(Y)
    blocks = [scipy.linalg.hankel(y[:L], y[L - 1 :]) for y in Y.T]
    mirrored = [scipy.linalg.hankel(y[:L], y[L - 1 :]) for y in Y[::-1].conj().T]
    U = np.linalg.svd(np.hstack(blocks + mirrored))[0][:, :M]
    columns = []
    for H in blocks:
        low = (U @ U.conj().T @ H)[::-1]  # whose diagonals are the anti-diagonals
        columns.append([low.diagonal(n - L + 1).mean() for n in range(N)])
    return np.array(columns).T


@pytest.mark.parametrize("L", [4, 5, 6])
def test_steps_are_those_of_hankel_matrices(L):
    method = Cadzow(TRUTH, iterations=3, subarray=L)
    x = torch.from_numpy(TRUTH.draw(4, "test").x)
    own = list(method.steps(method.start(method.covariance(x))))
    for row in range(4):
        Y = own[0][row].numpy()
        for step in own[1:]:
            Y = hankel_step(Y, L, 3)
            np.testing.assert_allclose(step[row].numpy(), Y, atol=1e-10)


def test_it_starts_from_the_covariance_less_the_noise():
    x = TRUTH.draw(3, "test").x
    method = Cadzow(TRUTH)
    Y = method.start(method.covariance(torch.from_numpy(x))).numpy()
    for row, own in zip(x.astype(complex), Y, strict=True):
        R = row @ row.conj().T
        R = R / R.diagonal().real.mean()
        noise = np.linalg.eigvalsh(R)[:5].mean()
        np.testing.assert_allclose(own, R - noise * np.eye(8), atol=1e-5)


def test_what_is_of_few_sources_already_stays_and_says_their_angles():
    loud = dataclasses.replace(TRUTH, snr_db=300.0)
    method = Cadzow(loud, iterations=2, subarray=6)
    test = loud.draw(20, "test")
    R = method.covariance(torch.from_numpy(test.x))
    first, *later = method.steps(method.start(R))
    for Y in later:
        torch.testing.assert_close(Y, first, rtol=0, atol=1e-4)
    assert rmspe(method.estimate(test.x), test, loud).max() < 1e-3


def test_it_takes_noise_off():
    """Less than before, and less than ESPRIT of the smoothed covariance makes of it."""
    test = TRUTH.draw(500, "test")
    own = rmspe(Cadzow(TRUTH, iterations=4, subarray=6).estimate(test.x), test, TRUTH)
    esprit = Esprit(TRUTH, smoothing="forward_backward", subarray=6)
    assert own.mean() < 1.05 * rmspe(esprit.estimate(test.x), test, TRUTH).mean()


def test_networks_learn_what_the_model_does_not_say():
    truth = dataclasses.replace(
        TRUTH, sensor_positions=(0.0, 0.505, 0.95, 1.455, 1.975, 2.42, 2.89, 3.645)
    )
    method = UnfoldedCadzow(TRUTH, iterations=1, subarray=6, hidden_widths=(32,))
    recipe = Recipe(learning_rate=5e-3, steps=100, batch_size=32, validate_every=50)
    history = method.fit(truth.draw(500, "train"), truth.draw(100, "validation"), recipe)
    assert history[-1]["validation_loss"] < 0.8 * history[0]["validation_loss"]
