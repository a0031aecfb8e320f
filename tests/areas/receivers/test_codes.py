"""Codes against what theory says of them."""

import itertools

import numpy as np
import pytest

from mbdl_repro.areas.receivers.decoding.bch import (
    cyclic_parity_check,
    generator_polynomial,
    powers,
)
from mbdl_repro.areas.receivers.decoding.binary import generator_matrix, lightest_words, reduced
from mbdl_repro.areas.receivers.decoding.codes import BCH, linear_code
from mbdl_repro.areas.receivers.systems.coded_words import CodedWords

NAMES = [*BCH, "ldpc_96_48"]


def words_of(G):
    messages = np.array(list(itertools.product([0, 1], repeat=len(G))))
    return messages @ G.astype(int) % 2


@pytest.mark.parametrize("name", NAMES)
def test_words_of_the_generator_pass_all_checks(name):
    H, G = linear_code(name)
    assert not (H.astype(int) @ G.T % 2).any()
    assert len(reduced(G)[0]) == len(G) == H.shape[1] - len(reduced(H)[0])
    assert G.shape == tuple(map(int, name.split("_")[:0:-1]))
    s = CodedWords(code=name).draw(50, "test").s
    assert not ((s < 0).astype(int) @ H.T % 2).any()


@pytest.mark.parametrize(
    ("name", "row_weight", "edges"), [("bch_63_45", 24, 432), ("bch_63_36", 18, 486)]
)
def test_the_cyclic_checks_are_those_of_the_literature(name, row_weight, edges):
    H, _ = linear_code(name)
    assert (H.sum(1) == row_weight).all() and H.sum() == edges
    assert all((H[i, i:] == H[0, : len(H[0]) - i]).all() for i in range(len(H)))


@pytest.mark.parametrize("name", BCH)
def test_the_generator_has_as_many_roots_in_a_row_as_its_distance_asks(name):
    """The polynomial is evaluated in the field, by tables of powers."""
    primitive, t = BCH[name]
    g, alpha = generator_polynomial(primitive, t), powers(primitive)

    def at(i):
        terms = [alpha[i * j % len(alpha)] for j in np.flatnonzero(g)]
        return np.bitwise_xor.reduce(terms)

    assert not any(at(i) for i in range(1, 2 * t + 1))
    assert at(2 * t + 1)
    assert len(g) - 1 == len(linear_code(name).H)


@pytest.mark.parametrize(
    ("name", "distance"), [("hamming_7_4", 3), ("bch_15_7", 5), ("bch_63_45", 7), ("bch_63_36", 11)]
)
def test_the_least_distance_is_the_designed_one(name, distance):
    """No word is lighter than that, by the roots; words as light as that are found at each bit."""
    _, G = linear_code(name)
    assert distance == 2 * BCH[name][1] + 1
    assert (lightest_words(G) == distance).all()
    if len(G) < 10:
        weights = words_of(G).sum(1)
        assert weights[weights > 0].min() == distance


def test_the_sparse_code_has_no_short_cycles():
    H = linear_code("ldpc_96_48").H.astype(int)
    assert (H.sum(0) == 3).all() and abs(H.sum(1) - 6).max() <= 1
    shared = H @ H.T
    np.fill_diagonal(shared, 0)
    assert shared.max() == 1  # two checks of two bits each would be a cycle of four edges


def test_polynomials_that_make_no_code_are_refused():
    with pytest.raises(ValueError, match="0b1111 is not primitive"):
        generator_polynomial(0b1111, 1)
    with pytest.raises(ValueError, match=r"does not divide x\^7 − 1"):
        cyclic_parity_check(np.array([1, 1, 1], dtype=np.uint8), 7)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("bch", "did you mean bch_15_7"),
        (((1, 2),), r"code\[0\]\[1\] is 2"),
        (((1, 0), (1,)), "of the same length"),
        (((1, 1), (0, 0)), r"code\[1\]: a row of zeros checks nothing"),
        (((1, 0), (0, 1)), "2 independent checks of 2 bits leave no message"),
    ],
)
def test_what_is_no_parity_check_is_refused(code, message):
    with pytest.raises(ValueError, match=message):
        CodedWords(code=code)


def test_generators_of_checks_that_depend_on_each_other():
    H = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]], dtype=np.uint8)
    np.testing.assert_array_equal(generator_matrix(H), [[1, 1, 1]])
