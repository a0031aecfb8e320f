"""KalmanNet, in both architectures, against fixed gains, exact variances and its own promises."""

import functools

import numpy as np
import pytest
import torch

from mbdl_repro.areas.tracking.kalman.linear_filter import kalman_gains, linear_filter, linear_model
from mbdl_repro.areas.tracking.learned.filter import FIXED_GAINS
from mbdl_repro.areas.tracking.learned.gain import implied_variances
from mbdl_repro.areas.tracking.methods.kalmannet import Kalmannet
from mbdl_repro.areas.tracking.methods.kalmannet_gru import KalmannetGru
from mbdl_repro.areas.tracking.methods.recurrent_difference import RecurrentDifference
from mbdl_repro.areas.tracking.methods.split_kalmannet import SplitKalmannet
from mbdl_repro.areas.tracking.methods.unsupervised_kalmannet import UnsupervisedKalmannet
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace
from mbdl_repro.areas.tracking.systems.lorenz import Lorenz
from mbdl_repro.contract.scenario import Split
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.learning.training import gradient_descent

SMALL = {"input_multiplier": 2}
GAINS = [Kalmannet, KalmannetGru, SplitKalmannet, UnsupervisedKalmannet]
ALL = [*GAINS, RecurrentDifference]
TRUTH = LinearStateSpace(transition="canonical", process_noise_std=0.3, noise_std=0.3, n_steps=8)
LORENZ = Lorenz(noise_std=0.3, noise_ratio_db=-20.0, n_steps=8)
RECIPE = Recipe(steps=6, batch_size=50, learning_rate=2e-2, clip_norm=1.0, validate_every=3)

every_system = pytest.mark.parametrize(
    ("kind", "truth"), [*((kind, TRUTH) for kind in ALL), (Kalmannet, LORENZ)]
)


def pairs(truth, n, *stream):
    return Split(*(torch.from_numpy(part) for part in truth.draw(n, *stream)))


@functools.cache
def fitted(kind, truth=TRUTH, belief=None, recipe=RECIPE, **settings):
    method = kind(belief or truth, **SMALL | settings)
    train, validation = pairs(truth, 100, "train"), pairs(truth, 50, "validation")
    method.fit(train, validation, recipe, torch.Generator().manual_seed(1))
    return method


def answer(method, x):
    with torch.no_grad():
        return method(x)


@pytest.mark.parametrize("kind", GAINS)
def test_unfitted_it_is_a_filter_of_a_fixed_gain(kind):
    matrices = {"observation": ((1.0, 0.5), (0.0, 2.0), (1.0, 1.0)), "n_observations": 3}
    for truth in (TRUTH, TRUTH.believed(**matrices)):
        model = linear_model(truth)
        x = pairs(truth, 20, "test").x
        gain = 0.3 * torch.linalg.inv(model.H.T @ model.H) @ model.H.T
        expected = linear_filter(x, gain, model)
        ours = answer(kind(truth, **SMALL, initial_gain=0.3), x)
        torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)


def test_unfitted_on_a_nonlinear_system_it_is_an_observer():
    x = pairs(LORENZ, 4, "test").x
    expected, s = [], np.ones((4, 3))
    for x_t in x.numpy().transpose(1, 0, 2):
        s = LORENZ.f(s)
        s = s + 0.5 * (x_t - s)
        expected.append(s)
    ours = answer(Kalmannet(LORENZ, **SMALL), x).numpy()
    np.testing.assert_allclose(ours, np.stack(expected, 1), rtol=1e-12)


