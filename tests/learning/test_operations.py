"""Counts of operations: by hand, by PyTorch's own counter, and by the formulas of the textbook."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from mbdl_repro.learning.operations import OperationCounter, operations_an_estimate

K, N, B = 5, 7, 3
EYE = torch.eye(K, dtype=torch.float64)
SPREAD = torch.diag(torch.arange(1.0, K + 1, dtype=torch.float64))


def counted(work, *args) -> float:
    with OperationCounter() as counter:
        work(*args)
    return counter.total


def test_a_product_is_a_multiplication_and_an_addition_for_each_pair_of_entries() -> None:
    A, X = torch.ones(4, K), torch.ones(K, N)
    by_hand = sum(2 for _ in range(4) for _ in range(N) for _ in range(K))
    assert counted(torch.matmul, A, X) == by_hand == 280
    assert counted(torch.matmul, torch.ones(B, 4, K), X) == B * by_hand
    assert counted(torch.matmul, A, X[:, 0]) == counted(torch.matmul, A, X[:, :1]) == by_hand / N
    assert counted(torch.dot, X[:, 0], X[:, 1]) == 2 * K


def test_complex_numbers_take_four_real_products_for_each() -> None:
    A, X = torch.ones(4, K), torch.ones(K, N)
    real = counted(torch.matmul, A, X)
    assert counted(torch.matmul, A.to(torch.complex64), X.to(torch.complex64)) == 4 * real
    # The same from real and imaginary parts, whose four products these are.
    assert sum(counted(torch.matmul, a, x) for a in (A, A) for x in (X, X)) == 4 * real


def test_networks_are_counted_as_pytorch_counts_them() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.Flatten(), torch.nn.Linear(4 * 36, 5)
    )
    x = torch.ones(B, 1, 6, 6)
    with FlopCounterMode(display=False) as known:
        network(x)
    by_hand = 2 * B * (36 * 4 * 9 + 4 * 36 * 5)
    assert counted(network, x) == known.get_total_flops() == by_hand
    kernel = torch.ones(2, 1, 3, 3)
    assert counted(conv2d, x, kernel) == 2 * B * 4 * 4 * 2 * 9


@pytest.mark.parametrize(
    ("work", "each"),
    [
        (torch.linalg.eigh, 9 * K**3),
        (torch.linalg.eig, 25 * K**3),
        (torch.linalg.cholesky, K**3 / 3),
        (torch.linalg.inv, 2 * K**3),
        (torch.linalg.svd, 21 * K**3),
        (torch.linalg.qr, 8 * K**3 / 3),
    ],
)
def test_decompositions_are_those_of_golub_and_van_loan(work, each: float) -> None:
    assert counted(work, SPREAD) == pytest.approx(each)
    assert counted(work, SPREAD.expand(B, K, K)) == pytest.approx(B * each)
    assert counted(work, SPREAD.to(torch.complex128)) == pytest.approx(4 * each)


def test_matrices_that_are_not_square() -> None:
    tall = torch.ones(N, K, dtype=torch.float64)
    svd = 4 * N**2 * K + 8 * N * K**2 + 9 * K**3
    assert counted(torch.linalg.svd, tall) == counted(torch.linalg.svd, tall.mT) == svd
    # Householder's R takes 2 K² (N − K/3), and so does Q of as many columns.
    assert counted(torch.linalg.qr, tall) == pytest.approx(2 * 2 * K**2 * (N - K / 3))
    wide = 2 * K**2 * (N - K / 3) + 2 * K**2 * (K - K / 3)
    assert counted(torch.linalg.qr, tall.mT) == pytest.approx(wide)


FACTORS = 2 * K**3 / 3
PASSES = 2 * K**2


@pytest.mark.parametrize(
    ("A", "right", "factored", "columns"),
    [
        ((K, K), (K,), 1, 1),
        ((K, K), (K, N), 1, N),
        ((B, K, K), (B, K, N), B, B * N),
        ((B, K, K), (B, K), B, B),
        ((B, K, K), (K, N), B, B * N),
        ((K, K), (B, K, N), B, B * N),
    ],
)
def test_a_solve_factors_each_matrix_and_substitutes_twice_for_each_column(
    A: tuple[int, ...], right: tuple[int, ...], factored: int, columns: int
) -> None:
    left, ones = EYE.expand(A), torch.ones(right, dtype=torch.float64)
    found = counted(torch.linalg.solve, left, ones)
    assert found == pytest.approx(factored * FACTORS + columns * PASSES)


def test_a_solve_is_the_factors_and_then_the_substitutions() -> None:
    right = torch.ones(K, N, dtype=torch.float64)
    LU, pivots = torch.linalg.lu_factor(SPREAD)
    apart = counted(torch.linalg.lu_factor, SPREAD)
    apart += counted(torch.linalg.lu_solve, LU, pivots, right)
    assert apart == pytest.approx(counted(torch.linalg.solve, SPREAD, right))


def test_substitutions_broadcast() -> None:
    right = torch.ones(B, K, N, dtype=torch.float64)
    each = B * N * K**2
    assert counted(torch.cholesky_solve, right, EYE) == 2 * each
    assert counted(torch.cholesky_solve, right[0], EYE.expand(B, K, K)) == 2 * each
    triangular = torch.linalg.solve_triangular
    assert counted(lambda: triangular(EYE, right, upper=True)) == each


def test_transforms_are_five_n_logarithms_and_half_of_it_for_real_ones() -> None:
    n = 16
    x = torch.ones(B, n)
    whole = B * 5 * n * math.log2(n)
    assert counted(torch.fft.fft, x.to(torch.complex64)) == whole
    assert counted(torch.fft.rfft, x) == whole / 2
    assert counted(torch.fft.irfft, torch.ones(B, n // 2 + 1, dtype=torch.complex64)) == whole / 2
    both = torch.ones(n, n, dtype=torch.complex64)
    rows_then_columns = 2 * counted(torch.fft.fft, both)
    assert counted(torch.fft.fft2, both) == rows_then_columns


def test_what_works_entry_by_entry_is_one_operation_an_entry() -> None:
    x = torch.ones(B, N)
    assert counted(torch.exp, x) == counted(torch.sum, x) == B * N
    assert counted(lambda: x * x[:1] + x) == 2 * B * N
    assert counted(lambda: x.clone().reshape(-1)[3:]) == 0
    assert counted(torch.sort, x) == pytest.approx(B * N * np.log2(N))


def test_a_decomposition_that_nobody_has_counted_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="matrix_exp are not known"):
        counted(torch.linalg.matrix_exp, SPREAD)


def test_what_is_computed_once_is_not_part_of_an_estimate() -> None:
    gain = torch.ones(K, N, dtype=torch.float64)

    def estimate(x: torch.Tensor) -> torch.Tensor:
        torch.linalg.eigh(SPREAD)
        return x @ gain

    x = torch.ones(4, K, dtype=torch.float64)
    assert operations_an_estimate(estimate, x) == 2 * K * N
    assert counted(estimate, x) == 9 * K**3 + 4 * 2 * K * N
