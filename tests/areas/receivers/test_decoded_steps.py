"""Receivers of a channel that drifts which learn from what a decoder has corrected."""

import itertools

import numpy as np
import pytest
import torch

from mbdl_repro.areas.receivers.decoding.codes import linear_code
from mbdl_repro.areas.receivers.decoding.tanner_graph import TannerGraph
from mbdl_repro.areas.receivers.learned import own_weights
from mbdl_repro.areas.receivers.methods.meta_viterbinet import MetaViterbinet
from mbdl_repro.areas.receivers.methods.online_viterbinet import OnlineViterbinet
from mbdl_repro.areas.receivers.metrics import decoded_word_error_rate
from mbdl_repro.areas.receivers.systems.fading_memory import FadingMemory
from mbdl_repro.areas.receivers.trellis.search import (
    forward_backward,
    symbol_log_ratios,
    symbol_means,
)
from mbdl_repro.areas.receivers.trellis.states import guarded, states_of, symbols_of_states
from mbdl_repro.contract.scenario import Split

TREE = ((1, 1, 1, 0, 0, 0, 0), (0, 0, 1, 1, 0, 0, 0), (0, 0, 0, 1, 1, 1, 0), (1, 0, 0, 0, 0, 0, 1))
"""Checks of three bits and of two."""
TRUTH = FadingMemory(
    n_blocks=3, n_symbols=96, code="ldpc_96_48", n_pilots=12, first_block=5, snr_db=14.0
)


def tensors(truth, n):
    return Split(*map(torch.as_tensor, truth.draw(n, "test", 0)))


def informed(method, truth=TRUTH, bend=0.05):
    """The method with a network that knows the first block, nearly.

    log p(x | z) is affine in x, and so is a sigmoid near 0: σ(b x) = 1/2 + b x / 4, nearly.
    """
    mean = symbols_of_states(truth.n_taps) @ torch.as_tensor(truth.taps[0])
    precision = truth.noise_std**-2
    first, last = method.network.weights
    with torch.no_grad():
        first.fill_(bend)
        last.copy_(4 / bend * precision * mean)
        method.network.offsets[1].copy_(-precision * (mean**2 / 2 + 2 / bend * mean))
    return method


def online(truth=TRUTH, **settings):
    settings = {"steps_on": "decoded", "n_steps": 2, "step_size": 1e-4} | settings
    return informed(OnlineViterbinet(truth, hidden_widths=(1,), **settings), truth)


def meta(truth=TRUTH, **settings):
    settings = {"steps_on": "decoded", "n_steps": 2, "step_size": 1e-6} | settings
    return informed(MetaViterbinet(truth, hidden_widths=(1,), **settings), truth)


# --- words ---


@pytest.mark.parametrize(("code", "n_words"), [("ldpc_96_48", 2), ("bch_15_7", 3)])
def test_blocks_are_words_of_the_code(code, n_words):
    H = linear_code(code).H.astype(int)
    truth = FadingMemory(n_symbols=n_words * H.shape[1], n_blocks=4, code=code)
    s = truth.draw(20, "test", 0).s
    assert s.shape == (20, 4, n_words * H.shape[1])
    words = s.reshape(-1, H.shape[1])
    assert not ((words < 0).astype(int) @ H.T % 2).any()
    assert len(np.unique(words, axis=0)) > 0.5 * min(len(words), 2 ** len(linear_code(code).G))
    assert abs(s.mean()) < 4 * np.sqrt(H.shape[1] / s.size)  # bits of a word hang together
    uncoded = truth.believed(code=None).draw(20, "test", 0).s.reshape(-1, H.shape[1])
    assert ((uncoded < 0).astype(int) @ H.T % 2).any(1).mean() > 0.9


def test_words_that_do_not_fit_a_block_are_refused():
    with pytest.raises(ValueError, match=r"n_symbols is 100, .* a multiple of 96 is needed"):
        FadingMemory(code="ldpc_96_48")


@pytest.mark.parametrize("code", [TREE, "hamming_7_4"])
def test_those_words_are_allowed_whose_checks_hold(code):
    graph, H = TannerGraph(linear_code(code).H), linear_code(code).H.astype(int)
    every = np.array(list(itertools.product([0, 1], repeat=7)))
    allowed = graph.allows(torch.as_tensor(1.0 - 2 * every)).numpy()
    np.testing.assert_array_equal(allowed, ~(every @ H.T % 2).any(1))


def test_the_first_word_whose_checks_hold_is_kept():
    graph, rng = TannerGraph(linear_code("ldpc_96_48").H), np.random.default_rng(0)
    s = TRUTH.draw(5, "test", 0).s.reshape(-1, 96)
    noisy = torch.as_tensor(4 * (s + 0.8 * rng.standard_normal(s.shape)))
    found, holds = graph.corrected(noisy, 15)
    for row in range(len(s)):
        ratios = graph.log_ratios(noisy[row : row + 1], itertools.repeat(1.0, 15))
        words = [1 - 2 * (L < 0).double() for L in ratios]
        good = [word for word in words if graph.allows(word)]
        assert holds[row] == bool(good)
        torch.testing.assert_close(found[row], (good or words[-1:])[0][0], rtol=0, atol=0)
    right = (found.numpy() == s).all(1)
    assert right.mean() > 0.5 > (np.sign(noisy.numpy()) == s).all(1).mean()
    assert not right.all()


def test_log_ratios_are_those_of_the_means():
    rng = torch.Generator().manual_seed(0)
    likelihood = torch.randn(4, 9, 8, generator=rng, dtype=torch.float64)
    posterior = forward_backward(guarded(likelihood, 3), 3)[:, :7]
    means = symbol_means(posterior, 3)
    torch.testing.assert_close((symbol_log_ratios(posterior) / 2).tanh(), means)


