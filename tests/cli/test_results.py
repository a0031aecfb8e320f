"""Tables and verdicts in every format, and every mistake in asking for them."""

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from commands import mbdl, mistake
from records import RECORD

from mbdl_repro.store.files import table_to_bytes
from mbdl_repro.store.records import read_table, write_outputs

pytestmark = pytest.mark.usefixtures("store")


LISTA = ["table", "5.06_lista", "--method", "lista"]


def test_table_shows_answers_with_their_intervals():
    lines = [line.split() for line in mbdl("table", "5.06_lista").splitlines()]
    assert ["method", "squared_error", "squared_residual"] in lines
    rows = {line[0]: line for line in lines if line}
    assert rows["lista"][2] == "±"
    assert float(rows["lista"][1]) == pytest.approx(0.5, abs=0.05)


def test_table_of_a_sweep_has_a_line_a_place():
    text = mbdl("table", "6.01")  # a name may be cut short
    assert [line.split()[:2] for line in text.splitlines() if "generative" in line] == [
        ["generative", "0.1"],
        ["generative", "0.3"],
    ]


def test_table_can_be_narrowed():
    seeds = mbdl(*LISTA, "--seeds", "--metric", "squared_error")
    assert [line.split()[:2] for line in seeds.splitlines() if "lista" in line] == [
        ["lista", str(seed)] for seed in range(4)
    ]
    assert "squared_residual" not in seeds
    iterations = mbdl(*LISTA, "--iterations")
    assert [line.split()[1] for line in iterations.splitlines() if "lista" in line] == [
        "0",
        "5",
        "last",
    ]


def test_csv_is_exact(store):
    text = mbdl("table", "5.06_lista", "--iterations", "--format", "csv")
    given = pd.read_csv(
        io.StringIO(text), float_precision=None, keep_default_na=False, na_values=""
    )
    pd.testing.assert_frame_equal(given, read_table(store.table("5.06_lista")), rtol=1e-15)


def test_markdown_and_latex():
    markdown = mbdl(*LISTA, "--format", "markdown").splitlines()
    assert markdown[0] == "| method | squared_error | squared_residual |"
    assert markdown[1] == "| --- | ---: | ---: |"
    assert markdown[2].startswith("| lista | 0.")
    assert markdown[2].count("±") == 2
    latex = mbdl(*LISTA, "--format", "latex").splitlines()
    assert latex[0] == r"\begin{tabular}{lrr}"
    assert latex[2] == r"method & squared\_error & squared\_residual \\"
    assert latex[4].count(r"$\pm$") == 2


@pytest.mark.parametrize("form", ["text", "csv", "markdown", "latex"])
def test_output_holds_what_is_shown(form):
    for command in (LISTA, ["verdicts"]):
        shown = mbdl(*command, "--format", form)
        assert mbdl(*command, "--format", form, "--output", "new/file") == ""
        assert Path("new/file").read_text(encoding="utf-8") == shown


def test_verdicts():
    text = " ".join(mbdl("verdicts").split())
    assert 'holds LISTA is better than <script>alert("ISTA")</script> & co. lista 0.' in text
    assert "fails Tuning is in vain." in text
    assert "not run Nobody looked. generative (noise_std 0.3, n_train 20) < " in text
    assert "≈ 0.5 ±0.2" in text
    assert text.endswith("holds: 2, fails: 1, undecided: 1, not run: 1")
    assert "Tuning" not in mbdl("verdicts", "6.01_linear")
    assert len(mbdl("verdicts", "5.06_lista", "--format", "markdown").splitlines()) == 2 + 3
    assert r"$\approx$ 0.5" in mbdl("verdicts", "--format", "latex")


def test_verdicts_of_one_kind_or_source():
    def told(*words: str) -> list[tuple[str, str]]:
        rows = json.loads(mbdl("verdicts", *words, "--json"))
        return [(row["verdict"], row["source"]) for row in rows]

    every = told()
    for verdict in ("holds", "fails"):
        assert told("--verdict", verdict) == [one for one in every if one[0] == verdict] != []
    by_source = [told("--source", source) for source in ("book", "ours", "others")]
    assert sorted(one for of_one in by_source for one in of_one) == sorted(every)
    assert all(source.startswith(("Section", "Example")) for _, source in by_source[0])
    assert {source for _, source in by_source[1]} <= {"ours"}


def test_results_that_are_not_there_or_damaged(store):
    for command in (["table"], ["table", "--seeds"], ["figure"], ["verdicts"]):
        told = mistake(*command, "5.06_lista", "--scale", "smoke")
        assert "is missing: `mbdl run 5.06_lista --scale smoke` makes it" in told
    assert "no verdicts in results/smoke/verdicts: `mbdl run` makes them" in mistake(
        "verdicts", "--scale", "smoke"
    )
    store.table("5.06_lista").write_text("not as it was")
    assert "is damaged" in mistake("table", "5.06_lista")


def test_names_that_are_not_there():
    allowed = "allowed: 5.06_lista, 6.01_linear"
    assert f"no experiment or comparison '7'; {allowed}" in mistake("table", "7")
    assert "no scale 'smoky'; did you mean smoke?" in mistake("table", "5.06", "--scale", "smoky")
    assert "no metric 'mse'" in mistake("table", "5.06_lista", "--metric", "mse")
    assert "did you mean lista, ista or ista_book?" in mistake(
        "table", "5.06_lista", "--method", "lita"
    )


def test_a_comparison_is_shown_whole_with_its_intervals():
    folder = Path("workflow/comparisons")
    folder.mkdir(parents=True)
    (folder / "6_mine.yaml").touch()
    row = {"family": "all", "pairs": 30.0, "pairs_low": 20.0, "pairs_high": 40.25, "answer": "at"}
    write_outputs({Path("results/comparisons/6_mine.csv"): table_to_bytes([row])}, RECORD)
    lines = [line.split() for line in mbdl("table", "6_mine").splitlines() if line.strip()]
    assert lines[0] == ["family", "pairs", "answer"]
    assert lines[2] == ["all", "30", "±", "10", "at"]
    assert "--format csv has all columns." in mbdl("table", "6_mine")
    assert "pairs_low" in mbdl("table", "6_mine", "--format", "csv")
    assert "is shown whole" in mistake("table", "6_mine", "--seeds")


def test_json_has_the_columns_of_the_table(store):
    rows = json.loads(mbdl("table", "5.06_lista", "--iterations", "--json"))
    table = read_table(store.table("5.06_lista"))
    assert [list(row) for row in rows] == [list(table.columns)] * len(table)
    assert [row["mean"] for row in rows] == table["mean"].tolist()
    assert {row["iteration"] for row in rows} == {0.0, 5.0, None}
    verdicts = json.loads(mbdl("verdicts", "--json"))
    assert [row["verdict"] for row in verdicts].count("holds") == 2
    assert all(row["p"] is None or 0 <= row["p"] <= 1 for row in verdicts)
