"""The trained denoiser: what its construction promises, whatever its weights, and its training."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from mbdl_repro.areas.image_restoration.methods.plug_and_play_admm import PlugAndPlayAdmm
from mbdl_repro.areas.image_restoration.methods.plug_and_play_hqs import PlugAndPlayHqs
from mbdl_repro.areas.image_restoration.methods.regularization_by_denoising import (
    RegularizationByDenoising,
)
from mbdl_repro.areas.image_restoration.priors.denoiser import (
    GRID,
    Denoiser,
    Reflections,
    operator_norm,
)
from mbdl_repro.areas.image_restoration.scenario import Photographs
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import TrainingDivergedError
from mbdl_repro.pipeline.models import KeptFits
from mbdl_repro.store.paths import Store


def reflecting(scale: float, layers: int = 4) -> Denoiser:
    """A firmly non-expansive denoiser with random weights of any size, in double precision."""
    rng = torch_rng_for("weights", scale, layers)
    denoiser = Denoiser(channels=8, layers=layers, lipschitz="firmly_nonexpansive")
    for parameter in denoiser.parameters():
        parameter.requires_grad_(False)
        parameter.copy_(scale * torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    return denoiser


def free(scale: float) -> Denoiser:
    denoiser = Denoiser(channels=4, layers=3).requires_grad_(False)
    denoiser.network.draw(torch_rng_for("weights", scale), last_scale=scale)
    return denoiser


# --- the operator norm ---


def dense(W: torch.Tensor, side: int) -> torch.Tensor:
    """The matrix of a periodic convolution, column by column."""
    unit = torch.eye(W.shape[1] * side**2, dtype=torch.float64).view(-1, W.shape[1], side, side)
    return functional.conv2d(functional.pad(unit, (1, 1, 1, 1), mode="circular"), W).flatten(1).T


@pytest.mark.parametrize("side", [4, 7, 9, 16])
def test_the_norm_of_a_convolution_is_that_of_its_matrix_or_a_little_above(side):
    W = torch.randn(3, 2, 3, 3, generator=torch_rng_for("W", side), dtype=torch.float64)
    largest = torch.linalg.matrix_norm(dense(W, side), 2)
    assert largest <= operator_norm(W)
    if side == 16:  # its frequencies are half of the grid's
        assert operator_norm(W) < 1.06 * largest


def test_the_norm_is_the_largest_of_all_frequencies_and_at_most_two_percent_above():
    for seed in range(3):
        W = torch.randn(8, 4, 3, 3, generator=torch_rng_for("W", seed), dtype=torch.float64)
        fine = np.fft.fft2(W.numpy(), s=(96, 96)).transpose(2, 3, 0, 1)
        largest = np.linalg.svd(fine, compute_uv=False).max()
        assert largest <= operator_norm(W).item() <= largest / np.cos(2 * np.pi / GRID)


def test_gradients_pass_through_the_norm():
    W = torch.randn(3, 4, 3, 3, generator=torch_rng_for("W"), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(operator_norm, (W,))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e200])
def test_a_kernel_that_is_not_finite_has_no_norm(value):
    W = torch.ones(2, 4, 3, 3, dtype=torch.float64)
    W[1, 2, 0, 1] = value
    assert operator_norm(W).isnan()


def test_a_fit_that_runs_away_says_so():
    """And not that eigenvalues of what is no number cannot be found."""
    method = PlugAndPlayHqs(TRUTH, channels=2, layers=2, lipschitz="firmly_nonexpansive")
    recipe = RECIPE.model_copy(update={"learning_rate": 1e200, "steps": 4, "validate_every": 2})
    with pytest.raises(TrainingDivergedError, match="lower learning_rate"):
        method.fit(drawn(10, "train"), drawn(4, "validation"), recipe, torch_rng_for("fit"))


# --- the firmly non-expansive kind ---


@pytest.mark.parametrize("scale", [0.01, 0.3, 10.0])
@pytest.mark.parametrize("std", [0.02, 1.0, 100.0])
def test_it_is_firmly_nonexpansive_whatever_its_weights(scale, std):
    denoiser = reflecting(scale)
    rng = torch_rng_for("pairs", scale, std)
    a, b = torch.randn(2, 50, 10, 12, generator=rng, dtype=torch.float64)
    b[::2] = a[::2] + 1e-3 * b[::2]  # pairs that are near, and pairs that are far apart
    moved, between = denoiser(a, std) - denoiser(b, std), a - b
    inner = (moved * between).sum((1, 2))
    square = moved.square().sum((1, 2))
    assert (square <= inner * (1 + 1e-12)).all()


@pytest.mark.parametrize("scale", [0.3, 3.0, None])
def test_the_largest_gain_of_the_reflected_jacobian_is_one_at_most(scale):
    denoiser = reflecting(scale or 1.0)
    if scale is None:
        denoiser.network.draw(torch_rng_for("drawn"))
    z = torch.rand(1, 6, 6, generator=torch_rng_for("z"), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda z: 2 * denoiser(z, 0.1) - z, z)
    jacobian = jacobian.view(36, 36)
    v = torch.randn(36, generator=torch_rng_for("v"), dtype=torch.float64)
    for _ in range(300):  # power iteration
        v = jacobian.mT @ (jacobian @ v)
        squared_gain = v.norm()
        v = v / squared_gain
    assert squared_gain <= 1 + 1e-12
    eye = torch.eye(36, dtype=torch.float64)
    assert (jacobian - eye).abs().max() > 0.01, "it leaves everything"
    if scale is None:  # filters that sum to zero let an image without contrast pass
        grey = torch.ones(36, dtype=torch.float64)
        torch.testing.assert_close(jacobian @ grey, grey)
        assert squared_gain > 1 - 1e-12


def test_a_layer_is_a_gradient_step_on_a_convex_function():
    """½(I + R) = I − ∇f, f = Σ h(W z), h Huber's function."""
    denoiser = reflecting(0.3, layers=1)
    network = denoiser.network
    assert isinstance(network, Reflections)
    z = torch.rand(1, 6, 6, generator=torch_rng_for("z"), requires_grad=True, dtype=torch.float64)
    W = network.filters[0] / operator_norm(network.filters[0]).clamp_min(1.0)
    y = functional.pixel_unshuffle(z[:, None], 2)
    t = functional.conv2d(functional.pad(y, (1, 1, 1, 1), mode="circular"), W)
    thresholds = 0.2 * network.log_thresholds[0].exp()
    value = torch.zeros((), dtype=torch.float64)
    for channel, threshold in zip(t[0], thresholds, strict=True):
        value = value + functional.huber_loss(
            channel, torch.zeros_like(channel), reduction="sum", delta=threshold.item()
        )
    (gradient,) = torch.autograd.grad(value, z)
    torch.testing.assert_close(denoiser(z.detach(), 0.2), z.detach() - gradient)


