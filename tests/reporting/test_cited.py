"""The table of systems that the monograph cites is whole, and each leads to what it names."""

import pandas as pd
import pytest

from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.reporting import readme
from mbdl_repro.reporting.numbers import anchor
from mbdl_repro.reporting.readme.cited import CITED, MISSING
from mbdl_repro.reporting.readme.pages import cited_page

NUMBERS = {
    *(1, 3, 7, 12, 14, 16, 18, 19, 22, 23, 30, 33, 34, 37, 38, 39, 41, 43, 44, 46),
    *(51, 52, 53, 57, 63, 64, 65, 66, 68, 71, 75, 77, 78),
}
"""Of the systems that the monograph's text cites as model-based deep learning."""


@pytest.fixture(scope="module")
def experiments():
    return load_all(load_scale("full"))


def test_all_systems_stand_in_the_order_of_their_numbers():
    numbers = [one.number for one in CITED]
    assert numbers == sorted(set(numbers))
    assert set(numbers) | set(MISSING) >= NUMBERS
    assert not set(numbers) & set(MISSING)


@pytest.mark.parametrize("one", CITED, ids=lambda one: one.system)
def test_the_experiment_has_each_of_the_methods(one, experiments):
    named = {entry.info.name for entry in experiments[one.experiment].methods.values()}
    assert one.methods
    assert set(one.methods) <= named


def test_each_system_is_named_by_a_claim_or_a_published_number(experiments):
    """What no claim names is not put to a test."""
    verdicts = pd.read_csv("results/verdicts.csv")
    for one in CITED:
        own = verdicts[verdicts["experiment"] == one.experiment]
        sides = " ".join(own["left"].astype(str) + " " + own["right"].astype(str)).split()
        assert one.labels(experiments[one.experiment]) & set(sides), one


def test_a_line_counts_claims_and_links_code_and_figure(store):
    (line,) = [line for line in cited_page(readme.Results()).splitlines() if "LISTA" in line]
    code = "[lista](../../mbdl_repro/areas/sparse_recovery/methods/lista.py)"
    assert line.startswith(f"| [22] | LISTA | Gregor and LeCun | {code} |")
    assert f"(gallery.md#{anchor('5.06_lista')})" in line
