"""What every method promises of its answers, checked on a small instance of each."""

import dataclasses
import inspect
import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import safetensors.torch
import torch
from annotated_types import Ge
from contract.instances import (
    EPS,
    METHODS,
    SMALL,
    SPECIAL,
    built,
    estimates,
    every_child,
    every_iterative_method,
    every_method,
    fitted,
    may_be_withheld,
    pairs,
    precise,
    refusal,
    same,
    settings,
    small,
    weights,
)

import mbdl_repro
from mbdl_repro import catalogue
from mbdl_repro.areas.sparse_recovery.scenario import SparseRecovery
from mbdl_repro.contract import capabilities
from mbdl_repro.contract.capabilities import (
    HasClaimedVariance,
    HasCovariance,
    HasEncoding,
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
from mbdl_repro.contract.scenario import Split
from mbdl_repro.experiments import reading
from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.pipeline.stages.evaluate import _estimates


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
    """Return the name of what a capability is: the protocol's method, or the first of them."""
    return next(name for name, value in vars(protocol).items() if is_public_method(name, value))


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


def promise_encoding(method: HasEncoding, test: Split) -> None:
    """Nothing but what is decoded goes from the signals to the answer, row by row."""
    encoding = method.encoding(test.x)
    assert len(encoding) == len(test.x)
    assert torch.equal(method.decoded(encoding), method(test.x))


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
    HasEncoding: promise_encoding,
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


# --- stored ---


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


# --- beliefs ---


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
