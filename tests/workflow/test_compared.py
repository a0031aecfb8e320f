"""A run with a comparison: what is made, what stays, and what a change compares again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from project import LINEAR, Project

ROLE = """\
roles:
  - {example: tiny, panels: {right: Both}}
claims:
"""
PANEL = (
    "    - {kind: dots, title: Both, where: {noise_std: 1.0}, y: squared_error, shades: n_train,\n"
    "       over: minimum_mean_squared_error, methods: [linear_mmse, discriminative]}\n"
)
FIRST = "  panels: [{kind: lines, title: Tiny, x: noise_std, y: squared_error}]\n"
COMPARED = LINEAR.replace(
    FIRST, "  panels:\n    - {kind: lines, title: Tiny, x: noise_std, y: squared_error}\n" + PANEL
).replace("claims:\n", ROLE)

COMPARISON = """\
book: {example: null, section: "6", title: Compared, says: What is told is better.}
kind: data
caption: A caption.
claims:
  - says: What is told is better.
    source: ours
    left: {family: discriminative learning, data: much}
    relation: above
    right: 0.0
    each: [example]
"""


class Compared(Project):
    @property
    def comparison(self) -> Path:
        return self.folder / "workflow/comparisons/6_tiny.yaml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    project = Compared(tmp_path_factory.mktemp("compared") / "project")
    project.experiment("linear").write_text(COMPARED)
    project.comparison.write_text(COMPARISON)
    result = project.snakemake(cores=1)
    assert result.returncode == 0, result.stdout + result.stderr
    return project


@pytest.fixture
def copy(made: Compared, tmp_path: Path) -> Compared:
    other = made.copy(tmp_path / "project")
    other.__class__ = Compared
    return other  # type: ignore[return-value]


def test_a_run_compares_and_its_verdicts_are_among_all(made: Compared) -> None:
    folder = made.folder
    table = pd.read_csv(folder / "results/comparisons/6_tiny.csv")
    assert set(table["method"]) == {"linear_mmse", "discriminative"}
    counted = pd.read_csv(folder / "results/operations/linear.csv").set_index("method")
    assert counted["operations"].between(2 * 3 * 4, 3 * 2 * 3 * 4).all()  # about x ↦ W x, 3 × 4
    verdicts = pd.read_csv(folder / "results/verdicts.csv")
    assert "What is told is better (tiny)." in set(verdicts["claim"])
    for place in ("results/comparisons", "results/verdicts", "figures"):
        assert (folder / place / "6_tiny.record.json").is_file()
    assert (folder / "figures/6_tiny.png").is_file()


def test_what_was_compared_stays_so_and_asking_changes_nothing(made: Compared) -> None:
    before = made.everything()
    assert made.jobs() == made.planned() == {}
    assert made.everything() == before


def caption(p: Compared) -> None:
    p.edit(p.comparison, "A caption.", "Another caption.")


def claim(p: Compared) -> None:
    p.edit(p.comparison, "right: 0.0", "right: 0.1")


def role(p: Compared) -> None:
    p.edit(p.experiment("linear"), "example: tiny,", "example: small,")


def panel(p: Compared) -> None:
    """Who meets is what the role's panel shows."""
    p.edit(p.experiment("linear"), "title: Both,", "title: All,")
    p.edit(p.experiment("linear"), "right: Both", "right: All")


def kind(p: Compared) -> None:
    path = p.folder / "mbdl_repro/comparisons/kinds/data.py"
    p.edit(path, "        rows = sources.families\n", "        rows = sources.families.copy()\n")


def other_kind(p: Compared) -> None:
    path = p.folder / "mbdl_repro/comparisons/kinds/price.py"
    p.edit(path, "    known = np.isfinite(", "    assert True\n    known = np.isfinite(")


def other_experiment(p: Compared) -> None:
    p.edit(p.experiment("sparse"), "title: Tiny, x", "title: Small, x")


def comment(p: Compared) -> None:
    p.comparison.write_text("# a comment\n" + p.comparison.read_text())


def counting(p: Compared) -> None:
    path = p.folder / "mbdl_repro/learning/operations.py"
    p.edit(path, "    m, n = sorted(", "    assert True\n    m, n = sorted(")


def verdicts(p: Compared) -> None:
    path = p.folder / "results/verdicts/6_tiny.csv"
    path.write_text(path.read_text() + "\n")


def new(p: Compared) -> None:
    p.comparison.with_name("6_other.yaml").write_text(COMPARISON)


AGAIN = {"compare": 1, "gather": 1, "report": 1}


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        (caption, AGAIN),
        (claim, AGAIN),
        (role, AGAIN),
        (panel, {"draw": 1, **AGAIN}),
        (kind, AGAIN),
        (other_kind, {}),
        (other_experiment, {"draw": 1, "report": 1}),
        (comment, {}),
        (counting, {"count": 1, **AGAIN}),
        (verdicts, AGAIN),
        (new, AGAIN),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
def test_what_a_change_compares_again(
    copy: Compared, change: Callable[[Compared], None], jobs: dict[str, int]
) -> None:
    change(copy)
    assert copy.planned() == jobs


def test_a_narrowed_run_compares_nothing(copy: Compared) -> None:
    caption(copy)
    assert copy.jobs("--config", "experiments=linear") == {"report": 1}
    status, said = copy.inside("--dry-run", "comparisons", "--config", "experiments=linear")
    assert status == 1 and "gathers all experiments" in said


def test_a_comparison_that_is_wrong_is_told_before_anything_runs(copy: Compared) -> None:
    copy.edit(copy.comparison, "relation: above", "relation: abvoe")
    status, said = copy.inside("--dry-run")
    assert status == 1 and "6_tiny.yaml:8: claims.0.relation: 'abvoe'" in said


def test_an_experiment_without_the_role_leaves_what_was_compared_to_be_made_again(
    copy: Compared,
) -> None:
    """Nobody takes part any more: that is said, and no table is made of nothing."""
    copy.edit(copy.experiment("linear"), "roles:\n  - {example: tiny, panels: {right: Both}}\n", "")
    result = copy.snakemake(cores=1)
    assert result.returncode != 0 and "no experiment has a role" in result.stderr
