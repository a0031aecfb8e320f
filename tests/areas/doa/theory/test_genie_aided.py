"""Genie-aided floors against brute force, and below every estimator."""

import dataclasses

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa import bounds
from mbdl_repro.areas.doa.methods.maximum_likelihood import MaximumLikelihood
from mbdl_repro.areas.doa.methods.root_music import RootMusic
from mbdl_repro.areas.doa.metrics import mspe, rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.theory import genie_aided
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for


def without_windows(monkeypatch):
    monkeypatch.setattr(genie_aided, "WINDOW_STDS", 1e9)
    monkeypatch.setattr(genie_aided, "WINDOW_SUM", 1e9)


def test_of_one_source_that_is_loud_the_floor_is_the_cramer_rao_bound(monkeypatch):
    truth = Narrowband(n_sources=1, n_snapshots=100, snr_db=30.0, max_angle_deg=60.0)
    told = genie_aided.least_errors(truth)
    crb = bounds.stochastic_crb_mspe(truth)
    assert 0.95 * crb < told.square < crb  # being told the window costs a little
    monkeypatch.setattr(genie_aided, "WINDOW_STDS", 1000.0)
    told = genie_aided.least_errors(truth)
    assert told.square == pytest.approx(crb, rel=4 * told.square_error / crb + 3e-3)


N_POSTERIORS = 1000


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"correlation": 0.6},
        {"correlation": 1.0},
        {"n_snapshots": 1, "correlation": 0.6},
        {"n_snapshots": 9, "steering_noise_variance": 0.3},
    ],
)
def test_posteriors_are_those_of_whole_snapshots(changes, monkeypatch):
    """The first source's, with the waveform of the other one told, from its Gaussian law."""
    without_windows(monkeypatch)
    truth = Narrowband(
        n_sources=2,
        n_sensors=3,
        max_angle_deg=14.0,
        min_gap_deg=4.0,
        **{"n_snapshots": 2, "snr_db": 4.0, **changes},
    )
    rng = rng_for("posteriors")
    rho, sigma2 = truth.correlation, truth.noise_std**2
    variances, deviations = [], []
    for _ in range(N_POSTERIORS):
        s = truth.angles(1, rng)
        # Either of the two: by symmetry, the mean over both is that over sources.
        m = rng.integers(2)
        limit, gap = np.deg2rad(14.0), np.deg2rad(4.0)
        low, high = [(-limit, s[0, 1] - gap), (s[0, 0] + gap, limit)][m]
        grid = low + (high - low) * (np.arange(100) + 0.5) / 100
        A = dataclasses.replace(truth, errors_shared_by="sources").actual_steering(
            np.append(s[0], grid)[None], rng
        )[0]
        Y = truth.waveforms(1, rng)[0]
        noise = rng.standard_normal((2, 3, truth.n_snapshots)) * np.sqrt(sigma2 / 2)
        left = A[:, m : m + 1] @ Y[m : m + 1] + noise[0] + 1j * noise[1]
        a = A[:, 2:].T[:, :, None]
        R = (1 - rho**2) * a @ a.conj().swapaxes(1, 2) + sigma2 * np.eye(3)
        off = left - rho * a * Y[1 - m]
        quadratic = (off.conj() * np.linalg.solve(R, off)).sum((1, 2)).real
        logs = -quadratic - truth.n_snapshots * np.linalg.slogdet(R)[1]
        p = np.exp(logs - logs.max())
        p /= p.sum()
        variances.append(p @ grid**2 - (p @ grid) ** 2)
        median = grid[(p.cumsum() >= 0.5).argmax()]
        # Windows are over the whole range for both, so that both weigh the same.
        deviations.append(p @ np.abs(grid - median))
    ours = genie_aided.least_errors(truth)
    for mine, error, theirs in (
        (ours.square, ours.square_error, variances),
        (ours.root, ours.root_error, deviations),
    ):
        assert abs(mine - np.mean(theirs)) < 4 * np.hypot(
            error, np.std(theirs) / np.sqrt(N_POSTERIORS)
        )


