"""The trellis against all sequences: short frames, whose every sequence can be tried."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from mbdl_repro.areas.receivers.bounds import matched_filter_bound
from mbdl_repro.areas.receivers.methods.bcjr import Bcjr
from mbdl_repro.areas.receivers.methods.bcjrnet import Bcjrnet
from mbdl_repro.areas.receivers.methods.least_squares_viterbi import LeastSquaresViterbi
from mbdl_repro.areas.receivers.methods.viterbi import Viterbi
from mbdl_repro.areas.receivers.methods.viterbinet import Viterbinet
from mbdl_repro.areas.receivers.systems.finite_memory import FiniteMemory
from mbdl_repro.areas.receivers.trellis.states import (
    predecessors,
    state_log_probabilities,
    states_of,
    symbols_of_states,
)
from mbdl_repro.contract.scenario import Split

TRUTHS = {
    "linear": FiniteMemory(decays=(0.2, 1.1), n_symbols=8, snr_db=1.0),
    "two antennas": FiniteMemory(decays=(0.2,), n_symbols=8, n_antennas=2, snr_db=-2.0),
    "saturated": FiniteMemory(decays=(0.2,), n_symbols=8, output="tanh", snr_db=6.0),
    "photons": FiniteMemory(decays=(0.2,), n_symbols=8, noise="poisson", snr_db=10.0),
    "a source with memory": FiniteMemory(
        decays=(0.2, 1.1), n_symbols=8, snr_db=-1.0, stay_probability=0.8
    ),
    "no memory": FiniteMemory(decays=(0.2,), n_taps=1, n_symbols=8, snr_db=1.0),
}


def log_likelihoods(truth, x):
    """log p(x, s) of every sequence s (n, C, 2^T), by sums over the channel's own definition."""
    T, L = truth.n_symbols, truth.n_taps
    sequences = np.array(list(itertools.product([1.0, -1.0], repeat=T)))
    sent = np.pad(sequences, ((0, 0), (L - 1, L - 1)), constant_values=1.0)
    found = np.zeros((len(x), len(truth.decays), len(sequences)))
    for c, h in enumerate(truth.taps):
        levels = (1 + sent) / 2 if truth.noise == "poisson" else sent
        mixed = np.stack([np.convolve(one, h)[L - 1 : L - 1 + x.shape[-1]] for one in levels])
        if truth.noise == "poisson":
            mean = 1 + 10 ** (truth.snr_db / 20) * mixed
            values = x[:, c, :, None] * np.log(mean) - mean
        else:
            mean = np.tanh(mixed / 2) if truth.output == "tanh" else mixed
            values = -((x[:, c, :, None] - mean) ** 2) * 10 ** (truth.snr_db / 10) / 2
        found[:, c] = values.sum((1, 3))
    from_known = np.pad(sequences, ((0, 0), (1, 0)), constant_values=1.0)
    n_stays = (np.diff(from_known) == 0).sum(1)
    q = truth.stay_probability
    return sequences, found + n_stays * np.log(q) + (T - n_stays) * np.log(1 - q)


@pytest.fixture(params=TRUTHS)
def tried(request):
    truth = TRUTHS[request.param]
    x = truth.draw(20, "test", 0).x
    return truth, x, *log_likelihoods(truth, x)


def test_viterbi_finds_the_best_of_all_sequences(tried):
    truth, x, sequences, likelihood = tried
    found = Viterbi(truth).estimate(x)
    score = np.take_along_axis(
        likelihood,
        (found[:, :, None] == sequences).all(3).argmax(2)[..., None],
        axis=2,
    )[..., 0]
    np.testing.assert_allclose(score, likelihood.max(2), rtol=1e-12)


def test_bcjr_has_the_means_over_all_sequences(tried):
    truth, x, sequences, likelihood = tried
    weights = np.exp(likelihood - likelihood.max(2, keepdims=True))
    expected = weights @ sequences / weights.sum(2, keepdims=True)
    np.testing.assert_allclose(Bcjr(truth).estimate(x), expected, atol=1e-10)


