"""SPARCOM, its learned folds, and what is compared with them."""

import numpy as np
import pytest
import torch
from gradients import assert_slopes_are_those_of_differences
from scipy.optimize import minimize, nnls

from mbdl_repro.areas.sparse_recovery.bounds import known_places
from mbdl_repro.areas.sparse_recovery.methods.emitter_network import EmitterNetwork
from mbdl_repro.areas.sparse_recovery.methods.enlarged_image import EnlargedImage
from mbdl_repro.areas.sparse_recovery.methods.learned_sparcom import LearnedSparcom
from mbdl_repro.areas.sparse_recovery.methods.mean_image_lasso import MeanImageLasso
from mbdl_repro.areas.sparse_recovery.methods.smooth_sparcom import SmoothSparcom
from mbdl_repro.areas.sparse_recovery.methods.sparcom import Sparcom
from mbdl_repro.areas.sparse_recovery.systems.blinking_emitters import BlinkingEmitters
from mbdl_repro.areas.sparse_recovery.updates.camera_convolution import (
    camera_matrix,
    symmetric_classes,
)
from mbdl_repro.areas.sparse_recovery.updates.emitter_maps import (
    map_lipschitz_constant,
    smooth_threshold,
)
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = BlinkingEmitters(camera_side=4, upsampling=2, n_frames=20, density_per_um2=60.0)


def split(n, name="test", truth=TRUTH):
    return Split(*map(torch.from_numpy, truth.draw(n, name)))


def flat(truth, squared=True):
    B = truth.A**2 if squared else truth.A
    return np.kron(B, B)


# --- the solver ---


@pytest.mark.parametrize("cls", [Sparcom, MeanImageLasso])
def test_fista_ends_where_another_algorithm_does(cls):
    """L-BFGS-B with bounds, on the objective written with matrices."""
    x = split(3).x
    method = cls(TRUTH, iterations=30_000, rho=3e-4)
    H = flat(TRUTH, squared=cls is Sparcom)
    for g, s in zip(method.image(x).numpy(), method.estimate(x).numpy(), strict=True):

        def objective(s, g=g):
            residual = H @ s - g.ravel()
            return 0.5 * residual @ residual + 3e-4 * s.sum(), H.T @ residual + 3e-4

        start = np.full(64, 0.1)
        options = {"maxiter": 50_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-12}
        found = minimize(
            objective, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * 64, options=options
        )
        ours, gradient = objective(s.ravel())
        assert ours <= found.fun * (1 + 1e-6)
        # Optimality: no entry can move downhill.
        assert gradient.min() > -1e-6 and np.abs(gradient * s.ravel()).max() < 1e-6


def test_without_weight_it_is_non_negative_least_squares():
    x = split(1).x
    method = Sparcom(TRUTH, iterations=100_000, rho=1e-12)
    g = method.image(x)[0].numpy().ravel()
    _, norm = nnls(flat(TRUTH), g, maxiter=10_000)
    residual = np.linalg.norm(flat(TRUTH) @ method.estimate(x)[0].numpy().ravel() - g)
    assert residual == pytest.approx(norm, rel=1e-5)


def test_the_step_is_the_inverse_of_the_largest_curvature():
    largest = np.linalg.eigvalsh(flat(TRUTH).T @ flat(TRUTH)).max()
    assert map_lipschitz_constant(torch.tensor(TRUTH.A**2)) == pytest.approx(largest, rel=1e-10)


def test_the_image_is_in_units_of_one_emitter():
    truth = BlinkingEmitters(camera_side=4, upsampling=2, n_frames=20_000, density_per_um2=20.0)
    x, s = split(2, truth=truth)
    for cls, unit in ((Sparcom, "variance"), (MeanImageLasso, "mean")):
        image = cls(truth, iterations=1, rho=1.0).image(x)
        seen = (flat(truth, unit == "variance") @ s.flatten(1).numpy().T).T.reshape(image.shape)
        assert np.abs(image.numpy() - seen).max() < 0.02 * seen.max() + 0.005


