"""Degradations of one's own: the same answers as by name, and what is refused."""

import dataclasses
import json
import typing
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from mbdl_repro import catalogue
from mbdl_repro.areas.image_restoration import bounds, metrics
from mbdl_repro.areas.image_restoration.methods.bicubic import Bicubic
from mbdl_repro.areas.image_restoration.methods.unfolded_proximal_gradient import (
    UnfoldedProximalGradient,
)
from mbdl_repro.areas.image_restoration.physics.linear_map import LinearMap
from mbdl_repro.areas.image_restoration.physics.operators import operator_of
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.image_restoration.solvers.told import ToldMethod
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for, torch_rng_for
from mbdl_repro.learning.recipe import Recipe

SIDES = {"side": 16, "patch_side": 8, "block_side": 8}
NAMED = {
    "deblurring": Photographs(degradation="deblurring", blur_std=0.7, noise_std=0.05, **SIDES),
    "super_resolution": Photographs(
        degradation="super_resolution", blur_std=0.8, noise_std=0.05, **SIDES
    ),
}
SMALL = {
    "iterations": 3,
    "channels": 3,
    "layers": 3,
    "levels": 2,
    "copies": 1,
    "latent_size": 3,
    "hidden_size": 6,
    "generator_channels": 3,
}


def columns(truth, side):
    """The matrix of H, by what the scenario observes of each pixel."""
    return truth.clean(np.eye(side**2).reshape(-1, side, side)).reshape(side**2, -1)


def as_map(truth, name="mine"):
    """What is known of a degradation by its name, as two functions and dense matrices."""
    matrices = {side: columns(truth, side) for side in {truth.side, truth.patch_side}}
    shapes = {
        matrices[side].shape[1]: (side, truth.clean(np.zeros((1, side, side))).shape[1:])
        for side in matrices
    }

    def forward(s):
        x = s.reshape(len(s), -1) @ matrices[s.shape[1]]
        return x.reshape(len(s), *shapes[x.shape[1]][1])

    def adjoint(x):
        flat = x.reshape(len(x), -1)
        side, _ = shapes[flat.shape[1]]
        return (flat @ matrices[side].T).reshape(len(x), side, side)

    return LinearMap(forward, adjoint, name)


def given(truth):
    return dataclasses.replace(truth, degradation=as_map(truth))


GIVEN = {name: given(truth) for name, truth in NAMED.items()}
every_name = pytest.mark.parametrize("name", NAMED)


def tensors(split):
    return Split(*map(torch.from_numpy, split))


# --- the same as by name ---


@every_name
def test_the_operator_is_that_of_the_name(name):
    ours, theirs = operator_of(GIVEN[name]), operator_of(NAMED[name])
    for side in (8, 16):
        s = torch.from_numpy(rng_for("s", side).standard_normal((3, side, side)))
        x = torch.from_numpy(rng_for("x", side).standard_normal(theirs(s).shape))
        close = {"rtol": 0, "atol": 1e-7}
        torch.testing.assert_close(ours(s), theirs(s), **close)
        torch.testing.assert_close(ours.adjoint(x), theirs.adjoint(x), **close)
        torch.testing.assert_close(ours.start(x), theirs.start(x), **close)
        for ridge in (0.03, torch.tensor([0.01, 0.1, 1.0], dtype=torch.float64)):
            solutions = ours.solve_gram(x, ridge), theirs.solve_gram(x, ridge)
            torch.testing.assert_close(*solutions, **close)
            images = ours.proximal(s, x, ridge), theirs.proximal(s, x, ridge)
            torch.testing.assert_close(*images, **close)
        expected = theirs.lipschitz_constant(side)
        assert ours.lipschitz_constant(side) == pytest.approx(expected, rel=1e-10)
        assert ours.image_sides(x) == (side, side)
        assert ours.start(x.float()).dtype == torch.float32


