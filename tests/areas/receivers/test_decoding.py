"""Decoders against all words of short codes, and error rates against closed forms."""

import itertools

import numpy as np
import pytest
import torch
from gradients import assert_slopes_are_those_of_differences
from scipy.special import ndtr
from scipy.stats import norm

from mbdl_repro.areas.receivers.bounds import nearest_word, uncoded
from mbdl_repro.areas.receivers.decoding.binary import reduced
from mbdl_repro.areas.receivers.decoding.codes import linear_code
from mbdl_repro.areas.receivers.decoding.messages import min_sum, sum_product
from mbdl_repro.areas.receivers.decoding.reliability import ordered_statistics, reduced_around
from mbdl_repro.areas.receivers.methods.belief_propagation import BeliefPropagation
from mbdl_repro.areas.receivers.methods.hard_decision import HardDecision
from mbdl_repro.areas.receivers.methods.neural_belief_propagation import NeuralBeliefPropagation
from mbdl_repro.areas.receivers.methods.ordered_statistics import OrderedStatistics
from mbdl_repro.areas.receivers.methods.syndrome_network import SyndromeNetwork
from mbdl_repro.areas.receivers.metrics import bit_error_rate, bit_errors, word_error_rate
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe

TREE = ((1, 1, 1, 0, 0, 0, 0), (0, 0, 1, 1, 0, 0, 0), (0, 0, 0, 1, 1, 1, 0), (1, 0, 0, 0, 0, 0, 1))
"""Checks of three bits and of two, without a cycle."""
SIMPLEX = tuple(map(tuple, linear_code("hamming_7_4").G.tolist()))
"""The dual of the Hamming code: three message bits, all words seven apart by four."""


def all_words(code):
    G = linear_code(code).G.astype(int)
    messages = np.array(list(itertools.product([0, 1], repeat=len(G))))
    return 1 - 2 * (messages @ G % 2)


@pytest.mark.parametrize("method", [BeliefPropagation, OrderedStatistics])
def test_words_of_another_length_are_refused(method):
    with pytest.raises(ValueError, match=r"\(5, 15\): should be \(n, 7\)"):
        method(CodedWords(code="hamming_7_4")).estimate(np.zeros((5, 15)))


# --- belief propagation ---


def test_without_cycles_belief_propagation_has_the_exact_means():
    truth = CodedWords(code=TREE, ebn0_db=-1.0)
    x, words = truth.draw(200, "test").x, all_words(TREE)
    log_likelihood = x @ words.T / truth.noise_std**2
    weights = np.exp(log_likelihood - log_likelihood.max(1, keepdims=True))
    expected = weights @ words / weights.sum(1, keepdims=True)
    decoder = BeliefPropagation(truth, iterations=6, llr_clip=30.0)
    np.testing.assert_allclose(decoder.estimate(x), expected, atol=1e-10)
    cyclic = CodedWords(code="hamming_7_4", ebn0_db=-1.0)
    assert np.abs(BeliefPropagation(cyclic).estimate(x) - expected).max() > 0.1


def sum_product_by_loops(v):
    """Of one check and one word, by the probability that an even number of others is 1."""
    found = []
    for i in range(len(v)):
        even = 1.0
        for other in np.delete(v, i):
            p = 1 / (1 + np.exp(other))  # of a 1
            even = even * (1 - p) + (1 - even) * p
        found.append(np.log(even / (1 - even)))
    return found


def min_sum_by_loops(v):
    others = [np.delete(v, i) for i in range(len(v))]
    return [np.prod(np.where(o < 0, -1, 1)) * np.abs(o).min() for o in others]


@pytest.mark.parametrize(
    ("rule", "by_loops"), [(sum_product, sum_product_by_loops), (min_sum, min_sum_by_loops)]
)
def test_checks_conclude_what_the_others_say(rule, by_loops):
    v = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    v[0, 1, 2] = 0.0  # of which nothing is known
    missing = torch.zeros(3, 4, 1, dtype=torch.bool)
    missing[2, 3] = True
    found = rule(v, 30.0, missing)
    for m, d in ((0, 4), (1, 4), (2, 3)):
        for n in range(5):
            expected = by_loops(v[m, :d, n].numpy())
            np.testing.assert_allclose(found[m, :d, n], expected, atol=1e-10)


@pytest.mark.parametrize("rule", [sum_product, min_sum])
def test_gradients_of_checks_are_those_of_differences(rule):
    rng = torch.Generator().manual_seed(1)
    module = torch.nn.Module()
    module.v = torch.nn.Parameter(torch.randn(3, 5, 4, generator=rng, dtype=torch.float64) * 2)
    module.v.data[1, 2] = 9.0  # beyond the limit
    factors = torch.randn(3, 5, 4, generator=rng, dtype=torch.float64)
    assert_slopes_are_those_of_differences(
        module, lambda: (factors * rule(module.v, 8.0)).sum(), rng
    )


