"""Intervals and verdicts, against scipy.stats and against their promised error rates."""

import math
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import scipy.stats

from mbdl_repro.statistics.comparisons import combine, compare
from mbdl_repro.statistics.crossings import first_crossing
from mbdl_repro.statistics.false_discoveries import q_values
from mbdl_repro.statistics.intervals import mean_interval


def draws(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def rate(events):
    """Share of true events, of enough trials that the tests' bands are about 4 standard errors."""
    events = list(events)
    assert len(events) >= 1000
    return np.mean(events)


# --- intervals ---


@pytest.mark.parametrize("n", [2, 3, 5, 100])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_interval_is_that_of_students_t_test(n, level):
    values = 3 + 2 * draws(n, seed=n)
    interval = mean_interval(values, level=level)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(level)
    assert (interval.low, interval.high) == pytest.approx(tuple(expected), rel=1e-12)
    assert interval.mean == pytest.approx(values.mean())
    assert interval.n == n


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_one_seed_has_the_normal_interval_of_its_standard_error(level):
    interval = mean_interval([3.0], [0.2], level)
    expected = scipy.stats.norm.interval(level, loc=3, scale=0.2)
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-12)
    assert (interval.mean, interval.n) == (3, 1)


def test_one_seed_without_standard_error_has_no_interval():
    interval = mean_interval([3.0])
    assert interval.mean == 3
    assert math.isnan(interval.low) and math.isnan(interval.high)


def test_standard_errors_do_not_widen_what_the_seeds_already_show():
    values = draws(5)
    assert mean_interval(values, np.ones(5)) == mean_interval(values)


@pytest.mark.parametrize("value", [0.1, -7.3, 0.0])
def test_equal_values_have_zero_width(value):
    # Three times 0.1 has a mean that differs from 0.1 in the last bit.
    interval = mean_interval([value] * 3)
    assert (interval.low, interval.mean, interval.high) == (value, value, value)


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([1, math.nan, 2], math.nan),
        ([math.nan], math.nan),
        ([1, math.inf], math.inf),
        ([-math.inf] * 2, -math.inf),
        ([math.inf, -math.inf], math.nan),
    ],
)
def test_what_is_not_finite_is_not_dropped(values, mean):
    interval = mean_interval(values, 0.1)
    assert interval.mean == pytest.approx(mean, nan_ok=True)
    assert math.isnan(interval.low) and math.isnan(interval.high)
    assert interval.n == len(values)


@pytest.mark.parametrize("n", [3, 5, 100])
def test_coverage_of_normal_data(n):
    intervals = [mean_interval(values) for values in 1 + draws(4000, n, seed=n)]
    assert 0.936 < rate(i.low <= 1 <= i.high for i in intervals) < 0.964


def test_coverage_of_mildly_skewed_data():
    values = np.random.default_rng(1).gamma(4, size=(4000, 100))  # skewness 1
    intervals = [mean_interval(v) for v in values]
    assert 0.93 < rate(i.low <= 4 <= i.high for i in intervals) < 0.97


# --- comparisons ---


@pytest.mark.parametrize("factor", [1, 0.5])
@pytest.mark.parametrize("level", [0.9, 0.99])
def test_difference_is_that_of_the_paired_t_test(factor, level):
    left, right = draws(2, 7)
    comparison = compare(left, right, "below", factor=factor, level=level)
    expected = scipy.stats.ttest_rel(left, factor * right).confidence_interval(level)
    assert (comparison.low, comparison.high) == pytest.approx(tuple(expected), rel=1e-12)
    assert comparison.left == pytest.approx(left.mean())
    assert comparison.right == pytest.approx(right.mean())
    assert comparison.effect == pytest.approx((left - factor * right).mean())


def test_a_number_stands_for_all_seeds():
    left = draws(5)
    assert compare(left, 0.3, "below") == compare(left, np.full(5, 0.3), "below")


