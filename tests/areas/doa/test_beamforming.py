"""Beamformers that look straight ahead, against definitions, limits and simulation."""

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa.beamforming.weights import (
    distortionless,
    loaded,
    mvdr_weights,
    over_runs,
    smoothed_covariance,
)
from mbdl_repro.areas.doa.bounds import told_all, told_mvdr
from mbdl_repro.areas.doa.methods.able import Able
from mbdl_repro.areas.doa.methods.delay_and_sum import DelayAndSum
from mbdl_repro.areas.doa.methods.fixed_beamformer import FixedBeamformer
from mbdl_repro.areas.doa.methods.look_network import LookNetwork
from mbdl_repro.areas.doa.methods.mvdr_beamformer import MvdrBeamformer
from mbdl_repro.areas.doa.methods.tapered_beamformer import TaperedBeamformer
from mbdl_repro.areas.doa.metrics import level_error, look_error
from mbdl_repro.areas.doa.systems.look import SCENES, Look
from mbdl_repro.contract.scenario import Split

TRUTH = Look(n_sensors=8, n_snapshots=3)
COMPLEX = (0.3 - 2.1j) * 1e3


def covariances(n, size, rng):
    A = rng.standard_normal((n, size, 2 * size)) + 1j * rng.standard_normal((n, size, 2 * size))
    return torch.as_tensor(A @ A.conj().swapaxes(1, 2))


def learned(method, seed=0):
    """A method all of whose weights are drawn, those of the last layers, too."""
    rng = torch.Generator().manual_seed(seed)
    method.initialize(Split(*map(torch.as_tensor, TRUTH.draw(2, "train", 0))), rng)
    for parameter in method.parameters():
        if not parameter.any():
            parameter.data.copy_(0.3 * torch.randn(parameter.shape, generator=rng).double())
    return method


def test_mvdr_has_the_least_power_of_weights_that_do_not_distort():
    rng = np.random.default_rng(0)
    R = covariances(5, 4, rng)
    w = mvdr_weights(R)
    torch.testing.assert_close(w.conj().sum(1), torch.ones(5, dtype=w.dtype))
    power = (w.conj()[:, None] @ R @ w[..., None])[:, 0, 0]
    expected = 1 / torch.linalg.inv(R).sum((1, 2))
    torch.testing.assert_close(power, expected)
    for _ in range(20):
        moved = w + 0.1 * torch.as_tensor(rng.standard_normal((5, 4)))
        other = distortionless(moved)
        assert ((other.conj()[:, None] @ R @ other[..., None])[:, 0, 0].real > power.real).all()


def test_covariances_of_runs_are_sums_over_sensors_and_time():
    x = torch.as_tensor(TRUTH.draw(2, "test", 0).x).to(torch.complex128)
    found = smoothed_covariance(x, 5)
    expected = torch.zeros_like(found)
    for m in range(4):
        for t in range(3):
            run = x[:, m : m + 5, t]
            for one in (run, run.conj().flip(1)):
                expected += one[:, :, None] * one[:, None].conj() / (2 * 4 * 3)
    torch.testing.assert_close(found, expected)


def test_weights_of_runs_are_the_mean_of_what_runs_answer():
    x = torch.as_tensor(TRUTH.draw(3, "test", 0).x).to(torch.complex128)
    method = MvdrBeamformer(TRUTH, subarray=5, loading=0.02)
    v = mvdr_weights(loaded(smoothed_covariance(x, 5), 0.02))
    answers = [(v.conj()[..., None] * x[:, m : m + 5]).sum(1) for m in range(4)]
    torch.testing.assert_close(method(x), torch.stack(answers).mean(0))
    torch.testing.assert_close(over_runs(v, 8).sum(1), torch.ones(3, dtype=v.dtype))


def test_heavy_loading_is_delay_and_sum():
    x = TRUTH.draw(3, "test", 0).x
    heavy = MvdrBeamformer(TRUTH, subarray=8, loading=1e9)
    np.testing.assert_allclose(heavy.estimate(x), DelayAndSum(TRUTH).estimate(x), rtol=1e-6)


def test_fixed_weights_are_those_of_least_squares_without_distortion():
    """Weights of which one follows from the others, by an ordinary fit to the training set."""
    train = TRUTH.draw(200, "train", 0)
    method = FixedBeamformer(TRUTH)
    method.fit(train, train)
    x, s = (part.astype(complex) for part in train)
    rows = np.moveaxis(x, 1, 2).reshape(-1, 8) - s.reshape(-1, 1)
    free = np.linalg.lstsq(rows[:, 1:] - rows[:, :1], -rows[:, 0])[0]
    expected = np.concatenate([[1 - free.sum()], free]).conj()
    np.testing.assert_allclose(method.weights(None)[0].detach(), expected, atol=1e-4)


