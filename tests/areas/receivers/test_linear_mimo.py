"""Detectors of mixed symbols against brute force, closed forms and each other."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from areas.receivers.mimo import COMPLEX, DENSE, FOUR, rate
from scipy.special import ndtr

from mbdl_repro.areas.receivers.bounds import matched_filter_bit_bound
from mbdl_repro.areas.receivers.linear.constellation import (
    amplitudes,
    bit_differences,
    nearest,
)
from mbdl_repro.areas.receivers.linear.filters import without_interference
from mbdl_repro.areas.receivers.methods.amp import Amp
from mbdl_repro.areas.receivers.methods.k_best import KBest
from mbdl_repro.areas.receivers.methods.linear_mmse import LinearMmse
from mbdl_repro.areas.receivers.methods.matched_filter import MatchedFilter
from mbdl_repro.areas.receivers.methods.oamp import Oamp
from mbdl_repro.areas.receivers.methods.soft_interference_cancellation import (
    SoftInterferenceCancellation,
)
from mbdl_repro.areas.receivers.methods.symbol_map import SymbolMap
from mbdl_repro.areas.receivers.methods.vector_ml import VectorMl
from mbdl_repro.areas.receivers.methods.zero_forcing import ZeroForcing
from mbdl_repro.areas.receivers.metrics import bit_error_rate, bit_errors, symbol_error_rate
from mbdl_repro.areas.receivers.systems.linear_mimo import LinearMimo
from mbdl_repro.contract.scenario import in_seed

CLASSICAL = [
    MatchedFilter,
    ZeroForcing,
    LinearMmse,
    VectorMl,
    SymbolMap,
    KBest,
    SoftInterferenceCancellation,
    Amp,
    Oamp,
]


def decided(method, x, truth):
    return nearest(method.estimate(x), truth.levels)


# --- scenario ---


@pytest.mark.parametrize("truth", [FOUR, COMPLEX, DENSE], ids=lambda t: t.constellation)
def test_symbols_have_energy_one_and_the_snr_is_what_it_says(truth):
    quiet = dataclasses.replace(truth, snr_db=200.0)
    a, b = (one.draw(400, "test", 0) for one in (truth, quiet))
    energy = np.square(amplitudes(truth.constellation)).mean() * truth.n_streams / truth.n_users
    assert energy == pytest.approx(1.0)
    assert np.square(a.s).mean() == pytest.approx(truth.energy, rel=0.1)
    noise = truth.noise_std**2 * truth.n_observations / truth.n_antennas
    assert 1 / noise == pytest.approx(10 ** (truth.snr_db / 10))
    K = truth.n_streams if truth.told else 0
    H = b.x[:, :, :K] if truth.told else truth.H
    np.testing.assert_allclose(b.x[:, :, K:], H @ b.s, atol=1e-8)


def test_a_real_form_is_the_complex_system():
    rng = np.random.default_rng(0)
    H, s = (rng.normal(size=(3, k)) + 1j * rng.normal(size=(3, k)) for k in (2, 2))
    y = H @ s[:2]
    real = COMPLEX.real_form(H) @ np.concatenate([s[:2].real, s[:2].imag])
    np.testing.assert_allclose(real, np.concatenate([y.real, y.imag]))


def test_drawn_channels_have_the_covariance_that_is_said():
    truth = dataclasses.replace(COMPLEX, channel="kronecker", correlation=0.6)
    H = truth.drawn_channels(40_000, np.random.default_rng(0))
    covariance = np.einsum("nij,nkl->ijkl", H, H.conj()) / len(H)
    R = [0.6 ** np.abs(np.subtract.outer(np.arange(k), np.arange(k))) for k in (3, 2)]
    expected = np.einsum("ik,jl->ijkl", *R) / 3
    np.testing.assert_allclose(covariance, expected, atol=5 / 3 / np.sqrt(len(H)))


def test_a_held_channel_is_a_seeds_own():
    truth = LinearMimo(channel="kronecker", held=True, n_symbols=3, snr_db=200.0)
    for seed in (0, 1):
        here = in_seed(truth, seed)
        x, s = truth.draw(2, "test", seed)
        np.testing.assert_allclose(x, here.H @ s, atol=1e-8)
    assert not np.allclose(in_seed(truth, 0).H, in_seed(truth, 1).H)
    louder = dataclasses.replace(truth, snr_db=0.0)
    np.testing.assert_array_equal(in_seed(truth, 1).H, in_seed(louder, 1).H)
    with pytest.raises(ValueError, match="each row has an H of its own"):
        _ = COMPLEX.H


def test_errors_of_a_channel_are_a_rows_own_and_relative():
    truth = dataclasses.replace(FOUR, channel_error_variance=0.1, snr_db=200.0, n_symbols=4)
    x, s = truth.draw(4000, "test", 0)
    told = np.abs(np.linalg.det(s)) > 1  # else four vectors do not tell all of H
    relative = x[told] @ np.linalg.inv(s[told]) / truth.H - 1
    assert abs(relative.mean()) < 5 * np.sqrt(0.1 / relative.size)
    assert relative.var() == pytest.approx(0.1, rel=0.05)


# --- bits ---


def test_neighbours_differ_in_one_bit():
    differing = bit_differences(4)
    assert np.diag(differing, 1).tolist() == [1, 1, 1]
    assert (differing == differing.T).all() and differing[0].tolist() == [0, 1, 2, 1]


def test_bits_and_symbols_are_counted():
    levels = DENSE.levels
    split = dataclasses.replace(DENSE, n_symbols=3).draw(1, "test", 0)
    s = np.broadcast_to(levels[[0, 1, 2]], split.s.shape).copy()
    estimate = np.broadcast_to([levels[2], 0.9 * levels[1], np.nan], s.shape)
    split = split._replace(s=s)
    assert symbol_error_rate(estimate, split, DENSE) == pytest.approx(2 / 3)
    assert bit_error_rate(estimate, split, DENSE) == pytest.approx(4 / 6)  # two bits off, and two
    assert bit_errors(estimate, split, DENSE) == pytest.approx(4 * 4)
    assert nearest(np.array([-9.0, np.inf, np.nan]), levels).tolist() == [0, 3, -1]


# --- all of them, alone and without noise ---


@pytest.mark.parametrize(
    "cls", [cls for cls in CLASSICAL if cls is not Amp], ids=lambda cls: cls.name
)  # which takes all columns for as long
@pytest.mark.parametrize("truth", [COMPLEX, DENSE], ids=lambda t: t.constellation)
def test_one_user_without_noise_is_always_right(cls, truth):
    quiet = dataclasses.replace(truth, n_users=1, snr_db=60.0)
    split = quiet.draw(20, "test", 0)
    assert rate(cls(quiet), split, quiet) == 0


@pytest.mark.parametrize("cls", CLASSICAL, ids=lambda cls: cls.name)
def test_one_user_has_the_error_of_a_symbol_in_noise(cls):
    truth = LinearMimo(n_users=1, n_antennas=1, n_symbols=500, snr_db=4.0)
    split = truth.draw(200, "test", 0)
    expected = ndtr(-np.sqrt(10**0.4))
    assert matched_filter_bit_bound(truth) == pytest.approx(expected)
    assert abs(rate(cls(truth), split, truth) - expected) < 4 * np.sqrt(expected / 1e5)


# --- against brute force ---


@pytest.mark.parametrize("truth", [FOUR, COMPLEX, DENSE], ids=lambda t: t.constellation)
def test_ml_and_map_are_those_of_all_vectors(truth):
    split = truth.draw(4, "test", 0)
    K = truth.n_streams
    vectors = np.array(list(itertools.product(truth.levels, repeat=K)))
    ml, exact = (cls(truth).estimate(split.x) for cls in (VectorMl, SymbolMap))
    for i, x in enumerate(split.x):
        H, y = (x[:, :K], x[:, K:]) if truth.told else (truth.H, x)
        distance = np.square(y.T[:, None] - vectors @ H.T).sum(2)  # (T, V)
        np.testing.assert_array_equal(ml[i].T, vectors[distance.argmin(1)])
        p = np.exp(-(distance - distance.min(1, keepdims=True)) / (2 * truth.noise_std**2))
        p /= p.sum(1, keepdims=True)
        each = np.stack([p @ (vectors == level) for level in truth.levels], 2)  # (T, K, M)
        if len(truth.levels) == 2:
            np.testing.assert_allclose(exact[i].T, each @ truth.levels, atol=1e-12)
        else:
            np.testing.assert_array_equal(exact[i].T, truth.levels[each.argmax(2)])


@pytest.mark.parametrize("truth", [FOUR, COMPLEX, DENSE], ids=lambda t: t.constellation)
def test_a_search_that_is_wide_enough_is_maximum_likelihood(truth):
    x, _ = truth.draw(10, "test", 0)
    width = len(truth.levels) ** (truth.n_streams - 1)
    expected = VectorMl(truth).estimate(x)
    np.testing.assert_array_equal(KBest(truth, width=width).estimate(x), expected)
    narrow = KBest(truth, width=1).estimate(x)
    assert 0 < np.mean(narrow != expected) < 0.2


@pytest.mark.parametrize("truth", [FOUR, COMPLEX], ids=lambda t: t.constellation)
def test_linear_rules_are_those_of_their_definitions(truth):
    x, _ = truth.draw(3, "test", 0)
    K, ratio = truth.n_streams, 10 ** (-truth.snr_db / 10)
    H, y = (x[:, :, :K], x[:, :, K:]) if truth.told else (truth.H[None], x)
    covariance = H @ H.mT + ratio * np.eye(truth.n_observations)  # in the observations' space
    expected = H.mT @ np.linalg.solve(covariance, y)
    np.testing.assert_allclose(LinearMmse(truth).estimate(x), expected, atol=1e-12)
    nearly = [np.linalg.lstsq(a, b)[0] for a, b in zip(np.broadcast_to(H, (3, *H.shape[1:])), y)]
    np.testing.assert_allclose(ZeroForcing(truth).estimate(x), nearly, atol=1e-10)


# --- interference cancellation ---


@pytest.mark.parametrize("truth", [FOUR, COMPLEX], ids=lambda t: t.constellation)
def test_one_cancellation_decides_as_linear_mmse(truth):
    x, _ = truth.draw(100, "test", 0)
    once = SoftInterferenceCancellation(truth, iterations=1)
    np.testing.assert_array_equal(decided(once, x, truth), decided(LinearMmse(truth), x, truth))


def test_cancellation_is_that_of_its_equations_user_by_user():
    x, _ = FOUR.draw(1, "test", 0)
    rng = np.random.default_rng(0)
    e = rng.uniform(-1, 1, (1, 4, 100))
    v = 1 - e**2
    m, g = (
        part.numpy()
        for part in without_interference(
            *map(torch.as_tensor, (FOUR.H[None], x, e, v)), FOUR.noise_std**2
        )
    )
    H = FOUR.H
    for t, k in itertools.product(range(5), range(4)):
        others = [j for j in range(4) if j != k]
        z = x[0, :, t] - H[:, others] @ e[0, others, t]
        R = FOUR.noise_std**2 * np.eye(4) + (H[:, others] * v[0, others, t]) @ H[:, others].T
        filtered = np.linalg.solve(R, H[:, k])
        assert m[0, k, t] == pytest.approx(filtered @ z)
        assert g[0, k, t] == pytest.approx(filtered @ H[:, k])


def test_with_the_others_known_a_cancellation_reaches_the_matched_filter_bound():
    truth = dataclasses.replace(FOUR, snr_db=4.0, n_symbols=500)
    x, s = truth.draw(100, "test", 0)
    H, y, e = (torch.as_tensor(part) for part in (truth.H[None], x, s))
    m, _ = without_interference(H, y, e, torch.zeros_like(e), truth.noise_std**2)
    found, expected = np.mean(np.sign(m.numpy()) != s), matched_filter_bit_bound(truth)
    assert abs(found - expected) < 4 * np.sqrt(expected / s.size)


def test_bounds_and_detectors_are_in_order():
    """On average: one who knows the others, the exact posterior, the best vector, and so on."""
    truth = dataclasses.replace(FOUR, n_symbols=500, snr_db=6.0)
    split = truth.draw(100, "test", 0)
    rates = [rate(cls(truth), split, truth) for cls in (SymbolMap, VectorMl, LinearMmse)]
    rates.append(rate(ZeroForcing(truth), split, truth))
    assert matched_filter_bit_bound(truth) < rates[0] <= rates[1] < rates[2] < rates[3]
    sic = rate(SoftInterferenceCancellation(truth), split, truth)
    assert rates[0] <= sic < 1.15 * rates[0]


def test_a_belief_in_errors_costs_and_is_the_same_in_each_call():
    x, s = FOUR.draw(50, "test", 0)
    off = SoftInterferenceCancellation(FOUR.believed(channel_error_variance=0.1))
    first = off.estimate(x)
    np.testing.assert_array_equal(off.estimate(x), first)
    exact = SoftInterferenceCancellation(FOUR).estimate(x)
    assert np.mean(np.sign(first) != s) > 1.3 * np.mean(np.sign(exact) != s)


# --- what is refused ---


def test_mistakes_are_told():
    x, _ = FOUR.draw(2, "test", 0)
    with pytest.raises(ValueError, match=r"shape \(2, 3, 100\): should be \(n, 4, T\)"):
        LinearMmse(FOUR).estimate(x[:, :3])
    with pytest.raises(ValueError, match=r"should be \(n, 6, 4 \+ T\)"):
        LinearMmse(COMPLEX).estimate(np.zeros((2, 6, 4)))
    with pytest.raises(ValueError, match="too many to be tried"):
        VectorMl(LinearMimo(n_users=20, n_antennas=20))
    with pytest.raises(ValueError, match="k_best needs as many"):
        KBest(LinearMimo(n_users=5, n_antennas=4))
    x[1, 2, 3] = np.nan
    found = LinearMmse(FOUR).estimate(x)
    assert np.isnan(found[1]).all() and np.isfinite(found[0]).all()
