"""The comparisons that come with the repository, on the rows that are kept in it."""

from pathlib import Path

import pandas as pd
import pytest

from mbdl_repro.comparisons import reading
from mbdl_repro.comparisons.claims import decided
from mbdl_repro.comparisons.listed import known, values_at
from mbdl_repro.comparisons.reading import load_all
from mbdl_repro.comparisons.sources import Sources
from mbdl_repro.comparisons.standing import meetings
from mbdl_repro.experiments.reading import load_all as load_experiments
from mbdl_repro.experiments.reading import load_scale
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import read_table

ROOT = Path(__file__).parents[2]
STORE = Store.of(load_scale("full"))


@pytest.fixture(scope="module")
def book():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return load_experiments(load_scale("full"))


@pytest.fixture(scope="module")
def comparisons():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return load_all()


@pytest.fixture(scope="module")
def sources(book, comparisons):
    read = [name for one in comparisons.values() for name in one.spec.experiments]
    names = dict.fromkeys([*(n for n, e in book.items() if e.roles), *read])
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        rows = {name: read_table(STORE.seed_rows(name)) for name in names}
        costs = {
            (name, row.method): row.operations
            for name in names
            if book[name].roles
            for row in read_table(STORE.operations(name)).itertuples()
        }
    return Sources({name: known(book, name) for name in names}, rows, costs, costs)


@pytest.fixture(scope="module")
def verdicts(comparisons, sources):
    """The verdicts of each comparison, which take long: for reading only."""
    return {
        name: pd.DataFrame(decided(one, one.spec.measured(sources)))
        for name, one in comparisons.items()
    }


def test_every_kind_has_a_comparison(comparisons):
    assert {one.kind for one in comparisons.values()} == set(reading.kinds())


def test_every_claim_finds_rows_and_says_why_where_it_fails(verdicts):
    found = pd.concat(verdicts.values(), ignore_index=True)
    words = found["experiment"] + ": " + found["claim"]
    assert words[found["verdict"] == "not run"].tolist() == []
    assert words[(found["verdict"] == "fails") & (found["remark"] == "")].tolist() == []
    assert len(found) >= 20


def test_a_remark_is_of_a_claim_that_fails(comparisons, verdicts):
    for name, one in comparisons.items():
        rows = verdicts[name]
        for claim in one.claims:
            own = rows[rows["claim"].str.startswith(claim.says.removesuffix("."))]
            assert claim.remark is None or "fails" in set(own["verdict"]), claim.says


def test_every_listed_place_has_rows(comparisons, sources):
    for one in comparisons.values():
        for listed in getattr(one.spec, "departures", []):
            experiment = sources.experiments[listed.experiment]
            metric = listed.metric or experiment.metrics[0]
            for at in (listed.home or listed.away, listed.home | listed.away):
                found = values_at(sources.rows[experiment.name], experiment, metric, at)
                assert listed.over in found and len(found) == experiment.n_seeds, listed.name
        for question in getattr(one.spec, "questions", []):
            experiment = sources.experiments[question.experiment]
            assert set(question.n_train) <= set(experiment.columns["n_train"]), question.name
        for listed in getattr(one.spec, "listed", []):
            experiment = sources.experiments[listed.experiment]
            found = values_at(sources.rows[experiment.name], experiment, listed.metric, listed.at)
            assert len(found) == experiment.n_seeds, listed.name


def test_each_meeting_has_one_row_a_seed_and_a_model_based_one_among_those(book, sources):
    table = sources.methods
    assert not table.duplicated(["example", "condition", "method", "n_train", "seed"]).any()
    met = {(one.role.example, one.condition) for one in meetings(book)}
    model_based = table[table["family"] == "model-based"]
    assert set(zip(model_based["example"], model_based["condition"], strict=True)) == met
    assert table["baseline"].notna().all()


def test_who_knows_is_not_among_those_who_believe_wrongly(book):
    for meeting in meetings(book):
        wrong = {label for label in meeting.families if meeting.knowledge(label) == "wrong"}
        assert bool(wrong) == (meeting.condition != "right"), meeting.condition
        told = {label for label in meeting.families if meeting.knowledge(label) == "all"}
        families = {meeting.families[label].title for label in told}
        assert not wrong or "model-based" not in families
