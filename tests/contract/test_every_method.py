"""What every method promises, checked on a small instance of each, found by discovery.

A new method whose settings have the names of other methods' needs no change here; a new setting
without a default needs a value in its area's table, and a new area needs a table of its own.
"""

import copy
import dataclasses
import inspect
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.torch
import torch

from mbdl_repro import catalogue
from mbdl_repro.areas.doa.scenario import Narrowband, Ofdm
from mbdl_repro.areas.image_restoration.prior import Prior, PriorMethod
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.tracking.scenario import LinearStateSpace, Lorenz
from mbdl_repro.catalogue import REQUIRED, MethodInfo
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

EPS = float(np.finfo(float).eps)


class Small(NamedTuple):
    """A small instance of an area: a truth, and values for settings by their names."""

    truth: Scenario
    settings: dict[str, Any]
    n_train: int = 200
    recipe: Recipe = Recipe(
        learning_rate=1e-2, steps=150, batch_size=32, validate_every=10, clip_norm=1.0
    )
    metric: str = "squared_error"
    """On which methods are compared with floors, and with the prior mean, 0."""
    mistaken: Mapping[str, Any] = MappingProxyType({})
    """What is believed wrongly, for methods that nothing can be taught where all is known."""


SMALL = {
    "linear_estimation": Small(
        LinearGaussian(n_signal=3, n_observations=4, observation_matrix="gaussian", noise_std=0.5),
        {"hidden_widths": (6,)},
    ),
    "sparse_recovery": Small(
        SparseRecovery(
            observation_matrix="unit_columns",
            n_observations=8,
            n_signal=12,
            n_nonzeros=2,
            nonzero_std=0.5,
            noise_std=0.05,
        ),
        {"iterations": 4, "rho": 0.02, "penalty": 0.2, "hidden_widths": (6,)},
        recipe=Recipe(
            learning_rate=1e-3, steps=100, batch_size=32, validate_every=10, clip_norm=1.0
        ),
    ),
    "tracking": Small(
        LinearStateSpace(
            transition="canonical",
            process_noise_std=0.5,
            noise_std=0.5,
            n_steps=6,
            initial_std=0.3,
        ),
        {
            "input_multiplier": 1,
            "hidden_multiplier": 1,
            "output_multiplier": 1,
            "hidden_size": 3,
            "iterations": 2,
        },
        recipe=Recipe(
            learning_rate=5e-3, steps=60, batch_size=32, validate_every=10, clip_norm=1.0
        ),
        metric="mse",
    ),
    "doa": Small(
        Narrowband(
            n_sources=2,
            n_snapshots=10,
            snr_db=10.0,
            n_sensors=6,
            max_angle_deg=50.0,
            min_gap_deg=40.0,
        ),
        {"channels": (2, 2, 2), "lags": 2, "hidden_widths": (6,), "hidden_size": 3},
        recipe=Recipe(
            learning_rate=5e-3, steps=60, batch_size=32, validate_every=10, clip_norm=1.0
        ),
        metric="rmspe",
    ),
    "image_restoration": Small(
        Photographs(
            degradation="compressed_sensing",
            ratio=0.5,
            noise_std=0.05,
            side=12,
            patch_side=12,
            block_side=12,
        ),
        {
            "iterations": 3,
            "channels": 3,
            "layers": 3,
            "latent_size": 3,
            "hidden_size": 6,
            "start": "zero",
            "levels": 2,
            "copies": 1,
            "filter_side": 3,
            "knots": 3,
        },
        n_train=60,
        recipe=Recipe(
            learning_rate=5e-3, steps=60, batch_size=16, validate_every=10, clip_norm=1.0
        ),
        metric="mse",
    ),
}
DIGITS = SMALL["image_restoration"]._replace(
    truth=Digits(degradation="compressed_sensing", ratio=0.5, noise_std=0.05)
)
BLIND = SMALL["image_restoration"]._replace(
    truth=Photographs(degradation="blind_deblurring", noise_std=0.01, side=16, patch_side=16),
    settings={"iterations": 2, "channels": 2},
)
SPECIAL = {
    "tracking.rk4_extended_kalman_filter": Small(
        Lorenz(process_noise_std=0.1, noise_std=0.5, n_steps=6, initial_std=0.3), {}, metric="mse"
    ),
    "tracking.neural_augmented_kalman": SMALL["tracking"]._replace(
        mistaken={"observation_rotation_rad": 0.3}
    ),
    "doa.broadband_music": Small(
        Ofdm(
            n_sources=2,
            n_snapshots=40,
            snr_db=10.0,
            n_sensors=6,
            max_angle_deg=50.0,
            min_gap_deg=40.0,
            n_subcarriers=40,
            bandwidth_hz=40.0,
            sampling_rate_hz=40.0,
        ),
        {"bins": 4},
        metric="rmspe",
    ),
    "image_restoration.bicubic": SMALL["image_restoration"]._replace(
        truth=Photographs(
            degradation="super_resolution", noise_std=0.05, side=12, patch_side=12, block_side=12
        )
    ),
    "image_restoration.linear_mmse": DIGITS,
    "image_restoration.blind_deconvolution": BLIND,
    "image_restoration.dublid": BLIND,
    "image_restoration.flow_prior": DIGITS,
    "image_restoration.generative_prior": DIGITS,
}
"""Instances of their own, for methods that cannot take their area's."""

