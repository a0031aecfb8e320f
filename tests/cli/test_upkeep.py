"""What keeps a folder in order is asked of the pipeline; tests/workflow shows what it does."""

import json

import pytest
from commands import mbdl

pytestmark = pytest.mark.usefixtures("store")


@pytest.mark.parametrize(
    ("words", "dry_run", "said"),
    [((), False, "removed 3 files, 1.5 MB\n"), (("-n",), True, "would remove 3 files, 1.5 MB\n")],
)
def test_prune_says_how_much(monkeypatch, words, dry_run, said):
    asked = []

    def prune(scale, *, dry_run):
        asked.append((scale, dry_run))
        return 3, 1_500_000

    monkeypatch.setattr("mbdl_repro.pipeline.upkeep.prune", prune)
    assert mbdl("prune", *words) == said
    assert asked == [("full", dry_run)]


def test_status_and_plan_of_what_is_there_in_part():
    """The project of these tests has tables, verdicts and figures whose records say little."""
    said = mbdl("status")
    assert "stale   verify 5.06_lista: " in said
    assert "missing gather" not in said and "missing report" in said
    states = json.loads(mbdl("status", "--json"))
    assert {"name": "verify 5.06_lista", "state": "stale", "needed": True}.items() <= next(
        one for one in states if one["name"] == "verify 5.06_lista"
    ).items()
    assert json.loads(mbdl("plan", "5.06", "--json"))[0]["name"] == "simulate 5.06_lista"
    said = mbdl("plan", "--cores", "2")
    assert "simulate 5.06_lista: missing" in said
    assert said.splitlines()[-1].endswith("whose time is not known yet")
