"""KalmanNet whose gain is trained alone: what it is taught, and what that comes to."""

import numpy as np
import pytest
import torch
from areas.tracking.stacks import assert_a_stack_is_each_of_its_fits, pairs
from gradients import assert_slopes_are_those_of_differences

from mbdl_repro.areas.tracking.kalman.linear_filter import kalman_filter, kalman_gains, linear_model
from mbdl_repro.areas.tracking.methods.gain_taught_kalmannet import GainTaughtKalmannet
from mbdl_repro.areas.tracking.methods.kalmannet import Kalmannet
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.learning.recipe import Recipe

TRUTH = LinearStateSpace(transition="canonical", process_noise_std=0.3, noise_std=0.3, n_steps=8)
SMALL = {"input_multiplier": 1, "output_multiplier": 2}
RECIPE = Recipe(steps=200, batch_size=100, learning_rate=2e-2, clip_norm=0.3, precision="single")
TEACHERS = ("kalman_gain", "true_states", "own_states")
every_teacher = pytest.mark.parametrize("taught_by", TEACHERS)


def built(taught_by, kind=GainTaughtKalmannet):
    return GainTaughtKalmannet(TRUTH, taught_by=taught_by, **SMALL)


def drawn(taught_by):
    """Weights of no special kind, in every layer."""
    method, rng = built(taught_by), torch_rng_for("weights")
    with torch.no_grad():
        for p in method.parameters():
            p += 0.2 * torch.randn(p.shape, generator=rng, dtype=p.dtype)
    return method


def taught_states(taught_by, method, x, s):
    if taught_by == "true_states":
        return s
    if taught_by == "own_states":
        return method(x)
    return kalman_filter(x, linear_model(TRUTH)).means


@every_teacher
def test_unfitted_and_in_what_it_answers_it_is_kalmannet(taught_by):
    x = pairs(TRUTH, 20, "test").x
    theirs = Kalmannet(TRUTH, **SMALL)
    for ours in (built(taught_by), drawn(taught_by)):
        theirs.load_state_dict({k: v for k, v in ours.state_dict().items() if k != "K"})
        with torch.no_grad():
            assert torch.equal(ours(x), theirs(x))


@every_teacher
def test_a_fit_begins_where_kalmannets_does_at_a_loss_of_one(taught_by):
    ours, theirs, train = built(taught_by), Kalmannet(TRUTH, **SMALL), pairs(TRUTH, 50, "train")
    for method in (ours, theirs):
        method.initialize(train, torch_rng_for("f"))
    for name, p in ours.named_parameters():
        assert torch.equal(p, theirs.get_parameter(name)), name
    assert ours.loss(*train).item() == pytest.approx(1, rel=1e-12)


@every_teacher
@torch.no_grad()
def test_its_loss_is_of_gains_along_the_teachers_states(taught_by):
    """Along states that are given, by NumPy, step by step and row by row."""
    method, (x, s) = drawn(taught_by), pairs(TRUTH, 5, "test")
    path = taught_states(taught_by, method, x, s)
    track = method._along(x, method._teacher(x, s))
    torch.testing.assert_close(track.states, path, rtol=0, atol=1e-12)
    K_hat = track.outputs.unflatten(-1, (2, 2)).numpy()
    K = kalman_gains(linear_model(TRUTH), 8)[0].numpy()
    before = np.concatenate((np.zeros((5, 1, 2)), path.numpy()[:, :-1]), 1)
    total = 0.0
    for i in range(5):
        for t in range(8):
            predicted = TRUTH.f(before[i, t])
            innovation = x[i, t].numpy() - TRUTH.h(predicted)
            if taught_by == "kalman_gain":
                total += ((K_hat[i, t] - K[t]) ** 2).sum()
            else:
                total += ((predicted + K_hat[i, t] @ innovation - s[i, t].numpy()) ** 2).sum()
    assert method.loss(x, s).item() == pytest.approx(total / 5, rel=1e-10)


@torch.no_grad()
def test_along_its_own_states_the_loss_is_kalmannets():
    method, (x, s) = drawn("own_states"), pairs(TRUTH, 5, "test")
    theirs = Kalmannet(TRUTH, **SMALL)
    theirs.load_state_dict(method.state_dict())
    assert method.loss(x, s).item() == pytest.approx(theirs.loss(x, s).item(), rel=1e-12)


@pytest.mark.parametrize("taught_by", ["kalman_gain", "true_states"])
def test_gradients_are_those_of_differences(taught_by):
    method, data = drawn(taught_by), pairs(TRUTH, 3, "test")
    assert_slopes_are_those_of_differences(
        method, lambda: method.loss(*data), torch_rng_for("directions")
    )


def test_along_its_own_states_gradients_are_those_where_states_are_given():
    """The states are constants: differences would move them, so another method is given them."""
    method, other, (x, s) = drawn("own_states"), drawn("true_states"), pairs(TRUTH, 3, "test")
    method.loss(x, s).backward()
    states = method(x).detach()
    track = other._along(x, other._teacher(x, states))
    moved = (track.outputs.unflatten(-1, (2, 2)) @ track.innovations[..., None])[..., 0]
    (track.predictions + moved - s).square().sum((1, 2)).mean().backward()
    for name, p in method.named_parameters():
        torch.testing.assert_close(p.grad, other.get_parameter(name).grad, rtol=1e-9, atol=1e-12)
        assert p.grad.any(), name


@every_teacher
def test_a_stack_is_each_of_its_fits(taught_by):
    assert_a_stack_is_each_of_its_fits(lambda: built(taught_by), TRUTH)


@pytest.mark.parametrize("taught_by", ["kalman_gain", "true_states"])
def test_it_learns_the_gain_that_is_best_along_the_teachers_states(taught_by):
    method = built(taught_by)
    train, validation = pairs(TRUTH, 1000, "train"), pairs(TRUTH, 200, "validation")
    method.fit(train, validation, RECIPE, torch_rng_for("f"))
    model = linear_model(TRUTH)
    K = kalman_gains(model, 8)[0]
    if taught_by == "true_states":  # V Hᵀ(H V Hᵀ + W)⁻¹
        V, H, W = model.V, model.H, model.W
        K = (V @ H.T @ torch.linalg.inv(H @ V @ H.T + W)).expand(8, 2, 2)
    x, s = pairs(TRUTH, 300, "test")
    with torch.no_grad():
        outputs = method._along(x, method._teacher(x, s)).outputs.unflatten(-1, (2, 2))
    assert (outputs.mean(0) - K).abs().max() < 0.06


def test_kalmans_gain_is_asked_for_only_where_it_can_be_known():
    with pytest.raises(ValueError, match="noise"):
        GainTaughtKalmannet(TRUTH.believed(noise_std=None), taught_by="kalman_gain")