@pytest.mark.parametrize("kind", GAINS)
def test_a_fit_starts_from_the_best_fixed_gain(kind):
    method = kind(TRUTH, **SMALL)
    train = pairs(TRUTH, 200, "train")
    model = linear_model(TRUTH)
    errors = {}
    for gain in FIXED_GAINS:
        s = linear_filter(train.x, gain * torch.eye(2, dtype=torch.float64), model)
        unsupervised = kind is UnsupervisedKalmannet
        before = torch.cat((model.mean_0.expand(200, 1, 2), s[:, :-1]), 1)
        wrong = train.x - before @ model.F.T if unsupervised else s - train.s
        errors[gain] = wrong.square().sum((1, 2)).mean().item()
    method.initialize(train, torch.Generator().manual_seed(0))
    best = min(errors, key=errors.get)
    assert 0.02 < best < 1.0, "any start would do"
    expected = linear_filter(train.x, best * torch.eye(2, dtype=torch.float64), model)
    torch.testing.assert_close(answer(method, train.x), expected, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        assert method.loss(*train).item() == pytest.approx(1.0, rel=1e-12)
    assert method.unit_of_loss.item() == pytest.approx(errors[best], rel=1e-12)


@pytest.mark.parametrize("kind", [*GAINS, RecurrentDifference])
def test_what_it_does_does_not_depend_on_the_scale_of_signals(kind):
    """Without magnitudes, and with s_0 = 0, the linear filter is equivariant, and so is its fit."""
    model, x = fitted(kind), pairs(TRUTH, 20, "test").x
    if kind is not RecurrentDifference:
        torch.testing.assert_close(
            answer(model, 100 * x), 100 * answer(model, x), rtol=1e-6, atol=0
        )
    truth = TRUTH.believed(process_noise_std=3.0, noise_std=3.0)
    train = Split(*(10 * part for part in pairs(TRUTH, 100, "train")))
    validation = Split(*(10 * part for part in pairs(TRUTH, 50, "validation")))
    scaled = kind(truth, **SMALL)
    scaled.fit(train, validation, RECIPE, torch.Generator().manual_seed(1))
    expected = 10 * answer(model, x)
    atol = 1e-5 * expected.abs().max().item()
    torch.testing.assert_close(answer(scaled, 10 * x), expected, rtol=0, atol=atol)


def test_with_magnitudes_the_gain_may_depend_on_the_scale():
    model, x = fitted(Kalmannet, magnitudes=True), pairs(TRUTH, 20, "test").x
    ratio = answer(model, 100 * x) / answer(model, x)
    assert (ratio - 100).abs().max() > 0.1


@pytest.mark.parametrize("kind", ALL)
def test_the_noise_is_not_read(kind):
    unknown = TRUTH.believed(process_noise_std=None, noise_std=None)
    x = pairs(TRUTH, 5, "test").x
    assert torch.equal(answer(fitted(kind, belief=unknown), x), answer(fitted(kind), x))


@every_system
def test_missing_observations(kind, truth):
    method = fitted(kind, truth)
    x = pairs(truth, 6, "test").x
    x[0] = torch.nan
    x[1, 3:5] = torch.nan
    x[2, 4, 0] = torch.nan
    s = answer(method, x)
    assert s.isfinite().all()
    if kind is not RecurrentDifference:  # a gain of whatever size on no innovation
        track = method.track(x)
        for row, t in ((0, 0), (0, 7), (1, 3), (1, 4)):
            assert torch.equal(track.states[row, t], track.predictions[row, t])
        before = truth.f(s[:, :-1])
        torch.testing.assert_close(s[0, 1:], before[0])
    method.loss(x, torch.zeros_like(s)).backward()
    assert all(p.grad.isfinite().all() for p in method.parameters())
    # What was missing is not looked at: it may as well be anything that is NaN.
    seen = x.clone()
    seen[1, 3:5] = float("nan") * 7
    assert torch.equal(answer(method, seen), s)


@pytest.mark.parametrize("kind", ALL)
def test_the_past_does_not_depend_on_the_future(kind):
    method, x = fitted(kind), pairs(TRUTH, 5, "test").x
    other = x.clone()
    other[:, 7:] += 1.0
    s, changed = answer(method, x), answer(method, other)
    assert torch.equal(s[:, :7], changed[:, :7])
    assert not torch.equal(s[:, 7], changed[:, 7])
    torch.testing.assert_close(answer(method, x[:, :7]), s[:, :7])


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("n_observations", [1, 3])
def test_observations_of_other_sizes(kind, n_observations):
    """One entry (whose direction is a sign), and more than there are states."""
    H = ((1.0, 0.5), (0.0, 2.0), (1.0, 1.0))[:n_observations]
    truth = TRUTH.believed(observation=H, n_observations=n_observations)
    method, x = fitted(kind, truth), pairs(truth, 5, "test").x
    error = (answer(method, x) - pairs(truth, 5, "test").s).square().mean()
    assert error < pairs(truth, 5, "test").s.square().mean()


def test_matrices_that_vary_in_time_are_followed():
    F = tuple(((1.0, 0.1 * t), (0.0, 0.9)) for t in range(8))
    truth = TRUTH.believed(transition=F)
    x = pairs(truth, 5, "test").x
    model = linear_model(truth)
    expected = linear_filter(x, 0.5 * torch.eye(2, dtype=torch.float64), model)
    torch.testing.assert_close(answer(Kalmannet(truth, **SMALL), x), expected)


def test_angles_are_wrapped():
    truth = Lorenz(noise_std=0.1, process_noise_std=0.1, n_steps=3, observation="spherical")
    method, x = Kalmannet(truth, **SMALL), pairs(truth, 5, "test").x
    turned = x.clone()
    turned[..., 1:] += 2 * np.pi
    torch.testing.assert_close(answer(method, turned), answer(method, x))


@every_system
def test_fits_side_by_side_are_those_alone(kind, truth):
    seeds = (1, 2)
    trains = [pairs(truth, 60, "train", seed) for seed in seeds]
    validations = [pairs(truth, 30, "validation", seed) for seed in seeds]
    recipe = RECIPE.model_copy(update={"steps": 3, "batch_size": 20, "validate_every": 3})
    together = [kind(truth, **SMALL) for _ in seeds]
    rngs = [torch.Generator().manual_seed(seed) for seed in seeds]
    gradient_descent(together, trains, validations, recipe, rngs)
    for seed, train, validation, method in zip(seeds, trains, validations, together):
        alone = kind(truth, **SMALL)
        alone.fit(train, validation, recipe, torch.Generator().manual_seed(seed))
        for name, tensor in alone.state_dict().items():
            torch.testing.assert_close(method.state_dict()[name], tensor, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", [Kalmannet, KalmannetGru])
def test_it_approaches_the_kalman_filter_and_goes_on_beyond_the_trained_length(kind):
    method = kind(TRUTH, **SMALL)
    recipe = Recipe(steps=30, batch_size=100, learning_rate=2e-2, clip_norm=1.0, precision="single")
    train, validation = pairs(TRUTH, 1000, "train"), pairs(TRUTH, 100, "validation")
    method.fit(train, validation, recipe, torch.Generator().manual_seed(1))
    longer = TRUTH.believed(n_steps=80)
    test = pairs(longer, 200, "test")
    model = linear_model(longer)
    gains, _ = kalman_gains(model, 80)
    best = (linear_filter(test.x, gains, model) - test.s).square().mean()
    ours = (answer(method, test.x) - test.s).square().mean()
    eye = torch.eye(2, dtype=torch.float64)
    fixed = [
        (linear_filter(test.x, gain * eye, model) - test.s).square().mean() for gain in FIXED_GAINS
    ]
    assert ours - best < 0.25 * (min(fixed) - best), "hardly better than where it starts"


# --- the variance that a gain implies ---


def test_the_variance_of_an_optimal_gain_is_that_of_the_kalman_filter():
    rng = np.random.default_rng(0)
    for m, n in ((1, 1), (2, 2), (2, 4)):
        root = rng.standard_normal((n, n))
        truth = LinearStateSpace(
            transition=tuple(map(tuple, 0.5 * rng.standard_normal((m, m)))),
            observation=tuple(map(tuple, rng.standard_normal((n, m)))),
            n_state=m,
            n_observations=n,
            process_noise_std=1.0,
            noise_std=1.0,
            observation_noise=tuple(map(tuple, root @ root.T + np.eye(n))),
            n_steps=6,
            initial_std=0.5,
        )
        model = linear_model(truth)
        gains, covariances = kalman_gains(model, 6)
        implied = implied_variances(gains, model.H, model.W)
        torch.testing.assert_close(implied, covariances.diagonal(dim1=-2, dim2=-1))


def test_the_variance_by_way_of_the_predicted_covariance():
    """The source's way: P Hᵀ = K S, S = (I − H K)⁻¹ W, then (I − K H) P."""
    truth = TRUTH.believed(noise_std=0.7)
    method, x = Kalmannet(truth, **SMALL, initial_gain=0.3), pairs(truth, 3, "test").x
    K, eye = 0.3 * np.eye(2), np.eye(2)
    P = K @ np.linalg.inv(eye - K) * 0.7**2
    expected = np.diag((eye - K) @ P)
    np.testing.assert_allclose(method.claimed_variance(x).detach().numpy()[0, 4], expected)


def test_a_gain_that_implies_a_negative_variance_claims_none():
    gain = torch.tensor([[-0.1, 0.0], [0.0, 0.2]], dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    implied = implied_variances(gain, eye, eye)
    torch.testing.assert_close(implied, torch.tensor([0.0, 0.2], dtype=torch.float64))


def test_no_variance_is_claimed_where_none_is_implied():
    x = pairs(TRUTH, 3, "test").x
    x[0, 2, 1] = torch.nan
    claimed = Kalmannet(TRUTH, **SMALL).claimed_variance(x)
    assert claimed[0, 2].isnan().all() and claimed[1].isfinite().all()
    with pytest.raises(ValueError, match="noise_std"):
        Kalmannet(TRUTH.believed(noise_std=None), **SMALL).claimed_variance(x)
    flat = TRUTH.believed(n_observations=1)
    with pytest.raises(ValueError, match="independent columns"):
        Kalmannet(flat, **SMALL).claimed_variance(x[..., :1])


def test_observations_of_a_wrong_shape_are_refused():
    for shape in ((3, 4), (3, 0, 2), (3, 4, 1)):
        with pytest.raises(ValueError, match="observations have shape"):
            Kalmannet(TRUTH, **SMALL)(torch.zeros(shape, dtype=torch.float64))
