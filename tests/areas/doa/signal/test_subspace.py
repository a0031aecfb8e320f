"""Covariances, subspaces and roots, each found a second time in another way, with derivatives."""

import itertools

import numpy as np
import pytest
import torch

from mbdl_repro.areas.doa.array import steering
from mbdl_repro.areas.doa.metrics import rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.signal.covariance import (
    check_sizes,
    check_snapshots,
    heard,
    row_power,
    sample_covariance,
    smoothed,
)
from mbdl_repro.areas.doa.signal.periodic import periodic_loss
from mbdl_repro.areas.doa.signal.roots import companion_roots, inner_roots
from mbdl_repro.areas.doa.signal.subspace import (
    angles_of,
    esprit_roots,
    noise_polynomial,
    roots_inside,
    roots_of_sources,
    signal_subspace,
)
from mbdl_repro.contract.scenario import Split

TRUTH = Narrowband(n_sources=3, n_snapshots=100, snr_db=20.0)


def covariances(n: int, M: int = 3, **fields) -> torch.Tensor:
    truth = Narrowband(**({"n_sources": M, "n_snapshots": 100, "snr_db": 20.0} | fields))
    x = torch.from_numpy(truth.draw(n, "train", 100).x)
    return sample_covariance(x.to(torch.complex128))


