"""The array fitted to pairs, against the array that is; its Gaussian model against theory."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.bounds import stochastic_crb_mspe
from mbdl_repro.areas.doa.methods.fitted_array import FittedArray
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.metrics import mspe, rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.likelihood import Sensors, gaussian

PLACES = np.array([0.0, 0.505, 0.95, 1.455, 1.975, 2.42, 2.89, 3.645])
BELIEVED = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0)
TRUTH = dataclasses.replace(BELIEVED, sensor_positions=PLACES)


def fitted(belief: SensorArray, truth: SensorArray, n_train: int, **settings) -> FittedArray:
    method = FittedArray(belief, **settings)
    method.fit(truth.draw(n_train, "train"), truth.draw(200, "validation"))
    return method


@pytest.fixture(scope="module")
def of_many_pairs() -> FittedArray:
    return fitted(BELIEVED, TRUTH, 1000)


def test_of_many_pairs_it_is_maximum_likelihood_that_knows_the_array(of_many_pairs):
    test = TRUTH.draw(300, "test")
    told = MaximumLikelihood(TRUTH).estimate(test.x)
    ours = of_many_pairs.estimate(test.x)
    # A few in a thousand of what noise moves them; nearly all trials of three sources.
    apart = np.abs(np.sin(ours) - np.sin(told)).max(1)
    assert np.median(apart) < 1e-4 and (apart < 2e-3).mean() > 0.98
    errors = [rmspe(estimate, test, TRUTH) for estimate in (ours, told)]
    assert errors[0].mean() == pytest.approx(errors[1].mean(), rel=0.05)
    wrong = rmspe(MaximumLikelihood(BELIEVED).estimate(test.x), test, TRUTH)
    assert wrong.mean() > 10 * errors[0].mean()


def test_the_array_is_found_as_exactly_as_pairs_say(of_many_pairs):
    few = fitted(BELIEVED, TRUTH, 100)
    errors = [
        np.std(method.sensors.positions.detach().numpy() - PLACES)
        for method in (few, of_many_pairs)
    ]
    assert errors[0] < 5e-4
    # Ten times the pairs: about √10, of seven numbers.
    assert errors[1] < 0.7 * errors[0]


def test_gains_are_found_relative_to_the_first():
    gains, phases = np.linspace(1, 0.6, 8), np.linspace(0, 60, 8)
    truth = dataclasses.replace(TRUTH, sensor_gains=gains, sensor_phases_deg=phases)
    found = fitted(BELIEVED, truth, 300).sensors.gains.detach().numpy()
    np.testing.assert_allclose(found, gains * np.exp(1j * np.deg2rad(phases)), atol=5e-3)


def test_a_right_array_is_kept_or_left_by_less_than_pairs_say():
    belief = dataclasses.replace(BELIEVED, sensor_positions=PLACES)
    moved = fitted(belief, TRUTH, 100).sensors.positions.detach().numpy() - PLACES
    assert np.abs(moved).max() < 1e-3


def test_what_sources_send_is_found_and_used():
    coherent = dataclasses.replace(BELIEVED, correlation=1.0)
    gauss = fitted(coherent, coherent, 300, waveforms="gaussian")
    assert torch.allclose(gauss.source_covariance.real, torch.ones(3, 3).double(), atol=0.05)
    assert gauss.noise_variance.item() == pytest.approx(0.01, rel=0.02)
    test = coherent.draw(300, "test")
    own = rmspe(gauss.estimate(test.x), test, coherent)
    free = rmspe(MaximumLikelihood(coherent).estimate(test.x), test, coherent)
    shared = rmspe(MaximumLikelihood(coherent, waveforms="shared").estimate(test.x), test, coherent)
    assert own.mean() < 0.3 * free.mean()
    assert np.median(own) == pytest.approx(np.median(shared), rel=0.1)


def test_it_is_as_good_as_any_that_must_find_the_covariance():
    truth = dataclasses.replace(TRUTH, angles_deg=(-35.0, 5.0, 40.0))
    gauss = fitted(BELIEVED, TRUTH, 300, waveforms="gaussian")
    test = truth.draw(500, "test", "crb")
    errors = mspe(gauss.estimate(test.x), test, truth)
    # Whoever knows P may be better than the bound for whom does not, here by little.
    assert errors.mean() < 1.1 * stochastic_crb_mspe(truth) + 4 * errors.std() / np.sqrt(500)


def test_derivatives_of_the_gaussian_likelihood():
    rng = torch.Generator().manual_seed(0)
    n, N, M = 4, 6, 3
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.complex128)  # noqa: E731
    X, B = draw(n, N, 20), draw(M, M)
    R, P = X @ X.mH / 20, B @ B.mH
    sensors = Sensors(torch.tensor(PLACES[:N]), 1 + 0.1 * draw(N))
    u = torch.rand(n, M, generator=rng, dtype=torch.float64) - 0.5
    noise = torch.tensor(0.3, dtype=torch.float64)
    at = gaussian(R, u, sensors, P, noise)
    for row in range(n):
        A = sensors.steering(u)[row]
        C = A @ P @ A.mH + 0.3 * torch.eye(N, dtype=torch.float64)
        least = torch.linalg.inv(C) @ R[row]
        direct = -torch.logdet(C).real - N * least.trace().real.log()
        assert at.value[row].item() == pytest.approx(direct.item(), rel=1e-12)
    h = 1e-6
    for m in range(M):
        e = h * torch.eye(M, dtype=torch.float64)[m]
        ahead, behind = (gaussian(R, u + s * e, sensors, P, noise) for s in (1, -1))
        slope = (ahead.value - behind.value) / (2 * h)
        torch.testing.assert_close(at.gradient[:, m], slope, rtol=1e-6, atol=1e-7)
    # Where R is what it is on the mean, in any unit, the information is the Hessian.
    A = sensors.steering(u)
    mean = 7 * (A @ P @ A.mH + 0.3 * torch.eye(N, dtype=torch.float64))
    at = gaussian(mean, u, sensors, P, noise)
    torch.testing.assert_close(at.gradient, torch.zeros_like(u), rtol=0, atol=1e-9)
    for m in range(M):
        e = h * torch.eye(M, dtype=torch.float64)[m]
        ahead, behind = (gaussian(mean, u + s * e, sensors, P, noise) for s in (1, -1))
        bend = (ahead.gradient - behind.gradient) / (2 * h)
        torch.testing.assert_close(at.hessian[:, m], bend, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("waveforms", ["free", "gaussian"])
def test_a_fit_can_be_stored(waveforms, tmp_path):
    method = fitted(BELIEVED, TRUTH, 30, waveforms=waveforms)
    save_file(method.state_dict(), tmp_path / "fit.safetensors")
    other = FittedArray(BELIEVED, waveforms=waveforms)
    other.load_state_dict(load_file(tmp_path / "fit.safetensors"))
    x = TRUTH.draw(20, "test").x
    assert np.array_equal(other.estimate(x), method.estimate(x))