KNOW_H = [
    info
    for info in catalogue.methods("image_restoration").values()
    if info.name not in ("bicubic", "blind_deconvolution", "dublid")
    and not issubclass(catalogue.method_class(info), ToldMethod)  # each image has an H of its own
]


@pytest.mark.parametrize("info", KNOW_H, ids=lambda info: info.name)
@every_name
def test_every_method_that_knows_h_answers_as_with_its_name(info, name):
    settings = {key: value for key, value in SMALL.items() if key in info.settings}
    one_size = {"side": 8, "patch_side": 8}
    truths = GIVEN[name].believed(**one_size), NAMED[name].believed(**one_size)
    mine, theirs = (catalogue.method_class(info)(truth, **settings) for truth in truths)
    rng = torch_rng_for("weights")
    for tensor in theirs.state_dict().values():
        tensor += 0.1 * torch.randn(tensor.shape, generator=rng, dtype=tensor.dtype)
    if info.name == "linear_mmse":
        theirs.state_dict()["covariance"].copy_(torch.eye(64))
    if info.name == "stationary_gaussian":  # of a square that is moved over itself
        overlap = 1 - torch.arange(8, dtype=torch.float64) / 8
        theirs.state_dict()["covariance"].copy_(overlap[:, None] * overlap)
    mine.load_state_dict(theirs.state_dict())
    x = tensors(truths[1].draw(3, "test", 0)).x
    expected = theirs(x).detach()
    assert expected.isfinite().all()
    torch.testing.assert_close(mine(x).detach(), expected, rtol=0, atol=1e-5)


@every_name
def test_data_are_those_of_the_name_but_for_the_noise(name):
    quiet = dataclasses.replace(GIVEN[name], noise_std=0.0)
    for split in ("train", "test"):
        ours = quiet.draw(3, split, 0)
        theirs = dataclasses.replace(NAMED[name], noise_std=0.0).draw(3, split, 0)
        np.testing.assert_array_equal(ours.s, theirs.s)
        np.testing.assert_allclose(ours.x, theirs.x, atol=1e-12)
    ours, theirs = GIVEN[name].draw(3, "test", 0), NAMED[name].draw(3, "test", 0)
    assert np.abs((ours.x - theirs.x) / 0.05).std() > 0.5


@every_name
def test_metrics_and_bounds_take_it(name):
    test = NAMED[name].draw(4, "test", 0)
    gains = [metrics.psnr_gain_db(test.s * 0.9, test, t[name]) for t in (GIVEN, NAMED)]
    np.testing.assert_allclose(*gains, atol=1e-5)
    floors = [bounds.knows_all_images(t[name], test) for t in (GIVEN, NAMED)]
    np.testing.assert_allclose(*floors, atol=1e-12)


def test_the_example_of_the_documentation_is_one():
    page = (Path(__file__).parents[4] / "docs/adding_a_method.md").read_text(encoding="utf-8")
    code = page.split("## A degradation of one's own")[1].split("```python")[1].split("```")[0]
    names: dict = {}
    exec(code, names)
    test = names["truth"].draw(2, "test", 0)
    assert test.x.shape == (2, 72)
    np.testing.assert_allclose(test.x, test.s.mean(2), atol=0.06)


# --- gradients ---