@pytest.mark.parametrize("make", [lambda: reflecting(1.0), lambda: free(1.0)])
def test_prepared_it_is_the_same(make):
    denoiser, z = make(), torch.rand(2, 6, 6, dtype=torch.float64)
    prepared = denoiser.prepared()
    for std in (0.05, torch.tensor([0.1, 0.0], dtype=torch.float64)):
        assert torch.equal(prepared(z, std), denoiser(z, std))


def test_it_refuses_odd_sides():
    with pytest.raises(ValueError, match=r"9 × 8 pixels.*even"):
        reflecting(1.0)(torch.zeros(1, 9, 8, dtype=torch.float64), 0.1)


# --- both kinds ---


@pytest.mark.parametrize("make", [reflecting, free])
def test_without_noise_it_changes_nothing(make):
    z = torch.rand(3, 8, 8, generator=torch_rng_for("z"), dtype=torch.float64)
    denoiser = make(0.5)
    torch.testing.assert_close(denoiser(z, 0.0), z, rtol=0, atol=1e-15)
    little = (denoiser(z, 1e-6) - z).norm()
    assert 0 < little < 1e-4


@pytest.mark.parametrize("make", [reflecting, free])
def test_each_image_has_its_own_level_and_is_alone(make):
    denoiser = make(0.5)
    z = torch.rand(3, 8, 8, generator=torch_rng_for("z"), dtype=torch.float64)
    std = torch.tensor([0.01, 0.05, 0.2], dtype=torch.float64)
    together = denoiser(z, std)
    for i in range(3):
        torch.testing.assert_close(denoiser(z[i : i + 1], std[i].item())[0], together[i])


@pytest.mark.parametrize("make", [reflecting, free])
def test_without_gradients_it_is_as_good_in_single_precision(make):
    denoiser = make(0.5)
    z = torch.rand(3, 8, 8, generator=torch_rng_for("z"), dtype=torch.float64)
    precise = denoiser(z, 0.1)
    with torch.no_grad():
        quick = denoiser(z, 0.1)
    assert quick.dtype == torch.float64
    torch.testing.assert_close(quick, precise, rtol=0, atol=1e-5)


