"""What is said of experiments, methods and claims, held against experiment files and tables."""

import numpy as np
import pandas as pd
import pytest

from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.pipeline.stages.verify import COLUMNS
from mbdl_repro.reporting.facts.book import Facts
from mbdl_repro.reporting.facts.claims import claim, counts
from mbdl_repro.reporting.facts.method import rivals
from mbdl_repro.reporting.facts.words import order_in, span
from mbdl_repro.statistics.relations import right_side
from mbdl_repro.store.records import read_table


@pytest.fixture
def facts(store):
    scale = load_scale("full")
    return Facts(load_all(scale), scale, store, chosen=False)


ABOUT = {"title": "T", "area": "sparse_recovery", "section": "5.3"}


def claim_of(facts, **changes):
    row = dict.fromkeys(COLUMNS) | {"experiment": "e", "kind": "claim", "claim": "It holds."}
    row |= {"left": "lista (n_train 5)", "left_value": 0.5, "right_value": 2.0, "relation": "<"}
    row |= {"source": "ours", "verdict": "holds", "written": "after"}
    styles = {"lista": _Style("LISTA"), "ista": _Style("ISTA")}
    return claim({**row, **changes}, 3, ABOUT, styles, changes.pop("unit", "dB"))


class _Style:
    colour = "#123456"

    def __init__(self, legend: str) -> None:
        self.legend = legend


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (right_side("ista"), "ISTA [2.000]"),
        (right_side("ista (n_train 5)", 5.0, 5.0, "dB"), "5 × ISTA (n_train 5) [2.000] + 5 dB"),
        (right_side("ista (a 1, mse_db)", 1.0, -0.5, "dB"), "ISTA (a 1, mse_db) [2.000] − 0.5 dB"),
        (right_side("ista", 0.1), "0.1 × ISTA [2.000]"),
        (right_side("ista", 1.0, 3.0), "ISTA [2.000] + 3"),
        (right_side("0.061"), "0.06100"),
        (right_side("4", 0.5), "0.5 × 4.000"),
        ("deep learning (model wrong, much)", "deep learning (model wrong, much) [2.000]"),
        ("2 × deep learning (model wrong)", "2 × deep learning (model wrong) [2.000]"),
        ("n_train where a goes above b (x 1)", "n_train where a goes above b (x 1) [2.000]"),
    ],
)  # fmt: skip
def test_a_side_says_what_is_compared_and_what_is_added_to_it(facts, words, shown):
    found = claim_of(facts, right=words)
    assert str(found.right) == shown
    assert str(found.left) == "LISTA (n_train 5) [0.5000]"
    assert found.anchor == "claim-3"


def test_tolerances_and_differences_have_their_unit(facts):
    words = {"right": "ista", "relation": "≈", "tolerance": 0.1, "effect": -1.5}
    words |= {"effect_is": "difference", "ci_low": -2.0, "ci_high": -1.0}
    found = claim_of(facts, **words)
    assert (found.allowed, found.effect) == ("within 0.1 dB", "difference −1.50 [−2.00, −1.00] dB")
    found = claim_of(facts, **words | {"effect_is": "ratio", "relation": "≲"})
    assert (found.allowed, found.effect) == ("up to 0.1 dB above", "ratio −1.50 [−2.00, −1.00]")


def test_all_verdicts_are_claims_and_counted_by_kind(facts):
    table = facts.verdicts
    for kind in ("claim", "published"):
        of_kind = table.loc[table["kind"] == kind, "verdict"]
        assert counts(facts.all_claims, kind) == of_kind.value_counts().to_dict()
    assert sorted(c.of for c in facts.all_claims) == sorted(table["experiment"])


def test_cells_are_the_means_of_the_table(facts):
    told = facts.experiment("6.01_linear")
    (table,) = told.tables
    assert table.columns == ("noise_std",) and table.head == (("0.1",), ("0.3",))
    means = read_table(facts.store.table("6.01_linear"))
    for row in table.rows:
        own = means[means["method"] == row.label].set_index("noise_std")["mean"]
        for (noise,), cell in zip(table.head, row.cells, strict=True):
            assert float(cell.split(" ")[0]) == pytest.approx(own[float(noise)], abs=0.005)