UNTOLD = (BLIND.truth,)
"""Truths of which nobody is told enough for their area's floors."""

METHODS = [info for area in catalogue.areas() for info in catalogue.methods(area).values()]
LEARNERS = [info for info in METHODS if info.learns]


def of_infos(infos):
    return pytest.mark.parametrize("info", infos, ids=lambda info: f"{info.area}.{info.name}")


every_method = of_infos(METHODS)
every_learner = of_infos(LEARNERS)
every_child = of_infos([info for info in METHODS if info.parent])
every_iterative_method = of_infos([info for info in METHODS if info.iterative])


# --- instances ---


def small(info: MethodInfo) -> Small:
    if info.area not in SMALL:
        pytest.fail(
            f"add a small truth, and values for settings, of {info.area} to SMALL in {__file__}"
        )
    return SPECIAL.get(f"{info.area}.{info.name}", SMALL[info.area])


def settings(info: MethodInfo) -> dict[str, Any]:
    values = small(info).settings
    for name, setting in info.settings.items():
        if setting.default is REQUIRED and name not in values:
            pytest.fail(
                f"method {info.name} needs the setting {name!r}: "
                f"add a value for it to SMALL[{info.area!r}] in {__file__}"
            )
    return {name: value for name, value in values.items() if name in info.settings}


def built(info: MethodInfo, **withheld: None) -> Method:
    belief = small(info).truth.believed(**{**small(info).mistaken, **withheld})
    return catalogue.method_class(info)(belief, **settings(info))


def pairs(info: MethodInfo, n: int, *stream: object) -> Split:
    return Split(*(torch.from_numpy(part) for part in small(info).truth.draw(n, *stream)))


def fit(info: MethodInfo, method: Method, seed: int = 0, **changes: Any):
    """Fit on the area's training pairs, the same ones whatever the seed of the fit."""
    train = pairs(info, small(info).n_train, "train")
    validation = pairs(info, 200, "validation")
    recipe = small(info).recipe.model_copy(update=changes)
    return method.fit(train, validation, recipe, torch_rng_for("fit", info.name, seed))


FITTED: dict[str, Method] = {}


def fitted(info: MethodInfo) -> Method:
    """The method as it is used: fitted if it learns."""
    if info.module not in FITTED:
        method = built(info)
        if info.learns:
            fit(info, method)
        FITTED[info.module] = method
    return copy.deepcopy(FITTED[info.module])


