"""No method beats a floor, and each that is told all beats a guess without data."""

import inspect
from functools import cache

import numpy as np
import pytest
import torch
from contract.instances import (
    METHODS,
    SMALL,
    SPECIAL,
    UNTOLD,
    drawn,
    estimates,
    every_method,
    fitted,
    small,
)

from mbdl_repro import catalogue
from mbdl_repro.catalogue import FunctionInfo, MethodInfo
from mbdl_repro.contract.scenario import Scenario, Split
from mbdl_repro.reporting.facts.tables import higher_is_better

BY_MODULE = {info.module: info for info in METHODS}


def rows_of(info: MethodInfo) -> Split:
    return drawn(small(info).truth, small(info).n_test, "test", "bounds")


def sign(area: str, metric: str) -> float:
    """Return what makes less of a metric better."""
    return -1.0 if higher_is_better(area, metric) else 1.0


def scores(info: MethodInfo, answer: np.ndarray, test: Split) -> np.ndarray:
    """Return the area's measure of each row, less of which is better."""
    name = small(info).metric
    metric = catalogue.function(catalogue.metrics(info.area)[name])
    return sign(info.area, name) * metric(answer, test, small(info).truth)


@cache
def errors_of(module: str) -> np.ndarray:
    """Return what the method of this module scores on each row of the test."""
    info = BY_MODULE[module]
    test = rows_of(info)
    return scores(info, estimates(fitted(info), torch.tensor(test.x)).numpy(), test)


def floors(info: MethodInfo) -> list[FunctionInfo]:
    truth = small(info).truth
    if type(truth) is not type(SMALL[info.area].truth) or truth in UNTOLD:
        return []  # floors are those of the area's own kind of truth
    return [
        bound
        for bound in catalogue.bounds(info.area).values()
        if bound.marks["kind"] == "floor" and SMALL[info.area].metric in bound.marks["metrics"]
    ]


@cache
def value_of(area: str, bound: str, truth: Scenario) -> float:
    function = catalogue.function(catalogue.bounds(area)[bound])
    known = {
        "truth": truth,
        "n_train": SMALL[area].n_train,
        "validation": truth.draw(200, "validation"),
        "test": drawn(truth, SMALL[area].n_test, "test", "bounds"),
    }
    arguments = inspect.signature(function).parameters
    value = float(np.mean(function(**{name: known[name] for name in arguments})))
    return sign(area, SMALL[area].metric) * value


def standard_error(values: np.ndarray) -> float:
    return values.std(ddof=1) / np.sqrt(len(values))


@every_method
def test_it_does_not_beat_what_none_can(info):
    errors = errors_of(info.module)
    for floor in floors(info):
        least = value_of(info.area, floor.name, small(info).truth)
        assert errors.mean() > least - 4 * standard_error(errors), f"below {floor.name}, {least}"


@pytest.mark.parametrize("area", [area for area in catalogue.areas() if area in SMALL])
def test_the_floors_are_worth_testing_against(area):
    """A zero estimate is above them by far, so that a method below them would be seen."""
    info = next(c for c in METHODS if c.area == area and f"{area}.{c.name}" not in SPECIAL)
    test = rows_of(info)
    errors = scores(info, np.zeros_like(test.s), test)
    assert floors(info), f"{area} has no floor on {SMALL[area].metric}"
    for floor in floors(info):
        least = value_of(area, floor.name, SMALL[area].truth)
        assert least < errors.mean() - 10 * standard_error(errors)


@every_method
def test_knowing_all_it_beats_the_prior_mean(info):
    test = rows_of(info)
    gain = scores(info, np.zeros_like(test.s), test) - errors_of(info.module)
    assert gain.mean() > 4 * standard_error(gain)
