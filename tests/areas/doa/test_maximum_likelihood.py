"""Maximum likelihood against brute force, finite differences, the truth as a start, and theory."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa import bounds
from mbdl_repro.areas.doa.array import steering
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.metrics import mspe, rmspe
from mbdl_repro.areas.doa.scenario import Narrowband

KINDS = ("free", "shared")


def explained(theta: np.ndarray, R: np.ndarray, waveforms: str, d: float) -> np.ndarray:
    """The share of the power that angles (…, M) explain, by the pseudo-inverse."""
    P = projectors(theta, len(R), waveforms, d)
    return np.einsum("...ij,ji->...", P, R).real / np.trace(R).real


def projectors(theta: np.ndarray, n_sensors: int, waveforms: str, d: float) -> np.ndarray:
    A = steering(theta, n_sensors, d)
    if waveforms == "shared":
        A = A.sum(-1, keepdims=True)
    return A @ np.linalg.pinv(A)


def covariance(x: np.ndarray) -> np.ndarray:
    return x.astype(complex) @ x.conj().T.astype(complex)


@pytest.mark.parametrize("waveforms", KINDS)
@pytest.mark.parametrize("spacing", [0.5, 0.37])
@pytest.mark.parametrize("correlation", [0.0, 1.0])
def test_nothing_on_a_fine_grid_is_likelier(waveforms, spacing, correlation):
    truth = Narrowband(
        n_sources=2,
        n_snapshots=5,
        snr_db=5.0,
        n_sensors=5,
        spacing=spacing,
        correlation=correlation,
    )
    x, _ = truth.draw(20, "test", "grid")
    # With four starts, as there are by default, one row in 200 of these is missed.
    method = MaximumLikelihood(truth, waveforms=waveforms, starts=8)
    estimate = method(torch.from_numpy(x)).numpy()
    u = np.linspace(-1, 1, 161)
    first, second = np.triu_indices(161, 1)
    keep = u[second] - u[first] < 2 - 1e-9  # at half a wavelength both ends are one place
    pairs = np.arcsin(np.stack([u[first[keep]], u[second[keep]]], 1))
    P = projectors(pairs, 5, waveforms, spacing).reshape(len(pairs), -1)
    for row, theta in zip(x, estimate, strict=True):
        R = covariance(row)
        best = (P @ R.T.ravel()).real.max() / np.trace(R).real
        assert explained(theta, R, waveforms, spacing) >= best


@pytest.mark.parametrize("waveforms", KINDS)
@pytest.mark.parametrize("n_sources", [1, 3])
def test_derivatives_are_those_of_finite_differences(waveforms, n_sources):
    truth = Narrowband(n_sources=n_sources, n_snapshots=4, snr_db=0.0, n_sensors=6)
    search = MaximumLikelihood(truth).search(waveforms)
    x, s = truth.draw(5, "test", "derivatives")
    x = torch.from_numpy(x).to(torch.complex128)
    R = x @ x.mH
    R = R / R.diagonal(dim1=1, dim2=2).sum(1).real[:, None, None]
    u = torch.sin(torch.from_numpy(s)) + 0.05
    at = search.derivatives(R, u)
    for row in range(5):
        theirs = explained(np.arcsin(u[row].numpy().clip(-1, 1)), R[row].numpy(), waveforms, 0.5)
        if u[row].abs().max() <= 1:
            assert at.value[row].item() == pytest.approx(theirs, rel=1e-10)
    h = 1e-5
    for m in range(n_sources):
        e = h * torch.eye(n_sources, dtype=torch.float64)[m]
        ahead, behind = search.derivatives(R, u + e), search.derivatives(R, u - e)
        slope = (ahead.value - behind.value) / (2 * h)
        torch.testing.assert_close(at.gradient[:, m], slope, rtol=1e-6, atol=1e-8)
        bend = (ahead.gradient - behind.gradient) / (2 * h)
        torch.testing.assert_close(at.hessian[:, m], bend, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("waveforms", KINDS)
def test_the_search_on_the_grid_adds_what_a_source_there_explains(waveforms):
    truth = Narrowband(n_sources=3, n_snapshots=4, snr_db=0.0, n_sensors=6, spacing=0.4)
    search = MaximumLikelihood(truth).search(waveforms)
    x, s = truth.draw(2, "test", "search")
    others = torch.sin(torch.from_numpy(s[:, :2]))
    x = torch.from_numpy(x).to(torch.complex128)
    R = x @ x.mH / x.abs().square().sum((1, 2))[:, None, None]
    gains = search.explained(R, others)
    for row in range(2):
        without = explained(s[row, :2], R[row].numpy(), waveforms, 0.4)
        for g in (3, 50, 120):
            theta = np.append(s[row, :2], math.asin(search.grid[g]))
            whole = explained(theta, R[row].numpy(), waveforms, 0.4)
            expected = whole - (without if waveforms == "free" else 0)
            assert gains[row, g].item() == pytest.approx(expected, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize(
    ("truth", "missed"),
    [
        (Narrowband(n_sources=2, n_snapshots=100, snr_db=20.0, correlation=1.0), 0.005),
        (Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0, correlation=1.0), 0.01),
        (Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0), 0.005),
        (Narrowband(n_sources=2, n_snapshots=2, snr_db=10.0, correlation=1.0), 0.005),
        (Narrowband(n_sources=2, n_snapshots=20, snr_db=-5.0), 0.005),
    ],
    ids=["2-coherent", "3-coherent", "3", "2-snapshots", "noisy"],
)
@pytest.mark.parametrize("waveforms", KINDS)
def test_a_start_at_the_truth_seldom_finds_more(truth, missed, waveforms):
    if waveforms == "shared" and not truth.correlation:
        return  # where the model is wrong, the truth is nothing special
    method = MaximumLikelihood(truth, waveforms=waveforms)
    x, s = truth.draw(500, "validation", "oracle")
    x, s = torch.from_numpy(x).to(torch.complex128), torch.from_numpy(s)
    R = x @ x.mH / x.abs().square().sum((1, 2))[:, None, None]
    search = method.search(waveforms)
    _, at_best = search.refine(R, torch.sin(s))
    ours = search.derivatives(R, torch.sin(method(x))).value
    assert (ours < at_best - 1e-9).double().mean() <= missed
    assert (ours < at_best - 0.02).sum() == 0  # and no more than a trifle


@pytest.mark.parametrize(
    ("correlation", "waveforms", "bound"),
    [
        (0.0, "free", bounds.stochastic_crb_mspe),
        (1.0, "free", bounds.stochastic_crb_mspe),
        (1.0, "shared", bounds.shared_waveform_crb_mspe),
    ],
)
@pytest.mark.parametrize("snr_db", [0.0, 15.0])
def test_it_reaches_the_cramer_rao_bound(correlation, waveforms, bound, snr_db):
    truth = Narrowband(
        n_sources=3,
        n_snapshots=100,
        snr_db=snr_db,
        correlation=correlation,
        angles_deg=(-35.0, 5.0, 40.0),
    )
    test = truth.draw(800, "test", "crb")
    estimate = MaximumLikelihood(truth, waveforms=waveforms)(torch.from_numpy(test.x)).numpy()
    errors = mspe(estimate, test, truth)
    standard_error = errors.std() / np.sqrt(len(errors))
    # Of 100 snapshots: within 5 % of the standard deviation, and the noise of 800 trials.
    least = bound(truth)
    assert least - 4 * standard_error < errors.mean() < 1.05**2 * least + 4 * standard_error


def test_who_knows_that_the_waveform_is_shared_does_better():
    truth = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0, correlation=1.0)
    test = truth.draw(500, "validation", "shared")
    x = torch.from_numpy(test.x)
    free, shared = (
        rmspe(MaximumLikelihood(truth, waveforms=kind)(x).numpy(), test, truth) for kind in KINDS
    )
    assert shared.mean() < 0.3 * free.mean()
    assert np.median(shared) < 0.6 * np.median(free)


@pytest.mark.parametrize("waveforms", KINDS)
@pytest.mark.parametrize("n_sources", [1, 3])
def test_exact_angles_without_noise_up_to_end_fire(waveforms, n_sources):
    """Not only in the grid's cell, nor on one side of the end."""
    spread = np.array([-89.97, -20.0, 44.321])[:n_sources]
    Y = np.array([[1, 1j, 0.5], [1, 1, 0.5j], [1, -1, 1]])[:n_sources]
    if waveforms == "shared":
        Y = Y[:1].repeat(n_sources, 0)
    truth = Narrowband(n_sources=n_sources, n_snapshots=3)
    x = steering(np.deg2rad(spread), 8, 0.5) @ Y
    estimate = MaximumLikelihood(truth, waveforms=waveforms)(torch.from_numpy(x)[None]).numpy()[0]
    # Near end-fire sin θ has 1e-7 of the angle's curvature left; its rounding is 1e-13 or so.
    np.testing.assert_allclose(np.sin(estimate), np.sin(np.deg2rad(spread)), atol=1e-9)