@pytest.mark.parametrize(
    ("relation", "tolerance", "verdicts"),
    [
        # The left side is centred at -2, -0.5, 0, 0.5, 2. Its interval is ±1, and that which
        # equivalence asks for ±0.68.
        ("below", None, ["holds", "undecided", "undecided", "undecided", "fails"]),
        ("above", None, ["fails", "undecided", "undecided", "undecided", "holds"]),
        ("within", 1.6, ["undecided", "holds", "holds", "holds", "undecided"]),
        ("within", 0.9, ["fails", "undecided", "holds", "undecided", "fails"]),
        ("within", 1.2, ["undecided", "holds", "holds", "holds", "undecided"]),
        ("within", 0.0, ["fails", "undecided", "undecided", "undecided", "fails"]),
        ("reaches", 1.6, ["holds", "holds", "holds", "holds", "undecided"]),
        ("reaches", 0.9, ["surpassed", "holds", "undecided", "undecided", "fails"]),
        ("reaches", 0.0, ["surpassed", "undecided", "undecided", "undecided", "fails"]),
    ],
)
def test_verdicts_follow_the_interval(relation, tolerance, verdicts):
    spread = np.array([-1, 0, 1]) / scipy.stats.t.ppf(0.975, 2) * math.sqrt(3)
    centres = [-2, -0.5, 0, 0.5, 2]
    found = [compare(spread + c + 3, 3.0, relation, tolerance=tolerance) for c in centres]
    assert [f.verdict for f in found] == verdicts
    assert [f.low for f in found] == pytest.approx([c - 1 for c in centres])
    # The margin says the same: beyond 1 half-width (here 1) on either side of the edge.
    sides = ["holds" if f.margin > 1 else "fails" if f.margin < -1 else "undecided" for f in found]
    assert sides == ["holds" if v == "surpassed" else v for v in verdicts]


def test_smaller_and_larger_are_mirror_images():
    for left in draws(50, 4) + np.linspace(-2, 2, 50)[:, None]:
        smaller, larger = compare(left, 0.0, "below"), compare(-left, 0.0, "above")
        assert (smaller.verdict, smaller.margin) == (larger.verdict, pytest.approx(larger.margin))


def test_one_seed_adds_both_standard_errors():
    z = scipy.stats.norm.ppf(0.975)
    comparison = compare([5.0], [3.0], "above", factor=0.5, standard_errors=([0.4], [0.2]))
    assert comparison.effect == 3.5
    assert comparison.high - comparison.effect == pytest.approx(z * (0.4 + 0.5 * 0.2))
    number = compare([5.0], 3.0, "above", standard_errors=([0.4], 0))
    assert number.high - number.effect == pytest.approx(z * 0.4)


@pytest.mark.parametrize("correlation", [-1, 0, 1])
def test_one_seed_covers_whatever_the_correlation(correlation):
    first, other = draws(2, 2500)
    right = correlation * first + math.sqrt(1 - correlation**2) * other
    found = [compare([x], [y], "below", standard_errors=(1, 1)) for x, y in zip(first, right)]
    assert rate(c.low <= 0 <= c.high for c in found) > 0.932


def test_one_seed_without_standard_errors_is_undecided():
    comparison = compare([1.0], [9.0], "below")
    assert (comparison.verdict, comparison.effect, comparison.margin) == ("undecided", -8, 0)
    assert math.isnan(comparison.low) and math.isnan(comparison.high)


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize(
    ("left", "relation", "right", "tolerance", "verdict", "margin"),
    [
        (0.1, "below", 0.2, None, "holds", math.inf),
        (0.2, "below", 0.1, None, "fails", -math.inf),
        (0.1, "below", 0.1, None, "fails", 0),
        (0.1, "above", 0.1, None, "fails", 0),
        (0.2, "above", 0.1, None, "holds", math.inf),
        (0.1, "within", 0.1, 0.0, "holds", 0),
        (0.5, "within", 0.25, 0.25, "holds", 0),
        (0.5, "within", 0.25, 0.125, "fails", -math.inf),
        (0.1, "reaches", 0.1, 0.0, "holds", 0),
        (0.1, "reaches", 0.5, 0.0, "surpassed", math.inf),
        (0.1, "reaches", 0.5, 0.5, "holds", math.inf),
        (0.5, "reaches", 0.25, 0.125, "fails", -math.inf),
    ],
)
def test_what_is_not_random_is_compared_exactly(
    n, left, relation, right, tolerance, verdict, margin
):
    for other in (right, [right] * n):
        options = {"tolerance": tolerance, "standard_errors": (0, 0)}
        comparison = compare([left] * n, other, relation, **options)
        assert (comparison.verdict, comparison.margin) == (verdict, margin)


