"""What is misspelt in Python is named, with what is near and what is allowed."""

import copy

import pytest

import mbdl_repro as mbdl
from mbdl_repro.learning import recipe

SPARSE = mbdl.sparse_recovery


def test_an_unknown_field_of_a_scenario():
    truth = mbdl.scenario("5.06")
    words = "SparseRecovery has no 'noise_sdt'; did you mean noise_std.* allowed: .*n_nonzeros"
    with pytest.raises(TypeError, match=words):
        SPARSE.SparseRecovery(n_signal=20, noise_sdt=0.1)
    with pytest.raises(TypeError, match=words):
        truth.believed(noise_sdt=0.1)


def test_an_unknown_setting_of_a_method():
    truth = mbdl.scenario("5.06")
    with pytest.raises(TypeError, match="Lista has no 'iteratons'; did you mean iterations"):
        SPARSE.Lista(truth, iteratons=5, rho=0.1)
    words = "lista cannot be built: Lista has no 'rh0'; did you mean rho"
    with pytest.raises(ValueError, match=words):
        mbdl.compare([mbdl.Candidate(SPARSE.Lista, rh0=0.1)], truth, seeds=1, n_test=2)


def test_what_is_missing_is_told_as_python_does():
    with pytest.raises(TypeError, match=r"missing .* required keyword-only argument"):
        SPARSE.SparseRecovery(n_signal=20)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"learning_rat": 0.1}, "Recipe has no 'learning_rat'; did you mean learning_rate"),
        ({"steps": 0}, "Recipe: steps is 0: should be greater than or equal to 1"),
        ({"steps": 1.5}, "Recipe: steps is 1.5: should be a whole number"),
        ({"optimizer": "adm"}, "Recipe: optimizer is 'adm': did you mean adam"),
        ({"together": True, "patience": 3}, "Recipe: patience stops a fit early"),
    ],
)
def test_a_wrong_key_of_a_recipe(given, words):
    with pytest.raises(ValueError, match=words):
        mbdl.Recipe(**given)


def test_a_recipe_is_what_fits_take():
    ours = mbdl.Recipe(steps=7)
    assert isinstance(ours, recipe.Recipe)
    assert ours.model_dump() == recipe.Recipe(steps=7).model_dump()
    assert copy.deepcopy(ours) == ours
