"""What the README says of cost counts a fit once, however many experiments and methods share it."""

import re
from pathlib import Path

import pytest
from records import RECORD

from mbdl_repro.errors import UserError
from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.reporting import readme
from mbdl_repro.store.files import table_to_bytes
from mbdl_repro.store.records import write_outputs

FOLDER = Path("workflow/experiments")


def spent(**train_seconds: float) -> dict[str, dict[str, float]]:
    return {
        label: {"train_seconds": seconds, "evaluate_seconds": 60.0}
        for label, seconds in train_seconds.items()
    }


@pytest.fixture
def three(store):
    """Three experiments on one scenario: the second and third add a training size, then a rho.

    LISTA has a fit at 100 in the first, at 100 and 200 in the second and third. The third asks
    for it twice: once as the second does, and once with another rho. ISTA, whose rho is tuned,
    has one fit in each: the same but for the last, where more values are tried.
    """
    first = (FOLDER / "5.06_lista.yaml").read_text(encoding="utf-8")
    second = first.partition("published:")[0].replace("n_train: [100]", "n_train: [100, 200]")
    second = second.replace("y: squared_error}", "y: squared_error, where: {n_train: 100}}")
    again = "\n  lista_again: {method: lista, iterations: 5, rho: 0.1, recipe: {steps: 30}}"
    other = "\n  lista_other: {method: lista, iterations: 5, rho: 0.2, recipe: {steps: 30}}"
    third = second.replace("legend: LISTA}", "legend: LISTA}" + again + other)
    third = third.replace("rho: [0.01, 0.02]", "rho: [0.01, 0.02, 0.04]")
    (FOLDER / "7.02_more.yaml").write_text(second, encoding="utf-8")
    (FOLDER / "7.03_most.yaml").write_text(third, encoding="utf-8")
    costs = {
        "5.06_lista": spent(ista=600.0, ista_book=0.0, lista=1200.0),
        "6.01_linear": spent(generative=120.0),
        "7.02_more": spent(ista=600.0, ista_book=0.0, lista=3600.0),
        "7.03_most": spent(ista=900.0, lista=3600.0, lista_again=0.0, lista_other=4800.0),
    }
    for name, cost in costs.items():
        write_outputs({store.table(name): table_to_bytes([{"a": 1}])}, RECORD | {"cost": cost})
    return costs


def test_a_fit_that_experiments_share_counts_in_the_first(three):
    seconds = readme.training_seconds(load_all(load_scale("full")).values(), three)
    assert seconds == {
        "5.06_lista": 600 + 1200,
        "6.01_linear": 120,
        "7.02_more": 3600 / 2,  # one of two sizes is new, and ISTA is not
        "7.03_most": 900 + 4800,  # ISTA is tuned over more, and one LISTA is new
    }


def test_another_order_counts_them_elsewhere_and_as_many(three):
    experiments = load_all(load_scale("full"))
    names = ["7.03_most", "7.02_more", "6.01_linear", "5.06_lista"]
    seconds = readme.training_seconds([experiments[name] for name in names], three)
    assert seconds["7.03_most"] == 900 + 3600 + 4800
    assert seconds["7.02_more"] == 600  # ISTA alone
    assert seconds["5.06_lista"] == 0


def test_the_table_of_cost_ends_with_totals_by_area(three):
    lines = readme.cost().splitlines()
    assert lines[0] == "| experiment | training | evaluation |"
    assert lines[2:] == [
        "| 5.06_lista | 30 min | 3 min |",
        "| 6.01_linear | 2 min | 60 s |",
        "| 7.02_more | 30 min | 3 min |",
        "| 7.03_most | 1.6 h | 4 min |",
        "| **linear_estimation** | 2 min | 60 s |",
        "| **sparse_recovery** | 2.6 h | 10 min |",
        "| **all** | 2.6 h | 11 min |",
    ]


def test_a_table_without_a_record_has_cost_nothing(store):
    store.table("6.01_linear").unlink()
    for path in store.table("6.01_linear").parent.glob("6.01_linear.record.json"):
        path.unlink()
    assert "| 6.01_linear | 0 s | 0 s |" in readme.cost()


def test_parts_are_written_where_they_are_marked(store):
    begun = "Before.\n<!-- cost: written by mbdl readme -->\nold\n<!-- end -->\nAfter.\n"
    text = readme.written(begun)
    assert text.startswith("Before.\n<!-- cost: written by mbdl readme -->\n| experiment |")
    assert text.endswith("|\n<!-- end -->\nAfter.\n")
    assert readme.written(text) == text
    with pytest.raises(UserError, match=re.escape("marks a part 'costs'; there are experiments")):
        readme.written(begun.replace("cost:", "costs:"))