def test_states_follow_each_other():
    for n_taps in (1, 2, 4):
        symbols, before = symbols_of_states(n_taps), predecessors(n_taps)
        for state in range(2**n_taps):
            for old in before[state]:
                assert (symbols[old][:-1] == symbols[state][1:]).all()
        s = torch.tensor([[1.0, -1.0, -1.0, 1.0, -1.0]])
        path = states_of(s, n_taps)[0]
        assert symbols[path][:5, 0].tolist() == s[0].tolist()
        assert all(a in before[b] for a, b in itertools.pairwise(path))


@pytest.mark.parametrize("believed", [1, 2, 6])
def test_a_memory_of_another_length_is_that_of_the_best_sequence(believed):
    """Values beyond a shorter memory are not looked at; those of a longer one are not there."""
    truth = FiniteMemory(decays=(0.2, 1.1), n_symbols=8, snr_db=1.0)
    x = truth.draw(20, "test", 0).x
    belief = truth.believed(n_taps=believed)
    seen = min(x.shape[-1], belief.n_observations)
    sequences, likelihood = log_likelihoods(belief, x[..., :seen])
    best = sequences[likelihood.argmax(2)]
    np.testing.assert_array_equal(Viterbi(belief).estimate(x), best)


def test_pilots_of_counted_photons_give_the_taps():
    """With many counts the taps of the law, and the affine channel of one who does not know it."""
    truth = FiniteMemory(decays=(0.3, 1.0), n_symbols=500, snr_db=40.0, noise="poisson")
    pilots = truth.draw(20, "train", 0)
    lawful = LeastSquaresViterbi(truth)
    lawful.fit(pilots, pilots)
    np.testing.assert_allclose(lawful.taps.detach(), truth.taps, atol=0.02)
    affine = LeastSquaresViterbi(truth.believed(noise="gaussian"), offset=True)
    affine.fit(pilots, pilots)
    np.testing.assert_allclose(affine.taps.detach(), 50 * truth.taps, rtol=0.03, atol=0.5)
    expected = 1 + 50 * truth.taps.sum(1, keepdims=True)
    np.testing.assert_allclose(affine.offset.detach(), expected, rtol=0.02)
    with pytest.raises(ValueError, match="offset is not allowed where the belief is in counted"):
        LeastSquaresViterbi(truth, offset=True)


@pytest.mark.parametrize("believed", [2, 4, 5])
def test_pilots_of_a_channel_with_another_memory_are_fitted(believed):
    """Without noise: the taps that there are, and none beyond; a classifier's loss is finite."""
    truth = FiniteMemory(decays=(0.3,), n_symbols=400, snr_db=200.0)
    pilots = truth.draw(10, "train", 0)
    method = LeastSquaresViterbi(truth.believed(n_taps=believed))
    method.fit(pilots, pilots)
    expected = np.pad(truth.taps, ((0, 0), (0, max(believed - 4, 0))))[:, :believed]
    np.testing.assert_allclose(method.taps.detach(), expected, atol=1e-8 if believed >= 4 else 0.1)
    learned = Viterbinet(truth.believed(n_taps=believed))
    pilots = Split(*map(torch.as_tensor, pilots))
    learned.initialize(pilots, torch.Generator().manual_seed(0))
    assert learned.loss_on(pilots) < 2 * np.log(2) * believed


def test_two_antennas_are_three_decibels():
    """Twice the same taps, in noise of their own, say as much as one at twice the SNR."""
    one = FiniteMemory(decays=(0.5,), n_symbols=400, snr_db=2.0 + 10 * np.log10(2))
    two = FiniteMemory(decays=(0.5,), n_symbols=400, snr_db=2.0, n_antennas=2)
    rates = []
    for truth in (one, two):
        x, s = truth.draw(100, "test", 0)
        rates.append(np.mean(Viterbi(truth).estimate(x) != s))
    error = np.sqrt(2 * rates[0] / 40_000) * 2  # errors come in bursts
    assert abs(rates[0] - rates[1]) < 4 * error