def random_hermitian(*shape: int, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    A = torch.randn(*shape, shape[-1] + 2, generator=rng, dtype=torch.complex128)
    return A @ A.mH


def farthest(a: torch.Tensor, b: torch.Tensor) -> float:
    """Return the largest distance of any root of one set to the nearest of the other, both ways."""
    apart = (a[:, :, None] - b[:, None, :]).abs()
    return max(apart.min(1).values.max().item(), apart.min(2).values.max().item())


# --- covariances ---


def test_the_covariance_is_the_mean_of_outer_products():
    x = torch.from_numpy(TRUTH.draw(4, "train", 100).x).to(torch.complex128)
    outer = sum(x[:, :, None, t] * x[:, None, :, t].conj() for t in range(100)) / 100
    torch.testing.assert_close(sample_covariance(x), outer, rtol=1e-13, atol=0)


@pytest.mark.parametrize("L", [3, 5, 8])
def test_smoothing_is_what_sub_arrays_and_their_mirror_images_give(L):
    """Snapshots of sub-arrays, one after another, are as many snapshots of one of their size."""
    x = torch.from_numpy(TRUTH.draw(6, "train", 100).x).to(torch.complex128)
    parts = [x[:, k : k + L] for k in range(8 - L + 1)]
    mirrored = [part.flip(1).conj() for part in parts]
    R = sample_covariance(x)
    forward = sample_covariance(torch.cat(parts, -1))
    both = sample_covariance(torch.cat(parts + mirrored, -1))
    torch.testing.assert_close(smoothed(R, "forward", L), forward, rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(smoothed(R, "forward_backward", L), both, rtol=1e-12, atol=1e-13)
    assert smoothed(R, "none", 8) is R


@pytest.mark.parametrize("subarray", [3, 9])
def test_a_sub_array_that_does_not_fit_is_refused(subarray):
    with pytest.raises(ValueError, match=f"subarray is {subarray}: allowed is 4 to 8"):
        check_sizes(TRUTH, "forward", subarray)


def test_a_size_of_no_sub_arrays_is_refused():
    with pytest.raises(ValueError, match="subarray is 5, and smoothing is none"):
        check_sizes(TRUTH, "none", 5)
    assert check_sizes(TRUTH, "none", None) == 8
    assert check_sizes(TRUTH, "forward", None) == 5


@pytest.mark.parametrize(
    "x", [torch.zeros(2, 8, 5), torch.zeros(2, 7, 5) + 0j, torch.zeros(2, 8, 0) + 0j]
)
def test_what_are_no_snapshots_is_refused(x):
    with pytest.raises(ValueError, match=r"snapshots are (real|complex), of shape"):
        check_snapshots(x, 8)


def test_powers_are_those_in_double_precision_whatever_single_can_hold():
    x = torch.from_numpy(TRUTH.draw(5, "train", 100).x)
    x *= torch.tensor([1, 1e-22, 1e22, 0, 1])[:, None, None]
    expected = x.to(torch.complex128).abs().square().sum((1, 2))
    torch.testing.assert_close(row_power(x), expected, rtol=1e-5, atol=0)
    assert torch.equal(row_power(x)[[0, 4]], row_power(x[[0, 4]]))  # whatever other rows hold


def test_nothing_is_copied_where_every_row_is_heard():
    x = torch.from_numpy(TRUTH.draw(3, "train", 100).x)
    same, rows = heard(x)
    assert same is x and rows.tolist() == [True] * 3
    x[1, 0, 0] = np.nan
    kept, rows = heard(x)
    assert rows.tolist() == [True, False, True]
    assert not kept[1].any() and torch.equal(kept[rows], x[rows])


# --- subspaces ---


def test_the_derivative_of_a_subspace_is_that_of_all_eigenvectors():
    """torch's own backward through eigh, on the projector, which does not depend on phases."""
    R = random_hermitian(5, 6).requires_grad_()
    weight = random_hermitian(5, 6, seed=1)
    Us = signal_subspace(R, 2)
    ours = torch.autograd.grad((Us @ Us.mH * weight.conj()).sum().real, R)[0]
    V = torch.linalg.eigh(R).eigenvectors[..., -2:]
    theirs = torch.autograd.grad((V @ V.mH * weight.conj()).sum().real, R)[0]
    torch.testing.assert_close((ours + ours.mH) / 2, (theirs + theirs.mH) / 2, rtol=1e-10, atol=0)


def test_the_derivative_of_a_subspace_survives_equal_eigenvalues():
    """Where those of the noise are all the same, torch's own is not finite."""
    R = (torch.diag(torch.tensor([1.0, 1.0, 1.0, 4.0, 4.0])) + 0j).to(torch.complex128)

    def projector(parts):
        A = torch.complex(*parts.unbind(-1))
        Us = signal_subspace(R + A + A.mH, 2)
        return torch.view_as_real(Us @ Us.mH)

    start = torch.zeros(5, 5, 2, dtype=torch.float64, requires_grad=True)
    gradient = torch.autograd.grad(projector(start)[0, 3, 0], start)[0]
    assert gradient.isfinite().all() and gradient.abs().max() > 0.1
    assert torch.autograd.gradcheck(projector, start)


@pytest.mark.parametrize("unit", [1e-20, 1e-12, 1e12])
def test_the_derivative_of_a_subspace_is_in_proportion_to_its_unit(unit):
    """Gaps of eigenvalues are small beside the largest, not beside 1."""
    R, weight = random_hermitian(5, 6), random_hermitian(5, 6, seed=1)
    gradients = []
    for scale in (1.0, unit):
        scaled = (scale * R).requires_grad_()
        Us = signal_subspace(scaled, 2)
        projected = (Us @ Us.mH * weight.conj()).sum().real
        gradients.append(scale * torch.autograd.grad(projected, scaled)[0])
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-9, atol=1e-12)


# --- roots ---


SETTINGS = list(itertools.product((2, 3, 5), (0.0, 1.0), (0.0, 20.0, 40.0)))


@pytest.mark.parametrize(("M", "correlation", "snr_db"), SETTINGS)
def test_no_root_is_lost(M, correlation, snr_db):
    R = covariances(300, M, correlation=correlation, snr_db=snr_db)
    c = noise_polynomial(signal_subspace(R, M))
    inner, all_roots = inner_roots(c), companion_roots(c)
    assert inner.shape == (300, 7) and ((all_roots.abs() < 1).sum(1) == 7).all()
    assert (inner.abs() < 1).all() and (inner.abs().diff(dim=1) <= 0).all()
    outer = 1 / inner.conj()
    # Pairs that almost meet are ill-conditioned, of both: that is the largest here.
    assert farthest(torch.cat([inner, outer], 1), all_roots) < 1e-8 * outer.abs().max()


def of_roots(roots: torch.Tensor) -> torch.Tensor:
    """Return c (L,) of the polynomial |Π (z − z_i)|² on the circle."""
    q = np.poly(roots.numpy())[::-1]
    products = np.correlate(q, q, "full")[len(q) - 1 :]
    return torch.from_numpy(products)[None]


def on_rays(radii: list[float], angles: list[float]) -> torch.Tensor:
    return torch.polar(torch.tensor(radii).double(), torch.tensor(angles).double())


# Next to the circle a pair is all but double, and known to half of the digits.
@pytest.mark.parametrize(
    ("roots", "atol"),
    [
        (on_rays([0.9, 0.5, 0.2], [0.1, 2.0, -2.0]), 1e-12),
        (on_rays([0.999999, 0.99, 0.9, 0.8], [0.1, 0.7, -0.5, 2.4]), 3e-8),
        (on_rays([1 - 1e-8, 1 - 1e-7], [3.0, -3.0]), 3e-8),
        (on_rays([1.0, 1.0, 0.3], [0.0, 1.0, 2.0]), 3e-8),  # double roots, on the circle
        (on_rays([0.7, 0.7, 0.6], [1.0, 1.0001, -1.0]), 1e-8),  # almost double, inside
        (on_rays([0.5] * 7, [2 * np.pi * k / 7 for k in range(7)]), 1e-12),
        (on_rays([0.4], [1.0]), 1e-12),
        (on_rays([1e-3, 0.9], [1.0, 2.0]), 1e-10),
    ],
    ids=str,
)
def test_roots_that_a_polynomial_is_made_of_are_found(roots, atol):
    assert farthest(inner_roots(of_roots(roots)), roots[None]) < atol


def test_a_double_root_inside_is_found_by_the_eigenvalues():
    """The iteration is slow there; eigenvalues find it to half of the digits."""
    roots = on_rays([0.7, 0.7, 0.7, 0.2], [1.0, 1.0, 1.0, -1.0])
    assert farthest(inner_roots(of_roots(roots)), roots[None]) < 1e-3


def test_roots_of_a_polynomial_that_is_constant_are_finite():
    c = torch.zeros(2, 8, dtype=torch.complex128)
    c[:, 0] = 7
    assert inner_roots(c).isfinite().all() and (inner_roots(c).abs() < 0.1).all()
    assert inner_roots(c[:0]).shape == (0, 7)


def test_roots_of_a_row_do_not_depend_on_others():
    c = noise_polynomial(signal_subspace(covariances(50), 3))
    alone = torch.cat([roots_inside(row[None]) for row in c])
    torch.testing.assert_close(alone, roots_inside(c), rtol=0, atol=1e-13)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_roots_of_what_is_not_finite_are_nan_and_touch_no_others(bad):
    Us = signal_subspace(covariances(4), 3)
    c = noise_polynomial(Us)
    expected = roots_inside(c), esprit_roots(Us)
    c[1, 2], Us[1, 0, 0] = bad, bad
    for roots, whole in zip((roots_inside(c), esprit_roots(Us)), expected, strict=True):
        assert roots[1].isnan().all()
        torch.testing.assert_close(roots[[0, 2, 3]], whole[[0, 2, 3]], rtol=0, atol=1e-12)


def test_a_null_spectrum_is_what_its_coefficients_say():
    Us = signal_subspace(random_hermitian(3, 6), 2)
    c = noise_polynomial(Us)
    for angle in (-1.2, 0.0, 0.7):
        a = torch.from_numpy(steering(np.array([angle]), 6, 0.5))[:, 0]
        direct = 6 - (Us.mH @ a).abs().square().sum(-1)
        z = a[1]
        by_c = c[:, 0].real + 2 * sum(c[:, k] * z**k for k in range(1, 6)).real
        torch.testing.assert_close(by_c, direct, rtol=1e-12, atol=1e-12)


def ideal(angles_deg, N=10, power=1.0, noise=10**-0.5, d=0.5):
    """Return A Aᴴ + σ² I."""
    A = torch.from_numpy(steering(np.deg2rad(angles_deg), N, d))
    return (power * A @ A.mH + noise * torch.eye(N))[None]


def by_root_music(R, M, d=0.5):
    return angles_of(roots_of_sources(noise_polynomial(signal_subspace(R, M)), M), d)


def by_esprit(R, M, d=0.5):
    return angles_of(esprit_roots(signal_subspace(R, M)), d)


@pytest.mark.parametrize("by", [by_root_music, by_esprit])
@pytest.mark.parametrize(
    "angles_deg", [(-25.0, 0.0, 30.0), (17.0, 22.0), (-85.0, 60.0), (5.0,)], ids=str
)
def test_an_ideal_covariance_gives_exact_angles(by, angles_deg):
    """The first and the second are examples of the documentation of rootmusicdoa and espritdoa."""
    found = by(ideal(angles_deg), len(angles_deg))[0]
    np.testing.assert_allclose(np.rad2deg(found.numpy()), angles_deg, rtol=0, atol=1e-7)


# --- derivatives of roots and angles ---


def hermitian(parts: torch.Tensor) -> torch.Tensor:
    A = torch.complex(*parts.unbind(-1))
    return A @ A.mH


@pytest.mark.parametrize("by", [by_root_music, by_esprit])
def test_gradients_of_angles_are_those_of_finite_differences(by):
    rng = torch.Generator().manual_seed(3)
    parts = torch.randn(1, 6, 6, 2, generator=rng, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: by(hermitian(p), 2), parts)


def test_gradients_of_roots_are_those_of_finite_differences():
    rng = torch.Generator().manual_seed(4)
    parts = torch.randn(1, 6, 6, 2, generator=rng, dtype=torch.float64, requires_grad=True)

    def roots(p, of):
        return torch.view_as_real(of(p))

    assert torch.autograd.gradcheck(
        lambda p: roots(p, lambda p: esprit_roots(signal_subspace(hermitian(p), 1))), parts
    )
    assert torch.autograd.gradcheck(
        lambda p: roots(
            p, lambda p: roots_of_sources(noise_polynomial(signal_subspace(hermitian(p), 2)), 2)
        ),
        parts,
    )


DIFFICULT = {
    "near end-fire": ((-20.0, 88.0), 0.01),
    "nearer": ((-20.0, 89.5), 1e-4),
    "near-coincident roots": ((10.0, 10.8), 1e-3),
}


@pytest.mark.parametrize("by", [by_root_music, by_esprit])
@pytest.mark.parametrize(("angles_deg", "noise"), DIFFICULT.values(), ids=DIFFICULT)
def test_gradients_where_they_are_large(by, angles_deg, noise):
    """Along a random direction, by central differences of the angles themselves."""
    R = ideal(angles_deg, N=8, noise=noise) + 0.05 * noise * random_hermitian(1, 8)
    direction = random_hermitian(1, 8, seed=5) / 100
    R = R.requires_grad_()
    for column in range(2):
        gradient = torch.autograd.grad(by(R, 2)[0, column], R)[0]
        slope = (gradient.conj() * direction).sum().real.item()
        with torch.no_grad():
            step = noise / 50
            ends = [by(R + sign * step * direction, 2)[0, column].item() for sign in (1, -1)]
        assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3)


