"""Every command, every format, and every mistake that the command line can be told."""

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from mbdl_repro import catalogue
from mbdl_repro.catalogue.inspection import describe_method
from mbdl_repro.cli.main import main
from mbdl_repro.store.files import read_table

pytestmark = pytest.mark.usefixtures("store")

LISTA = ["table", "5.06_lista", "--method", "lista"]


def mbdl(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    if arguments[0] != "new-method" and "--format" not in arguments:
        assert max(map(len, result.stdout.splitlines()), default=0) <= 80
    return result.stdout


def mistake(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


# Experiments and methods


def test_examples_lists_experiments_with_the_state_of_their_results(store):
    store.figure("6.01_linear").unlink()
    lines = {line.split()[0]: line.split() for line in mbdl("examples").splitlines() if line}
    assert lines["5.06_lista"] == ["5.06_lista", "sparse_recovery", "3", "3", "made"]
    assert lines["6.01_linear"] == ["6.01_linear", "linear_estimation", "2", "2", "partly", "made"]
    store.table("5.06_lista").write_text("not as it was")
    assert "damaged" in mbdl("examples")
    assert "not made" in mbdl("examples", "--scale", "smoke")


def test_methods_follow_the_continuum():
    text = mbdl("methods", "--area", "sparse_recovery")
    order = [
        text.index(words)
        for words in ("model-based (Section 3)", "  ista", "learned objective", "  lista")
    ]
    assert order == sorted(order)
    assert "(parent: ista)" in text
    for area in catalogue.areas():
        assert all(f"    {name}" in mbdl("methods") for name in catalogue.methods(area))


def test_explain_method():
    text = mbdl("explain", "lista")
    for words in (
        "lista: deep unfolding, learned objective (Section 5.3)",
        "learned: objective parameters",
        "parent: ista",
        "file: mbdl_repro/areas/sparse_recovery/methods/lista.py",
        "s_{k+1} = T_{β_k}",
        "Gregor and LeCun",
    ):
        assert words in text
    words = " ".join(text.split())
    assert "iterations int ≥ 1 required K, the number of layers" in words
    assert "step float > 0 or null null" in words
    assert "belief: knows H." in words
    assert "5.06_lista lista full 1234 iterations 5, rho 0.1" in words


def test_explain_takes_the_name_that_an_experiment_gives():
    assert mbdl("explain", "ista_book") == mbdl("explain", "ista")
    assert "rho one of 0.01, 0.02" in " ".join(mbdl("explain", "ista").split())


def test_explain_without_results_or_use(store):
    store.table("5.06_lista").unlink()
    assert "5.06_lista lista full ?" in " ".join(mbdl("explain", "lista").split())
    assert "no experiment uses it" in mbdl("explain", "fista")


def test_explain_bound_and_metric():
    assert "used in: 5.06_lista" in mbdl("explain", "oracle_least_squares")
    text = mbdl("explain", "squared_error", "--area", "linear_estimation")
    assert "label: squared error per signal" in text
    assert "used in: 6.01_linear" in text


def test_explain_names_what_there_is():
    assert "several areas: say --area, one of linear_estimation" in mistake(
        "explain", "squared_error"
    )
    assert "did you mean lista?" in mistake("explain", "lisa")
    assert "no area 'sparse'" in mistake("explain", "ista", "--area", "sparse")


# Results


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


def test_results_that_are_not_there_or_damaged(store):
    assert "is missing: run snakemake" in mistake("table", "5.06_lista", "--scale", "smoke")
    assert "no verdicts in results/smoke" in mistake("verdicts", "--scale", "smoke")
    store.table("5.06_lista").write_text("not as it was")
    assert "is damaged" in mistake("table", "5.06_lista")


def test_names_that_are_not_there():
    assert "no experiment '7'; allowed: 5.06_lista, 6.01_linear" in mistake("table", "7")
    assert "no scale 'smok'; did you mean smoke?" in mistake("table", "5.06", "--scale", "smok")
    assert "no metric 'mse'" in mistake("table", "5.06_lista", "--metric", "mse")
    assert "did you mean lista?" in mistake("table", "5.06_lista", "--method", "lita")


def test_commands_and_formats_that_are_not_there():
    for arguments, words in (
        (["tabel"], "did you mean table?"),
        (["table", "5.06_lista", "--format", "pdf"], "'text', 'csv', 'markdown', 'latex'"),
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert words in result.stderr


# What is made


@pytest.mark.parametrize(
    ("arguments", "function", "given"),
    [
        (["status", "-v"], "show_status", ("full", None, True)),
        (["status", "a", "b"], "show_status", ("full", "a,b", False)),
        (["plan", "--cores", "4", "--scale", "smoke"], "show_plan", ("smoke", None, 4)),
        (["adopt"], "adopt", ("full",)),
        (["prune", "--dry-run"], "prune", ("full", True)),
    ],
)
def test_what_is_made_is_asked_of_status(monkeypatch, arguments, function, given):
    asked = []
    monkeypatch.setattr(f"mbdl_repro.pipeline.status.{function}", lambda *a: asked.append(a))
    mbdl(*arguments)
    assert asked == [given]


# Something new


@pytest.mark.parametrize("family", ["model_based", "unfolded_objective"])
@pytest.mark.parametrize("area", catalogue.areas())
def test_new_method_is_a_method_and_well_formed(area, family, monkeypatch):
    folder = Path("mbdl_repro", "areas", area, "methods")
    folder.mkdir(parents=True)
    arguments = ["new-method", "my_idea", "--area", area, "--family", family]
    shown = mbdl(*arguments)
    said = CliRunner().invoke(main, [*arguments, "--write"]).output
    path = folder / "my_idea.py"
    assert path.read_text(encoding="utf-8") == shown
    assert "my_idea: {}" in said
    assert "snakemake --cores all --config experiments=" in said
    name = f"mbdl_repro.areas.{area}.methods.my_idea"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    record = describe_method(module)
    assert (record["class_name"], record["family"]) == ("MyIdea", family.upper())
    assert record["meanings"].keys() == {"belief", *record["settings"]}
    assert bool(list(module.MyIdea(None).parameters())) == record["learns"]
    there = [
        "--no-cache",
        "--stdin-filename",
        str(catalogue.PACKAGE / "areas" / area / "methods" / path.name),
    ]
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, *there, "-"]
        subprocess.run(command, input=shown, text=True, check=True)


def test_new_method_refuses():
    def refusal(name, area="sparse_recovery", family="model_based", *more):
        return mistake("new-method", name, "--area", area, "--family", family, *more)

    for name in ("My_Idea", "2fast", "my-idea", "class", "_hidden", "../up"):
        assert "cannot name a method; allowed: lower-case letters" in refusal(name)
    assert "already" in refusal("ista")
    assert "already" in refusal("lasso")
    assert "no area 'sparse'" in refusal("my_idea", "sparse")
    assert "did you mean unfolded_objective?" in refusal("my_idea", family="unfolded_objectiv")
    assert "no folder" in refusal("my_idea", "sparse_recovery", "model_based", "--write")
    path = Path("mbdl_repro/areas/sparse_recovery/methods/my_idea.py")
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert "there already" in refusal("my_idea", "sparse_recovery", "model_based", "--write")
    assert path.read_text() == "mine"


# Where, and how


def test_outside_the_root(monkeypatch):
    root = Path.cwd()
    monkeypatch.chdir("workflow")
    assert mistake("examples").endswith(f"in the project's root folder, {root}")
    monkeypatch.chdir(root.parent)
    assert "root folder, the one that holds the Snakefile" in mistake("methods")
    assert "Usage" in mbdl("table", "--help")


def test_start_is_light_and_a_closed_pipe_is_silent():
    env = os.environ | {"PYTHONPATH": str(catalogue.PACKAGE.parent)}
    code = "import sys, mbdl_repro.cli.main; print({'torch', 'pandas', 'rich'} & {*sys.modules})"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, env=env)
    assert answer.stdout == "set()\n", answer.stderr
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mbdl_repro.cli.main", "methods"]
    piped = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=env)
    os.close(writer)
    assert piped.stderr == ""