def test_equal_results_of_random_methods_are_no_proof_of_equality():
    # Both found all of few targets: their error rates may still differ.
    assert compare([1.0] * 3, [1.0] * 3, "below", standard_errors=(0.1, 0.1)).verdict == "undecided"
    values = draws(3)
    assert compare(values, values, "below").verdict == "undecided"
    assert compare(values, values, "within", tolerance=0).verdict == "holds"


@pytest.mark.parametrize("relation", ["below", "above", "within", "reaches"])
@pytest.mark.parametrize(
    ("left", "right"),
    [([1, math.nan], [5, 6]), ([1, 2], math.nan), ([math.inf] * 2, [math.inf] * 2)],
)
def test_what_is_not_finite_is_undecided(left, right, relation):
    tolerance = 1.0 if relation in ("within", "reaches") else None
    comparison = compare(left, right, relation, tolerance=tolerance, standard_errors=(0, 0))
    assert comparison.verdict == "undecided"
    assert math.isnan(comparison.effect)
    assert comparison.margin == 0


def test_unknown_standard_error_is_undecided():
    assert compare([1.0], [2.0], "below", standard_errors=(math.nan, 0)).verdict == "undecided"


@pytest.mark.parametrize(
    ("relation", "tolerance", "true_difference"),
    [
        ("below", None, 0),
        ("above", None, 0),
        ("within", 3.0, 3.0),
        ("within", 3.0, -3.0),
        ("reaches", 3.0, 3.0),
    ],
)
@pytest.mark.parametrize("n", [3, 10])
def test_at_the_edge_either_verdict_is_wrong_half_of_alpha(relation, tolerance, true_difference, n):
    left, right = draws(2, 2500, n, seed=n)
    judge = partial(compare, relation=relation, tolerance=tolerance, level=0.9)
    verdicts = [judge(x + true_difference, y).verdict for x, y in zip(left, right)]
    # Equivalence may hold by chance in 10 %, and does less often for n = 3: intervals wider than
    # ±3 cannot hold.
    low, high = {("within", 3): (0.0, 0.124), ("within", 10): (0.076, 0.124)}.get(
        (relation, n), (0.032, 0.068)
    )
    held = ("holds", "surpassed")
    assert low < rate(v in held for v in verdicts) < high
    assert 0.032 < rate(v == "fails" for v in verdicts) < 0.068


@pytest.mark.parametrize(
    ("relation", "tolerance", "true_difference", "verdict"),
    [
        ("below", None, -1, "holds"),
        ("below", None, 1, "fails"),
        ("above", None, 1, "holds"),
        ("within", 1, 0, "holds"),
        ("within", 1, 2, "fails"),
        ("reaches", 1, 0, "holds"),
        ("reaches", 1, 2, "fails"),
    ],
)
def test_power_is_that_of_the_t_test(relation, tolerance, true_difference, verdict):
    n = 10
    found = [
        compare(values + true_difference, 0.0, relation, tolerance=tolerance).verdict == verdict
        for values in draws(1000, n)
    ]
    equivalence = verdict == "holds" and relation == "within"
    critical = scipy.stats.t.ppf(0.95 if equivalence else 0.975, n - 1)
    power = scipy.stats.nct.sf(critical, n - 1, math.sqrt(n))  # one standard deviation away
    if equivalence:
        power = 1 - 2 * (1 - power)  # neither end of the interval may leave the tolerance
    assert rate(found) == pytest.approx(power, abs=4 * math.sqrt(power * (1 - power) / 1000))