def test_a_channel_without_memory_has_the_error_of_a_symbol_in_noise():
    truth = FiniteMemory(decays=(0.0,), n_taps=1, n_symbols=1000, snr_db=4.0)
    x, s = truth.draw(100, "test", 0)
    rate = np.mean(Viterbi(truth).estimate(x) != s)
    expected = 0.5 * (1 - torch.erf(torch.tensor(10**0.2) / 2**0.5).item())
    assert abs(rate - expected) < 4 * np.sqrt(expected / 1e5)
    np.testing.assert_array_equal(np.sign(Bcjr(truth).estimate(x)), Viterbi(truth).estimate(x))


def test_a_lag_decides_by_what_is_known_so_far():
    """Of each decision the values more than L − 1 later are irrelevant."""
    truth = FiniteMemory(decays=(0.3,), n_symbols=30, snr_db=3.0)
    x, _ = truth.draw(20, "test", 0)
    lagged = Viterbi(truth, decision_lag=3)
    changed = x.copy()
    changed[..., 20:] += np.random.default_rng(0).normal(size=changed[..., 20:].shape)
    np.testing.assert_array_equal(lagged.estimate(x)[..., :17], lagged.estimate(changed)[..., :17])
    with pytest.raises(ValueError, match=r"decision_lag is 4: .* at most 3 is allowed"):
        Viterbi(truth, decision_lag=4)


def test_errors_of_taps_are_a_frames_own():
    """With errors the receiver is worse, alike in each call, and the data stay what they are."""
    truth = FiniteMemory(decays=(0.2,), n_symbols=200, snr_db=8.0)
    x, s = truth.draw(50, "test", 0)
    rates = {
        (kind, drawn): np.mean(
            Viterbi(
                truth.believed(tap_error_variance=0.1, tap_errors=kind, tap_errors_drawn=drawn)
            ).estimate(x)
            != s
        )
        for kind in ("relative", "absolute")
        for drawn in ("frame", "symbol")
    }
    exact = np.mean(Viterbi(truth).estimate(x) != s)
    assert all(rate > 2 * exact for rate in rates.values())
    assert rates["absolute", "frame"] > rates["relative", "frame"]


def test_a_trellis_that_is_too_large_is_refused():
    with pytest.raises(ValueError, match=r"n_taps is 17"):
        FiniteMemory(n_taps=17)
    with pytest.raises(ValueError, match=r"n_taps is 20: a trellis of 2\^20 states is too large"):
        symbols_of_states(20)
    truth = FiniteMemory(decays=(0.2,), n_symbols=8)
    with pytest.raises(ValueError, match=r"shape \(5, 1, 1, 7\): .* of 8 symbols"):
        Viterbi(truth).estimate(np.zeros((5, 1, 1, 7)))


@pytest.mark.parametrize("output", ["linear", "tanh"])
def test_the_matched_filter_bound_is_the_error_of_one_who_knows_the_others(output):
    """Simulated: the likelihood of one symbol, with all others as they were sent."""
    truth = FiniteMemory(decays=(0.3,), n_taps=3, n_symbols=200, snr_db=3.0, output=output)
    x, s = truth.draw(100, "test", 0)
    h, wrong = truth.taps[0], 0
    sent = np.pad(s[:, 0], ((0, 0), (2, 2)), constant_values=1.0)
    for t in range(0, 200, 3):
        errors = []
        for symbol in (1.0, -1.0):
            tried = sent.copy()
            tried[:, t + 2] = symbol
            mixed = np.stack([np.convolve(one, h)[t + 2 : t + 5] for one in tried])
            errors.append(((x[:, 0, 0, t : t + 3] - truth.mean_output(mixed)) ** 2).sum(1))
        wrong += np.sum((errors[0] < errors[1]) != (s[:, 0, t] > 0))
    n, expected = 100 * 67, matched_filter_bound(truth)
    assert abs(wrong / n - expected) < 4 * np.sqrt(expected / n)
    photons = dataclasses.replace(truth, noise="poisson")
    with pytest.raises(ValueError, match="in Gaussian noise"):
        matched_filter_bound(photons)
    if output == "tanh":
        with pytest.raises(ValueError, match=r"n_taps is 12.* 10 at most"):
            matched_filter_bound(dataclasses.replace(truth, n_taps=12))