@pytest.mark.parametrize(
    "truth",
    [
        Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0),
        Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0, correlation=1.0),
        Narrowband(n_sources=2, n_snapshots=2, snr_db=10.0, correlation=1.0),
        Narrowband(n_sources=2, n_snapshots=5, snr_db=-5.0),
        Narrowband(n_sources=2, n_snapshots=100, snr_db=20.0, max_angle_deg=60.0),
        Narrowband(n_sources=1, n_snapshots=5, snr_db=0.0),
    ],
    ids=lambda t: (
        f"{t.n_sources}-{t.n_snapshots}-{t.snr_db:g}-{t.correlation:g}-{t.max_angle_deg:g}"
    ),
)
def test_nobody_is_below_the_floor_and_the_floor_is_not_far(truth):
    test = truth.draw(500, "test", "floor")
    x = torch.from_numpy(test.x)
    estimates = [MaximumLikelihood(truth)(x).numpy(), RootMusic(truth)(x).numpy()]
    if truth.correlation:
        estimates.append(MaximumLikelihood(truth, waveforms="shared")(x).numpy())
    floor = genie_aided.least_errors(truth)
    ratios = []
    for estimate in estimates:
        errors, squares = rmspe(estimate, test, truth), mspe(estimate, test, truth)
        ratios.append(errors.mean() / floor.root)
        assert errors.mean() > floor.root - 4 * errors.std() / np.sqrt(500)
        assert squares.mean() > floor.square - 4 * squares.std() / np.sqrt(500)
    assert min(ratios) < 12


def test_the_floor_does_not_depend_on_its_random_numbers():
    truth = Narrowband(n_sources=3, n_snapshots=20, snr_db=10.0)
    told = [genie_aided.least_errors(truth, stream) for stream in (0, 1)]
    squares = np.hypot(told[0].square_error, told[1].square_error)
    roots = np.hypot(told[0].root_error, told[1].root_error)
    assert 0 < abs(told[0].square - told[1].square) < 4 * squares < 0.15 * told[0].square
    assert 0 < abs(told[0].root - told[1].root) < 4 * roots < 0.1 * told[0].root


@pytest.mark.parametrize("n_sources", [1, 2, 3, 5])
def test_exchanging_estimates_does_not_pay_where_windows_are_short(n_sources):
    """For any estimates there are ones in the windows that are better at all angles in them."""
    rng = rng_for("exchange", n_sources)
    truth = Narrowband(n_sources=n_sources, n_snapshots=1, snr_db=0.0, min_gap_deg=0.0)
    tried = 0
    for _ in range(3000):
        centre = np.sort(rng.uniform(-np.pi / 2, np.pi / 2, n_sources))
        length = rng.uniform(0, np.pi / n_sources, n_sources)
        fixed = max(np.pi - length.sum(), 0) ** 2 / (4 * n_sources)
        if np.square(length).sum() > fixed:
            continue
        tried += 1
        # Near the windows, an arbitrary place further in the circle's order, or anywhere.
        estimate = np.sort(
            np.roll(centre, rng.integers(n_sources)) + rng.normal(0, 0.5, n_sources)
            if rng.random() < 0.5
            else rng.uniform(-np.pi / 2, np.pi / 2, n_sources)
        )
        estimate = np.sort((estimate + np.pi / 2) % np.pi - np.pi / 2)
        turns = np.arange(-n_sources, 2 * n_sources)
        lifted = [
            estimate[(np.arange(n_sources) + k) % n_sources]
            + np.pi * ((np.arange(n_sources) + k) // n_sources)
            for k in turns
        ]
        kept = min(lifted, key=lambda e: abs((e - centre).sum()))
        inside = np.clip(kept, centre - length / 2, centre + length / 2)
        s = centre + length * (rng.random((50, n_sources)) - 0.5)
        s = np.concatenate([s, centre + length / 2 * rng.choice([-1, 1], (50, n_sources))])
        s = s[(np.diff(s, axis=1) >= 0).all(1) & (np.abs(s) <= np.pi / 2).all(1)]
        given = rmspe(np.tile(estimate, (len(s), 1)), Split(None, s), truth)
        best = np.sqrt(np.square(inside - s).mean(1))
        assert (given >= best - 1e-12).all()
    assert tried > 100
