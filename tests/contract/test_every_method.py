"""What every method promises, checked on a small instance of each, found by discovery.

A new method whose settings have the names of other methods' needs no change here; a new setting
without a default needs a value in its area's table, and a new area needs a table of its own.
"""

import copy
import dataclasses
import inspect
import itertools
import re
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest
import safetensors.torch
import torch
from annotated_types import Ge

import mbdl_repro
from mbdl_repro import catalogue
from mbdl_repro.areas.doa.scenario import Narrowband, Ofdm
from mbdl_repro.areas.image_restoration.prior import Prior, PriorMethod
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.areas.tracking.scenario import LinearStateSpace, Lorenz
from mbdl_repro.catalogue import REQUIRED, MethodInfo
from mbdl_repro.contract import capabilities
from mbdl_repro.contract.capabilities import (
    HasClaimedVariance,
    HasCovariance,
    HasFixedPointMap,
    HasIllustrations,
    HasIterates,
    HasLinearRule,
    HasOracleStart,
    HasProjection,
    HasSourceCount,
)
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.method import IterativeMethod, Method
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.contract.seeding import torch_rng_for
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.learning.recipe import Recipe
from mbdl_repro.pipeline.stages.evaluate import _estimates
from mbdl_repro.pipeline.weights import learned_tensors, restore, weights_to_bytes

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


# --- how many iterations ---


