"""Plug-and-play iterations: with denoisers that have closed forms, and with contractions."""

import numpy as np
import pytest
import torch
from scipy.fft import dct
from sklearn.linear_model import Lasso

from mbdl_repro.areas.image_restoration.methods.plug_and_play_admm import PlugAndPlayAdmm
from mbdl_repro.areas.image_restoration.methods.plug_and_play_hqs import PlugAndPlayHqs
from mbdl_repro.areas.image_restoration.methods.regularization_by_denoising import (
    RegularizationByDenoising,
)
from mbdl_repro.areas.image_restoration.priors.denoiser import Denoiser
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.image_restoration.solvers.plug_and_play import (
    PlugAndPlay,
    denoising_levels,
)
from mbdl_repro.areas.image_restoration.solvers.transform_fista import fista_iterates
from mbdl_repro.areas.image_restoration.solvers.updates import admm_iterates
from mbdl_repro.areas.sparse_recovery.updates.admm import admm_iterates as lasso_iterates
from mbdl_repro.areas.sparse_recovery.updates.admm import with_orthogonal_rows
from mbdl_repro.areas.sparse_recovery.updates.thresholding import soft_threshold
from mbdl_repro.contract.seeding import torch_rng_for

METHODS = [PlugAndPlayAdmm, PlugAndPlayHqs, RegularizationByDenoising]
DIGITS = Digits(degradation="compressed_sensing", ratio=0.5, noise_std=0.05)
CONSTANT = {"channels": 2, "layers": 2, "first_std": None}


def observed(truth, n=4):
    split = truth.draw(n, "validation", 100)
    return torch.from_numpy(split.x), torch.from_numpy(split.s)


def cosine_basis() -> torch.Tensor:
    """The orthonormal two-dimensional DCT of 8 × 8 images, (64 coefficients, 64 pixels)."""
    line = dct(np.eye(8), norm="ortho", axis=0)
    return torch.from_numpy(np.kron(line, line))


class InPlaceOfDenoiser(torch.nn.Module):
    """What has nothing to prepare."""

    def prepared(self):
        return self


class Shrinkage(InPlaceOfDenoiser):
    """The proximal map of σ² · multiple · ‖DCT s‖₁, in the place of a denoiser."""

    def __init__(self, multiple: float) -> None:
        super().__init__()
        self.multiple = multiple

    def forward(self, z, std):
        B = cosine_basis()
        shrunk = soft_threshold(z.flatten(1) @ B.mT, self.multiple * std**2)
        return (shrunk @ B).view_as(z)


class Linear(InPlaceOfDenoiser):
    """s ↦ A s."""

    def __init__(self, A: torch.Tensor) -> None:
        super().__init__()
        self.A = A

    def forward(self, z, std):
        return (z.flatten(1) @ self.A.mT).view_as(z)


def dense(H, side: int) -> torch.Tensor:
    """The matrix of an operator (observations, pixels)."""
    return H(torch.eye(side**2, dtype=torch.float64).view(-1, side, side)).flatten(1).mT


# --- ADMM ---


def test_admm_with_soft_thresholds_is_admm_on_the_lasso():
    x, s = observed(DIGITS)
    H = PlugAndPlayAdmm(DIGITS, **CONSTANT).H
    A = dense(H, 8) @ cosine_basis().mT
    rho, weight = 0.3, 0.02
    shrink = Shrinkage(weight)
    stages = [(lambda z: shrink(z, rho**-0.5), rho)] * 50
    ours = list(admm_iterates(torch.zeros_like(s), x, H, stages))
    # There the penalty is 2λ, and the threshold ρ/(2λ).
    theirs = list(
        lasso_iterates(x.flatten(1), *with_orthogonal_rows(A), [(weight, rho / 2, 1.0)] * 50)
    )
    assert len(ours) == len(theirs) == 51
    for image, coefficients in zip(ours, theirs, strict=True):
        expected = (coefficients @ cosine_basis()).view_as(s)
        torch.testing.assert_close(image, expected, rtol=0, atol=1e-12)


