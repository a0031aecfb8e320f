"""The recurrent black box against another implementation of its units, and what it can learn."""

import dataclasses
import math

import pytest
import torch
from areas.tracking.linear_systems import CANONICAL

from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.methods.recurrent import Recurrent
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import gradient_descent


def pairs(truth, n, *stream):
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


def drawn(truth=CANONICAL, seed=0, **settings):
    method = Recurrent(truth, **settings)
    method.initialize(pairs(truth, 200, "train", 100), torch_rng_for("fit", seed))
    return method


@pytest.mark.parametrize("layers", [1, 2])
def test_its_units_are_those_of_nn_gru(layers):
    method = drawn(hidden_size=5, layers=layers)
    gru = torch.nn.GRU(4, 5, layers, batch_first=True, dtype=torch.float64)
    for i, unit in enumerate(method.units):
        both, of_input, of_hidden = unit.bias.data.split((10, 5, 5))
        for name, data in (
            ("weight_ih", unit.of_input.data.mT),
            ("weight_hh", unit.of_hidden.data.mT),
            ("bias_ih", torch.cat((both, of_input))),
            ("bias_hh", torch.cat((0 * both, of_hidden))),
        ):
            getattr(gru, f"{name}_l{i}").data.copy_(data)
    x = pairs(CANONICAL, 6, "test").x
    fed = torch.cat((x / method.input_unit, torch.zeros_like(x)), -1)
    with torch.no_grad():
        expected = method.output(gru(fed)[0]) * method.output_unit
        torch.testing.assert_close(method(x), expected, rtol=1e-12, atol=1e-14)


def test_it_is_causal_and_its_output_takes_both_signs():
    method = drawn()
    x = pairs(CANONICAL, 50, "test").x
    later = x.clone()
    later[:, 10:] += 1.0
    with torch.no_grad():
        a, b = method(x), method(later)
    assert torch.equal(a[:, :10], b[:, :10])
    assert (a[:, 10:] != b[:, 10:]).all(-1).all()
    assert a.min() < 0 < a.max()


def test_the_unit_of_the_data_does_not_matter():
    bigger = CANONICAL.believed(noise_std=1000 * CANONICAL.r)
    x = pairs(CANONICAL, 5, "test").x
    small, big = drawn(), Recurrent(CANONICAL)
    train = pairs(CANONICAL, 200, "train", 100)
    big.initialize(Split(1000 * train.x, 1000 * train.s), torch_rng_for("fit", 0))
    assert bigger.m == 2
    with torch.no_grad():
        torch.testing.assert_close(big(1000 * x), 1000 * small(x), rtol=1e-10, atol=1e-10)


def test_missing_entries_are_marked_not_zeros():
    method = drawn()
    x = pairs(CANONICAL, 5, "test").x
    gone = x.clone()
    gone[:, 3, 0] = math.nan
    zero = x.clone()
    zero[:, 3, 0] = 0.0
    nothing = torch.full_like(x, math.nan)
    with torch.no_grad():
        assert torch.isfinite(method(gone)).all()
        assert torch.isfinite(method(nothing)).all()
        assert not torch.allclose(method(gone), method(zero))
    loss = method.loss(gone, torch.zeros_like(gone))
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in method.parameters())


def test_data_of_a_trajectory_with_missing_entries_standardize():
    truth = dataclasses.replace(CANONICAL, missing_probability=0.5)
    method = drawn(truth)
    complete = drawn(CANONICAL)
    ratio = method.input_unit / complete.input_unit
    assert ((ratio > 0.7) & (ratio < 1.4)).all()


def test_fits_side_by_side_are_those_one_by_one():
    recipe = Recipe(learning_rate=1e-2, steps=5, batch_size=16, validate_every=5)
    trains = [pairs(CANONICAL, 40, "train", i) for i in (100, 101)]
    validations = [pairs(CANONICAL, 20, "validation", i) for i in (100, 101)]
    one_by_one, together = ([Recurrent(CANONICAL, hidden_size=4) for _ in "ab"] for _ in "ab")
    for i, method in enumerate(one_by_one):
        method.fit(trains[i], validations[i], recipe, torch_rng_for("fit", i))
    rngs = [torch_rng_for("fit", i) for i in range(2)]
    gradient_descent(together, trains, validations, recipe, rngs)
    for a, b in zip(one_by_one, together, strict=True):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-8, atol=1e-10)


def test_it_learns_to_track_and_not_beyond_the_steps_of_its_training():
    method = Recurrent(CANONICAL, hidden_size=24)
    recipe = Recipe(learning_rate=2e-2, steps=150, batch_size=50, clip_norm=1.0, precision="single")
    train, validation = pairs(CANONICAL, 500, "train", 100), pairs(CANONICAL, 50, "validation", 100)
    method.fit(train, validation, recipe, torch_rng_for("fit"))
    decibels = []
    for T in (20, 200):
        truth = CANONICAL.believed(n_steps=T)
        test = pairs(truth, 200, "test", 100)
        with torch.no_grad():
            ours, best = (
                (m(test.x) - test.s).square().mean() for m in (method, KalmanFilter(truth))
            )
        decibels.append(10 * math.log10(ours / best))
    assert 0 < decibels[0] < 2
    assert decibels[1] > 15
