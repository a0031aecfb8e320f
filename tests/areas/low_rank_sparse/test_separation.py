"""Movies taken apart into low rank and sparse: shrinkage, solvers, layers, and bounds."""

import cvxpy
import numpy as np
import pytest
import torch
from gradients import assert_slopes_are_those_of_differences
from scipy.signal import convolve2d

from mbdl_repro.areas.low_rank_sparse.bounds import told_places
from mbdl_repro.areas.low_rank_sparse.methods.corona import Corona
from mbdl_repro.areas.low_rank_sparse.methods.movie_network import MovieNetwork
from mbdl_repro.areas.low_rank_sparse.methods.proximal_robust_pca import ProximalRobustPca
from mbdl_repro.areas.low_rank_sparse.methods.robust_pca import RobustPca
from mbdl_repro.areas.low_rank_sparse.methods.svd_filter import SvdFilter
from mbdl_repro.areas.low_rank_sparse.methods.unfolded_robust_pca import UnfoldedRobustPca
from mbdl_repro.areas.low_rank_sparse.scenario import ContrastUltrasound
from mbdl_repro.areas.low_rank_sparse.updates.convolutions import (
    frame_convolutions,
    kernels_of_numbers,
)
from mbdl_repro.areas.low_rank_sparse.updates.separation import (
    accelerated,
    magnitude_threshold,
)
from mbdl_repro.areas.low_rank_sparse.updates.singular_values import (
    singular_value_threshold,
    without_largest,
)
from mbdl_repro.contract.method import descend
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe

TRUTH = ContrastUltrasound(side=6, n_frames=5)


def split(n, name="test", truth=TRUTH):
    return Split(*map(torch.from_numpy, truth.draw(n, name)))


def drawn(*shape, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=rng, dtype=torch.complex128)


def orthonormal(n, k, seed=0):
    """k orthonormal rows (k, n)."""
    return torch.linalg.qr(drawn(n, k, seed=seed))[0].mH


# --- shrinkage ---


@pytest.mark.parametrize("precision", [torch.complex64, torch.complex128])
def test_singular_values_are_shrunk_as_by_their_decomposition(precision):
    A = drawn(7, 4, 30)
    U, sigma, Vh = torch.linalg.svd(A, full_matrices=False)
    expected = (U * (sigma - 4.5).clamp_min(0)[..., None, :]) @ Vh
    assert 0 < (sigma > 4.5).sum() < sigma.numel()
    found = singular_value_threshold(A.to(precision), 4.5)
    assert found.dtype == precision
    atol = 1e-12 if precision == torch.complex128 else 1e-5
    torch.testing.assert_close(found.to(expected.dtype), expected, rtol=0, atol=atol)


def test_real_matrices_are_shrunk_too():
    A = drawn(4, 9).real.contiguous()
    found = singular_value_threshold(A, 1.0)
    expected = torch.linalg.svdvals(A) - 1
    torch.testing.assert_close(torch.linalg.svdvals(found), expected.clamp_min(0))


def test_shrinkage_turns_with_frames_and_pixels():
    A, U, V = drawn(4, 9), orthonormal(4, 4, seed=1), orthonormal(9, 9, seed=2)
    torch.testing.assert_close(
        singular_value_threshold(U @ A @ V, 2.0), U @ singular_value_threshold(A, 2.0) @ V
    )


@pytest.mark.parametrize(
    "sigma", [[3.0, 2.0, 1.0, 0.5], [2.0, 2.0, 2.0, 2.0], [3.0, 3.0, 0.5, 0.5], [2.0, 2.0, 0, 0]]
)
def test_the_derivative_is_exact_where_singular_values_repeat_or_vanish(sigma):
    diagonal = torch.tensor(sigma, dtype=torch.complex128).diag()
    A = (orthonormal(4, 4) @ diagonal @ orthonormal(7, 4, seed=1)).requires_grad_()
    tau = torch.tensor(1.2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(singular_value_threshold, (A, tau))


def test_many_fits_side_by_side_have_the_derivatives_of_each():
    A, taus = drawn(3, 4, 9), torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)
    A.requires_grad_()
    taus.requires_grad_()
    together = torch.func.vmap(singular_value_threshold)(A, taus)
    alone = torch.stack([singular_value_threshold(a, t) for a, t in zip(A, taus, strict=True)])
    torch.testing.assert_close(together, alone)
    weight = drawn(3, 4, 9, seed=5)
    ours, theirs = (
        torch.autograd.grad((L * weight).sum().real, (A, taus), retain_graph=True)
        for L in (together, alone)
    )
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


def test_the_largest_are_taken_out():
    A = drawn(2, 5, 12)
    sigma = torch.linalg.svdvals(A)
    left = torch.linalg.svdvals(without_largest(A, 2))
    torch.testing.assert_close(left[:, :3], sigma[:, 2:])
    assert left[:, 3:].abs().max() < 1e-10
    torch.testing.assert_close(without_largest(A, 0), A)


