"""What reruns after a change, and what does not: counted by dry runs, and as ``mbdl plan`` says."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from project import LINEAR, Project


def test_a_clean_checkout_plans_everything(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    everything = {
        "simulate": 2,
        "train": 2,
        "evaluate": 4,
        "bound": 1,
        "tabulate": 2,
        "summarize": 2,
        "verify": 2,
        "draw": 2,
        "gather": 1,
        "report": 1,
    }
    assert project.jobs() == project.planned() == everything


def test_what_was_made_stays_made(made: Project) -> None:
    assert made.jobs() == made.planned() == {}


OF_THE_ROWS = {"summarize": 1, "verify": 1, "draw": 1, "gather": 1, "report": 1}
LISTA_ALONE = {"train": 1, "evaluate": 1, "tabulate": 1, **OF_THE_ROWS}


def edit_method(p: Project) -> None:
    p.edit(p.method("lista"), "Ax = x @ self.A.mT", "Ax = 1 * x @ self.A.mT")


def comment_method(p: Project) -> None:
    path = p.method("lista")
    path.write_text(path.read_text().replace('"""Yield', '"""Give') + "\n# a comment\n")


def touch_method(p: Project) -> None:
    os.utime(p.method("lista"))
    os.utime(p.folder / "results/tables/sparse.csv")


def comment_experiment(p: Project) -> None:
    p.experiment("sparse").write_text("# a comment\n" + p.experiment("sparse").read_text())


def add_method(p: Project) -> None:
    line = "  ista: {iterations: 5, rho: 0.1}\n"
    p.edit(p.experiment("sparse"), line, line + "  fista: {iterations: 5, rho: 0.1}\n")


def add_method_file(p: Project) -> None:
    text = p.method("ista").read_text().replace("class Ista(", "class Sista(")
    text = text.replace('name = "ista"', 'name = "sista"')
    (p.folder / "mbdl_repro/areas/sparse_recovery/methods/sista.py").write_text(text)


def change_setting(p: Project) -> None:
    p.edit(
        p.experiment("sparse"), "ista: {iterations: 5, rho: 0.1}", "ista: {iterations: 6, rho: 0.1}"
    )


def redraw_figure(p: Project) -> None:
    p.edit(p.experiment("linear"), "title: Tiny, x", "title: Small, x")


def reword_claim(p: Project) -> None:
    p.edit(p.experiment("linear"), "Knowing all is better.", "To know all is better.")


def edit_style(p: Project) -> None:
    p.edit(p.folder / "mbdl_repro/figures/style.py", '"font.size": 9,', '"font.size": 10,')


def edit_metric(p: Project) -> None:
    p.edit(
        p.folder / "mbdl_repro/areas/linear_estimation/metrics.py",
        "return ((estimate - split.s) ** 2)",
        "return 1 * ((estimate - split.s) ** 2)",
    )


def edit_statistics(p: Project) -> None:
    """The half-width of an interval, which tables and verdicts share."""
    p.edit(
        p.folder / "mbdl_repro/statistics/intervals.py",
        "return quantile(level, self.freedom) * self.error if",
        "return 1 * quantile(level, self.freedom) * self.error if",
    )


def edit_summary(p: Project) -> None:
    p.edit(
        p.folder / "mbdl_repro/pipeline/stages/summarize.py",
        'of_place = of_place.sort_values("seed")',
        'of_place = of_place.sort_values(["seed"])',
    )


def reword_error(p: Project) -> None:
    p.edit(
        p.folder / "mbdl_repro/store/files.py", "the disk is full: free", "the disk is full, free"
    )


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        (edit_method, LISTA_ALONE),
        (comment_method, {}),
        (touch_method, {}),
        (comment_experiment, {}),
        (add_method_file, {}),
        (reword_error, {}),
        (add_method, {"evaluate": 1, "tabulate": 1, **OF_THE_ROWS}),
        (change_setting, {"evaluate": 1, "tabulate": 1, **OF_THE_ROWS}),
        (redraw_figure, {"draw": 1, "report": 1}),
        (edit_style, {"draw": 2, "report": 1}),
        (reword_claim, {"verify": 1, "gather": 1, "report": 1}),
        (edit_metric, {"evaluate": 2, "tabulate": 1, **OF_THE_ROWS}),
        (edit_statistics, {"summarize": 2, "verify": 2, "draw": 2, "gather": 1, "report": 1}),
        (edit_summary, {"summarize": 2, "draw": 2, "report": 1}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_change_reruns_what_it_concerns(
    copy: Project, change: Callable[[Project], None], jobs: dict[str, int]
) -> None:
    change(copy)
    assert copy.planned() == jobs


def test_another_kind_of_device_reuses_no_number(made: Project) -> None:
    again = {"train": 2, "evaluate": 4, "tabulate": 2, "summarize": 2, "verify": 2, "draw": 2}
    assert made.jobs("--config", "device=cuda") == {**again, "gather": 1, "report": 1}
    assert made.jobs("--config", "device=cpu:0") == {}


def test_a_seed_more_computes_that_seed_only(copy: Project) -> None:
    before = {path.name for path in copy.folder.glob("results/cache/*/*-*")}
    copy.edit(copy.experiment("sparse"), "seeds: 2", "seeds: 3")
    result = copy.snakemake("--config", "experiments=sparse")
    assert result.returncode == 0, result.stderr
    after = {path.name for path in copy.folder.glob("results/cache/*/*-*")}
    assert before < after
    # Data to train with and to test on; two fits (sizes) of lista; scores of these and of ista.
    assert len(after - before) == 2 + 2 + 3
    assert seeds_of(copy, "sparse") == {"0", "1", "2"}
    assert seeds_of(copy, "linear") == {"0", "1"}


def seeds_of(p: Project, name: str) -> set[str]:
    with (p.folder / f"results/rows/{name}.csv").open(encoding="utf-8") as file:
        return {row["seed"] for row in csv.DictReader(file)}


def test_a_run_can_be_narrowed(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    own = {
        "simulate": 1,
        "train": 1,
        "evaluate": 2,
        "bound": 1,
        "tabulate": 1,
        "summarize": 1,
        "verify": 1,
        "draw": 1,
    }
    assert project.jobs("--config", "experiments=linear") == {**own, "report": 1}
    assert project.jobs("figures/linear.png") == {k: v for k, v in own.items() if k != "verify"}
    assert project.jobs("figures") == {
        "simulate": 2,
        "train": 2,
        "evaluate": 4,
        "bound": 1,
        "tabulate": 2,
        "summarize": 2,
        "draw": 2,
        "figures": 1,
    }
    of_rows = {"simulate": 1, "train": 1, "evaluate": 2, "tabulate": 1}
    assert project.jobs("results/rows/sparse.csv") == of_rows
    assert project.jobs("results/verdicts/sparse.csv") == {**of_rows, "verify": 1}
    assert project.jobs("results/scores/sparse/ista.csv") == {"simulate": 1, "evaluate": 1}
    assert project.jobs("data") == {"simulate": 2, "data": 1}
    for rule in ("models", "scores", "tables", "verdicts"):
        assert project.jobs(rule)


def test_a_broken_experiment_stops_the_run_before_the_first_job(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    project.experiment("linear").write_text(LINEAR.replace("linear_mmse: {}", "linear_mse: {}"))
    result = project.snakemake()
    assert result.returncode != 0
    assert "linear.yaml:10: methods.linear_mse: unknown method 'linear_mse'" in result.stderr
    assert not (project.folder / "results").exists()
