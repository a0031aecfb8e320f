"""ESPRIT of a corrected covariance: what is corrected, and what it learns."""

import dataclasses

import numpy as np
import torch

from mbdl_repro.areas.doa.methods.corrected_covariance import GAIN, CorrectedCovariance
from mbdl_repro.areas.doa.methods.esprit import Esprit
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

BELIEVED = Narrowband(n_sources=2, n_snapshots=50, snr_db=20.0, correlation=1.0, max_angle_deg=60.0)
PLACES = (0.0, 0.505, 0.95, 1.455, 1.975, 2.42, 2.89, 3.645)
TRUTH = dataclasses.replace(BELIEVED, sensor_positions=PLACES)
SETTINGS = {"smoothing": "forward_backward", "subarray": 5}


def test_it_adds_a_hermitian_matrix_that_the_network_makes_of_the_covariance():
    method = CorrectedCovariance(BELIEVED, hidden_widths=(7,), **SETTINGS)
    method.network.draw(torch_rng_for("any"), gain=2, last_gain=1)
    x = torch.from_numpy(BELIEVED.draw(3, "test").x)
    with torch.no_grad():
        ours = method.covariance(x).numpy()
        plain = Esprit(BELIEVED, **SETTINGS).covariance(x).numpy()
    for row, C, smooth in zip(x.numpy().astype(complex), ours, plain, strict=True):
        R = row @ row.conj().T
        R = R / R.diagonal().real.mean()
        power = (row.conj() * row).real.sum() / (8 * 50)
        W, w = (p.detach().numpy() for p in (method.network.weights[0], method.network.offsets[0]))
        V, v = (p.detach().numpy() for p in (method.network.weights[1], method.network.offsets[1]))
        Z = (V @ np.maximum(W @ (R.real + R.imag).ravel() + w, 0) + v).reshape(5, 5)
        H = GAIN * ((Z + Z.T) + 1j * (Z - Z.T)) / 2
        np.testing.assert_allclose(C, smooth / power + H, atol=1e-5)
        np.testing.assert_allclose(C, C.conj().T, atol=1e-12)


def test_it_learns_an_array_of_which_esprit_knows_nothing():
    method = CorrectedCovariance(BELIEVED, hidden_widths=(64,), **SETTINGS)
    recipe = Recipe(learning_rate=5e-3, steps=150, batch_size=32, validate_every=50)
    history = method.fit(TRUTH.draw(500, "train"), TRUTH.draw(100, "validation"), recipe)
    assert history[-1]["validation_loss"] < 0.6 * history[0]["validation_loss"]
    test = TRUTH.draw(300, "test")
    ours = rmspe(method.estimate(test.x), test, TRUTH)
    esprit = rmspe(Esprit(BELIEVED, **SETTINGS).estimate(test.x), test, TRUTH)
    assert ours.mean() < 0.7 * esprit.mean()
