"""Tables of comparisons in text: blocks, few columns, rounded numbers; all of it in CSV."""

import io
from pathlib import Path

import pandas as pd
import pytest
from commands import mbdl

from mbdl_repro.cli.comparison_table import deliver_comparison
from mbdl_repro.store.records import read_table

KEPT = sorted(Path("results/comparisons").glob("*.csv"))


def rows() -> pd.DataFrame:
    """Two problems, in each a method that is fitted to two sizes and one that is not."""
    found = []
    for example in ("tracking", "sparse recovery"):
        for method, n_train in (("kalman", 0), ("net", 20), ("net", 200)):
            place = {"example": example, "condition": "wrong H", "model": "wrong"}
            told = {"method": method, "family": f"that of {method}", "n_train": n_train}
            over = {"over_bound": 1.25, "over_bound_low": 1.2, "over_bound_high": 1.3}
            rest = {"operations": 1234567.0, "as_good": method == "net", "n_seeds": 5}
            found.append(place | told | over | rest)
    return pd.DataFrame(found)


def test_problems_head_blocks_and_what_is_said_already_is_left_out(capsys):
    deliver_comparison(rows(), "text", None)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "tracking, wrong H"
    assert lines[3] == "method train bound operations as good"
    assert lines[5:8] == [
        "kalman 1.250 ± 0.050 1,234,567",
        "net 20 1.250 ± 0.050 1,234,567 yes",
        "net 200 1.250 ± 0.050 1,234,567 yes",
    ]
    assert lines.count("sparse recovery, wrong H") == 1
    told = " ".join(lines)
    assert "Left out here: model, family, over_bound_low, over_bound_high, n_seeds; " in told


def test_a_family_that_a_method_does_not_say_stays(capsys):
    other = rows().assign(family=["a", "b", "c"] * 2)
    deliver_comparison(other, "text", None)
    assert "family" in capsys.readouterr().out.splitlines()[3].split()


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_every_kept_table_fits_a_terminal_and_csv_has_all_of_it(path):
    text = mbdl("table", path.stem)  # which asks for lines of 80 at most
    kept = read_table(path)
    given = pd.read_csv(io.StringIO(mbdl("table", path.stem, "--format", "csv")))
    assert list(given.columns) == list(kept.columns)
    assert len(given) == len(kept)
    for name in {"operations", "n_parameters"} & set(kept):  # no number is broken, or cut short
        assert {f"{value:,.0f}" for value in kept[name]} <= set(text.split())
    if "method" in kept and "over_baseline" in kept:
        assert text.count("±") >= (kept["over_baseline"] != 0).sum() * 0.9