def test_single_precision_is_near_double_where_messages_are_large():
    v = torch.randn(2, 24, 500, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    v = (v * 8).sign() * (v.abs() * 8 + 3)
    single = sum_product(v.float(), 20.0)
    assert torch.isfinite(single).all()
    torch.testing.assert_close(single.double(), sum_product(v, 20.0), rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("rule", ["sum_product", "min_sum"])
@pytest.mark.parametrize("weighted", ["checks", "bits"])
@pytest.mark.parametrize("weights", ["one", "per_iteration", "per_edge", "per_edge_and_iteration"])
def test_weights_of_one_are_plain_belief_propagation(rule, weighted, weights):
    truth = CodedWords(code="bch_15_7", ebn0_db=2.0)
    x = truth.draw(50, "test").x
    kind = {"rule": rule, "weighted": weighted, "iterations": 4}
    learned = NeuralBeliefPropagation(truth, weights=weights, **kind)
    assert torch.equal(learned.w, torch.ones_like(learned.w))
    plain = BeliefPropagation(truth, **kind).estimate(x)
    np.testing.assert_allclose(learned.estimate(x), plain, atol=1e-13)
    count = {"one": 1, "per_iteration": 4, "per_edge": 32, "per_edge_and_iteration": 128}
    assert learned.w.numel() == count[weights]


@pytest.mark.parametrize("code", ["bch_63_45", TREE])
@pytest.mark.parametrize("weighted", ["checks", "bits"])
def test_gradients_reach_every_weight_and_no_other(code, weighted):
    truth = CodedWords(code=code, ebn0_db=1.0)
    x, s = map(torch.tensor, truth.draw(300, "test"))
    learned = NeuralBeliefPropagation(
        truth, weights="per_edge_and_iteration", weighted=weighted, iterations=3
    )
    learned.loss(x, s).backward()
    assert learned.w.numel() == 3 * linear_code(code).H.sum()
    assert (learned.w.grad != 0).all()


def test_training_lowers_the_loss_below_that_of_the_best_scale():
    truth = CodedWords(code="bch_15_7", ebn0_db=2.0)
    train, validation = truth.draw(2000, "train"), truth.draw(2000, "validation")
    x, s = map(torch.tensor, validation)
    scales = [0.3, 0.5, 0.7, 0.9, 1.0]
    losses = [BeliefPropagation(truth, scale=w).loss_on(Split(x, s)) for w in scales]
    learned = NeuralBeliefPropagation(truth, weights="one")
    learned.fit(train, validation, Recipe(learning_rate=0.05, steps=60, batch_size=500))
    assert learned.loss_on(Split(x, s)) < min(losses) + 1e-3
    assert abs(learned.w.item() - scales[int(np.argmin(losses))]) < 0.2


# --- symmetry ---


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        (BeliefPropagation, {"scale": 0.8}),
        (BeliefPropagation, {"rule": "min_sum"}),
        (NeuralBeliefPropagation, {"weighted": "bits"}),
        (OrderedStatistics, {"order": 1}),
        (SyndromeNetwork, {"hidden_widths": (20,)}),
        (HardDecision, {}),
    ],
)
def test_errors_are_those_of_the_word_of_zeros(method, settings):
    """Flipped with the word that was sent, the same noise has the same answer, flipped."""
    truth = CodedWords(code="bch_63_45", ebn0_db=2.0)
    x, s = truth.draw(200, "test")
    decoder = method(truth, **settings)
    if isinstance(decoder, SyndromeNetwork):
        decoder.initialize(Split(x, s), torch.Generator().manual_seed(0))
    of_zeros = decoder.estimate(x * s)
    np.testing.assert_allclose(decoder.estimate(x), of_zeros * s, atol=1e-9)
    assert (np.sign(of_zeros) != 1).any()


def test_a_network_that_sees_values_has_no_such_symmetry():
    truth = CodedWords(code="bch_63_45", ebn0_db=2.0)
    x, s = truth.draw(20, "test")
    black = SyndromeNetwork(truth, hidden_widths=(20,), sees="values")
    black.initialize(Split(x, s), torch.Generator().manual_seed(0))
    assert np.abs(black.estimate(x) - black.estimate(x * s) * s).max() > 1e-3


# --- ordered statistics ---