def weights(method: Method) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in method.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def estimates(method: Method, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return method(x)


def precise(method: Method, x: torch.Tensor) -> torch.Tensor:
    """Estimates where gradients are recorded, and so where networks compute in double precision."""
    return method(x).detach()


Descended = Method | Prior


def descended(info: MethodInfo, method: Method, n: int, *stream: object) -> tuple[Descended, Split]:
    """What is trained, and pairs for its loss: the method, or the prior that it shares."""
    drawn = pairs(info, n, *stream)
    if isinstance(method, PriorMethod):
        return method.prior, method.prior.pairs(drawn.s, torch_rng_for("pairs", n, *stream))
    return method, drawn


def test_the_tables_name_areas_and_settings_that_there_are():
    assert set(SMALL) <= set(catalogue.areas())
    assert set(SPECIAL) <= {f"{info.area}.{info.name}" for info in METHODS}
    for area, instance in SMALL.items():
        known = {name for info in catalogue.methods(area).values() for name in info.settings}
        assert set(instance.settings) <= known


# --- answers ---


@every_method
def test_it_answers_in_the_shape_and_precision_of_the_signal(info):
    test = pairs(info, 5, "test")
    answer = estimates(fitted(info), test.x)
    assert answer.shape == test.s.shape
    assert answer.dtype == test.s.dtype
    assert torch.isfinite(torch.view_as_real(answer) if answer.is_complex() else answer).all()


@every_method
def test_the_same_answer_when_called_twice(info):
    method, x = fitted(info), pairs(info, 20, "test").x
    given, before = x.clone(), weights(method)
    random_state = torch.get_rng_state()
    first = estimates(method, x)
    estimates(method, 3 * x)  # what was asked in between is forgotten
    assert torch.equal(estimates(method, x), first)
    assert torch.equal(x, given), "it writes into the observations"
    assert same(weights(method), before), "it keeps state"
    assert torch.equal(torch.get_rng_state(), random_state), "it draws from the global generator"


@every_method
def test_a_row_alone_equals_that_row_in_a_batch(info):
    method, x = fitted(info), pairs(info, 7, "test").x
    batch = precise(method, x)
    alone = torch.cat([precise(method, x[i : i + 1]) for i in range(len(x))])
    # Sums are taken in another order: a few roundings for each of some thousand operations.
    torch.testing.assert_close(alone, batch, rtol=0, atol=1e4 * EPS * batch.abs().max().item())
    backwards = precise(method, x.flip(0)).flip(0)
    torch.testing.assert_close(backwards, batch, rtol=0, atol=1e4 * EPS * batch.abs().max().item())


@every_method
def test_it_is_built_alike_each_time(info):
    assert same(weights(built(info)), weights(built(info)))


@every_iterative_method
def test_the_answer_is_the_last_iterate_and_iterates_stay_as_they_were(info):
    method, x = fitted(info), pairs(info, 4, "test").x
    assert isinstance(method, IterativeMethod)
    with torch.no_grad():
        together = list(method.iterates(x))
        one_by_one = [estimate.clone() for estimate in method.iterates(x)]
    assert len(together) > 1
    assert all(torch.equal(a, b) for a, b in zip(together, one_by_one, strict=True))
    assert torch.equal(estimates(method, x), together[-1])


@every_child
def test_unfitted_it_equals_its_parent(info):
    parent = catalogue.methods(info.area)[info.parent]
    mine, theirs = settings(info), settings(parent)
    shared = {name: mine.get(name, value) for name, value in theirs.items()}
    belief = small(info).truth.believed(**small(info).mistaken)
    classical = catalogue.method_class(parent)(belief, **shared)
    x = pairs(info, 20, "test").x
    learned = built(info)
    expected = estimates(classical, x)
    assert expected.abs().max() > 0
    atol = 1e4 * EPS * expected.abs().max().item()
    torch.testing.assert_close(estimates(learned, x), expected, rtol=0, atol=atol)
    if info.iterative and parent.iterative:
        with torch.no_grad():
            for ours, classic in zip(learned.iterates(x), classical.iterates(x), strict=True):
                torch.testing.assert_close(ours, classic, rtol=0, atol=atol)


# --- gradients ---


class Loss(torch.nn.Module):
    """The loss as a module's forward, for ``functional_call``."""

    def __init__(self, method: Descended) -> None:
        super().__init__()
        self.method = method

    def forward(self, x: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return self.method.loss(x, s)


def trainable(method: Descended) -> dict[str, torch.nn.Parameter]:
    return {name: p for name, p in method.named_parameters() if p.requires_grad}


@every_method
def test_what_learns_has_something_to_train_and_nothing_else_has(info):
    assert bool(trainable(built(info))) == info.learns


@every_learner
def test_gradients_reach_every_trainable_tensor(info):
    method = fitted(info)  # before a fit, zero weights may hide others
    module, data = descended(info, method, 50, "validation", 1)
    module.loss(*data).backward()
    for name, parameter in trainable(module).items():
        assert parameter.grad is not None, f"{name} is not used"
        assert parameter.grad.abs().max() > 0, f"{name} has no gradient"


@every_learner
def test_gradients_are_those_of_finite_differences(info):
    module, (x, s) = descended(info, fitted(info), 3, "validation", 2)
    names = [f"method.{name}" for name in trainable(module)]

    def loss(*tensors: torch.Tensor) -> torch.Tensor:
        state = dict(zip(names, tensors, strict=True))
        return torch.func.functional_call(Loss(module), state, (x, s))

    start = tuple(p.detach().clone().requires_grad_() for p in trainable(module).values())
    assert torch.autograd.gradcheck(loss, start)


@every_learner
def test_the_loss_is_a_mean_over_rows(info):
    module, (x, s) = descended(info, fitted(info), 10, "validation")
    rows = [module.loss(x[i : i + 1], s[i : i + 1]).item() for i in range(len(x))]
    assert module.loss(x, s).item() == pytest.approx(np.mean(rows), rel=1e4 * EPS)


# --- fits ---


@every_learner
def test_a_fit_changes_weights_and_keeps_the_best_on_validation(info):
    method = built(info)
    module, validation = descended(info, method, 200, "validation")
    with torch.no_grad():
        before, unfitted = weights(method), module.loss(*validation).item()
    history = fit(info, method)
    with torch.no_grad():
        after = module.loss(*validation).item()
    assert not same(weights(method), before)
    assert after < unfitted
    losses = [row["validation_loss"] for row in history]
    if not isinstance(method, PriorMethod):  # whose fit makes rows of its own out of images
        assert after == pytest.approx(min(losses), rel=1e4 * EPS)
    assert all(torch.isfinite(tensor).all() for tensor in method.state_dict().values())
    assert all(p.requires_grad for p in trainable(built(info)).values())
    assert trainable(method).keys() == trainable(built(info)).keys()


@every_learner
def test_what_is_not_trained_is_left(info):
    method = built(info)
    frozen = {n: p.clone() for n, p in method.named_parameters() if not p.requires_grad}
    fit(info, method)
    for name, parameter in method.named_parameters():
        if name in frozen:
            assert torch.equal(parameter, frozen[name]), name


@every_learner
def test_a_fit_depends_on_its_seed_and_on_nothing_else(info):
    results = []
    for seed in (0, 0, 0, 0, 1):
        method = built(info)
        rng = torch_rng_for("fit", info.name, seed)
        drawn_from = rng.get_state()
        torch.randn(3)
        state = torch.get_rng_state()
        train = pairs(info, small(info).n_train, "train")
        validation = pairs(info, 200, "validation")
        method.fit(train, validation, small(info).recipe, rng)
        assert torch.equal(torch.get_rng_state(), state), "it draws from the global generator"
        results.append(weights(method))
    first, *again, other = results
    assert all(same(first, one) for one in again), "the same seed, other bits"
    is_random = not torch.equal(rng.get_state(), drawn_from)
    assert same(first, other) != is_random, "a fit is random where it draws, only there"


@every_learner
def test_a_fit_writes_into_no_data_and_no_belief(info):
    method, truth = built(info), small(info).truth
    train, validation = pairs(info, 100, "train"), pairs(info, 50, "validation")
    given = [part.clone() for part in (*train, *validation)]
    fields = dataclasses.asdict(truth)
    method.fit(train, validation, small(info).recipe, torch_rng_for("fit"))
    assert all(torch.equal(a, b) for a, b in zip(given, (*train, *validation), strict=True))
    assert dataclasses.asdict(truth) == fields
    fresh = pairs(info, 100, "train")
    assert torch.equal(fresh.x, given[0]), "the truth is not what it was"


@every_method
def test_it_survives_being_stored(info, tmp_path):
    method, path = fitted(info), tmp_path / "method.safetensors"
    state = {name: tensor.contiguous() for name, tensor in method.state_dict().items()}
    safetensors.torch.save_file(state, path)
    again = built(info)
    again.load_state_dict(safetensors.torch.load_file(path))
    x = pairs(info, 20, "test").x
    assert torch.equal(estimates(again, x), estimates(method, x))
    assert {n: t.dtype for n, t in again.state_dict().items()} == {
        n: t.dtype for n, t in method.state_dict().items()
    }


POSITIVE = ("step", "threshold", "rho", "variance", "std", "weight_of", "scale", "temperature")
"""Words of tensors' names that speak of what is positive; ``log_…`` holds a logarithm."""


def positive_tensors(method: Method) -> dict[str, torch.Tensor]:
    named = {
        name: tensor.detach()
        for name, tensor in trainable(method).items()
        if any(word in name.split(".")[-1].split("_") for word in POSITIVE)
    }
    return {n: t.exp() if n.split(".")[-1].startswith("log_") else t for n, t in named.items()}


@every_learner
def test_positive_parameters_stay_positive(info):
    method = built(info)
    if not positive_tensors(method):
        pytest.skip("it trains no step, threshold or variance")
    assert all((tensor > 0).all() for tensor in positive_tensors(method).values())
    before = positive_tensors(method)
    x, s = pairs(info, 100, "train")
    # Signals ten times as large as believed, and steps that move every weight by half: whatever
    # shrinks is driven towards zero, and beyond if nothing holds it there.
    big = Split(10 * x, 10 * s)
    changes = {"learning_rate": 0.5, "steps": 20, "schedule": "constant", "validate_every": 1}
    recipe = small(info).recipe.model_copy(update=changes)
    method.fit(big, Split(x, s), recipe, torch_rng_for("fit"))
    for name, tensor in positive_tensors(method).items():
        assert torch.isfinite(tensor).all() and (tensor > 0).all(), name
    optimizer = torch.optim.SGD(trainable(method).values(), lr=1.0)
    for _ in range(20):
        optimizer.zero_grad()
        method.loss(*big).backward()
        torch.nn.utils.clip_grad_norm_(method.parameters(), 1.0)
        optimizer.step()
    after = positive_tensors(method)
    for name, tensor in after.items():
        assert torch.isfinite(tensor).all() and (tensor > 0).all(), name
    assert not same(before, after)


# --- settings that no fit depends on ---


def alternatives(info: MethodInfo, name: str) -> list[Any]:
    """Return values of a setting that are allowed and are not its default."""
    setting = info.settings[name]
    if typing.get_origin(setting.annotation) is typing.Literal:
        return [v for v in typing.get_args(setting.annotation) if v != setting.default]
    return [not setting.default if isinstance(setting.default, bool) else 2 * setting.default]


@of_infos([info for info in METHODS if info.not_fitted])
def test_settings_that_no_fit_depends_on_change_no_weight_and_no_loss(info):
    """Labels that differ in them alone share one fit, whichever of them is fitted first."""
    assert set(info.not_fitted) <= set(info.settings)
    method, pair = fitted(info), pairs(info, 20, "validation")
    for name in info.not_fitted:
        for value in alternatives(info, name):
            belief = small(info).truth.believed(**small(info).mistaken)
            other = catalogue.method_class(info)(belief, **{**settings(info), name: value})
            assert same(weights(other), weights(built(info)))
            other.load_state_dict(method.state_dict())
            assert torch.equal(other.loss(*pair), method.loss(*pair)), (name, value)


# --- how well it does ---


def scores(info: MethodInfo, answer: np.ndarray, test: Split) -> np.ndarray:
    """Return the area's measure of each row."""
    metric = catalogue.function(catalogue.metrics(info.area)[small(info).metric])
    return metric(answer, test, small(info).truth)


def floors(info: MethodInfo):
    truth = small(info).truth
    if type(truth) is not type(SMALL[info.area].truth) or truth in UNTOLD:
        return []  # floors are those of the area's own kind of truth
    return [
        catalogue.function(bound)
        for bound in catalogue.bounds(info.area).values()
        if bound.marks["kind"] == "floor" and bound.marks["metric"] == SMALL[info.area].metric
    ]


def value_of(bound: Any, instance: Small) -> float:
    known = {
        "truth": instance.truth,
        "n_train": instance.n_train,
        "validation": instance.truth.draw(200, "validation"),
        "test": instance.truth.draw(N_TEST, "test", "bounds"),
    }
    return float(
        np.mean(bound(**{name: known[name] for name in inspect.signature(bound).parameters}))
    )


N_TEST = 4000


@every_method
def test_it_does_not_beat_what_none_can(info):
    test = small(info).truth.draw(N_TEST, "test", "bounds")
    errors = scores(info, estimates(fitted(info), torch.from_numpy(test.x)).numpy(), test)
    standard_error = errors.std(ddof=1) / np.sqrt(N_TEST)
    for floor in floors(info):
        least = value_of(floor, small(info))
        assert errors.mean() > least - 4 * standard_error, f"below {floor.__name__}, {least}"


@pytest.mark.parametrize("area", [area for area in catalogue.areas() if area in SMALL])
def test_the_floors_are_worth_testing_against(area):
    """A zero estimate is above them by far, so that a method below them would be seen."""
    test = SMALL[area].truth.draw(N_TEST, "test", "bounds")
    info = next(c for c in METHODS if c.area == area and f"{area}.{c.name}" not in SPECIAL)
    errors = scores(info, np.zeros_like(test.s), test)
    assert floors(info), f"{area} has no floor on {SMALL[area].metric}"
    for floor in floors(info):
        assert value_of(floor, SMALL[area]) < errors.mean() - 10 * errors.std() / np.sqrt(N_TEST)


@every_method
def test_knowing_all_it_beats_the_prior_mean(info):
    test = small(info).truth.draw(N_TEST, "test", "bounds")
    ours = scores(info, estimates(fitted(info), torch.from_numpy(test.x)).numpy(), test)
    gain = scores(info, np.zeros_like(test.s), test) - ours
    assert gain.mean() > 4 * gain.std(ddof=1) / np.sqrt(N_TEST)


# --- beliefs ---


def may_be_withheld(truth: Scenario) -> list[str]:
    types = typing.get_type_hints(type(truth))
    return [
        field.name
        for field in dataclasses.fields(truth)
        if type(None) in typing.get_args(types[field.name])
    ]


def refusal(info: MethodInfo, fields: list[str]) -> str | None:
    """Return why the method cannot be built without these fields, or None if it can be."""
    try:
        built(info, **dict.fromkeys(fields))
    except ValueError as error:
        return str(error)
    return None


@every_method
def test_what_it_needs_and_is_not_told_is_named(info):
    """Every other way out (a TypeError from None, a number filled in) is a trap."""
    x = pairs(info, 5, "test").x
    full = estimates(built(info), x)
    fields = may_be_withheld(small(info).truth)
    assert fields, f"nothing of {info.area} can be withheld"
    for withheld in [*([field] for field in fields), fields]:
        refused = refusal(info, withheld)
        if refused is None:
            method = built(info, **dict.fromkeys(withheld))
            # Unfitted, it may have no answer: NaN is no other answer than NaN.
            answer = estimates(method, x).nan_to_num(nan=1e9)
            assert torch.equal(answer, full.nan_to_num(nan=1e9)), f"it fills in {withheld}"
        else:
            assert any(field in refused for field in withheld)


@every_learner
def test_a_fit_needs_nothing_that_building_did_not(info):
    for field in may_be_withheld(small(info).truth):
        if refusal(info, [field]) is not None:
            continue
        method = built(info, **{field: None})
        fit(info, method)
        assert same(weights(method), weights(fitted(info))), f"the fit makes use of {field}"
        x = pairs(info, 5, "test").x
        assert torch.equal(estimates(method, x), estimates(fitted(info), x)), "so does the rule"