def test_a_method_stands_as_far_from_the_best_as_its_means_say(facts):
    method = facts.method("sparse_recovery", "ista")
    assert [use.entry.label for use in method.uses] == ["ista", "ista_book"]
    table = read_table(facts.store.table("5.06_lista"))
    table = table[table["iteration"].isna() & (table["metric"] == "squared_error")]
    means = table.set_index("method")["mean"]
    for use, rank in zip(method.uses, (2, 3), strict=True):
        over = 10 * np.log10(means[use.entry.label] / means["lista"])
        assert list(use.standing.over_best.values()) == [pytest.approx(over)]
        assert use.standing.ranks == (rank,) and use.standing.n_methods == 3
        assert (use.standing.n_best, use.standing.unit) == (0, "dB")
    (best,) = facts.method("sparse_recovery", "lista").uses
    assert best.standing.n_best == 1 and best.standing.nearest == best.standing.farthest


def test_filters_are_held_against_filters_and_smoothers_against_smoothers():
    """By the panels of the roles; where there is no role, all of an experiment's methods meet."""
    experiments = load_all(load_scale("full"), "continuum_tracking,5.06_lista")
    tracking, lista = experiments["continuum_tracking"], experiments["5.06_lista"]
    filters, smoothers = (set(rivals(tracking, f"kalman_{k}")) for k in ("filter", "smoother"))
    shown = [
        {name for panel in tracking.panels if panel.title in role.panels.values()
         for name in panel.methods}
        for role in tracking.roles
    ]  # fmt: skip
    assert [filters, smoothers] == shown
    assert not filters & smoothers
    assert rivals(lista, "ista") == list(lista.methods)


def test_of_several_errors_the_one_that_is_more_is_better_if_its_docstring_says_so(kept):
    """PSNR: who is the best by the table is 0 dB from the best, and nobody is above."""
    table = pd.read_csv(kept.folder / "tables/5.4_plug_and_play.csv")
    rows = table[table["iteration"].isna() & (table["metric"] == "psnr_db")]
    methods = [entry.label for entry in kept.facts.experiment("5.4_plug_and_play").entries]
    rows = rows[rows["method"].isin(methods) & (rows["ratio"] == 0.1)]
    best = rows.loc[rows["mean"].idxmax(), "method"]
    found = {}
    for area, name in kept.facts.methods:
        if area == "image_restoration":
            for use in kept.facts.method(area, name).uses:
                if use.experiment == "5.4_plug_and_play":
                    found[use.entry.label] = use.standing.over_best
    assert found[best]["ratio 0.1"] == 0
    assert all(value >= 0 for over in found.values() for value in over.values())


def test_a_methods_claims_are_those_that_name_it(facts):
    named = facts.method("sparse_recovery", "lista").claims
    assert [c.kind for c in named] == ["claim", "published"]
    assert all("lista" in (c.left.label, c.right.label) for c in named)
    assert facts.method("sparse_recovery", "fista").uses == ()


def test_some_experiments_have_their_methods_and_no_q(store):
    scale = load_scale("full")
    some = Facts(load_all(scale, "6.01_linear"), scale, store, chosen=True)
    assert some.methods == [
        ("linear_estimation", "linear_mmse"),
        ("linear_estimation", "generative"),
    ]
    assert {c.q for c in some.all_claims} == {None}
    assert {c.of for c in some.all_claims} == {"6.01_linear"}


def test_the_books_order(kept):
    books = [kept.facts.experiments[name].book for name in kept.facts.experiments]
    assert [order_in(book) for book in books] == sorted(map(order_in, books))
    sections = [tuple(map(int, book.section.split("."))) for book in books]
    assert sections == sorted(sections)
    names = list(kept.facts.experiments)
    assert names.index("5.06_lista") < names.index("sparse_depth")
    assert names.index("5.02_learned_kalman_filter") < names.index("5.10_subspacenet")


def test_many_values_are_told_by_their_ends():
    assert span([0.1, 0.2]) == "0.1 / 0.2"
    assert span([5, 1, 2, 3, 4, 5]) == "1 … 5 (5 values)"
