"""The table of families and running examples: what a cell says, and that none is empty."""

from pathlib import Path

import pandas as pd
import pytest

from mbdl_repro.contract.family import Family
from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.reporting import readme
from mbdl_repro.reporting.continuum import COMMON, FAMILIES, cells
from mbdl_repro.reporting.readme.parts import continuum_table


@pytest.fixture(scope="module")
def experiments():
    return load_all(load_scale("full"))


def verdicts(*rows):
    columns = ["experiment", "kind", "left", "right", "verdict"]
    return pd.DataFrame(rows, columns=columns)


def test_a_cell_counts_the_claims_that_name_its_methods(experiments):
    name = "continuum_linear"
    found = cells(
        experiments,
        verdicts(
            (name, "claim", "learned_scales (n_train=50)", "0.9 × linear_mmse", "holds"),
            (name, "claim", "linear_mmse", "1.08 × learned_mmse_prior", "fails"),
            (name, "claim", "linear_mmse", "0.61", "surpassed"),
            (name, "claim", "linear_mmse", "black_box", "undecided"),
            (name, "published", "learned_mmse", "0.61", "holds"),
            ("5.01_linear_estimation", "claim", "learned_mmse", "linear_mmse", "holds"),
        ),
    )
    learned = found[Family.LEARNED_OPTIMIZATION, "linear_estimation"]
    assert learned.experiment == name
    assert learned.methods == ("learned_mmse",)
    assert learned.verdicts == {"holds": 1, "fails": 1, "undecided": 0}
    assert learned.fared == "1✓ 1✗"
    known = found[Family.MODEL_BASED, "linear_estimation"]
    assert known.verdicts == {"holds": 2, "fails": 1, "undecided": 1}
    assert known.fared == "2✓ 1✗ 1?"


def test_without_a_common_experiment_the_first_with_the_family_stands(experiments):
    only = {name: e for name, e in experiments.items() if name in ("5.06_lista", "3.06_ista")}
    found = cells(only, verdicts())
    assert found[Family.UNFOLDED_OBJECTIVE, "sparse_recovery"].experiment == "5.06_lista"
    assert found[Family.DEEP_LEARNING, "sparse_recovery"] is None


def test_each_family_meets_each_running_example(experiments):
    """In each area that has an experiment in which all are to meet."""
    common = {e.area for name, e in experiments.items() if name.startswith(COMMON)}
    assert len(common) >= 5
    found = cells(experiments, verdicts())
    missing = {area for (_, area), cell in found.items() if cell is None}
    assert not common & missing


def test_the_readme_has_a_line_a_family_and_links_each_cell(store):
    """Of the running examples in which all families are to meet: here of one."""
    folder = Path("workflow/experiments")
    lista = (folder / "5.06_lista.yaml").read_text(encoding="utf-8")
    (folder / f"{COMMON}sparse.yaml").write_text(lista, encoding="utf-8")
    lines = continuum_table(readme.Results()).splitlines()
    assert lines[0] == "| family | Sparse recovery |"
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]] == [
        family.title for family in FAMILIES
    ]
    (line,) = [line for line in lines if "[lista]" in line]
    assert line.startswith("| deep unfolding, learned objective | [lista](docs/results/gallery.md#")