def test_words_are_counted_after_decoding():
    truth = FadingMemory(n_blocks=2, n_symbols=192, code="ldpc_96_48")
    x, s = truth.draw(4, "test", 0)
    estimate = 0.2 * s
    estimate[1, :, ::96] *= -1  # one error a word, which the code corrects
    estimate[2, 1, 96:] *= -1  # one word of four is another
    estimate[3, 0, 0] = np.nan
    found = decoded_word_error_rate(estimate, Split(x, s), truth)
    assert found.tolist() == [0.0, 0.0, 0.25, 0.25]


# --- steps ---


def test_a_code_is_needed():
    for method in (OnlineViterbinet, MetaViterbinet):
        with pytest.raises(ValueError, match="code is null: steps are taken on decoded words"):
            method(TRUTH.believed(code=None), steps_on="decoded")


def test_what_is_decoded_has_fewer_errors_than_what_is_decided():
    truth = TRUTH.believed(snr_db=3.0, drifts=False)
    x, s = tensors(truth, 20)
    method = online(truth)
    seen = method.log_likelihood(x)[:, 0]
    words, hold = method.decoded(seen)
    decided = method.decided(guarded(seen, 4))[:, :96]
    assert 0.5 < hold.double().mean() < 1
    assert method.graph.allows(words[hold]).all() and not method.graph.allows(words[~hold]).any()
    assert (words != s[:, 0]).sum() < 0.5 * (decided != s[:, 0]).sum()


def test_without_errors_steps_are_those_on_the_true_symbols():
    x, s = tensors(TRUTH, 4)
    method = online()
    weights, expected = own_weights.weights_of(method.network, 4), []
    received = method.looked_at(x)
    for block in range(3):
        expected.append(own_weights.log_probabilities(weights, received[:, block]))
        states = states_of(s[:, block], 4)
        weights = own_weights.after_adam(weights, received[:, block], states, 2, 1e-4)
    assert torch.equal(method.log_likelihood(x), torch.stack(expected, 1))
    assert not torch.equal(expected[1], online(n_steps=0).log_likelihood(x)[:, 1])


@pytest.mark.parametrize("build", [online, meta])
def test_rows_whose_checks_fail_keep_their_weights(build):
    x, _ = tensors(TRUTH, 2)
    x[1, 0, :, 15:] = torch.randn(x[1, 0, :, 15:].shape, generator=torch.Generator().manual_seed(0))
    method = build()
    seen = method.log_likelihood(x)
    assert method.decoded(seen[:, 0])[1].tolist() == [True, False]
    assert method.decoded(seen[:, 1])[1].tolist() == [True, True]
    # What the row began with: the learned weights, or those after the first block's pilots.
    weights = own_weights.weights_of(method.network, 2)
    if build is meta:
        weights = method._stepped(*method.pilots(x[:, 0]))
    kept = own_weights.log_probabilities(weights, method.looked_at(x[:, 1]))
    assert torch.equal(seen[1, 1], kept[1])
    assert not torch.equal(seen[0, 1], kept[0])
    again = own_weights.log_probabilities(weights, method.looked_at(x[:, 2]))
    assert not torch.equal(seen[1, 2], again[1])


def test_without_errors_it_operates_as_it_was_learned():
    """Learned from true symbols of the block before, at work with those that it decoded."""
    split = tensors(TRUTH, 4)
    method = meta()
    assert method.loss_on(split) == pytest.approx(method.loss(*split).item(), rel=1e-10)
    assert method.loss_on(split) != pytest.approx(meta(n_steps=0).loss_on(split), rel=1e-6)


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_the_gradient_is_that_after_steps_on_the_block_before(n_blocks):
    truth = TRUTH.believed(n_blocks=n_blocks, snr_db=8.0)
    x, s = tensors(truth, 2)
    method = MetaViterbinet(truth, steps_on="decoded", n_steps=3, hidden_widths=(5,))
    train = Split(*map(torch.as_tensor, TRUTH.draw(2, "train", 0)))
    method.initialize(train, torch.Generator().manual_seed(0))
    method.loss(x, s).backward()
    pilots, data = x[:, :, 0, :15], x[:, :, 0, 15:]
    expected = [torch.zeros_like(p) for p in method.network.parameters()]
    for row, block in np.ndindex(2, n_blocks):
        known = (
            (data[row, block - 1], s[row, block - 1])
            if block
            else (pilots[row, 0], torch.as_tensor(truth.pilots))
        )
        network = torch.nn.Sequential(
            torch.nn.Linear(1, 5), torch.nn.Sigmoid(), torch.nn.Linear(5, 16)
        ).double()
        parameters = [network[0].weight, network[2].weight, network[0].bias, network[2].bias]
        with torch.no_grad():
            for mine, its in zip(parameters, method.network.parameters(), strict=True):
                mine.copy_(its[0].mT if mine.ndim == 2 else its[0])
        steps = torch.optim.SGD(parameters, lr=0.5)
        for values, symbols in [known] * 3 + [(data[row, block], s[row, block])]:
            steps.step()  # on what came before: at first nothing
            steps.zero_grad()
            states = states_of(symbols, 4)
            torch.nn.functional.cross_entropy(network(values[:, None]), states).backward()
        for total, mine in zip(expected, parameters, strict=True):
            total += (mine.grad.mT if mine.ndim == 2 else mine.grad) / 2
    for its, value in zip(method.network.parameters(), expected, strict=True):
        torch.testing.assert_close(its.grad, value, rtol=1e-8, atol=1e-10)
