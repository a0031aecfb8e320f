"""An experiment and a comparison on one screen."""

import json
from pathlib import Path

import pytest
from commands import mbdl, mistake
from records import RECORD

from mbdl_repro.store.files import table_to_bytes
from mbdl_repro.store.records import write_outputs

pytestmark = pytest.mark.usefixtures("store")


def test_an_experiment_on_one_screen(store):
    text = mbdl("show", "LISTA")
    words = " ".join(text.split())
    for part in (
        "5.06_lista: Learned <ISTA> & friends (Example 5.6, Section 5.3)",
        "Five layers do what a hundred steps do not.",
        "area sparse_recovery",
        "n_nonzeros 2",
        "swept n_train 100",
        "seeds 4, each with 10 test and 10 validation signals",
        "lista LISTA deep unfolding",
        "full 1234",
        "results stale",
        "claims holds: 2, fails: 1",
        "figure figures/5.06_lista.png",
        "cost 8 min on one core",
        "run mbdl run 5.06_lista --force",
    ):
        assert part in words
    assert len(text.splitlines()) <= 40


def test_json_says_the_same():
    told = json.loads(mbdl("show", "6.01", "--json"))
    assert told["beliefs"] == {"unknown_matrix": {"observation_matrix": None}}
    assert told["sweep"] == {"noise_std": [0.1, 0.3], "n_train": [10, 20]}
    assert [one["label"] for one in told["methods"]] == ["linear_mmse", "generative"]
    small = json.loads(mbdl("show", "6.01", "--scale", "smoke", "--json"))
    assert small["results"] == "not made"
    assert small["run"] == "mbdl run 6.01_linear --scale smoke --force"
    assert small["seconds"] is small["figure"] is small["methods"][0]["parameters"] is None


def test_a_comparison_on_one_screen():
    folder = Path("workflow/comparisons")
    folder.mkdir(parents=True)
    (folder / "6_mine.yaml").write_text(
        "book: {example: null, section: '6', title: Mine, says: It depends.}\n"
        "kind: data\ncaption: Errors side by side.\nclaims: []\n"
    )
    record = RECORD | {"inputs": {"results/rows/5.06_lista.csv": "0f"}, "cpu_seconds": 3.0}
    write_outputs({Path("results/comparisons/6_mine.csv"): table_to_bytes([{"a": 1.0}])}, record)
    words = " ".join(mbdl("show", "6_mine").split())
    assert "6_mine: Mine (Section 6)" in words
    assert "compares Errors side by side. experiments 5.06_lista" in words
    assert "results partly made cost 3 s on one core" in words
    for command in ("plan", "status"):
        assert "6_mine is a comparison, and this is for experiments" in mistake(command, "6_mine")