def test_magnitudes_are_shrunk_and_phases_kept():
    """Against the definition: the minimum of ½|s − z|² + β|s|, found on a fine grid."""
    z, beta = drawn(20), 0.8
    s = magnitude_threshold(z, beta)
    length = torch.linspace(0, 4, 4001, dtype=torch.float64)
    phase = torch.exp(1j * torch.arange(72, dtype=torch.float64) * torch.pi / 36)
    grid = (length[:, None] * phase).flatten()
    cost = 0.5 * (grid - z[:, None]).abs().square() + beta * grid.abs()
    ours = 0.5 * (s - z).abs().square() + beta * s.abs()
    assert (ours <= cost.min(1).values + 1e-12).all()
    assert (s.abs() == 0).any() and (s.abs() > 0).any()
    assert magnitude_threshold(torch.zeros(1, dtype=torch.complex128), 0.5) == 0


# --- solvers ---


def test_fista_ends_where_both_subdifferentials_hold_the_residual():
    """x − L − S = λ_L (U Vᴴ + M), ‖M‖ ≤ 1, M ⟂ L, and = λ_S sign(S), or less where S is 0."""
    x, lam_L, lam_S = split(1).x, 0.8, 0.16
    *_, S = accelerated(x, lam_L, lam_S, 4000)
    L = singular_value_threshold((x - S).flatten(2), lam_L).view_as(x)
    R = (x - L - S)[0].flatten(1)
    S, L = S[0].flatten(1), L[0].flatten(1)
    assert 0 < (S.abs() > 0).double().mean() < 1 and 0 < torch.linalg.matrix_rank(L) < 5
    assert torch.linalg.matrix_norm(R, 2) <= lam_L * (1 + 1e-7)
    assert R.abs().max() <= lam_S * (1 + 1e-7)
    on = S.abs() > 0
    torch.testing.assert_close(R[on], (lam_S * S / S.abs())[on], rtol=0, atol=1e-7)
    nuclear = torch.linalg.svdvals(L).sum()
    assert (R.conj() * L).sum().real == pytest.approx(lam_L * nuclear.item(), rel=1e-7)


def test_fista_ends_where_a_cone_solver_does():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((8, 2)) @ rng.standard_normal((2, 8))
    X[rng.random((8, 8)) < 0.1] += 4
    L, S = cvxpy.Variable((8, 8)), cvxpy.Variable((8, 8))
    cost = 0.5 * cvxpy.sum_squares(X - L - S) + 0.5 * cvxpy.normNuc(L)
    cost += 0.2 * cvxpy.sum(cvxpy.abs(S))
    cvxpy.Problem(cvxpy.Minimize(cost)).solve(solver="SCS", eps=1e-8, max_iters=50_000)
    x = torch.tensor(X, dtype=torch.complex128).view(1, 8, 8, 1)
    *_, found = accelerated(x, 0.5, 0.2, 3000)
    np.testing.assert_allclose(found[0, :, :, 0].real.numpy(), S.value, atol=2e-4)
    assert found.imag.abs().max() == 0


def test_both_solvers_end_at_one_place():
    x = split(3).x
    settings = {"low_rank_weight": 1.0, "sparse_ratio": 0.2}
    fast = RobustPca(TRUTH, iterations=1000, **settings).estimate(x)
    slow = ProximalRobustPca(TRUTH, iterations=4000, **settings).estimate(x)
    torch.testing.assert_close(fast, slow, rtol=0, atol=1e-6)


def test_robust_pca_of_the_experiments_has_converged():
    truth = ContrastUltrasound()
    x = split(4, truth=truth).x
    for weight in (0.3, 1.2):
        settings = {"low_rank_weight": weight, "sparse_ratio": 0.085}
        found, end = (RobustPca(truth, iterations=k, **settings).estimate(x) for k in (80, 400))
        assert (found - end).norm() < 0.05 * end.norm()


# --- layers ---


def test_a_convolution_frame_by_frame_as_another_library_does():
    y, P = drawn(2, 3, 2, 7, 7), drawn(2, 2, 3, 3, seed=1)
    found = frame_convolutions(y, torch.view_as_real(P))
    for d, n, t in np.ndindex(2, 2, 3):
        expected = sum(convolve2d(y[n, t, c], P[d, c], mode="same") for c in range(2))
        np.testing.assert_allclose(found[d, n, t], expected, atol=1e-12)


@pytest.mark.parametrize("reach", [0, 2])
def test_kernels_of_numbers_multiply(reach):
    y = drawn(2, 3, 2, 5, 5)
    (z,) = frame_convolutions(y, kernels_of_numbers((0.5, -2.0), 2 * reach + 1)[None])
    torch.testing.assert_close(z, 0.5 * y[:, :, 0] - 2 * y[:, :, 1])