def test_the_arcsine_has_a_derivative_at_end_fire():
    z = torch.exp(-1j * torch.pi * torch.tensor([[-1.0, -0.5, 0.2, 1.0]])).to(torch.complex128)
    z.requires_grad_()
    theta = angles_of(z, 0.5)
    np.testing.assert_allclose(theta.detach()[0].sin().numpy(), [-1, -0.5, 0.2, 1], atol=1e-7)
    (gradient,) = torch.autograd.grad(theta.sum(), z)
    assert gradient.isfinite().all()
    inner = gradient[0, 1:3].abs()
    np.testing.assert_allclose(inner, 1 / (np.pi * np.sqrt(1 - np.array([0.25, 0.04]))), rtol=1e-6)


def test_no_covariance_stops_the_others():
    """Of one sensor that hears alone, of none that does, and of eigenvalues all alike."""
    one = torch.zeros(8, 8, dtype=torch.complex128)
    one[7, 7] = 1
    R = torch.stack([one, 0 * one, torch.eye(8) + 0j, covariances(1)[0]])
    for by in (by_root_music, by_esprit):
        moved = R.clone().requires_grad_()
        angles = by(moved, 3)
        torch.testing.assert_close(angles[3:], by(R[3:], 3), rtol=0, atol=1e-12)
        angles[3].sum().backward()
        assert moved.grad[3].isfinite().all()