def test_pairing_removes_what_the_methods_share():
    shared = 10 * draws(1000, 5, seed=1)
    left, right = draws(2, 1000, 5, seed=2)
    left, right = left + shared - 3, right + shared
    paired = rate(compare(x, y, "below").verdict == "holds" for x, y in zip(left, right))
    shuffled = rate(compare(x, y[::-1], "below").verdict == "holds" for x, y in zip(left, right))
    assert paired > 0.8
    assert shuffled < 0.2


# --- ratios of positive errors, and decibels ---


def errors_of(n, seed=0):
    return np.exp(draws(n, seed=seed))


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_of_positive_errors_is_that_of_the_logarithm_of_their_mean(level):
    values = errors_of(7)
    interval = mean_interval(values, level=level, scale="ratio")
    plain = mean_interval(values, level=level)
    half = (plain.high - plain.mean) / plain.mean  # d log m = dm / m
    expected = (plain.mean * math.exp(-half), plain.mean, plain.mean * math.exp(half))
    assert (interval.low, interval.mean, interval.high) == pytest.approx(expected, rel=1e-12)


def test_no_interval_of_positive_errors_reaches_below_zero():
    values = [0.1, 0.1, 5.0]
    assert mean_interval(values).low < 0 < mean_interval(values, scale="ratio").low


def test_errors_of_zero_have_the_interval_of_differences():
    assert mean_interval([0.0, 0.0], scale="ratio") == mean_interval([0.0, 0.0])
    with_one = mean_interval([0.0, 1.0, 2.0], scale="ratio")
    assert 0 < with_one.low < with_one.mean == 1


def test_decibels_are_averaged_as_the_ratios_that_they_stand_for():
    ratios = errors_of(6)
    in_db = mean_interval(10 * np.log10(ratios), scale="decibels")
    linear = mean_interval(ratios, scale="ratio")
    for side in ("low", "mean", "high"):
        assert getattr(in_db, side) == pytest.approx(10 * math.log10(getattr(linear, side)))


def test_one_seed_in_decibels_has_the_interval_of_its_standard_error():
    interval = mean_interval([-20.0], [0.3], scale="decibels")
    expected = scipy.stats.norm.interval(0.95, loc=-20, scale=0.3)
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-9)


def test_two_positive_errors_compare_by_the_ratio_of_their_means():
    left, right = errors_of(8, 1), errors_of(8, 2)
    found = compare(left, right, "below", scale="ratio", factor=0.5)
    assert found.effect == pytest.approx(left.mean() / (0.5 * right.mean()))
    assert found.effect_is == "ratio"
    residuals = left / left.mean() - right / right.mean()
    half = scipy.stats.t.ppf(0.975, 7) * scipy.stats.sem(residuals)
    assert math.log(found.high / found.effect) == pytest.approx(half)
    assert math.log(found.effect / found.low) == pytest.approx(half)
    in_db = compare(10 * np.log10(left), 10 * np.log10(right), "below", scale="decibels")
    assert in_db.effect == pytest.approx(10 * math.log10(left.mean() / right.mean()))
    assert in_db.high - in_db.effect == pytest.approx(10 / math.log(10) * half)
    assert in_db.effect_is == "difference"


def test_an_offset_in_decibels_is_a_factor():
    left, right = errors_of(8, 1), errors_of(8, 2)
    by_factor = compare(left, right, "above", scale="ratio", factor=2.0)
    in_db = [10 * np.log10(side) for side in (left, right)]
    by_offset = compare(*in_db, "above", scale="decibels", offset=10 * math.log10(2))
    assert by_offset.margin == pytest.approx(by_factor.margin)
    assert by_offset.p == pytest.approx(by_factor.p)