def test_the_scale_of_snapshots_does_not_matter():
    truth = Narrowband(n_sources=2, n_snapshots=5, snr_db=10.0)
    method = MaximumLikelihood(truth)
    x = torch.from_numpy(truth.draw(10, "test").x).to(torch.complex128)
    torch.testing.assert_close(method(1e-9 * x), method(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("waveforms", KINDS)
def test_a_row_without_snapshots_has_no_angles_and_spoils_no_other(waveforms):
    truth = Narrowband(n_sources=2, n_snapshots=5, snr_db=10.0)
    method = MaximumLikelihood(truth, waveforms=waveforms)
    x = torch.from_numpy(truth.draw(4, "test").x)
    silent = x.clone()
    silent[1] = 0
    answer, others = method(silent), [0, 2, 3]
    assert answer[1].isnan().all()
    torch.testing.assert_close(answer[others], method(x)[others], rtol=0, atol=1e-12)


def test_it_needs_no_noise_level_and_says_what_it_needs():
    truth = Narrowband(n_sources=2, n_snapshots=5, snr_db=10.0)
    MaximumLikelihood(dataclasses.replace(truth, snr_db=None))
    for field in ("n_sources", "spacing"):
        with pytest.raises(ValueError, match=field):
            MaximumLikelihood(truth.believed(**{field: None}))
    with pytest.raises(ValueError, match="sensors"):
        MaximumLikelihood(truth)(torch.zeros(1, 7, 5, dtype=torch.complex64))
