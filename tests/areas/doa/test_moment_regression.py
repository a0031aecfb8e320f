"""Regression to moments: against scikit-learn, and the rule that is linear in its features."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from mbdl_repro.areas.doa.array import steering
from mbdl_repro.areas.doa.methods.first_column_esprit import FirstColumnEsprit
from mbdl_repro.areas.doa.methods.moment_regression import MomentRegression
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.covariance import hermitian, hermitian_toeplitz, real_entries
from mbdl_repro.areas.doa.signal.moments import complex_moments, moments_of, real_moments
from mbdl_repro.contract.scenario import Split

COHERENT = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0, correlation=1.0)


def pairs(n: int, *stream: object) -> Split:
    return Split(*map(torch.as_tensor, COHERENT.draw(n, *stream)))


def fitted(n: int, **settings) -> MomentRegression:
    method = MomentRegression(COHERENT, **settings)
    method.fit(pairs(n, "train"), pairs(50, "validation"))
    return method


def standardized(method: MomentRegression, split: Split) -> np.ndarray:
    """Entries of R/R_00, each less its mean and over its standard deviation, row by row."""
    rows = []
    for x in split.x.numpy():
        R = x.astype(complex) @ x.astype(complex).conj().T
        rows.append((R.real + R.imag).ravel() / R[0, 0].real)
    return (np.array(rows) - method.centre.numpy()) / method.spread.numpy()


def targets(split: Split) -> np.ndarray:
    k = np.arange(1, 8)
    c = np.exp(1j * np.pi * k * np.sin(split.s.numpy())[..., None]).sum(1)
    return np.concatenate([c.real, c.imag], 1)


def predicted(method: MomentRegression, split: Split) -> np.ndarray:
    with torch.no_grad():
        r = method.prepare(split).x
        return (method.mean + method.regressors(r) @ method.weights).numpy()


def test_a_hermitian_matrix_is_given_back_of_its_entries():
    Z = torch.randn(4, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    R = hermitian(Z)
    assert torch.equal(R, R.mH)
    torch.testing.assert_close(real_entries(R), Z)


def test_moments_are_the_diagonals_of_the_sources_covariance_in_any_order():
    s = np.deg2rad([[-50.0, 3.0, 61.0]])
    A = steering(s, 8, 0.5)[0]
    for order in itertools.permutations(range(3)):
        c = moments_of(torch.from_numpy(s[:, order]), 8, 0.5)
        np.testing.assert_allclose(hermitian_toeplitz(c)[0].numpy(), A @ A.conj().T, atol=1e-12)
    torch.testing.assert_close(complex_moments(real_moments(c), 3), c, rtol=0, atol=1e-12)


def test_linear_regression_is_scikit_learns():
    method = fitted(200, kernel="linear", penalty=0.02)
    train, test = pairs(200, "train"), pairs(30, "test")
    ridge = Ridge(alpha=200 * 0.02).fit(standardized(method, train), targets(train))
    # Snapshots are in single precision, and so is their power.
    np.testing.assert_allclose(
        predicted(method, test), ridge.predict(standardized(method, test)), atol=1e-4
    )


def test_with_few_pairs_it_is_kernel_ridge_regression():
    method = fitted(150, penalty=1e-3, width=0.8, centres=200)
    train, test = pairs(150, "train"), pairs(30, "test")
    c = targets(train)
    theirs = KernelRidge(alpha=150 * 1e-3, kernel="rbf", gamma=1 / (2 * 0.8**2 * 64))
    theirs.fit(standardized(method, train), c - c.mean(0))
    expected = c.mean(0) + theirs.predict(standardized(method, test))
    np.testing.assert_allclose(predicted(method, test), expected, atol=1e-3)
    assert not method.weights[150:].any()


def test_with_more_pairs_it_minimizes_the_penalized_error_over_kernels_at_the_first():
    method = fitted(120, penalty=1e-2, width=1.0, centres=40)
    train = method.prepare(pairs(120, "train"))
    K = method.regressors(train.x)[:40].detach()
    W = method.weights.detach().clone().requires_grad_()
    c = torch.from_numpy(targets(pairs(120, "train"))) - method.mean
    error = (method.regressors(train.x) @ W - c).square().sum(1).mean()
    (error + 1e-2 * (W * (K @ W)).sum()).backward()
    assert W.grad.abs().max() < 1e-6 * (K @ W).abs().max()


def test_the_rule_of_the_first_column_is_linear_and_is_found():
    test = COHERENT.draw(400, "test")
    linear = fitted(1000, kernel="linear", penalty=1e-3)
    linear = rmspe(linear.estimate(test.x), test, COHERENT)
    column = rmspe(FirstColumnEsprit(COHERENT).estimate(test.x), test, COHERENT)
    assert np.median(linear) == pytest.approx(np.median(column), rel=0.25)


def test_of_misplaced_sensors_it_learns_what_the_first_column_does_not_know():
    places = (0.0, 0.505, 0.95, 1.455, 1.975, 2.42, 2.89, 3.645)
    truth = dataclasses.replace(COHERENT, sensor_positions=places)
    method = MomentRegression(COHERENT, penalty=1e-6, width=2.0)
    method.fit(truth.draw(600, "train"), truth.draw(50, "validation"))
    test = truth.draw(300, "test")
    ours = rmspe(method.estimate(test.x), test, truth)
    column = rmspe(FirstColumnEsprit(COHERENT).estimate(test.x), test, truth)
    assert np.median(ours) < 0.5 * np.median(column)
