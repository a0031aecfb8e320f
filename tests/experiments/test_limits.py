"""What is too long, too deep, too much, or named so that its files meet others', is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from experiments.texts import BASE, FULL, edited, load

from mbdl_repro.catalogue.memory import Memory
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import mathtext, names, reading, strict_yaml

BOMB = "".join(f"  b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]\n" for i in range(1, 9))
N_SIGNAL = "  n_signal: 8"
SWEEP = "  noise_std: [0.1, 0.2]\n"
LEGEND = "    legend: LISTA"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"bomb:\n  b0: &b0 [{'x, ' * 9}]\n{BOMB}" + BASE, ":1: bomb: more than 50000 values"),
        ("# " + "x" * 1_000_000 + "\n" + BASE, "bytes long; allowed are 1000000"),
        (edited(N_SIGNAL, "  n_signal: " + "9" * 41), ":10: scenario.n_signal: 9999999999"),
        (edited(N_SIGNAL, "  n_signal: 0x" + "f" * 5000), "a number of 5002 characters"),
        (edited(N_SIGNAL, "  n_signal: 9000000000000000"), "too large a whole number"),
        (edited(N_SIGNAL, "  n_signal: 10000000"), "10000000: allowed are whole numbers up to"),
        (edited(SWEEP, "  n_signal: [8, 10000000]\n"), "allowed are whole numbers up to 1000000"),
        (
            edited(SWEEP, f"  noise_std: {list(range(1, 40))}\n  n_signal: {list(range(8, 40))}\n"),
            ":16: sweep: 2496 points or more; allowed are 1000",
        ),
        (edited("[0, 1, 2, 5]", str(list(range(2000)))), "trace: a list of 2000 values; allowed"),
        (edited("seeds: 6", "seeds: [" + "[" * 30 + "]" * 31), "nested too deep"),
        (
            edited(LEGEND, '    legend: "cost $\\\\frac{$"'),
            "matplotlib cannot read the formula",
        ),
        (edited("      title: Error", "      title: $x_{$"), "panels.0.title: '$x_{$': matplotlib"),
        (
            edited("  lista:\n", "  Ista:\n    method: lista\n"),
            "label (capitals aside) 'ista' stands",
        ),
    ],
    ids=lambda value: value[-30:] if len(value) < 60 else "text",
)
def test_too_much_is_refused_in_words(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 3000


def test_of_many_mistakes_the_first_are_told(tmp_path: Path) -> None:
    claims = "claims:\n" + "  - {says: x}\n" * 500
    text = BASE[: BASE.index("claims:")] + claims
    with pytest.raises(UserError) as caught:
        load(tmp_path, text)
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith(f"and {500 * 4 - 20} more mistakes")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path, make: object) -> None:
    make(tmp_path / "a.yaml")  # type: ignore[operator]
    with pytest.raises(UserError, match="not a file: remove it"):
        reading.load_file(tmp_path / "a.yaml", FULL)


@pytest.mark.parametrize(
    "name",
    [*(f"a{ending}" for ending in names.TAKEN), "...", "-h", ".hidden", "a b", "a" * 101, "a/b"],
)
def test_a_name_that_would_meet_others_is_refused(name: str) -> None:
    assert names.problem_of(name) is not None


def test_names_in_use_are_allowed() -> None:
    for name in ("5.06_lista", "doa_snr", "3.05_kalman_filter", "ä", "a-b"):
        assert names.problem_of(name) is None


def test_a_folder_of_experiments(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", ".#a.yaml", "a.yaml~", "notes.txt"):
        (tmp_path / name).touch()
    assert reading.names(tmp_path) == ["a", "b"]
    (tmp_path / "c.yml").touch()
    with pytest.raises(UserError, match=r"c\.yml: experiments end in \.yaml: rename it"):
        reading.names(tmp_path)
    (tmp_path / "c.yml").rename(tmp_path / "A.yaml")
    with pytest.raises(UserError, match=r"A\.yaml and a\.yaml differ in capitals only"):
        reading.names(tmp_path)


@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("/etc", "should be a folder of the project"),
        ("../results", "should be a folder of the project"),
        ("my results", "should be a folder of the project"),
        ("results", "the results of scale 'full' lie there"),
        ("./results/", "the results of scale 'full' lie there"),
        ("results/tables", "it lies among the results of scale 'full'"),
        ("results/cache/mine", "it lies among the results of scale 'full'"),
    ],
)
def test_a_scale_has_a_folder_of_its_own(folder: str, problem: str) -> None:
    assert problem in str(names.problem_of_folder(folder, {"full": "results"}))


def test_a_scale_s_folder_may_lie_within_another_s() -> None:
    assert names.problem_of_folder("results/smoke", {"full": "results"}) is None
    assert names.problem_of_folder("results", {"smoke": "results/smoke"}) is None


def test_formulas_are_tried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was good once is remembered; a folder that cannot be written is no mistake."""
    memory = Memory("mathtext", [], tmp_path / "package")
    memory.path.parent.mkdir(parents=True)
    monkeypatch.setattr(mathtext, "MEMORY", memory)
    mathtext._remembered.cache_clear()
    tried = []
    problem = mathtext._problem

    def counted(text: str) -> str | None:
        tried.append(text)
        return problem(text)

    monkeypatch.setattr(mathtext, "_problem", counted)
    text = edited(LEGEND, "    legend: LISTA, $K = 5$")
    load(tmp_path, text)
    load(tmp_path, text)
    assert tried == ["LISTA, $K = 5$"]
    memory.path.unlink()
    memory.path.mkdir()
    mathtext._remembered.cache_clear()
    load(tmp_path, text)
    load(tmp_path, text)
    assert len(tried) == 3
    mathtext._remembered.cache_clear()


def test_the_longest_experiment_is_far_from_the_limits() -> None:
    for path in reading.EXPERIMENTS.glob("*.yaml"):
        assert path.stat().st_size < strict_yaml.LONGEST_FILE / 20