# --- loss ---


@pytest.mark.parametrize("M", [1, 2, 3, 4, 5])
def test_the_loss_is_the_least_over_permutations(M):
    rng = np.random.default_rng(M)
    s = np.sort(rng.uniform(-np.pi / 2, np.pi / 2, (200, M)), 1)
    estimate = rng.uniform(-np.pi / 2, np.pi / 2, (200, M))

    def wrapped(angle):
        return (angle + np.pi / 2) % np.pi - np.pi / 2

    each = [
        np.sqrt((wrapped(estimate[:, list(order)] - s) ** 2).mean(1))
        for order in itertools.permutations(range(M))
    ]
    least = np.min(each, 0)
    loss = periodic_loss(torch.tensor(estimate), torch.tensor(s)).item()
    assert loss == pytest.approx(least.mean(), rel=1e-12)
    x = np.zeros((200, 8, 1), dtype=np.complex64)
    np.testing.assert_allclose(rmspe(estimate, Split(x=x, s=s), TRUTH), least, rtol=1e-10)


def test_gradients_of_the_loss_are_those_of_finite_differences():
    rng = torch.Generator().manual_seed(0)
    s = torch.rand(6, 3, generator=rng, dtype=torch.float64).sort(1).values
    estimate = torch.rand(6, 3, generator=rng, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda e: periodic_loss(e, s), estimate)
    at = s.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(periodic_loss(at, s), at)
    assert gradient.isfinite().all()  # where the root of zero has no slope
