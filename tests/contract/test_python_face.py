"""What a Python user meets: arrays in and out, settings that are checked, rows that are bad."""

import inspect
import math
import typing

import numpy as np
import pytest
import torch
from annotated_types import Ge, Gt, Le, Lt
from contract.instances import (
    METHODS,
    built,
    estimates,
    every_learner,
    every_method,
    fitted,
    pairs,
    same,
    settings,
    small,
    weights,
)

from mbdl_repro import catalogue
from mbdl_repro.areas.linear_estimation.scenario import LinearGaussian
from mbdl_repro.contract.arrays import given_covariance, given_matrix
from mbdl_repro.contract.covariance import covariance_root
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.settings import field_types
from mbdl_repro.learning.recipe import Recipe

# --- arrays ---


@every_method
def test_arrays_in_arrays_out(info):
    method, x = fitted(info), pairs(info, 5, "test").x
    answer = method.estimate(x.numpy())
    assert type(answer) is np.ndarray
    np.testing.assert_array_equal(answer, estimates(method, x).numpy())
    tensor = method.estimate(x.clone().requires_grad_(not x.is_complex()))
    assert torch.equal(tensor, torch.tensor(answer)) or np.isnan(answer).any()
    assert not tensor.requires_grad


@every_method
def test_observations_of_any_precision(info):
    method, (x, s) = fitted(info), pairs(info, 5, "test")
    low = x.to(torch.complex64 if x.is_complex() else torch.float32).numpy()
    answer, expected = method.estimate(low), method.estimate(low.astype(x.numpy().dtype))
    assert answer.dtype == (np.complex128 if s.is_complex() else np.float64)
    np.testing.assert_allclose(answer, expected, rtol=1e-3 if x.is_complex() else 0)


@every_learner
def test_a_fit_takes_arrays(info):
    recipe, rng = Recipe(steps=2, validate_every=1), torch.Generator
    train, validation = (pairs(info, n, name) for n, name in ((20, "train"), (8, "validation")))
    arrays = (Split(*(part.numpy() for part in split)) for split in (train, validation))
    one, other = built(info), built(info)
    history = one.fit(train, validation, recipe, rng().manual_seed(0))
    assert other.fit(*arrays, recipe, rng().manual_seed(0)) == history
    assert same(weights(one), weights(other))


@pytest.mark.parametrize(
    "info", [c for c in METHODS if not c.learns], ids=lambda info: f"{info.area}.{info.name}"
)
def test_what_learns_nothing_is_left_as_it_is(info):
    method, split = built(info), pairs(info, 3, "train")
    before = weights(method)
    assert method.fit(split, split) == []
    assert same(weights(method), before)


# --- settings ---


def beyond(annotation) -> object:
    """A value that the type does not allow; None if it allows whatever this test knows of."""
    text = str(annotation)
    if "str" in text and "Literal" not in text:
        return None
    for kind in (annotation, *typing.get_args(annotation)):
        for limit in getattr(kind, "__metadata__", ()):
            match limit:
                case Ge(ge=bound):
                    return bound - 1
                case Gt(gt=bound):
                    return bound
                case Le(le=bound):
                    return bound + 1
                case Lt(lt=bound):
                    return bound
    return "nonsense"


@every_method
def test_settings_are_checked_as_in_a_file(info):
    for name, setting in info.settings.items():
        wrong = beyond(setting.annotation)
        if wrong is not None:
            cls = catalogue.method_class(info)
            with pytest.raises(ValueError, match=f"{cls.__name__}: {name}.* is "):
                cls(small(info).truth, **settings(info) | {name: wrong})


@every_method
def test_help_shows_the_settings(info):
    shown = inspect.signature(catalogue.method_class(info)).parameters
    assert list(shown) == ["belief", *info.settings]


@pytest.mark.parametrize(
    "kind",
    [cls for area in catalogue.areas() for cls in catalogue.scenarios(area).values()],
    ids=lambda cls: cls.__name__,
)
def test_fields_are_checked_as_in_a_file(kind):
    for name, annotation in field_types(kind).items():
        wrong = beyond(annotation)
        if wrong is not None:
            with pytest.raises(ValueError, match=f"{kind.__name__}: {name}.* is "):
                kind(**{name: wrong})
    assert list(inspect.signature(kind).parameters) == list(field_types(kind))


def test_lists_and_arrays_are_kept_as_numbers_that_compare():
    rows = [[1, 2.5], [0.0, 1.0]]
    one, other = (
        LinearGaussian(n_signal=2, n_observations=2, observation_matrix=H)
        for H in (rows, np.array(rows))
    )
    assert one == other
    assert hash(one) == hash(other)
    assert one.identity() == other.identity()
    np.testing.assert_array_equal(one.matrix, rows)
    with pytest.raises(ValueError, match="read-only"):
        one.matrix[0, 0] = 0


def test_given_matrices_are_what_they_are_given_for():
    for rows in (((1.0,), (1.0, 2.0)), ((1.0, 2.0),), ()):
        with pytest.raises(ValueError, match=r"H has \d rows of .* should be 2 rows of 2"):
            given_matrix("H", rows, (2, 2))
    with pytest.raises(ValueError, match="C: a covariance is not symmetric"):
        given_covariance("C", ((1.0, 0.5), (0.4, 1.0)), 2)
    with pytest.raises(ValueError, match="C: a covariance is not positive semidefinite"):
        given_covariance("C", ((1.0, 2.0), (2.0, 1.0)), 2)
    singular = given_covariance("C", ((4.0, 2.0), (2.0, 1.0)), 2)
    root = covariance_root(singular)
    np.testing.assert_allclose(root @ root.T, singular, atol=1e-15)


# --- rows that are bad ---

BAD = {"inf": math.inf, "nan": math.nan, "huge": 1e160}


@every_method
def test_a_bad_row_touches_no_other(info):
    """One entry that is infinite, not a number, or beyond squaring; and a row of zeros."""
    method, x = fitted(info), pairs(info, 6, "test").x
    x = x.to(torch.complex128) if x.is_complex() else x  # in which 1e160 is finite
    whole = estimates(method, x)
    for name, value in BAD.items():
        spoilt = x.clone()
        spoilt[1].view(-1)[0] = value
        answer = estimates(method, spoilt)
        others = [0, 2, 3, 4, 5]
        torch.testing.assert_close(answer[others], whole[others], equal_nan=True, msg=name)
        assert answer.shape == whole.shape
    spoilt = x.clone()
    spoilt[1] = 0
    answer = estimates(method, spoilt)
    torch.testing.assert_close(answer[others], whole[others], equal_nan=True, msg="zeros")
