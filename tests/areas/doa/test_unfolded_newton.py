"""Gauss and Newton's steps of the likelihood: derivatives, where they lead, and what is learned."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.methods.newton_likelihood import NewtonLikelihood
from mbdl_repro.areas.doa.methods.unfolded_newton_array import UnfoldedNewtonArray
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.likelihood import Sensors, derivatives, gauss_newton, share
from mbdl_repro.areas.doa.signal.subspace import angles_of_sines
from mbdl_repro.learning.recipe import Recipe

BELIEVED = Narrowband(n_sources=2, n_snapshots=50, snr_db=20.0, max_angle_deg=60.0)
PLACES = (0.0, 0.505, 0.95, 1.455, 1.975, 2.42, 2.89, 3.645)
TRUTH = dataclasses.replace(BELIEVED, sensor_positions=PLACES)
SENSORS = Sensors(torch.tensor(PLACES), torch.ones(8, dtype=torch.complex128))


def drawn(n: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    X = torch.randn(n, 8, 12, generator=rng, dtype=torch.complex128)
    R = X @ X.mH
    u = torch.rand(n, 2, generator=rng, dtype=torch.float64) - 0.5
    return R / R.diagonal(dim1=-2, dim2=-1).sum(-1).real[:, None, None], u


@pytest.mark.parametrize("waveforms", ["free", "shared"])
def test_value_and_gradient_are_those_of_the_likelihood_and_it_never_bends_upwards(waveforms):
    R, u = drawn()
    own, exact = (f(R, u, SENSORS, waveforms) for f in (gauss_newton, derivatives))
    torch.testing.assert_close(own.value, exact.value, rtol=0, atol=1e-8)
    torch.testing.assert_close(own.gradient, exact.gradient, rtol=0, atol=1e-7)
    assert torch.linalg.eigvalsh(own.hessian).max() < 1e-12
    leading = u.clone().requires_grad_()
    (slope,) = torch.autograd.grad(share(R, leading, SENSORS, waveforms).sum(), leading)
    torch.testing.assert_close(own.gradient, slope, rtol=0, atol=1e-7)


@pytest.mark.parametrize("waveforms", ["free", "shared"])
def test_where_the_sources_explain_all_it_is_the_hessian(waveforms):
    _, u = drawn()
    A = SENSORS.steering(u)
    A = A.sum(-1, keepdim=True) if waveforms == "shared" else A
    R = A @ A.mH
    own, exact = (f(R, u, SENSORS, waveforms) for f in (gauss_newton, derivatives))
    torch.testing.assert_close(own.hessian, exact.hessian, rtol=1e-6, atol=1e-6)


def test_sources_at_one_place_have_a_finite_step():
    R, u = drawn()
    at = gauss_newton(R, u[:, :1].expand(-1, 2), SENSORS)
    assert all(part.isfinite().all() for part in at)


def test_many_steps_lead_to_the_likeliest_angles():
    test = BELIEVED.draw(200, "test")
    ours = NewtonLikelihood(BELIEVED, iterations=15).estimate(test.x)
    searched = MaximumLikelihood(BELIEVED).estimate(test.x)
    assert (np.abs(np.sin(ours) - np.sin(searched)).max(1) < 1e-4).mean() > 0.98


def test_beyond_an_end_is_the_likelier_of_the_end_and_of_what_is_around_it():
    method = NewtonLikelihood(BELIEVED)
    R, _ = drawn()
    u = torch.tensor([[1.02, 0.1]] * 5, dtype=torch.float64)
    for row, chosen in zip(R, method.within(R, u), strict=True):
        options = torch.tensor([[1.0, 0.1], [-0.98, 0.1]], dtype=torch.float64)
        values = share(row.expand(2, -1, -1), options, method.sensors)
        torch.testing.assert_close(chosen, options[values.argmax()])


def test_angles_of_sines_are_arcsines_with_a_finite_slope():
    u = torch.tensor([-1.0, -0.3, 0.0, 0.9, 1.0], dtype=torch.float64, requires_grad=True)
    theta = angles_of_sines(u)
    torch.testing.assert_close(theta, u.arcsin())
    theta.sum().backward()
    assert u.grad.isfinite().all()
    torch.testing.assert_close(u.grad[1:4], 1 / (1 - u[1:4] ** 2).sqrt().detach())


def test_a_learned_array_is_nearer_to_the_true_one():
    method = UnfoldedNewtonArray(BELIEVED, iterations=2)
    recipe = Recipe(learning_rate=5e-3, steps=120, batch_size=16, validate_every=40)
    method.fit(TRUTH.draw(200, "train"), TRUTH.draw(60, "validation"), recipe)
    test = TRUTH.draw(200, "test")
    ours = rmspe(method.estimate(test.x), test, TRUTH)
    parent = rmspe(NewtonLikelihood(BELIEVED, iterations=2).estimate(test.x), test, TRUTH)
    assert np.median(ours) < 0.5 * np.median(parent)
    places = method.sensors.positions.detach().numpy()
    left, before = (np.linalg.norm(p - np.array(PLACES)) for p in (places, np.arange(8) / 2))
    assert left < 0.7 * before
