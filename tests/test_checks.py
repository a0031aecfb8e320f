"""What pre-commit checks: style, types, and the workflow's own linter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    "words",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["mypy"],
        ["snakefmt", "--check", "Snakefile"],
    ],
    ids=" ".join,
)
def test_the_tree_is_clean(words: list[str]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_snakemake_finds_only_that_environments_are_made_by_hand() -> None:
    """A rule's own environment would be a copy of the file, which cannot name this package."""
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {line.strip() for line in (result.stdout + result.stderr).splitlines() if "* " in line}
    assert found == {"* Specify a conda environment or container for each rule.:"}


def test_no_floor_imports_from_one_above_it() -> None:
    """The floors are listed in pyproject.toml, under tool.importlinter."""
    command = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_readme_and_pages_tell_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    from mbdl_repro.reporting import readme

    monkeypatch.chdir(ROOT)
    pages = readme.pages()
    assert pages[readme.README].count("written by mbdl readme") >= 3
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `mbdl readme`"
