"""Tables and verdicts, by the beginnings of names, of experiments and of comparisons."""

import pytest

import mbdl_repro as mbdl
from mbdl_repro.errors import UserError


def test_the_table_of_an_experiment_has_its_methods():
    assert {"lista", "ista_book"} <= set(mbdl.table("5.06")["method"])


def test_the_table_of_a_comparison_has_its_examples():
    assert {"sparse recovery", "filtering"} <= set(mbdl.table("6_which")["example"])


@pytest.mark.parametrize("name", ["5.06_lista", "6_which_method_when"])
def test_verdicts_are_of_what_was_asked_for(name):
    assert set(mbdl.verdicts(name)["experiment"]) == {name}


@pytest.mark.parametrize("name", ["6.1", "no_such"])
def test_a_name_that_is_none_or_begins_several(name):
    with pytest.raises(UserError, match=rf"or comparison '{name}'; .*`mbdl examples` lists"):
        mbdl.table(name)