def test_with_as_many_flips_as_message_bits_it_is_maximum_likelihood():
    truth = CodedWords(code=SIMPLEX, ebn0_db=0.0)
    x, words = truth.draw(500, "test").x, all_words(SIMPLEX)
    found = OrderedStatistics(truth, order=3).estimate(x)
    np.testing.assert_array_equal(found, words[(x @ words.T).argmax(1)])


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_each_order_is_the_best_of_its_words(order):
    """By all words that differ in so many of the most reliable independent bits."""
    truth = CodedWords(code="bch_15_7", ebn0_db=0.0)
    x, words = truth.draw(60, "test").x, all_words("bch_15_7")
    G = linear_code("bch_15_7").G
    found = ordered_statistics(torch.tensor(x), torch.tensor(G), order).numpy()
    for row, answer in zip(x, found):
        basis = []
        for j in np.argsort(-np.abs(row)):
            if len(reduced(G[:, [*basis, j]])[0]) > len(basis):
                basis.append(j)
        near = words[(words[:, basis] != np.sign(row[basis])).sum(1) <= order]
        np.testing.assert_array_equal(answer, near[(near @ row).argmax()])


def test_reduced_generators_make_the_same_words():
    G = torch.tensor(linear_code("bch_15_7").G)
    order = torch.stack(
        [torch.randperm(15, generator=torch.Generator().manual_seed(i)) for i in (0, 1)]
    )
    given = G[:, order].movedim(1, 0)
    made, own = reduced_around(given)
    for before, after, columns in zip(given.numpy(), made.numpy(), own.numpy()):
        np.testing.assert_array_equal(after[:, columns], np.eye(7))
        np.testing.assert_array_equal(reduced(before)[0], reduced(after)[0])


def test_a_higher_order_finds_no_less_likely_word():
    truth = CodedWords(code="bch_63_45", ebn0_db=1.0)
    x, _ = truth.draw(100, "test")
    likelihoods = [
        (x * OrderedStatistics(truth, order=order).estimate(x)).sum(1) for order in (0, 1, 2)
    ]
    assert all((a <= b + 1e-9).all() for a, b in itertools.pairwise(likelihoods))
    assert (likelihoods[0] < likelihoods[2]).any()


# --- error rates ---


def test_hard_decisions_err_as_signs_in_noise_do():
    truth = CodedWords(ebn0_db=3.0)
    x, s = truth.draw(4000, "test")
    rate = np.mean(HardDecision(truth).estimate(x) != s)
    expected = norm.sf(np.sqrt(2 * 45 / 63 * 10**0.3))
    assert truth.hard_error_rate == pytest.approx(expected, rel=1e-12)
    assert abs(rate - expected) < 4 * np.sqrt(expected / x.size)


def test_without_a_code_the_error_is_that_of_bpsk():
    """Values of tables; and simulated, with a code that is none: one check of a bit of its own."""
    for ebn0_db, value in ((0.0, 0.0786), (4.0, 0.0125), (8.0, 1.909e-4), (10.0, 3.87e-6)):
        assert uncoded(CodedWords(ebn0_db=ebn0_db)) == pytest.approx(value, rel=1e-3)
    truth = CodedWords(code=((0, 0, 0, 0, 1),), ebn0_db=2.0)
    x, s = truth.draw(20_000, "test")
    rate = np.mean(np.sign(x[:, :4]) != s[:, :4])
    # Its energy is that of five symbols for four bits.
    expected = ndtr(-np.sqrt(2 * 4 / 5 * 10**0.2))
    assert abs(rate - expected) < 4 * np.sqrt(expected / 80_000)
    assert uncoded(truth) < expected


def test_the_nearest_word_is_what_one_errs_by_who_chooses_among_two():
    truth = CodedWords(code="hamming_7_4", ebn0_db=1.0)
    x, s = truth.draw(40_000, "test")
    words = all_words("hamming_7_4")
    light = words[((words < 0).sum(1) == 3) & (words[:, 0] < 0)][0]
    other = s * light
    wrong = (x * other).sum(1) > (x * s).sum(1)
    expected = nearest_word(truth)
    assert abs(wrong.mean() - expected) < 4 * np.sqrt(expected / len(x))
    best = words[(x @ words.T).argmax(1)]
    assert np.mean(best != s) > expected


def test_error_rates_count_bits_and_words():
    truth = CodedWords(code="hamming_7_4")
    s = truth.draw(3, "test").s
    estimate = 0.3 * s
    estimate[1, :2] *= -1
    estimate[2, 0] = np.nan
    split = Split(s, s)
    np.testing.assert_allclose(bit_error_rate(estimate, split, truth), [0, 2 / 7, 1 / 7])
    np.testing.assert_allclose(bit_errors(estimate, split, truth), [0, 2, 1])
    np.testing.assert_array_equal(word_error_rate(estimate, split, truth), [0, 1, 1])