def test_plug_and_play_admm_with_soft_thresholds_solves_the_lasso():
    x, _ = observed(DIGITS)
    weight, penalty = 0.02, 0.4
    method = PlugAndPlayAdmm(DIGITS, iterations=1500, strength=2.0, penalty=penalty, **CONSTANT)
    # ρ = cσ²/σ_D², and the threshold, weight / ρ, is a multiple of σ_D².
    method.prior = Shrinkage(weight / (penalty * 0.05**2))
    A = (dense(method.H, 8) @ cosine_basis().mT).numpy()
    lasso = Lasso(alpha=weight / len(A), fit_intercept=False, tol=1e-14, max_iter=100_000)
    expected = [lasso.fit(A, row.flatten().numpy()).coef_ for row in x]
    ours = method(x).flatten(1) @ cosine_basis().mT
    np.testing.assert_allclose(ours.numpy(), np.array(expected), rtol=0, atol=1e-8)
    assert 0 < np.count_nonzero(expected) < 0.9 * np.size(expected)


def test_plug_and_play_admm_with_a_denoiser_that_shrinks_is_tikhonov():
    """D = αI is the proximal map of β/2 ‖v‖², β = ρ(1 − α)/α."""
    x, s = observed(DIGITS)
    method = PlugAndPlayAdmm(DIGITS, iterations=2000, strength=1.0, penalty=0.5, **CONSTANT)
    alpha, rho = 0.9, 0.5
    method.prior = Linear(alpha * torch.eye(64, dtype=torch.float64))
    ridge = rho * (1 - alpha) / alpha
    H = dense(method.H, 8)
    normal = H.mT @ H + ridge * torch.eye(64, dtype=torch.float64)
    expected = torch.linalg.solve(normal, H.mT @ x.flatten(1).mT)
    torch.testing.assert_close(method(x), expected.mT.view_as(s), rtol=0, atol=1e-10)


# --- fixed points, with a linear symmetric denoiser ---

BLURRED = Photographs(
    degradation="deblurring", blur_std=0.8, noise_std=0.02, side=8, patch_side=8, block_side=8
)


def symmetric() -> torch.Tensor:
    """A symmetric A, 0 < A < I, that is no convolution."""
    rng = torch_rng_for("A")
    Q = torch.linalg.qr(torch.randn(64, 64, generator=rng, dtype=torch.float64))[0]
    return (Q * torch.linspace(0.2, 0.7, 64, dtype=torch.float64)) @ Q.mT


@pytest.mark.parametrize("kind", METHODS)
@pytest.mark.parametrize("truth", [BLURRED, DIGITS], ids=["deblurring", "compressed_sensing"])
def test_fixed_points_solve_linear_equations(kind, truth):
    x, s = observed(truth)
    method = kind(truth, iterations=600, strength=2.0, penalty=0.8, **CONSTANT)
    A, eye, rho = symmetric(), torch.eye(64, dtype=torch.float64), 0.8 / 2.0**2
    method.prior = Linear(A)
    H = dense(method.H, 8)
    gram, data = H.mT @ H, H.mT @ x.flatten(1).mT
    if kind is PlugAndPlayHqs:  # s = A(HᵀH + ρI)⁻¹(Hᵀx + ρs)
        fitted = A @ torch.linalg.inv(gram + rho * eye)
        expected = torch.linalg.solve(eye - rho * fitted, fitted @ data)
    elif kind is PlugAndPlayAdmm:  # A = (I + Q/ρ)⁻¹ is the proximal map of ½sᵀQs
        quadratic = rho * (torch.linalg.inv(A) - eye)
        expected = torch.linalg.solve(gram + quadratic, data)
    else:  # the minimum of ½‖x − Hs‖² + w/2 sᵀ(s − As)
        expected = torch.linalg.solve(gram + rho * (eye - A), data)
    expected = expected.mT.view_as(s)
    torch.testing.assert_close(method(x), expected, rtol=0, atol=1e-9)
    torch.testing.assert_close(method.once_more(expected, x), expected, rtol=0, atol=1e-12)
    elsewhere = expected + 0.1
    assert (method.once_more(elsewhere, x) - elsewhere).norm() > 0.01