def test_it_goes_by_the_width_that_is_set():
    wrong = Sparcom(TRUTH, iterations=2, rho=1e-4, psf_std_nm=150.0)
    assert torch.equal(wrong.B, Sparcom(TRUTH.believed(psf_std_nm=150.0), iterations=2, rho=1).B)
    unknown = TRUTH.believed(psf_std_nm=None)
    assert torch.equal(wrong.B, Sparcom(unknown, iterations=2, rho=1, psf_std_nm=150.0).B)
    with pytest.raises(ValueError, match="psf_std_nm is asked for, and is withheld"):
        Sparcom(unknown, iterations=2, rho=1e-4)


def test_who_is_told_another_width_goes_by_it_with_the_weights_of_home():
    """As an experiment does off the training point: built anew there, with what was stored."""
    x, there = split(5).x, TRUTH.believed(psf_std_nm=150.0)
    for cls, settings in ((Sparcom, {"rho": 1e-4}), (SmoothSparcom, {}), (LearnedSparcom, {})):
        home, away = (cls(belief, iterations=3, **settings) for belief in (TRUTH, there))
        expected = away.estimate(x)
        away.load_state_dict(home.state_dict())
        assert torch.equal(away.estimate(x), expected)


# --- folds ---


@pytest.mark.parametrize("upsampling", [1, 2, 3])
def test_a_kernel_on_camera_pixels_entry_by_entry(upsampling):
    N, reach = 3, 1
    kernel = torch.randn(2 * reach + upsampling, 2 * reach + upsampling)
    M = camera_matrix(kernel, N, upsampling).reshape(N, N, N * upsampling, N * upsampling)
    for i, j, a, b in np.ndindex(*M.shape):
        u, v = a - upsampling * i + reach, b - upsampling * j + reach
        inside = 0 <= u < len(kernel) and 0 <= v < len(kernel)
        assert M[i, j, a, b] == (kernel[u, v] if inside else 0)