def test_pairs_have_the_noise_that_they_tell():
    s = torch.rand(400, 12, 12, generator=torch_rng_for("s"), dtype=torch.float64)
    denoiser = Denoiser(channels=2, layers=2, largest_std=0.3)
    x, targets = denoiser.pairs(s, torch_rng_for("pairs"))
    again = denoiser.pairs(s, torch_rng_for("pairs"))
    assert torch.equal(x, again.x)
    levels = x[:, 1, 0, 0]
    assert torch.equal(x[:, 1], levels[:, None, None].expand_as(targets))
    noise = (x[:, 0] - targets) / x[:, 1]
    n = noise.numel()
    assert abs(noise.mean()) < 5 / n**0.5
    assert abs(noise.square().mean() - 1) < 5 * (2 / n) ** 0.5
    order = levels.sort().values
    places = torch.arange(len(order), dtype=torch.float64) / len(order)
    assert (order >= 0.3 * places).all()
    assert (order <= 0.3 * (places + 1 / len(order))).all()
    # Two levels for each patch, and not the same.
    assert torch.equal(targets[:400], targets[400:])
    assert not torch.equal(levels[:400], levels[400:])


# --- training, and one artifact for all ---

TRUTH = Photographs(degradation="denoising", noise_std=0.05, side=24, patch_side=24, block_side=24)
RECIPE = Recipe(
    learning_rate=1e-2,
    steps=150,
    batch_size=8,
    validate_every=50,
    clip_norm=300.0,
    precision="single",
)


def drawn(n: int, split: str) -> Split:
    return Split(*(torch.from_numpy(part) for part in TRUTH.draw(n, split, 100)))


@pytest.mark.parametrize("lipschitz", ["free", "firmly_nonexpansive"])
def test_a_short_fit_takes_noise_away(lipschitz):
    method = PlugAndPlayHqs(TRUTH, channels=8, layers=3, lipschitz=lipschitz)
    method.fit(drawn(100, "train"), drawn(8, "validation"), RECIPE, torch_rng_for("fit"))
    s = drawn(16, "validation").s
    z = s + 0.1 * torch.randn(s.shape, generator=torch_rng_for("noise"), dtype=torch.float64)
    with torch.no_grad():
        left = (method.prior(z, 0.1) - s).square().mean()
    assert left < 0.4 * (z - s).square().mean()  # 4 dB


def test_methods_with_equal_denoisers_fit_one(tmp_path):
    small = {"channels": 3, "layers": 3}
    store = Store(tmp_path, tmp_path)
    shared = KeptFits(store, "cpu")
    recipe = RECIPE.model_copy(update={"steps": 5})
    train, validation = drawn(10, "train"), drawn(4, "validation")

    def fitted(method, seed=0, recipe=recipe, train=train, validation=validation):
        rng = torch_rng_for("fit", seed)
        history = method.fit(train, validation, recipe, rng, shared=shared)
        assert [row["step"] for row in history] == [0, recipe.steps]
        return {name: tensor.clone() for name, tensor in method.state_dict().items()}

    def files():
        return sorted(store.cache("shared").glob("*.safetensors"))

    first = fitted(PlugAndPlayAdmm(TRUTH, **small))
    assert len(files()) == 1
    # Another method, another H, another noise, other settings of the iteration.
    elsewhere = TRUTH.believed(degradation="super_resolution", noise_std=0.1)
    for other in (
        PlugAndPlayHqs(elsewhere, **small, iterations=7),
        RegularizationByDenoising(elsewhere, **small, strength=1.0, penalty=0.7),
    ):
        again = fitted(other, seed=1)
        assert again.keys() == first.keys()
        assert all(torch.equal(again[name], first[name]) for name in first)
        assert len(files()) == 1
    # Damage is seen, and repaired.
    files()[0].write_bytes(files()[0].read_bytes()[:-1] + b"?")
    repaired = fitted(PlugAndPlayAdmm(TRUTH, **small))
    assert all(torch.equal(repaired[name], first[name]) for name in first)
    assert len(files()) == 1
    # Another denoiser, or recipe, is another fit.
    fitted(PlugAndPlayAdmm(TRUTH, channels=4, layers=3))
    assert len(files()) == 2
    fitted(PlugAndPlayAdmm(TRUTH, **small, lipschitz="firmly_nonexpansive"))
    assert len(files()) == 3
    fitted(PlugAndPlayAdmm(TRUTH, **small), recipe=recipe.model_copy(update={"steps": 6}))
    assert len(files()) == 4
    # And so is one to other images, or chosen by others.
    moved = fitted(PlugAndPlayAdmm(TRUTH, **small), train=drawn(9, "train"))
    assert len(files()) == 5
    assert not all(torch.equal(moved[name], first[name]) for name in first)
    fitted(PlugAndPlayAdmm(TRUTH, **small), validation=drawn(3, "validation"))
    assert len(files()) == 6