def test_tolerances_and_offsets_of_positive_errors_are_in_their_unit():
    left, right = errors_of(8, 1), errors_of(8, 2)
    for options in ({"relation": "within", "tolerance": 0.5}, {"relation": "below", "offset": 0.1}):
        plain = compare(left, right, **options)
        assert compare(left, right, scale="ratio", **options) == plain
        assert plain.effect_is == "difference"


def test_a_few_lost_tracks_do_not_bias_a_mean_in_decibels():
    """Two of a hundred trajectories lost, 200 test signals a seed, means over 20 seeds."""
    rng = np.random.default_rng(1)
    lost = rng.random((1500, 20, 200)) < 0.02
    seeds = 10 * np.log10(np.where(lost, 1000.0, 1.0).mean(-1))
    truth = 10 * math.log10(0.02 * 1000 + 0.98)
    covered = [mean_interval(v, scale="decibels") for v in seeds]
    naive = [mean_interval(v) for v in seeds]
    assert rate(i.low <= truth <= i.high for i in covered) > 0.93
    assert rate(i.low <= truth <= i.high for i in naive) < 0.91


LAWS = {
    "normal": (lambda rng, shape: 1 + 0.2 * rng.normal(size=shape), 1.0),
    "log-normal": (lambda rng, shape: rng.lognormal(0, 0.5, size=shape), math.exp(0.125)),
    "one in four is five times worse": (
        lambda rng, shape: (
            np.where(rng.random(shape) < 0.25, 5.0, 1.0) * rng.lognormal(0, 0.1, shape)
        ),
        2.0 * math.exp(0.005),
    ),
    "heavy tails": (lambda rng, shape: 1 + 0.2 * rng.standard_t(3, size=shape), 1.0),
}
LEAST = {  # what is covered of 95 %, with 5 and with 10 seeds
    "normal": (0.93, 0.93),
    "log-normal": (0.90, 0.91),
    "one in four is five times worse": (0.70, 0.90),
    "heavy tails": (0.93, 0.93),
}


@pytest.mark.parametrize("law", LAWS)
def test_coverage_of_positive_errors(law):
    draw, mean = LAWS[law]
    for n, least in zip((5, 10), LEAST[law]):
        values = np.abs(draw(np.random.default_rng(n), (3000, n)))
        covered = [mean_interval(v, scale="ratio") for v in values]
        plain = [mean_interval(v) for v in values]
        share = rate(i.low <= mean <= i.high for i in covered)
        assert least < share < 0.985
        assert share > rate(i.low <= mean <= i.high for i in plain) - 0.025


# --- test signals in groups ---


def without_groups(values, statistic=np.mean, groups=10):
    """The statistic of the values (n, N) without every tenth of them, from each first one on."""
    places = np.arange(values.shape[1]) % groups
    return np.stack([statistic(values[:, places != g], axis=1) for g in range(groups)], 1)


def test_the_groups_of_a_mean_are_its_group_means():
    values = draws(3, 200)
    interval = mean_interval(values.mean(1), without=without_groups(values))
    of_groups = values.reshape(3, 20, 10).mean(1).ravel()
    expected = mean_interval(of_groups)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert interval.n == 3


@pytest.mark.parametrize("statistic", [np.mean, np.median])
@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_coverage_over_test_signals(statistic, scale):
    values = np.random.default_rng(2).exponential(size=(1500, 3, 200))
    truth = 1.0 if statistic is np.mean else math.log(2)
    found = [
        mean_interval(statistic(v, axis=1), scale=scale, without=without_groups(v, statistic))
        for v in values
    ]
    assert 0.92 < rate(i.low <= truth <= i.high for i in found) < 0.98