@pytest.mark.parametrize("side", [3, 6])
def test_classes_are_those_of_quarter_turns_and_flips(side):
    classes = symmetric_classes(side).numpy()
    for other in (np.rot90(classes), classes[::-1], classes.T):
        assert np.array_equal(other, classes)
    half = -(-side // 2)
    assert len(np.unique(classes)) == classes.max() + 1 == half * (half + 1) // 2


def test_unfitted_it_is_its_parent_fold_by_fold():
    x = split(10).x
    settings = {"iterations": 5, "threshold": 0.03, "sharpness": 3.0, "relative_step": 1.5}
    for belief in (TRUTH, TRUTH.believed(psf_std_nm=140.0)):
        ours = LearnedSparcom(belief, **settings).iterates(x)
        for s, expected in zip(ours, SmoothSparcom(belief, **settings).iterates(x), strict=True):
            torch.testing.assert_close(s, expected, rtol=0, atol=1e-12)


def bent(method, scale=0.1):
    """Away from where it starts."""
    rng = torch_rng_for("bent")
    with torch.no_grad():
        for p in method.parameters():
            p += scale * torch.randn(p.shape, generator=rng, dtype=p.dtype)
    return method


@pytest.mark.parametrize(
    "method",
    [
        bent(LearnedSparcom(TRUTH, iterations=3, reach=2, blur_reach=2)),
        bent(EmitterNetwork(TRUTH, channels=4, layers=3), 0.5),
    ],
    ids=["learned_sparcom", "emitter_network"],
)
def test_every_tensor_gets_its_true_gradient(method):
    pairs = method.prepare(split(4))
    rng = torch_rng_for("slopes")
    assert_slopes_are_those_of_differences(method, lambda: method.loss(*pairs), rng)
    for name, p in method.named_parameters():
        assert p.grad.abs().max() > 0, name


def test_fitted_folds_turn_with_the_movie():
    """Kernels are symmetric: of a movie that is turned or flipped, so is the map."""
    method = bent(LearnedSparcom(TRUTH, iterations=3))
    x = split(3).x
    s = method.estimate(x)
    for turned in (lambda a: a.rot90(1, (-2, -1)), lambda a: a.flip(-1), lambda a: a.mT):
        torch.testing.assert_close(method.estimate(turned(x)), turned(s), rtol=0, atol=1e-10)


def test_nothing_is_answered_that_is_negative():
    x = split(20).x
    methods = [
        bent(LearnedSparcom(TRUTH, iterations=3), 0.5),
        bent(EmitterNetwork(TRUTH, channels=4), 0.5),
        SmoothSparcom(TRUTH, iterations=3),
        Sparcom(TRUTH, iterations=30, rho=1e-3),
    ]
    for method in methods:
        assert method.estimate(x).min() >= 0


def test_a_sharp_threshold_keeps_what_is_above_and_drops_the_rest():
    z = torch.tensor([-1.0, 0.0, 0.05, 0.2, 2.0], dtype=torch.float64)
    kept = smooth_threshold(z, 0.1, 1e3)
    torch.testing.assert_close(kept, torch.tensor([0, 0, 0, 0.2, 2.0], dtype=torch.float64))
    assert smooth_threshold(torch.tensor(0.1), 0.1, 4.0) == pytest.approx(0.05)


def test_a_fit_repairs_a_wrong_width():
    wrong = TRUTH.believed(psf_std_nm=150.0)
    method = LearnedSparcom(wrong, iterations=4, reach=3)
    test = split(100)
    before = method.loss_on(test)
    recipe = Recipe(learning_rate=0.1, steps=100, batch_size=20, validate_every=20)
    method.fit(split(150, "train"), split(50, "validation"), recipe)
    assert method.loss_on(test) < 0.85 * before


# --- the rest ---


def test_a_movie_and_its_image_have_one_answer():
    x = split(5).x
    methods = [
        Sparcom(TRUTH, iterations=5, rho=1e-4),
        MeanImageLasso(TRUTH, iterations=5, rho=1e-4),
        EnlargedImage(TRUTH, image_of="mean"),
    ]
    for method in methods:
        assert torch.equal(method.estimate(method.image(x)), method.estimate(x))


def test_an_image_is_enlarged_without_being_moved():
    """A constant stays one, and a flipped image is flipped."""
    method = EnlargedImage(TRUTH)
    same = method.estimate(torch.full((1, 4, 4), 0.7, dtype=torch.float64))
    torch.testing.assert_close(same, torch.full_like(same, 0.7))
    image = method.image(split(2).x)
    for turned in (lambda a: a.flip(-1), lambda a: a.mT):
        torch.testing.assert_close(method.estimate(turned(image)), turned(method.estimate(image)))


def test_who_knows_the_places_is_right_without_noise_and_other_emitters():
    """One emitter: the variance image is a² s b bᵀ exactly."""
    truth = BlinkingEmitters(camera_side=4, upsampling=2, noise_std=0.0)
    s = np.zeros((1, 8, 8))
    s[0, 0, 5] = 1.3
    B = truth.A**2
    image = truth.photons**2 * truth.emitter_variance * (B @ s @ B.T)
    x = np.concatenate([np.sqrt(image / 2), -np.sqrt(image / 2)])[None]  # of this variance
    assert known_places(truth, Split(x, s))[0] < 1e-20


@pytest.mark.parametrize("shape", [(2, 5, 5), (2, 20, 4, 5), (2, 1, 4, 4), (2, 16)])
def test_what_is_no_movie_is_refused(shape):
    message = rf"movies have the shape \({', '.join(map(str, shape))}\): should be \(n, T, 4, 4\)"
    with pytest.raises(ValueError, match=message):
        Sparcom(TRUTH, iterations=2, rho=1e-4).estimate(np.zeros(shape))


def test_another_scenario_is_refused():
    from truths import EXAMPLE_5_6

    with pytest.raises(ValueError, match="SparseRecovery: this method is for BlinkingEmitters"):
        Sparcom(EXAMPLE_5_6, iterations=2, rho=1e-4)