def test_gradients_pass_through_functions_of_arrays():
    H = operator_of(GIVEN["super_resolution"])
    x = torch.from_numpy(rng_for("x").standard_normal((2, 4, 4))).requires_grad_()
    z = torch.from_numpy(rng_for("z").standard_normal((2, 8, 8))).requires_grad_()
    ridge = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(H.gradient, (z, x))
    assert torch.autograd.gradgradcheck(lambda z: H(z).square(), (z,))
    assert torch.autograd.gradcheck(H.proximal, (z, x, ridge))
    ridges = torch.tensor([0.3, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(H.solve_gram, (x, ridges))
    assert torch.autograd.gradgradcheck(H.solve_gram, (x, ridges))


def test_a_network_is_fitted_through_it_as_through_the_name():
    recipe = Recipe(steps=6, batch_size=4, validate_every=3)
    train, validation = (tensors(NAMED["deblurring"].draw(12, n, 0)) for n in ("train", "test"))
    histories = []
    for truth in (GIVEN["deblurring"], NAMED["deblurring"]):
        method = UnfoldedProximalGradient(truth, iterations=2, channels=3)
        histories.append(method.fit(train, validation, recipe, torch_rng_for("fit")))
    for ours, theirs in zip(*histories, strict=True):
        assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], rel=1e-6)
    assert ours["validation_loss"] < histories[0][0]["validation_loss"]


# --- values ---


def blur(s):
    return 0.5 * s + 0.25 * np.roll(s, 1, 1) + 0.25 * np.roll(s, -1, 1)


BLUR = LinearMap(blur, blur, "blur")


def of(H, **fields):
    return Photographs(**{"degradation": H, "noise_std": 0.1, "side": 16, "patch_side": 8} | fields)


def test_scenarios_of_it_compare_and_are_hashed_and_named():
    truth = of(BLUR)
    assert truth == of(LinearMap(blur, blur, "blur")) and hash(truth) == hash(of(BLUR))
    others = [of(LinearMap(blur, lambda x: blur(x), "blur")), of(BLUR, noise_std=0.2)]
    assert all(truth != other for other in others)
    expected = {"degradation": "blur", "noise_std": 0.1, "side": 16, "patch_side": 8}
    assert truth.identity() == ("image_restoration", expected)
    assert truth.believed(degradation=None).identity()[1]["degradation"] is None
    named = [of(LinearMap(blur, blur, name)) for name in ("a", "b")]
    assert not np.array_equal(*(t.draw(1, "test", 0).x for t in named))


def test_in_a_file_it_is_nothing():
    kind = TypeAdapter(LinearMap | None)
    assert kind.validate_python(BLUR, strict=True) is BLUR
    for text in ('"blur"', "{}", '{"forward": 1, "adjoint": 2}', "[]"):
        with pytest.raises(ValidationError):
            kind.validate_json(text, strict=True)


def test_a_name_that_is_none_is_answered_with_those_that_there_are():
    kind = TypeAdapter(typing.get_type_hints(Photographs, include_extras=True)["degradation"])
    assert kind.validate_json('"denoising"', strict=True) == "denoising"
    assert kind.validate_python(BLUR, strict=True) is BLUR
    for value in ("sharpening", 3, {"forward": 1}):
        with pytest.raises(ValidationError) as refused:
            kind.validate_json(json.dumps(value), strict=True)
        assert refused.value.errors()[0]["type"] == "literal_error"


def test_what_belongs_to_others_is_not_written_into():
    def greedy(s):
        s *= 2
        return s

    truth = of(LinearMap(greedy, greedy))
    s = rng_for("s").standard_normal((2, 16, 16))
    before, H = s.copy(), operator_of(truth)
    truth.clean(s), H(torch.from_numpy(s)), H.adjoint(torch.from_numpy(s))
    np.testing.assert_array_equal(s, before)


# --- what is refused ---


def shifted(s):
    return np.roll(s, 1, 1)


def back(x):
    return np.roll(x, -1, 1)


def fails(s):
    raise IndexError("out of range")


