"""Maximum likelihood that is learned through: its gradient, its maxima, and what it learns."""

import dataclasses

import numpy as np
import pytest
import scipy.optimize
import torch

from mbdl_repro.areas.doa.methods.learned_likelihood import LearnedLikelihood
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.likelihood import share
from mbdl_repro.learning.recipe import Recipe

BELIEVED = Narrowband(n_sources=2, n_snapshots=50, snr_db=20.0, max_angle_deg=60.0)
PLACES = (0.0, 0.505, 0.95, 1.455, 1.975, 2.42, 2.89, 3.645)
TRUTH = dataclasses.replace(BELIEVED, sensor_positions=PLACES)


def changed(equal: float = 0.3) -> LearnedLikelihood:
    """One whose array and α are not those of its parent."""
    method = LearnedLikelihood(BELIEVED)
    with torch.no_grad():
        method.array.moved.copy_(0.01 * torch.linspace(-1, 1, 7, dtype=torch.float64))
        method.array.gained[:, 1] = 0.05
        method.tenth.fill_(equal / 10)
    return method


def test_the_loss_is_the_error_of_the_maximum_beside_the_true_angles():
    method, data = changed(), BELIEVED.draw(6, "validation")
    R, s = method.prepare(type(data)(*map(torch.as_tensor, data)))
    errors = []
    for row, angles in zip(R, s, strict=True):

        def negative(u: np.ndarray, row: torch.Tensor = row) -> float:
            at = torch.from_numpy(u)[None]
            parts = [share(row[None], at, method.sensors, kind) for kind in ("free", "shared")]
            return -(parts[0] + 0.3 * parts[1]).item()

        options = {"xatol": 1e-10, "fatol": 1e-15}
        found = scipy.optimize.minimize(
            negative, angles.sin().numpy(), method="Nelder-Mead", options=options
        )
        errors.append(np.sqrt(np.square(np.arcsin(found.x) - angles.numpy()).mean()))
    assert method.loss(R, s).item() == pytest.approx(np.mean(errors), rel=1e-4)


def test_the_answer_is_the_likeliest_of_a_grid_and_beyond():
    method, test = changed(), BELIEVED.draw(5, "test")
    u = np.sin(method.estimate(test.x))
    R, _ = method.prepare(type(test)(*map(torch.as_tensor, test)))
    with torch.no_grad():
        value = method.objective(R, torch.from_numpy(u)).value
        grid = torch.linspace(-1, 1, 61, dtype=torch.float64)
        pairs = torch.cartesian_prod(grid, grid)
        pairs = pairs[(pairs[:, 0] - pairs[:, 1]).abs() > 0.05]
        for row, own in zip(R, value, strict=True):
            others = method.objective(row.expand(len(pairs), -1, -1), pairs).value
            assert others.max() <= own + 1e-12


def test_it_learns_the_array_and_that_sources_are_equal():
    coherent = dataclasses.replace(TRUTH, correlation=1.0)
    believed = dataclasses.replace(BELIEVED, correlation=1.0)
    method = LearnedLikelihood(believed)
    recipe = Recipe(learning_rate=0.01, steps=60, batch_size=16, validate_every=20, clip_norm=0.3)
    method.fit(coherent.draw(150, "train"), coherent.draw(60, "validation"), recipe)
    test = coherent.draw(150, "test")
    ours = rmspe(method.estimate(test.x), test, coherent)
    parent = rmspe(MaximumLikelihood(believed).estimate(test.x), test, coherent)
    assert ours.mean() < 0.25 * parent.mean()
    assert method.equal.item() > 0.05
