"""Pairs that are needed: where curves of known crossings cross, and how often intervals cover."""

import numpy as np
import pytest

from mbdl_repro.comparisons.needed import needed, needed_by_seed
from mbdl_repro.contract.seeding import rng_for

SIZES = [10.0, 100.0, 1000.0]


def falling(crossing: float, slope_db: float = 10.0) -> np.ndarray:
    """Squared errors that fall by so many dB a decade, and are 1 at the crossing."""
    return 10 ** (slope_db / 10 * np.log10(crossing / np.array(SIZES)))


@pytest.mark.parametrize("crossing", [15.0, 100.0, 700.0])
def test_a_straight_line_crosses_where_it_does(crossing):
    own = np.tile(falling(crossing)[:, None], 3)
    found = needed(SIZES, own, np.ones(3), "square", 1e-9)
    assert found.pairs == pytest.approx(crossing, rel=1e-6)
    assert found.low == found.high == pytest.approx(crossing, rel=1e-6)
    assert found.answer == "at"
    # Within 1 dB is reached a tenth of a decade earlier.
    earlier = needed(SIZES, own, np.ones(3), "square", 1.0)
    assert earlier.pairs == pytest.approx(crossing / 10**0.1)


@pytest.mark.parametrize(
    ("kind", "give"),
    [
        ("square", lambda v: v),
        ("root", np.sqrt),
        ("decibels", lambda v: 10 * np.log10(v)),
        ("difference", lambda v: 10 * np.log10(v)),
    ],
)
def test_each_kind_of_metric_gives_the_same_answer(kind, give):
    own = np.tile(falling(40.0)[:, None], 2)
    found = needed(SIZES, give(own), give(np.ones(2)), kind, 0.5)
    assert found.pairs == pytest.approx(40.0 / 10**0.05)


def test_what_is_reached_at_once_and_what_never_is():
    own = np.array([falling(5.0), falling(5000.0), falling(50.0)]).T
    one = np.ones(1)
    at_once, never = (needed(SIZES, own[:, [i]], one, "square") for i in (0, 1))
    assert (at_once.answer, at_once.pairs, at_once.low, at_once.high) == ("from", 10.0, 10.0, 10.0)
    assert (never.answer, never.pairs, never.low, never.high) == ("never", 1000.0, 1000.0, 1000.0)
    each = needed_by_seed(SIZES, own, np.ones(3), "square", 1e-9)
    assert each == pytest.approx([10.0, np.inf, 50.0])


def test_a_scale_of_one_size_says_whether_it_is_reached():
    for error, answer in ((0.5, "from"), (2.0, "never")):
        assert needed([40.0], np.array([[error]]), np.ones(1), "square").answer == answer


def test_means_over_seeds_are_taken_before_the_ratio():
    """Errors of 1 and 3 over references of 3 and 1: equal means, unequal ratios."""
    own = np.array([[4.0, 4.0], [1.0, 3.0 - 1e-9], [0.1, 0.1]])
    found = needed(SIZES, own, np.array([3.0, 1.0]), "square", 1e-9)
    assert found.pairs == pytest.approx(100.0, rel=1e-6)


def test_the_interval_holds_what_it_should_as_often_as_it_should():
    """Of ten noisy seeds; the bootstrap of so few covers a little less than 95 %."""
    rng, n, trials = rng_for("bootstrap"), 10, 100
    covered = 0
    for _ in range(trials):
        own = falling(40.0)[:, None] * rng.gamma(20.0, 1 / 20.0, size=(3, n))
        found = needed(SIZES, own, np.ones(n), "square", 1e-9)
        covered += found.low <= 40.0 <= found.high
    assert 80 <= covered < 100