def test_signals_that_both_sides_meet_are_paired():
    rng = np.random.default_rng(3)
    shared = rng.exponential(size=(1000, 3, 200))
    left, right = shared * 0.97, shared + 0.2 * rng.normal(size=shared.shape)
    verdicts = {"signals": [], "seeds": []}
    for x, y in zip(left, right):
        means = x.mean(1), y.mean(1)
        groups = without_groups(x), without_groups(y)
        verdicts["signals"].append(compare(*means, "below", scale="ratio", without=groups))
        verdicts["seeds"].append(compare(*means, "below", scale="ratio"))
    assert {one.over for one in verdicts["signals"]} == {"signals"}
    assert rate(one.verdict == "holds" for one in verdicts["signals"]) > 0.92
    assert rate(one.verdict == "holds" for one in verdicts["seeds"]) < 0.7


# --- p- and q-values ---


def test_p_values_are_those_of_the_t_test():
    left, right = draws(2, 9)
    expected = scipy.stats.ttest_rel(left, right).pvalue
    assert compare(left, right, "below").p == pytest.approx(expected)
    assert compare(left, right, "above").p == pytest.approx(expected)
    edge = scipy.stats.ttest_rel(left, right + 0.3).pvalue
    assert compare(left, right, "reaches", tolerance=0.3).p == pytest.approx(edge)


def test_p_of_equivalence_is_the_larger_of_two_one_sided_tests():
    values = draws(9) + 0.2
    one_sided = [
        scipy.stats.ttest_1samp(values, edge, alternative=side).pvalue
        for edge, side in ((-2.0, "greater"), (2.0, "less"))
    ]
    assert compare(values, 0.0, "within", tolerance=2.0).p == pytest.approx(max(one_sided))


@pytest.mark.parametrize("scale", ["difference", "ratio"])
@pytest.mark.parametrize("relation", ["below", "above", "within", "reaches"])
def test_what_is_decided_has_a_p_below_five_per_cent(relation, scale):
    tolerance = 0.6 if relation in ("within", "reaches") else None
    for values in np.exp(0.5 * draws(300, 5)):
        found = compare(values, 1.0, relation, tolerance=tolerance, scale=scale)
        assert (found.p < 0.05) == (found.verdict != "undecided")


def test_what_chance_does_not_decide_has_no_p():
    found = compare([0.1] * 3, 0.2, "below", standard_errors=(0, 0))
    assert (found.verdict, found.over) == ("holds", "nothing")
    assert math.isnan(found.p)


def test_p_of_several_places_is_the_largest_or_corrected():
    places = [partial(compare, values, 3.0, "below") for values in draws(4, 6)]
    combined = combine(places)
    assert combined.verdict == "holds"
    assert combined.p == max(place().p for place in places)
    worse = [partial(compare, values, -3.0, "below") for values in draws(4, 6)]
    failed = combine(worse)
    assert failed.verdict == "fails"
    assert failed.p == pytest.approx(4 * min(place().p for place in worse))


def test_q_values_are_those_of_scipy():
    p = np.random.default_rng(0).random(50) ** 3
    expected = scipy.stats.false_discovery_control(p)
    np.testing.assert_allclose(q_values(p), expected)
    with_gaps = np.insert(p, [3, 10], np.nan)
    np.testing.assert_allclose(q_values(with_gaps)[~np.isnan(with_gaps)], expected)
    assert np.isnan(q_values(with_gaps)[[3, 11]]).all()


# --- claims over several places ---

BETTER = partial(compare, [0.0, 1.0, 2.0], 10.0, "below")
WORSE = partial(compare, [20.0, 21.0, 22.0], 10.0, "below")
CLOSE = partial(compare, [8.0, 10.0, 11.0], 10.0, "below")
LARGER = partial(compare, [9.0, 10.0, 13.0], 10.0, "below")
EQUAL = partial(compare, [10.0], 10.0, "below", standard_errors=(0, 0))
UNKNOWN = partial(compare, [math.nan], 10.0, "below")