@pytest.mark.parametrize("degradation", ["deblurring", "super_resolution", "compressed_sensing"])
def test_a_penalty_of_a_quarter_leaves_no_more_noise_than_is_taken_away(degradation):
    """The largest singular value of the step from noise to image, times σ, at every level."""
    truth = BLURRED.believed(degradation=degradation)
    H = PlugAndPlayHqs(truth, **CONSTANT).H
    shape = H(torch.zeros(1, 8, 8, dtype=torch.float64)).shape[1:]
    units = torch.eye(shape.numel(), dtype=torch.float64).view(-1, *shape)
    left = {}
    for penalty in (0.25, 0.03):
        method = PlugAndPlayHqs(truth, strength=1.0, penalty=penalty)
        for level, (_, rho) in zip(method.levels, method.stages(method.levels), strict=True):
            step = method.H.adjoint(method.H.solve_gram(units, rho)).flatten(1)
            noise = truth.noise_std * torch.linalg.matrix_norm(step, 2).item()
            left[penalty] = max(left.get(penalty, 0.0), noise / level)
    assert left[0.25] <= 1 + 1e-9
    # Rows of H that are orthonormal never make noise larger; small singular values do.
    assert (left[0.03] > 1) == (degradation != "compressed_sensing")


@pytest.mark.parametrize("kind", [PlugAndPlayHqs, RegularizationByDenoising])
def test_once_more_is_the_next_iterate(kind):
    x, _ = observed(BLURRED)
    few, more = (kind(BLURRED, iterations=k, **CONSTANT) for k in (3, 4))
    rng = torch_rng_for("weights")
    few.prior.network.draw(rng, last_scale=1.0)
    more.load_state_dict(few.state_dict())
    torch.testing.assert_close(few.once_more(few(x), x), more(x), rtol=0, atol=1e-13)


# --- one's own iteration ---


class PlugAndPlayFista(PlugAndPlay):
    """FISTA with a denoiser for the proximal map: nothing more is needed for a new solver."""

    def __init__(self, belief, **settings):
        super().__init__(belief, strength=1.0, penalty=1.0, **settings)

    def iteration(self, s, x, stages):
        L = self.H.lipschitz_constant(s.shape[1])
        return fista_iterates(s, x, self.H, 1 / L, [denoise for denoise, _ in stages])


def test_a_solver_of_ones_own_is_one_method():
    x, _ = observed(DIGITS)
    weight = 0.1
    method = PlugAndPlayFista(DIGITS, iterations=2500, **CONSTANT)
    method.prior = Shrinkage(weight / 0.05**2)  # L is 1
    A = (dense(method.H, 8) @ cosine_basis().mT).numpy()
    lasso = Lasso(alpha=weight / len(A), fit_intercept=False, tol=1e-14, max_iter=100_000)
    expected = [lasso.fit(A, row.flatten().numpy()).coef_ for row in x]
    ours = method(x).flatten(1) @ cosine_basis().mT
    np.testing.assert_allclose(ours.numpy(), np.array(expected), rtol=0, atol=1e-5)
    start = method.H.start(x)
    _, first, *_ = method.iterates(x)
    torch.testing.assert_close(method.once_more(start, x), first, rtol=0, atol=0)


# --- strengths ---


def test_levels_come_down_in_equal_ratios_to_a_multiple_of_the_noise():
    levels = denoising_levels(0.02, 0.16, 4, 0.2)
    np.testing.assert_allclose(levels, [0.16, 0.08, 0.04, 0.02], rtol=1e-12)
    assert denoising_levels(0.02, None, 3, 0.2) == [0.02] * 3
    assert denoising_levels(0.02, 0.16, 1, 0.2) == [0.02]
    # Never above what training saw, never up.
    loud = PlugAndPlayHqs(BLURRED.believed(noise_std=0.5), iterations=2, strength=2.0)
    np.testing.assert_allclose(loud.levels, [0.2, 0.2])
    np.testing.assert_allclose(denoising_levels(0.02, 0.9, 2, 0.2), [0.2, 0.02])
    np.testing.assert_allclose(denoising_levels(0.1, 0.01, 2, 0.2), [0.1, 0.1])