SOURCE = FiniteMemory(decays=(0.0, 0.5), n_taps=2, n_symbols=400, snr_db=0.0, stay_probability=0.9)


def test_what_a_classifier_holds_of_the_source_is_taken_off():
    """A classifier that says log p(z | x) exactly makes BCJRNet the BCJR algorithm."""
    x = SOURCE.draw(20, "test", 0).x
    exact, learned = Bcjr(SOURCE), Bcjrnet(SOURCE, counts_source=True)
    learned.counted_stays.fill_(SOURCE.stay_probability)
    prior = state_log_probabilities(SOURCE.stay_probability, SOURCE.n_taps)
    assert prior.exp().sum() == pytest.approx(1)
    x = torch.as_tensor(x)
    learned.log_posterior = lambda x: (exact.log_likelihood(x) + prior).log_softmax(-1)
    torch.testing.assert_close(learned(x), exact(x), rtol=0, atol=1e-9)
    learned.counts_source = False  # what is not taken off is L − 1 = 1 times the source
    # It holds for the known symbol after a frame, too, which says little of what was long before.
    torch.testing.assert_close(learned(x)[..., :-40], exact(x)[..., :-40], rtol=0, atol=1e-6)


def test_how_often_the_source_repeats_itself_is_counted():
    pilots = SOURCE.draw(10, "train", 0)
    learned = Bcjrnet(SOURCE, counts_source=True)
    learned.initialize(Split(*map(torch.as_tensor, pilots)), torch.Generator().manual_seed(0))
    spread = np.sqrt(0.9 * 0.1 / pilots.s.size)
    assert learned.counted_stays.item() == pytest.approx(0.9, abs=4 * spread)
    np.testing.assert_allclose(pilots.s[..., 0].mean(), 0.8, atol=4 * 0.6 / np.sqrt(20))


def test_a_source_with_memory_has_a_bound_of_its_own():
    """One who knows all other symbols, by simulation: the sign of both evidences together."""
    x, s = SOURCE.draw(400, "test", 0)
    rng, q = np.random.default_rng(0), SOURCE.stay_probability
    reach = np.linalg.norm(SOURCE.taps, axis=1) / SOURCE.noise_std
    log_odds = 2 * reach[None, :, None] * (reach[None, :, None] * s + rng.standard_normal(s.shape))
    tie = np.log(q / (1 - q))
    before = np.concatenate([np.ones_like(s[..., :1]), s[..., :-1]], 2)
    after = np.concatenate([s[..., 1:], np.zeros_like(s[..., :1])], 2)
    rate = np.mean(np.sign(log_odds + tie * (before + after)) != s)
    bound = matched_filter_bound(SOURCE)
    assert rate == pytest.approx(bound, abs=4 * np.sqrt(bound / s.size))
    assert np.mean(np.sign(Bcjr(SOURCE).estimate(x)) != s) > bound
    with pytest.raises(ValueError, match="the matched-filter bound"):
        matched_filter_bound(dataclasses.replace(SOURCE, output="tanh"))


def test_a_state_of_one_symbol_does_not_know_the_source():
    with pytest.raises(ValueError, match="n_taps of 2 or more"):
        Viterbi(FiniteMemory(n_taps=1, stay_probability=0.9))


def test_by_max_product_bcjrnet_is_viterbinet():
    x = torch.as_tensor(SOURCE.draw(4, "test", 0).x)
    both = Bcjrnet(SOURCE, rule="max_product"), Viterbinet(SOURCE)
    for method in both:
        method.network.draw(torch.Generator().manual_seed(0))
    torch.testing.assert_close(*(method(x) for method in both), rtol=0, atol=0)