@pytest.mark.parametrize(
    ("places", "verdict", "decisive"),
    [
        ([BETTER], "holds", BETTER),
        ([BETTER, BETTER], "holds", BETTER),
        ([BETTER, CLOSE], "undecided", CLOSE),
        ([CLOSE, UNKNOWN], "undecided", UNKNOWN),
        ([BETTER, UNKNOWN, BETTER], "undecided", UNKNOWN),
        ([BETTER, CLOSE, WORSE], "fails", WORSE),
        ([WORSE, UNKNOWN], "fails", WORSE),
        ([LARGER, EQUAL], "fails", EQUAL),
    ],
)
def test_the_least_favourable_place_decides(places, verdict, decisive):
    combined = combine(places)
    assert combined.verdict == verdict
    assert (combined.left, combined.right) == pytest.approx(
        (decisive().left, decisive().right), nan_ok=True
    )


def test_least_favourable_is_relative_to_the_uncertainty():
    # The first place has the smaller difference, the second the weaker evidence.
    small = partial(compare, [0.99, 0.991, 0.992], 1.0, "below")
    large = partial(compare, [0.0, 20.0, 40.0], 100.0, "below")
    assert combine([small, large]).right == 100


def test_failure_is_judged_at_the_corrected_level_and_success_is_not():
    values = np.array([0.5, 1.5, 2.5, 3.5])  # p = 0.053, two-sided
    fails, holds = partial(compare, values, 0.0, "below"), partial(compare, values, 0.0, "above")
    assert combine([fails], level=0.9).verdict == "fails"
    assert combine([fails] * 2, level=0.9).verdict == "undecided"
    assert combine([fails] * 2, level=0.9).low == pytest.approx(fails(level=0.95).low)
    assert combine([holds] * 2, level=0.9) == holds(level=0.9)


def claims(true_differences, seed):
    """1000 claims "left < right" of as many places as there are differences, 5 seeds each."""
    for values in draws(1000, len(true_differences), 5, seed=seed):
        yield [partial(compare, v + d, 0.0, "below") for v, d in zip(values, true_differences)]


def test_error_rate_of_a_combined_failure():
    found = list(claims([0, 0, 0, 0], seed=3))
    combined = rate(combine(places, level=0.9).verdict == "fails" for places in found)
    naive = rate(any(p(level=0.9).verdict == "fails" for p in places) for places in found)
    assert 0.023 < combined < 0.077  # 1 - (1 - 0.1 / 4 / 2)^4 = 0.049
    assert naive > 0.15  # 1 - 0.95^4 = 0.185: the correction is needed


@pytest.mark.parametrize("true_differences", [[0, -50, -50, -50], [-50, 0]])
def test_error_rate_of_a_combined_success(true_differences):
    found = claims(true_differences, seed=4)
    combined = rate(combine(places, level=0.9).verdict == "holds" for places in found)
    assert 0.023 < combined < 0.077  # 0.05, as of one place: no correction is needed