@pytest.mark.parametrize("cls", [Corona, UnfoldedRobustPca])
@pytest.mark.parametrize("precision", ["double", "single"])
def test_unfitted_it_is_proximal_gradient_layer_by_layer(cls, precision):
    x = split(4).x
    settings = {"iterations": 4, "low_rank_weight": 2.0, "sparse_ratio": 0.15}
    method = cls(TRUTH, **settings)
    expected = ProximalRobustPca(TRUTH, **settings).iterates(x)
    if precision == "single":
        method, x = method.float(), x.to(torch.complex64)
    with torch.no_grad():
        for ours, theirs in zip(method.refinements(x), expected, strict=True):
            atol = 1e-12 if precision == "double" else 1e-5
            torch.testing.assert_close(ours.to(theirs.dtype), theirs, rtol=0, atol=atol)


def bent(method, scale=0.1):
    """Away from where it starts."""
    rng = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in method.parameters():
            p += scale * torch.randn(p.shape, generator=rng, dtype=p.dtype)
    return method


@pytest.mark.parametrize("cls", [Corona, UnfoldedRobustPca, MovieNetwork])
def test_every_tensor_gets_its_true_gradient(cls):
    settings = {} if cls is MovieNetwork else {"iterations": 3, "low_rank_weight": 2.0}
    method, (x, s) = bent(cls(TRUTH, **settings)), split(4)
    rng = torch.Generator().manual_seed(0)
    assert_slopes_are_those_of_differences(method, lambda: method.loss(x, s), rng)
    for name, p in method.named_parameters():
        assert p.grad.abs().max() > 0, name


def test_the_phase_of_a_movie_is_that_of_its_bubbles():
    """Real and imaginary parts belong together: what turns by a phase, turns the answer."""
    x = split(3).x
    for method in (
        bent(Corona(TRUTH, iterations=3)),
        bent(UnfoldedRobustPca(TRUTH, iterations=3)),
        RobustPca(TRUTH, iterations=10, low_rank_weight=1.0, sparse_ratio=0.15),
        SvdFilter(TRUTH),
    ):
        s = method.estimate(x)
        assert s.abs().max() > 0
        torch.testing.assert_close(method.estimate(1j * x), 1j * s, rtol=0, atol=1e-10)


def test_fits_side_by_side_are_those_one_by_one():
    recipe = Recipe(steps=3, batch_size=4, validate_every=1, learning_rate=0.01)
    trains = [split(8, f"train {i}") for i in range(2)]

    def fitted(together):
        methods = [Corona(TRUTH, iterations=2) for _ in trains]
        rngs = [torch.Generator().manual_seed(i) for i in range(2)]
        groups = [slice(0, 2)] if together else [slice(0, 1), slice(1, 2)]
        for g in groups:
            descend(methods[g], trains[g], trains[g], recipe, rngs[g])
        return methods

    for a, b in zip(fitted(True), fitted(False), strict=True):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(p, q)


# --- the rest ---


def test_a_movie_of_one_direction_is_all_tissue():
    x = (drawn(5, 1, seed=1) @ drawn(1, 36, seed=2)).view(1, 5, 6, 6)
    assert SvdFilter(TRUTH, n_removed=1).estimate(x).abs().max() < 1e-10
    torch.testing.assert_close(SvdFilter(TRUTH, n_removed=0).estimate(x), x)
    with pytest.raises(ValueError, match="n_removed is 5: should be less than the 5 frames"):
        SvdFilter(TRUTH, n_removed=5)


def test_who_is_told_the_places_is_right_without_noise_where_tissue_stands_still():
    """Tissue that is the same in all frames shows itself in any frame without bubbles."""
    truth = ContrastUltrasound(
        side=6, n_frames=8, motion_mm=0.0, speed_mm_s=60.0, noise_std=1e-4, density_per_cm2=20.0
    )
    still = truth.draw(50, "still")
    assert told_places(truth, still).mean() < 0.01
    moved = TRUTH.draw(50, "still")
    assert told_places(TRUTH, moved).mean() > 0.02


@pytest.mark.parametrize("shape", [(2, 4, 6, 6), (2, 5, 6, 5), (2, 5, 36)])
def test_what_is_no_movie_is_refused(shape):
    with pytest.raises(
        ValueError, match=r"movies are complex and have the shape .* \(n, 5, 6, 6\)"
    ):
        SvdFilter(TRUTH).estimate(np.zeros(shape, dtype=complex))
    with pytest.raises(ValueError, match="movies are real"):
        SvdFilter(TRUTH).estimate(np.zeros((2, 5, 6, 6)))
