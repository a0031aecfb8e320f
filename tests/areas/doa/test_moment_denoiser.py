"""Projections on what snapshots say of moments, and a denoiser that saw angles alone."""

import dataclasses

import numpy as np
import pytest
import scipy.linalg
import torch

from mbdl_repro.areas.doa.methods.alternating_projections import AlternatingProjections
from mbdl_repro.areas.doa.methods.moment_denoiser import LEVELS, MomentDenoiser
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.moments import moments_of
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

COHERENT = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0, correlation=1.0)
APART = dataclasses.replace(COHERENT, correlation=0.0)
RECIPE = Recipe(learning_rate=5e-3, steps=100, batch_size=64, validate_every=50)


@pytest.mark.parametrize("truth", [COHERENT, APART], ids=["coherent", "apart"])
def test_without_noise_snapshots_say_the_moments(truth):
    loud = dataclasses.replace(truth, snr_db=300.0, max_angle_deg=60.0)
    x, s = map(torch.as_tensor, loud.draw(10, "test"))
    method = AlternatingProjections(loud, iterations=300)
    c, said = method.start(method.covariance(x))
    for _ in range(300):
        c = said(c)
    if truth is COHERENT:
        torch.testing.assert_close(c, moments_of(s, 8, 0.5), rtol=0, atol=1e-4)
    # Powers of sources differ from trial to trial: any of A P Aᴴ with their angles will do.
    errors = rmspe(method.estimate(x).numpy(), Split(None, s.numpy()), loud)
    assert np.median(errors) < 1e-2


def test_a_step_is_that_of_toeplitz_matrices_and_projectors():
    x = APART.draw(3, "test").x
    method = AlternatingProjections(APART)
    c, said = method.start(method.covariance(torch.from_numpy(x)))
    for row, before, after in zip(x.astype(complex), c.numpy(), said(c).numpy(), strict=True):
        U = np.linalg.eigh(row @ row.conj().T)[1][:, -3:]
        P = U @ U.conj().T
        T = P @ scipy.linalg.toeplitz(before.conj(), before) @ P
        means = np.array([T.diagonal(k).mean() for k in range(8)])
        np.testing.assert_allclose(after, 3 * means / means[0], atol=1e-9)


def test_coherent_sources_say_their_moments_by_one_eigenvector():
    x = COHERENT.draw(3, "test").x
    method = AlternatingProjections(COHERENT)
    c, said = method.start(method.covariance(torch.from_numpy(x)))
    assert said(c + 1) is c
    for row, own in zip(x.astype(complex), c.numpy(), strict=True):
        v = np.linalg.eigh(row @ row.conj().T)[1][:, -1].conj()
        np.testing.assert_allclose(own, 3 * v / v[0], atol=1e-5)


def test_coherent_sources_of_unknown_phases_are_refused():
    belief = dataclasses.replace(COHERENT, path_phases="random")
    with pytest.raises(ValueError, match="path_phases"):
        AlternatingProjections(belief)


def test_its_training_sees_no_snapshot():
    train, validation = COHERENT.draw(100, "train"), COHERENT.draw(50, "validation")
    fits = []
    for x in (train.x, np.zeros_like(train.x)):
        method = MomentDenoiser(COHERENT, hidden_widths=(16,))
        method.fit(Split(x, train.s), validation, RECIPE, torch_rng_for("fit"))
        fits.append(method)
    weights = [list(method.parameters()) for method in fits]
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_it_denoises_and_its_level_is_the_best_on_validation():
    method = MomentDenoiser(COHERENT, hidden_widths=(64,))
    validation = COHERENT.draw(80, "validation")
    recipe = RECIPE.model_copy(update={"steps": 300})
    method.fit(COHERENT.draw(1000, "train"), validation, recipe)
    x, c = method.prepare(Split(None, torch.as_tensor(COHERENT.draw(500, "test").s)))
    loud = x[:, -1] > 1
    with torch.no_grad():
        D = method.denoised(x[:, :-1], x[:, -1:])
    before, after = ((z - c)[loud].square().sum(1).mean() for z in (x[:, :-1], D))
    assert after < 0.7 * before
    chosen = method.level.item()
    errors = {}
    for level in (LEVELS[0], chosen, LEVELS[1]):
        method.level.fill_(level)
        errors[level] = rmspe(method.estimate(validation.x), validation, COHERENT).mean()
    assert min(errors, key=errors.__getitem__) == chosen