# --- what is refused ---


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(mean_interval, []), r"values has shape \(0,\)"),
        (partial(mean_interval, [[1.0, 2.0]]), r"values has shape \(1, 2\)"),
        (partial(mean_interval, [1.0], level=0), r"level = 0: .*\(0, 1\)"),
        (partial(mean_interval, [1.0], level=95), r"level = 95: .*\(0, 1\)"),
        (partial(mean_interval, [1.0], level=math.nan), r"level = nan"),
        (partial(mean_interval, [1.0], [-0.5]), r"standard_errors = \[-0.5\].*>= 0"),
        (partial(mean_interval, [1.0, 2.0], [0.1] * 3), r"shape \(3,\): allowed are \(2,\)"),
        (partial(compare, [1.0], 2.0, "<="), r"relation = '<=': allowed are below, above, within"),
        (partial(compare, [1.0], 2.0, "below", level=1), r"level = 1: .*\(0, 1\)"),
        (partial(compare, [1.0], 2.0, "below", factor=0), r"factor = 0: .*> 0"),
        (partial(compare, [1.0], 2.0, "below", factor=-1), r"factor = -1: .*> 0"),
        (partial(compare, [1.0], 2.0, "below", factor=math.inf), r"factor = inf"),
        (partial(compare, [1.0], 2.0, "within"), r"tolerance = None: .*>= 0"),
        (partial(compare, [1.0], 2.0, "within", tolerance=-0.1), r"tolerance = -0.1: .*>= 0"),
        (partial(compare, [1.0], 2.0, "within", tolerance=math.nan), r"tolerance = nan: .*>= 0"),
        (partial(compare, [1.0], 2.0, "below", tolerance=0.1), r"tolerance = 0.1: .*None"),
        (partial(compare, 1.0, 2.0, "below"), r"left has shape \(\)"),
        (partial(compare, [1.0, 2.0], [1.0] * 3, "below"), r"2 values and right 3: .*same seeds"),
        (partial(compare, [1.0, 2.0], [1.0], "below"), r"2 values and right 1: .*one number"),
        (
            partial(compare, [1.0], 2.0, "below", standard_errors=[0.1]),
            r"allowed is \(of left, of r",
        ),
        (
            partial(compare, [1.0, 2.0], 2.0, "below", standard_errors=np.ones(2)),
            r"allowed is \(of left, of right\)",
        ),
        (
            partial(compare, [1.0], [2.0], "below", standard_errors=(0.1, -0.2)),
            r"standard_errors\[1\] = -0.2",
        ),
        (partial(combine, []), "places is empty"),
        (partial(combine, [BETTER], level=2), r"level = 2: .*\(0, 1\)"),
    ],
)
def test_refusals_name_the_value_and_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_scipy_stats_stays_out():
    code = (
        "import sys, mbdl_repro.statistics.intervals as s; assert 'scipy' not in sys.modules;"
        "s.mean_interval([1, 2]); assert 'scipy.special' in sys.modules;"
        "assert not {'scipy.stats', 'pandas', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- crossings ---


def test_straight_lines_over_log_x_cross_where_algebra_says():
    x = np.array([1.0, 3.0, 10.0, 100.0])
    slopes, starts = np.array([1.0, 2.0, 0.5]), np.array([-2.0, -3.0, -1.0])
    differences = starts + slopes * np.log(x)[:, None]
    np.testing.assert_allclose(first_crossing(x, differences), np.exp(-starts / slopes))


def test_the_first_rise_counts_and_ends_stand_for_what_lies_beyond():
    x = [1.0, 10.0, 100.0]
    back_and_forth, falls, never, always = [-1, 1, -1], [1, -1, -2], [-1, -2, -0.5], [1, 2, 3]
    differences = np.array([back_and_forth, falls, never, always], float).T
    np.testing.assert_allclose(first_crossing(x, differences), [np.sqrt(10), 1.0, 100.0, 1.0])


def test_a_crossing_at_a_point_is_that_point():
    np.testing.assert_allclose(first_crossing([2.0, 4.0, 8.0], [[-1.0], [0.0], [1.0]]), [4.0])
    np.testing.assert_allclose(first_crossing([2.0, 4.0], [[0.0], [1.0]]), [2.0])
    np.testing.assert_allclose(first_crossing([2.0, 4.0], [[-1.0], [0.0]]), [4.0])


def test_a_crossing_of_what_is_no_number_before_it_is_unknown():
    x, nan = [1.0, 10.0, 100.0, 1000.0], np.nan
    unknown = [[nan] * 4, [-1, -1, nan, nan], [-1, nan, 1, 1], [nan, 1, 1, 1], [-1, -1, -1, nan]]
    known = [[-1, 1, nan, nan], [1, nan, nan, nan]]
    places = first_crossing(x, np.array(unknown + known, float).T)
    np.testing.assert_allclose(places, [nan] * 5 + [np.sqrt(10), 1.0])
    assert compare(places[:5], 500.0, "above").verdict == "undecided"


@pytest.mark.parametrize("x", [[1.0], [0.0, 1.0], [-1.0, 1.0]])
def test_curves_cross_along_positive_numbers(x):
    with pytest.raises(ValueError, match="allowed are two or more positive"):
        first_crossing(x, np.zeros((len(x), 2)))
