"""What the hand-written pages show works, and their tables name all that there is."""

from __future__ import annotations

import re
import shutil
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import yaml

from mbdl_repro import figures
from mbdl_repro.cli import main
from mbdl_repro.comparisons import reading
from mbdl_repro.comparisons.schema import ClaimFrame
from mbdl_repro.comparisons.schema import Frame as ComparisonFrame
from mbdl_repro.contract.scenario import Split
from mbdl_repro.experiments.reading import load_all, load_scale
from mbdl_repro.experiments.schema import Frame, MethodFrame, Role
from mbdl_repro.pipeline.verbs import VERBS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PIPELINE = (ROOT / "docs/pipeline.md").read_text(encoding="utf-8")
COMPARISONS = (ROOT / "docs/comparisons.md").read_text(encoding="utf-8")
EXPERIMENTS = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)


def rows(page: str) -> set[str]:
    """The names in the first cells of a page's tables."""
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_the_experiment_in_short_is_a_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "workflow/scales", tmp_path / "workflow/scales")
    folder = tmp_path / "workflow/experiments"
    folder.mkdir()
    (folder / "mine.yaml").write_text(blocks(EXPERIMENTS, "yaml")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert list(load_all(load_scale("full"))["mine"].methods) == ["ista", "lista"]


def test_the_running_example_draws_and_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = blocks((ROOT / "docs/new_area.md").read_text(encoding="utf-8"), "python")
    module = types.ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)  # where types of fields are looked up
    space = vars(module)
    exec(block, space)
    truth = space["Denoising"]()  # type: ignore[operator]
    split: Split = truth.draw(2000, "test")
    errors = space["squared_error"](split.x, split, truth)  # type: ignore[operator]
    assert errors.shape == (2000,)
    # Of x itself the squared error is that of the noise, whose mean has this standard error.
    np.testing.assert_allclose(errors.mean(), 0.01, atol=5 * 0.01 * np.sqrt(2 / 2000))


def test_tables_name_all_that_there_is() -> None:
    keys = {*Frame.model_fields, *MethodFrame.model_fields}
    assert rows(EXPERIMENTS) == keys | {*figures.panel_kinds()}
    assert set(VERBS) <= rows(PIPELINE)
    keys = {*ComparisonFrame.model_fields, *ClaimFrame.model_fields}
    assert rows(COMPARISONS) == keys | {*reading.kinds()}


def test_the_comparison_of_its_page_is_a_right_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / reading.COMPARISONS
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(blocks(COMPARISONS, "yaml")[1], encoding="utf-8")
    (claim,) = reading.load("mine").claims
    assert claim.each == ["example", "condition"]
    (role,) = yaml.safe_load(blocks(COMPARISONS, "yaml")[0])["roles"]
    assert Role(**role).example == "sparse recovery"


@pytest.mark.parametrize(
    "page",
    [README, PIPELINE, EXPERIMENTS, COMPARISONS],
    ids=["readme", "pipeline", "experiments", "comparisons"],
)
def test_commands_of_the_pages_are_those_that_there_are(page: str) -> None:
    named = set(re.findall(r"`mbdl ([a-z-]+)|^mbdl ([a-z-]+)", page, flags=re.MULTILINE))
    assert {a or b for a, b in named} <= set(main.modules)
    assert named


def test_stages_of_the_readme_are_those_that_there_are() -> None:
    (line,) = [line for line in README.splitlines() if line.startswith("| do a stage again")]
    asked = set(re.findall(r"`([a-z]+)`", line)) | set(re.findall(r"--forcerun ([a-z]+)", line))
    assert set(VERBS) - {"gather", "count", "compare"} <= asked <= set(VERBS)