class Omp(IterativeMethod):
    """Orthogonal matching pursuit: one more column of H each time, until nothing is left of x.

    It is no method of any area: an example of one that may stop by itself, and may be unlimited.
    """

    family = Family.MODEL_BASED

    def __init__(
        self, belief: SparseRecovery, *, iterations: Annotated[int, Ge(1)] | None = None
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.register_buffer("H", torch.tensor(belief.H))

    def iterates(self, x: torch.Tensor):
        s = x.new_zeros(len(x), self.H.shape[1])
        chosen = s.bool()
        yield s
        for _ in itertools.count() if self.iterations is None else range(self.iterations):
            residual = x - s @ self.H.mT
            rows = (residual.norm(dim=1) > 1e-9 * x.norm(dim=1)).nonzero()[:, 0]
            if not len(rows):
                return
            chosen[rows, (residual[rows] @ self.H).abs().argmax(1)] = True
            s = s.clone()
            for row in rows:
                columns = chosen[row].nonzero()[:, 0]
                s[row, columns] = torch.linalg.lstsq(self.H[:, columns], x[row]).solution
            yield s


def check_count(build: Callable[[int], Method], x: torch.Tensor) -> None:
    """Built for k iterations, a method makes as many at most, and says so."""
    for k in (2, 3, 5):
        method = build(k)
        assert isinstance(method, IterativeMethod)
        assert method.iterations == k
        with torch.no_grad():
            assert 1 < len(list(method.iterates(x))) <= k + 1


@every_iterative_method
def test_it_makes_as_many_iterations_as_it_is_built_for_at_most(info):
    cls, x = catalogue.method_class(info), pairs(info, 4, "test").x
    usual = cls.counted_by is None or cls.counted_by == IterativeMethod.counted_by
    assert usual or cls.counted_by in info.settings, f"counted_by = {cls.counted_by!r}: no setting"
    if info.counted_by is None:
        most = built(info).iterations
        assert most is None or len(list(built(info).iterates(x))) <= most + 1
        return
    belief = small(info).truth.believed(**small(info).mistaken)
    check_count(lambda k: cls(belief, **{**settings(info), info.counted_by: k}), x)


OMP_TRUTH = SMALL["sparse_recovery"].truth
EXACT = OMP_TRUTH.believed(noise_std=0.0)


def test_a_pursuit_that_stops_by_itself_keeps_the_count_too():
    check_count(lambda k: Omp(OMP_TRUTH, iterations=k), torch.from_numpy(OMP_TRUTH.draw(4).x))
    x = torch.from_numpy(EXACT.draw(40).x)
    with torch.no_grad():
        assert len(list(Omp(EXACT, iterations=500).iterates(x))) < 12
        free = list(Omp(EXACT).iterates(x))
    assert len(free) < 12, "signals of two entries, eight equations"
    torch.testing.assert_close(free[-1] @ torch.tensor(EXACT.H).mT, x)


@pytest.mark.parametrize(("most", "expected"), [(None, [0, 1, 500, 900]), (600, [0, 1, 500])])
def test_iterations_that_stopping_made_needless_repeat_the_last_estimate(most, expected):
    method, test = Omp(EXACT, iterations=most), EXACT.draw(40)
    *recorded, (last, answer) = _estimates(method, torch.from_numpy(test.x), [0, 1, 500, 900])
    assert [k for k, _ in recorded] == expected
    assert np.isnan(last)
    with torch.no_grad():
        stepwise = [s.numpy() for s in method.iterates(torch.from_numpy(test.x))]
    for k, estimate in recorded:
        at = stepwise[min(k, len(stepwise) - 1)]
        np.testing.assert_allclose(estimate, at, rtol=0, atol=1e4 * EPS * np.abs(at).max())
        assert (k >= len(stepwise)) == np.array_equal(estimate, answer)


@pytest.mark.parametrize("counted_by", ["iterations", "most", None])
def test_any_number_of_iterations_is_planned(counted_by):
    """Also none, where a method goes on until it stops by itself."""
    book = reading.load("3.06_ista", reading.load_scale("smoke"))
    assert len(book.trace) > 2

    def planned(limits: dict[str, int | None]) -> list[int]:
        entry = next(e for e in book.methods.values() if e.info.iterative)
        info = dataclasses.replace(entry.info, counted_by=counted_by)
        kept = {k: v for k, v in entry.settings.items() if k != "iterations"}
        entry = dataclasses.replace(entry, info=info, settings={**kept, **limits}, depths=[])
        methods: dict[str, Any] = {**book.methods, entry.label: entry}
        experiment: Experiment = dataclasses.replace(book, methods=methods)
        return experiment.recorded(entry.label)

    limit = book.trace[-2]
    name = counted_by or "iterations"
    assert planned({name: None}) == book.trace
    assert planned({name: limit}) == (book.trace[:-1] if counted_by else book.trace)
    assert planned({}) == book.trace


# --- what only some can do ---


def member_of(protocol: type) -> str:
    """Return the name of what a capability is: the protocol's one method."""
    (name,) = (name for name, value in vars(protocol).items() if is_public_method(name, value))
    return name


def is_public_method(name: str, value: object) -> bool:
    return inspect.isfunction(value) and not name.startswith("_")


PROTOCOLS = [getattr(capabilities, name) for name in capabilities.__all__]
CAPABLE = [
    (info, protocol)
    for info in METHODS
    for protocol in PROTOCOLS
    if callable(getattr(catalogue.method_class(info), member_of(protocol), None))
]


def promise_illustrations(method: HasIllustrations, test: Split) -> None:
    shown = method.illustrations(test.x)
    assert shown
    assert all(isinstance(name, str) and len(rows) == len(test.x) for name, rows in shown.items())


def promise_iterates(method: HasIterates, test: Split) -> None:
    assert {estimate.shape for estimate in method.iterates(test.x)} == {test.s.shape}


def promise_linear_rule(method: HasLinearRule, test: Split) -> None:
    """Its recursion, step by step, is what the method answers."""
    T = test.x.shape[1]
    rule = method.linear_rule(T)
    assert rule is not None
    F, H, K, start = rule
    m, n = test.s.shape[2], test.x.shape[2]
    assert F.shape in ((m, m), (T, m, m)) and H.shape in ((n, m), (T, n, m))
    assert K.shape == (T, m, n) and start.shape == (m,)
    F, H = F.expand(T, m, m), H.expand(T, n, m)
    estimate, steps = start.expand(len(test.x), m), []
    for t in range(T):
        predicted = estimate @ F[t].mT
        estimate = predicted + (test.x[:, t] - predicted @ H[t].mT) @ K[t].mT
        steps.append(estimate)
    answer = method(test.x)
    torch.testing.assert_close(torch.stack(steps, 1), answer, rtol=1e-8, atol=1e-8)


def promise_claimed_variance(method: HasClaimedVariance, test: Split) -> None:
    claimed = method.claimed_variance(test.x)
    assert claimed.shape == test.s.shape
    assert (claimed.isnan() | (claimed >= 0)).all()


def promise_covariance(method: HasCovariance, test: Split) -> None:
    R = method.covariance(test.x)
    n, N, _ = test.x.shape
    assert R.shape == (n, R.shape[-1], R.shape[-1])
    assert test.s.shape[1] < R.shape[-1] <= N
    torch.testing.assert_close(R, R.mH, rtol=0, atol=1e4 * EPS * R.abs().max().item())


def promise_source_count(method: HasSourceCount, test: Split) -> None:
    counted = method.count_sources(test.x)
    assert counted.shape == (len(test.x),)
    assert counted.dtype == torch.int64
    assert ((counted >= 0) & (counted < test.x.shape[1])).all()


def promise_projection(method: HasProjection, test: Split) -> None:
    nearest = method.project(test.s)
    assert nearest.shape == test.s.shape
    assert (nearest - test.s).square().sum() <= (estimates(method, test.x) - test.s).square().sum()


def promise_oracle_start(method: HasOracleStart, test: Split) -> None:
    assert method.answer_from_oracle_start(test.x, test.s).shape == test.s.shape


def promise_fixed_point_map(method: HasFixedPointMap, test: Split) -> None:
    moved = method.once_more(test.s, test.x)
    assert moved.shape == test.s.shape
    assert torch.isfinite(moved).all() and not torch.equal(moved, test.s)


PROMISES: dict[type, Callable[[Any, Split], None]] = {
    HasClaimedVariance: promise_claimed_variance,
    HasCovariance: promise_covariance,
    HasFixedPointMap: promise_fixed_point_map,
    HasIllustrations: promise_illustrations,
    HasIterates: promise_iterates,
    HasLinearRule: promise_linear_rule,
    HasOracleStart: promise_oracle_start,
    HasProjection: promise_projection,
    HasSourceCount: promise_source_count,
}


def test_every_capability_is_checked_and_is_had_by_some_method():
    assert set(PROMISES) == set(PROTOCOLS) == {protocol for _, protocol in CAPABLE}


@pytest.mark.parametrize(
    ("info", "protocol"),
    CAPABLE,
    ids=[f"{info.area}.{info.name}.{member_of(protocol)}" for info, protocol in CAPABLE],
)
def test_what_it_can_do_it_does_as_the_protocol_says(info, protocol):
    method = fitted(info)
    assert isinstance(method, protocol)
    ours = inspect.signature(getattr(type(method), member_of(protocol)))
    theirs = inspect.signature(getattr(protocol, member_of(protocol)))
    assert list(ours.parameters) == list(theirs.parameters)
    with torch.no_grad():
        PROMISES[protocol](method, pairs(info, 5, "test"))


def test_no_capability_is_looked_for_by_its_name():
    found = [
        f"{path.name}: {line.strip()}"
        for path in Path(mbdl_repro.__file__).parent.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"""\b(get|has)attr\((self\.)?method, ["']""", line)
    ]
    assert not found, "ask by isinstance for a protocol of contract/capabilities.py"


@every_method
def test_a_fit_of_its_own_takes_what_the_contract_says(info):
    ours = inspect.signature(catalogue.method_class(info).fit).parameters
    assert list(ours) == list(inspect.signature(Method.fit).parameters)


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
