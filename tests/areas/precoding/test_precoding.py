"""Hybrid precoders against autograd, numerical maxima, and what is known of rates."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from mbdl_repro.areas.precoding.bases import shared_subspace
from mbdl_repro.areas.precoding.bounds import chains_for_each_band, fully_digital
from mbdl_repro.areas.precoding.methods.learned_ascent import LearnedAscent
from mbdl_repro.areas.precoding.methods.projected_gradient_ascent import ProjectedGradientAscent
from mbdl_repro.areas.precoding.methods.shared_subspace import SharedSubspace
from mbdl_repro.areas.precoding.metrics import rate_bits
from mbdl_repro.areas.precoding.scenario import HybridPrecoding
from mbdl_repro.areas.precoding.updates import (
    Factors,
    analog_gradient,
    ascent_step,
    digital_gradient,
    filled_precoder,
    rate_nats,
    to_power,
    water_filling,
)

COMPLEX = HybridPrecoding(n_bands=3, n_receive=2, n_chains=3, n_transmit=5, snr_db=3.0)
REAL = dataclasses.replace(COMPLEX, channel="real")
FEW = dataclasses.replace(COMPLEX, n_chains=1)
ALL = dataclasses.replace(COMPLEX, n_chains=5)

each_field = pytest.mark.parametrize("truth", [COMPLEX, REAL], ids=["complex", "real"])


def channels(truth, n=4):
    return torch.as_tensor(truth.draw(n, "test", 0).s)


def factors(truth, n=4, seed=0):
    rng = torch.Generator().manual_seed(seed)
    B, N, M = truth.shape
    dtype = channels(truth, 1).dtype
    shapes = (n, M, truth.n_chains), (n, B, truth.n_chains, N)
    return Factors(*(torch.randn(shape, generator=rng, dtype=dtype) for shape in shapes))


def rates(method, truth, n=200):
    test = truth.draw(n, "test", 1)
    return rate_bits(method.estimate(test.x), test, truth)


@each_field
def test_gradients_are_those_of_autograd(truth):
    H, W = channels(truth), factors(truth)
    parts = [part.clone().requires_grad_() for part in W]
    rate_nats(H, Factors(*parts).product).sum().backward()
    # Autograd gives 2 ∂R/∂W* of complex numbers, and ∂R/∂W, which is twice ours, of real ones.
    torch.testing.assert_close(2 * analog_gradient(H, W), parts[0].grad)
    torch.testing.assert_close(2 * digital_gradient(H, W), parts[1].grad)


@each_field
def test_the_rate_is_that_of_the_eigenvalues_of_what_is_received(truth):
    test = truth.draw(3, "test", 0)
    W = factors(truth, 3).product.numpy()
    found = rate_bits(np.conj(W).swapaxes(2, 3), test, truth)
    for row, H, precoder in zip(found, test.s, W, strict=True):
        precoder = precoder * np.sqrt(6 / np.square(np.abs(precoder)).sum())
        gains = [np.linalg.svd(h @ w)[1] ** 2 for h, w in zip(H, precoder, strict=True)]
        assert row == pytest.approx(np.log2(1 + truth.snr * np.array(gains)).sum() / 3)


def test_only_the_product_counts_and_its_power_does_not():
    H, W = channels(COMPLEX), factors(COMPLEX)
    Q = torch.linalg.qr(factors(COMPLEX, 1, seed=1).analog[0, :3]).Q + torch.eye(3)
    other = Factors(W.analog @ Q, torch.linalg.solve(Q, W.digital))
    torch.testing.assert_close(rate_nats(H, other.product), rate_nats(H, W.product))
    scaled = to_power(W.product)[:, None, None, None] * W.product
    torch.testing.assert_close(
        scaled.abs().square().sum((1, 2, 3)), torch.full((4,), 6.0, dtype=torch.float64)
    )
    torch.testing.assert_close(to_power(0 * W.product), torch.ones(4, dtype=torch.float64))


def test_a_step_does_not_depend_on_the_basis_of_the_analog_subspace():
    H, W = channels(COMPLEX), factors(COMPLEX)
    Q = torch.linalg.qr(factors(COMPLEX, 1, seed=1).analog[0, :3]).Q
    turned = Factors(W.analog @ Q, Q.mH @ W.digital)
    one, other = (ascent_step(H, start, 0.3, 0.7).product for start in (W, turned))
    torch.testing.assert_close(one, other)


def test_filled_water_is_the_maximum_that_a_solver_finds():
    gains, power = np.array([3.0, 0.9, 0.2, 0.01]), 2.0

    def loss(u):
        share = np.exp(u) / np.exp(u).sum()
        return -np.log1p(gains * power * share).sum()

    found = water_filling(torch.as_tensor(gains)[None], power)[0].numpy()
    assert found.sum() == pytest.approx(power)
    assert (found >= 0).all() and found[-1] == 0
    best = minimize(loss, np.zeros(4), tol=1e-12).fun
    assert -np.log1p(gains * found).sum() == pytest.approx(best, abs=1e-6)
    assert torch.isfinite(water_filling(torch.zeros(1, 3), 1.0)).all()


@each_field
def test_a_precoder_of_filled_water_has_the_rate_of_the_bound(truth):
    test = truth.draw(20, "test", 0)
    W = filled_precoder(torch.as_tensor(math.sqrt(truth.snr) * test.s))
    np.testing.assert_allclose(
        rate_bits(W.mH.resolve_conj().numpy(), test, truth), fully_digital(truth, test)
    )
    power = W.abs().square().sum((1, 2, 3))
    torch.testing.assert_close(power, torch.full_like(power, 6.0))


@pytest.mark.parametrize("truth", [COMPLEX, REAL, FEW], ids=["complex", "real", "few chains"])
def test_no_hybrid_precoder_is_above_the_bounds(truth):
    test = truth.draw(200, "test", 1)
    digital, bands = fully_digital(truth, test), chains_for_each_band(truth, test)
    assert (bands <= digital + 1e-12).all()
    assert np.allclose(bands, digital) == (truth.n_chains >= truth.n_receive)
    settings = {"iterations": 300, "analog_step": 0.3, "digital_step": 0.9}
    for method in (SharedSubspace(truth), ProjectedGradientAscent(truth, **settings)):
        assert (rates(method, truth) <= bands + 1e-12).all()


def test_with_as_many_chains_as_antennas_the_closed_form_is_the_best_there_is():
    np.testing.assert_allclose(
        rates(SharedSubspace(ALL), ALL), fully_digital(ALL, ALL.draw(200, "test", 1))
    )


def test_the_closed_form_fills_water_behind_its_subspace():
    """No digital precoder behind the same W_a is better: steps in W_d alone gain nothing."""
    H = channels(COMPLEX)
    W = shared_subspace(H, 3)
    torch.testing.assert_close(W.analog.mH @ W.analog, torch.eye(3).expand(4, 3, 3).to(H))
    before = rate_nats(H, W.product)
    for seed in range(20):
        moved = W._replace(digital=W.digital + 0.05 * factors(COMPLEX, seed=seed).digital)
        scaled = to_power(moved.product)[:, None, None, None] * moved.product
        assert (rate_nats(H, scaled) < before).all()


def test_small_steps_raise_the_rate_and_the_published_size_need_not():
    H = channels(COMPLEX, 50)
    small = list(ProjectedGradientAscent(COMPLEX, iterations=30, analog_step=1e-3).ascent(H))
    means = [rate_nats(H, W.product).mean() for W in small]
    assert all(b > a for a, b in itertools.pairwise(means))


@pytest.mark.parametrize("per_band", [True, False])
@pytest.mark.parametrize("start", ["mean_channel", "closed_form"])
def test_unfitted_layers_are_steps_and_learn_as_many_numbers_as_they_say(per_band, start):
    settings = {"iterations": 4, "analog_step": 0.2, "digital_step": 3.0, "start": start}
    learned = LearnedAscent(COMPLEX, per_band=per_band, **settings)
    classical = ProjectedGradientAscent(COMPLEX, **settings)
    x = COMPLEX.draw(5, "test", 0).x
    np.testing.assert_allclose(learned.estimate(x), classical.estimate(x), rtol=1e-9)
    assert learned.log_step.numel() == 4 * (1 + (3 if per_band else 1))


def test_steps_are_learned_from_what_is_told_and_judged_by_what_is_so():
    truth = dataclasses.replace(COMPLEX, error_std=0.8)
    method, test = LearnedAscent(truth), truth.draw(20, "test", 0)
    loss = method.loss(*map(torch.as_tensor, test)).item()
    assert loss == pytest.approx(
        -rate_bits(method.estimate(test.x), test, truth).mean() * math.log(2)
    )
    told = rate_bits(method.estimate(test.x), test._replace(s=test.x), truth).mean()
    assert told > -loss / math.log(2)


def test_a_row_that_is_not_finite_has_no_answer_and_costs_no_other():
    x = COMPLEX.draw(4, "test", 0).x
    for method in (SharedSubspace(COMPLEX), ProjectedGradientAscent(COMPLEX)):
        whole, spoilt = method.estimate(x), x.copy()
        spoilt[1, 0, 0, 0] = np.inf
        answer = method.estimate(spoilt)
        assert np.isnan(answer[1]).all()
        np.testing.assert_allclose(answer[[0, 2, 3]], whole[[0, 2, 3]])


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="n_chains is 13: allowed is 1 to n_transmit"):
        HybridPrecoding(n_chains=13)
    with pytest.raises(ValueError, match=r"should be \(n, 3, 2, 5\)"):
        SharedSubspace(COMPLEX).estimate(np.ones((2, 3, 5, 2)))