@pytest.mark.parametrize("kind", METHODS)
def test_strengths_follow_the_noise_that_is_believed(kind):
    """Pixels, noise and levels all scaled alike: the same image, scaled."""
    x, _ = observed(BLURRED)
    quiet = kind(BLURRED, iterations=5, **CONSTANT)
    loud = kind(BLURRED.believed(noise_std=0.04), iterations=5, **CONSTANT)

    class Homogeneous(InPlaceOfDenoiser):
        def forward(self, z, std):
            return soft_threshold(z, std)

    quiet.prior = loud.prior = Homogeneous()
    torch.testing.assert_close(loud(2 * x), 2 * quiet(x), rtol=0, atol=1e-13)


@pytest.mark.parametrize("kind", METHODS)
def test_without_noise_there_is_no_strength(kind):
    with pytest.raises(ValueError, match=r"noise_std is 0.*above 0"):
        kind(BLURRED.believed(noise_std=0.0))
    with pytest.raises(ValueError, match="noise_std is asked for"):
        kind(BLURRED.believed(noise_std=None))


@pytest.mark.parametrize("kind", METHODS)
def test_with_hardly_any_noise_it_is_the_least_that_its_square_can_hold(kind):
    """ρ = c/a² whatever the noise; a square that vanishes is refused as no noise is."""
    method = kind(BLURRED.believed(noise_std=1e-150), strength=2.0, penalty=0.8, first_std=None)
    assert method.stages(method.levels)[-1][1] == pytest.approx(0.2)
    with pytest.raises(ValueError, match="noise_std is 1e-170"):
        kind(BLURRED.believed(noise_std=1e-170))


# --- what non-expansiveness buys ---

SENSED = Photographs(
    degradation="compressed_sensing",
    ratio=0.5,
    noise_std=0.02,
    side=12,
    patch_side=12,
    block_side=12,
)


def contracting(kind, truth, scale, iterations):
    """A method with a firmly non-expansive denoiser of random weights, in double precision."""
    method = kind(
        truth,
        iterations=iterations,
        channels=4,
        layers=3,
        lipschitz="firmly_nonexpansive",
        first_std=None,
    ).requires_grad_(False)
    rng = torch_rng_for("weights", scale)
    for parameter in method.prior.parameters():
        parameter.copy_(scale * torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    if scale < 1:
        method.prior.network.draw(rng)
    return method


def moves(iterates):
    images = list(iterates)
    pairs = zip(images[1:], images, strict=False)
    return torch.stack([(b - a).flatten(1).norm(dim=1) for a, b in pairs])


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("truth", [SENSED, BLURRED], ids=["compressed_sensing", "deblurring"])
def test_with_a_firmly_nonexpansive_denoiser_steps_never_grow(scale, truth, monkeypatch):
    x, _ = observed(truth)
    for kind in (PlugAndPlayHqs, RegularizationByDenoising):
        steps = moves(contracting(kind, truth, scale, 30).iterates(x))
        assert (steps[1:] <= steps[:-1] * (1 + 1e-9) + 1e-13).all(), kind
    # In ADMM it is what the denoiser is given whose steps never grow.
    method = contracting(PlugAndPlayAdmm, truth, scale, 30)
    seen = []
    denoiser = method.prior
    assert isinstance(denoiser, Denoiser)
    D = denoiser.prepared()

    def watched(z, std):
        seen.append(z.clone())
        return D(z, std)

    monkeypatch.setattr(denoiser, "prepared", lambda: watched)
    method(x)
    steps = moves(seen)
    assert (steps[1:] <= steps[:-1] * (1 + 1e-9) + 1e-13).all()


@pytest.mark.parametrize("kind", METHODS)
def test_with_a_firmly_nonexpansive_denoiser_it_comes_to_rest(kind):
    x, s = observed(SENSED)
    method = contracting(kind, SENSED, 0.1, 60)
    answer = method(x)
    residual = (method.once_more(answer, x) - answer).norm() / answer.norm()
    assert residual < 0.01 * (method.once_more(s, x) - s).norm() / s.norm()


def test_with_a_free_denoiser_steps_may_grow():
    x, _ = observed(SENSED)
    method = PlugAndPlayHqs(SENSED, iterations=30, channels=6, layers=3, first_std=None)
    method.requires_grad_(False)
    method.prior.network.draw(torch_rng_for("weights"), last_scale=10.0)
    steps = moves(method.iterates(x))
    assert (steps[1:] > 1.01 * steps[:-1]).any()
