"""What every method that learns promises of its gradients and of its fits."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from contract.instances import (
    EPS,
    METHODS,
    N_VALIDATION,
    alternatives,
    built,
    descended,
    estimates,
    every_learner,
    every_method,
    fit,
    fit_briefly,
    fitted,
    fitted_once,
    may_be_withheld,
    of_infos,
    pairs,
    refusal,
    same,
    settings,
    small,
    trainable,
    weights,
)
from gradients import assert_slopes_are_those_of_differences

from mbdl_repro import catalogue
from mbdl_repro.areas.image_restoration.priors.prior import PriorMethod
from mbdl_repro.areas.sparse_recovery.free_layers import FreeLayers
from mbdl_repro.catalogue import MethodInfo
from mbdl_repro.contract.method import Method
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.training import History
from mbdl_repro.pipeline.weights import learned_tensors, restore, weights_to_bytes

# --- gradients ---


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
    if info.name == "meta_viterbinet":
        pytest.skip("its gradient is of first order, on purpose: a test of its own derives it")
    module, data = descended(info, fitted(info), 3, "validation", 2)
    rng = torch_rng_for("directions", info.name)
    assert_slopes_are_those_of_differences(module, lambda: module.loss(*data), rng)


@every_learner
def test_the_loss_is_a_mean_over_rows(info):
    module, (x, s) = descended(info, fitted(info), 10, "validation")
    rows = [module.loss(x[i : i + 1], s[i : i + 1]).item() for i in range(len(x))]
    assert module.loss(x, s).item() == pytest.approx(np.mean(rows), rel=1e4 * EPS)


# --- fits ---


@every_learner
def test_a_fit_changes_weights_and_keeps_the_best_on_validation(info):
    unfitted, (method, history) = built(info), fitted_once(info)
    before, validation = descended(info, unfitted, N_VALIDATION, "validation")
    after, _ = descended(info, method, N_VALIDATION, "validation")
    with torch.no_grad():
        losses = [module.loss(*validation).item() for module in (before, after)]
    assert not same(weights(method), weights(unfitted))
    assert losses[1] < losses[0]
    # Priors make rows of their own out of images, and free layers choose by their training error.
    if not isinstance(method, (PriorMethod, FreeLayers)):
        least = min(row["validation_loss"] for row in history)
        assert losses[1] == pytest.approx(least, rel=1e4 * EPS)
    assert all(torch.isfinite(tensor).all() for tensor in method.state_dict().values())
    assert trainable(method).keys() == trainable(unfitted).keys()


@every_learner
def test_what_is_not_trained_is_left(info):
    method = dict(fitted(info).named_parameters())
    for name, parameter in built(info).named_parameters():
        if not parameter.requires_grad:
            assert torch.equal(parameter, method[name]), name


def numbers(method: Method, history: History) -> dict[str, torch.Tensor]:
    """All that a fit leaves: the weights, and the losses on the way to them."""
    losses = {f"losses {i}": torch.tensor(list(row.values())) for i, row in enumerate(history)}
    return weights(method) | {name: tensor.nan_to_num() for name, tensor in losses.items()}


def fitted_anew(info: MethodInfo, fit: Callable[..., History], seed: int = 0):
    """Return the numbers of a fit, and whether it drew from its generator."""
    method, rng = built(info), torch_rng_for("fit", info.name, seed)
    drawn_from = rng.get_state()
    torch.randn(3)
    state = torch.get_rng_state()
    history = fit(info, method, rng)
    assert torch.equal(torch.get_rng_state(), state), "it draws from the global generator"
    return numbers(method, history), not torch.equal(rng.get_state(), drawn_from)


@every_learner
def test_a_fit_depends_on_its_seed_and_on_nothing_else(info):
    whole, _ = fitted_anew(info, fit)
    assert same(whole, numbers(*fitted_once(info))), "the same seed, other bits"
    (first, is_random), (again, _) = (fitted_anew(info, fit_briefly) for _ in range(2))
    assert same(first, again), "the same seed, other bits"
    other, _ = fitted_anew(info, fit_briefly, seed=1)
    assert same(first, other) != is_random, "a fit is random where it draws, only there"


@every_learner
def test_a_fit_writes_into_no_data_and_no_belief(info):
    method, truth = built(info), small(info).truth
    train, validation = pairs(info, 60, "train"), pairs(info, 20, "validation")
    given = [part.clone() for part in (*train, *validation)]
    fields = dataclasses.asdict(truth)
    recipe = small(info).recipe.model_copy(update={"steps": 3})
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    assert all(torch.equal(a, b) for a, b in zip(given, (*train, *validation), strict=True))
    assert dataclasses.asdict(truth) == fields
    fresh = truth.draw(60, "train")
    assert np.array_equal(fresh.x, given[0].numpy()), "the truth is not what it was"


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
    x, s = pairs(info, 50, "train")
    # Signals ten times as large as believed, and steps that move every weight by half: whatever
    # shrinks is driven towards zero, and beyond if nothing holds it there.
    big = Split(10 * x, 10 * s)
    changes = {"learning_rate": 0.5, "steps": 20, "schedule": "constant", "validate_every": 1}
    recipe = small(info).recipe.model_copy(update=changes)
    method.fit(big, Split(x, s), recipe, torch_rng_for("fit"))
    for name, tensor in positive_tensors(method).items():
        assert torch.isfinite(tensor).all() and (tensor > 0).all(), name
    optimizer = torch.optim.SGD(trainable(method).values(), lr=1.0)
    prepared = method.prepare(big)
    for _ in range(20):
        optimizer.zero_grad()
        method.loss(*prepared).backward()
        torch.nn.utils.clip_grad_norm_(method.parameters(), 1.0)
        optimizer.step()
    after = positive_tensors(method)
    for name, tensor in after.items():
        assert torch.isfinite(tensor).all() and (tensor > 0).all(), name
    assert not same(before, after)


# --- settings that no fit depends on ---


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
            assert other.loss_on(pair) == method.loss_on(pair), (name, value)


# --- beliefs ---


@every_learner
def test_a_fit_needs_nothing_that_building_did_not(info):
    whole = built(info)
    expected = numbers(whole, fit_briefly(info, whole))
    x = pairs(info, 5, "test").x
    for field in may_be_withheld(small(info).truth):
        if refusal(info, [field]) is not None:
            continue
        method = built(info, **{field: None})
        found = numbers(method, fit_briefly(info, method))
        assert same(found, expected), f"the fit makes use of {field}"
        assert torch.equal(estimates(method, x), estimates(whole, x)), "so does the rule"


SINGLE = 2.0**-24
"""Half the distance of numbers of single precision, over their size."""


@every_learner
def test_what_is_kept_of_a_fit_answers_as_the_fit_does(info):
    """Its tensors in single precision; what building gives, such as H, is not among them."""
    method, again = fitted(info), built(info)
    tensors = learned_tensors(method, again)
    assert tensors.keys() >= trainable(method).keys()
    assert all(t.dtype in (torch.float32, torch.complex64) for t in tensors.values())
    built_in = {name: t for name, t in weights(again).items() if name not in tensors}
    restore(again, weights_to_bytes({"it": ({}, tensors)}), "it")
    assert same(built_in, {name: weights(method)[name] for name in built_in})
    x = pairs(info, 20, "test").x
    expected = estimates(method, x)
    scale = expected.abs().max().item()
    torch.testing.assert_close(estimates(again, x), expected, rtol=0, atol=16 * SINGLE * scale)