def test_who_is_told_all_has_the_errors_of_the_bounds():
    """By simulation: weights of the true covariance, and Wiener's, on looks drawn for them."""
    rng = np.random.default_rng(0)
    target, powers, A = TRUTH.senders(4000, rng)
    R = np.eye(8) + (A * powers[:, None]) @ A.conj().swapaxes(1, 2)
    w = mvdr_weights(torch.as_tensor(R)).numpy()
    s = np.sqrt(target / 2) * (rng.standard_normal(4000) + 1j * rng.standard_normal(4000))
    y = np.sqrt(powers / 2) * (
        rng.standard_normal(powers.shape) + 1j * rng.standard_normal(powers.shape)
    )
    noise = (rng.standard_normal((4000, 8)) + 1j * rng.standard_normal((4000, 8))) / np.sqrt(2)
    x = s[:, None] + (A @ y[..., None])[..., 0] + noise
    linear = (w.conj() * x).sum(1)
    q = 1 / np.linalg.inv(R).sum((1, 2)).real
    for estimate, bound in ((linear, told_mvdr), (target / (target + q) * linear, told_all)):
        errors = np.abs(estimate - s) ** 2
        spread = errors.std() / np.sqrt(4000)
        assert errors.mean() == pytest.approx(bound(TRUTH), abs=5 * spread)
    assert told_mvdr(Look(scene="alone")) == pytest.approx(1 / 16)


@pytest.mark.parametrize("scene", SCENES)
def test_a_scene_has_the_senders_it_says(scene):
    target, powers, A = Look(scene=scene).senders(2000, np.random.default_rng(0))
    (least, most), others_db, target_db = SCENES[scene]
    counts = (powers > 0).sum(1)
    assert set(counts) == set(range(least, most + 1))
    for power, (low, high) in ((target, target_db), (powers[powers > 0], others_db)):
        level = 10 * np.log10(power)
        assert ((low <= level) & (level <= high)).all()
        if len(level):
            spread = (high - low) / np.sqrt(12 * len(level))
            assert level.mean() == pytest.approx((low + high) / 2, abs=4 * spread)
    sine = np.angle(A[:, 1]) / -np.pi
    assert (np.abs(sine) >= 0.1 - 1e-9).all()


@pytest.mark.parametrize("penalty", [None, 0.5])
def test_able_begins_as_delay_and_sum(penalty):
    x = TRUTH.draw(4, "test", 0).x
    able = Able(TRUTH, unity_penalty=penalty)
    able.initialize(Split(*map(torch.as_tensor, TRUTH.draw(2, "train", 0))), torch.Generator())
    np.testing.assert_allclose(able.estimate(x), DelayAndSum(TRUTH).estimate(x), rtol=1e-12)


def test_able_does_not_distort_whatever_it_has_learned():
    s = TRUTH.draw(4, "test", 0).s
    able = learned(Able(TRUTH))
    x = torch.as_tensor(TRUTH.draw(4, "test", 0).x)
    ones = torch.ones(4, dtype=torch.complex128)
    torch.testing.assert_close(able.weights(x).conj().sum(1), ones)
    assert np.abs(able.estimate(x.numpy()) - s).max() > 0
    free = learned(Able(TRUTH, unity_penalty=2.0))
    away = (free.weights(x).sum(1) - 1).abs().square().mean()
    s = torch.as_tensor(s)
    expected = (free(x) - s).abs().square().mean() + 2.0 * away
    torch.testing.assert_close(free.loss(x, s), expected, rtol=1e-5, atol=0)
    assert away > 1e-3


@pytest.mark.parametrize("kind", [Able, LookNetwork])
def test_an_answer_has_the_level_and_phase_of_what_is_received(kind):
    x = TRUTH.draw(4, "test", 0).x.astype(complex)
    for invariance, factor in (("phase", COMPLEX), ("level", 1e3)):
        method = learned(kind(TRUTH, invariance=invariance))
        np.testing.assert_allclose(method.estimate(factor * x), factor * method.estimate(x))
    turned = method.estimate(1j * x)  # of level alone, not of phase
    assert not np.allclose(turned, 1j * method.estimate(x))


def test_errors_are_those_of_amplitudes_and_of_levels():
    split = Split(np.zeros((1, 8, 2)), np.array([[1.0 + 0j, 2j]]))
    estimate = np.array([[10.0 + 0j, 0.2j]])
    assert look_error(estimate, split, TRUTH) == pytest.approx((81 + 1.8**2) / 2)
    assert level_error(estimate, split, TRUTH) == pytest.approx(20)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="subarray is 9, of 8 sensors"):
        MvdrBeamformer(TRUTH, subarray=9)
    with pytest.raises(ValueError, match=r"should be \(n, 8, T\)"):
        TaperedBeamformer(TRUTH).estimate(np.ones((2, 6, 1)))