@pytest.mark.parametrize(
    ("forward", "adjoint", "words"),
    [
        (shifted, shifted, r"⟨H s, x⟩ is .* and ⟨s, Hᵀx⟩ .* for random images s of \d+ × \d+"),
        (shifted, lambda x: 1.001 * back(x), "should be equal, of a linear map and its adjoint"),
        (lambda s: s.clip(0, 1), lambda x: x, "should be equal, of a linear map"),
        (lambda s: s + 1, lambda x: x, "should be equal, of a linear map"),
        (lambda s: s - s.mean(0), lambda x: x - x.mean(0), "should be equal"),
        (lambda s: len(s) * s, lambda x: len(x) * x, "otherwise alone than among others"),
        (lambda s: 0 * s, lambda x: 0 * x, "to 0: nothing would be observed"),
        (lambda s: s / 0.0, lambda x: x, "forward maps random numbers to what is not finite"),
        (fails, back, r"forward of an array of shape \(3, \d+, \d+\) fails: IndexError: out of"),
        (shifted, fails, "adjoint of an array .* fails: IndexError"),
        (lambda s: s.sum(), lambda x: x, r"to \(\): should be \(3, …\)"),
        (lambda s: s[0], lambda x: x, r"forward maps images .* should be \(3, …\)"),
        (shifted, lambda x: x[:, ::2], r"adjoint maps what is observed of images .* the same"),
        (lambda s: s * 1j, lambda x: x, "forward of an array .* fails: .*TypeError"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_what_is_no_linear_map_with_its_adjoint_is_refused(forward, adjoint, words):
    with pytest.raises(ValueError, match=f"^degradation is 'linear_map', of which .*{words}"):
        of(LinearMap(forward, adjoint))


def test_single_precision_is_precise_enough():
    of(LinearMap(lambda s: blur(s.astype(np.float32)), lambda x: blur(x.astype(np.float32))))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None, blur), "forward is None: should be a function"),
        ((blur, 3), "adjoint is 3: should be a function"),
        ((blur, blur, ""), "name is '': should be a text"),
    ],
)
def test_what_is_no_function_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        LinearMap(*arguments)


def test_names_and_sizes_that_mean_two_things_are_refused():
    with pytest.raises(ValueError, match="a map named denoising: should have a name of its own"):
        of(LinearMap(blur, blur, "denoising"))

    def means(s):
        return s.reshape(len(s), 4, -1).mean(2)

    def spread(x):  # right for one size of image only
        return np.repeat(x, 16, 1).reshape(-1, 8, 8) / 16

    with pytest.raises(ValueError, match=r"one size of image, side and patch_side should be"):
        of(LinearMap(means, spread), side=16, patch_side=8)
    of(LinearMap(means, spread), side=8, patch_side=8)
    with pytest.raises(ValueError, match="measurement_matrix is LinearMap"):
        of(BLUR, measurement_matrix=BLUR)


def test_what_only_some_degradations_have_is_asked_of_no_other():
    truth = of(BLUR)
    with pytest.raises(ValueError, match="a kernel is asked for, and degradation is 'blur'"):
        _ = truth.kernel
    with pytest.raises(ValueError, match="degradation is blur: only compressed_sensing has one"):
        _ = truth.matrix
    with pytest.raises(ValueError, match="in blur none is observed"):
        Bicubic(truth)
    with pytest.raises(ValueError, match="degradation is blur: only compressed_sensing"):
        bounds.minimum_norm(truth, truth.draw(1, "test", 0))


def test_observations_of_another_shape_are_refused():
    H = operator_of(of(BLUR))
    for shape in ((2, 9, 9), (2, 16), (16, 16)):
        with pytest.raises(ValueError, match=r"should be \(n, \d+, \d+\) or .* 'blur' observes"):
            H.start(torch.zeros(shape, dtype=torch.float64))


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e160, 0.0])
def test_a_bad_row_has_no_part_in_the_others(value):
    H = operator_of(Digits(degradation=BLUR, noise_std=0.1))
    x = torch.from_numpy(rng_for("x").standard_normal((4, 8, 8)))
    spoilt = x.clone()
    spoilt[1, 0, 0] = value
    for of_x in (H.start, lambda x: H.proximal(0.5 * x, x, 0.01)):
        assert torch.equal(of_x(spoilt)[[0, 2, 3]], of_x(x)[[0, 2, 3]])
