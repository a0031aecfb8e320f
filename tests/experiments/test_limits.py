"""What is too long, too deep, too much, or named so that its files meet others', is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from experiments.texts import BASE, FULL, ROOT, edited, load

from mbdl_repro.catalogue.memory import Memory
from mbdl_repro.errors import UserError
from mbdl_repro.experiments import limits, mathtext, names, reading, strict_yaml

BOMB = "".join(f"  b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]\n" for i in range(1, 9))
N_SIGNAL = "  n_signal: 8"
SWEEP = "  noise_std: [0.1, 0.2]\n"
LEGEND = "    legend: LISTA"
FRACTIONS = [round(0.001 * i, 3) for i in range(1, 201)]
BELIEFS = "".join(f"  b{i}: {{noise_std: 1}}\n" for i in range(398))
ENTRIES = "n_signal = 9000 × n_signal = 9000: allowed is a product of 2000000"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"bomb:\n  b0: &b0 [{'x, ' * 9}]\n{BOMB}" + BASE, ":1: bomb: more than 20000 values"),
        ("# " + "x" * 150_000 + "\n" + BASE, ".yaml: too long; allowed are 150000 bytes"),
        (edited(N_SIGNAL, "  n_signal: " + "9" * 41), ":10: scenario.n_signal: 9999999999"),
        (edited(N_SIGNAL, "  n_signal: 0x" + "f" * 5000), "a number of 5002 characters"),
        (edited(N_SIGNAL, "  n_signal: 9000000000000000"), "too large a whole number"),
        (edited(N_SIGNAL, "  n_signal: 10000000"), "10000000: allowed are whole numbers up to"),
        (edited(SWEEP, "  n_signal: [8, 10000000]\n"), "allowed are whole numbers up to 10000"),
        (
            edited(SWEEP, f"  noise_std: {list(range(1, 40))}\n  n_signal: {list(range(8, 40))}\n"),
            ":16: sweep: 2496 points or more; allowed are 300",
        ),
        (
            edited(SWEEP, f"  noise_std: {list(range(1, 140))}\n").replace(
                "seeds: 6", "seeds: 6\ntest_sweep: {nonzero_std: [1, 2, 3]}"
            ),
            ":21: test_sweep: 278 points of the sweep × 3 of the test sweep; allowed are 300",
        ),
        (
            edited(N_SIGNAL, "  n_signal: 9000"),
            ENTRIES,
        ),
        (edited(SWEEP, "  n_signal: [8, 9000]\n"), ENTRIES),
        (edited("seeds: 6\nblock: 3", "seeds: 1000000000"), "seeds: 1000000000: should be less"),
        (
            edited(SWEEP, f"  noise_std: {list(range(1, 40))}\n").replace(
                "seeds: 6\nblock: 3", "seeds: 9000"
            ),
            ":20: seeds: 78 places × 9000 blocks of seeds; allowed are 20000",
        ),
        (
            edited(
                "{noise_std: 0.1, n_train: [10, 20]}",
                f"{{n_train: {[10, 20] * 40}, noise_std: [0.1, 0.2]}}",
            ),
            "claims.0.at: 160 points; allowed are 100",
        ),
        (
            edited("rho: [0.5, 0.25]", f"rho: {FRACTIONS}\n      gap_tolerance: {FRACTIONS}"),
            "methods.ista.tune: 40000 combinations; allowed are 10000",
        ),
        (
            edited(SWEEP, f"  noise_std: {FRACTIONS[:100]}\n").replace(
                "beliefs:", f"beliefs:\n{BELIEFS}"
            ),
            "40100 points of the sweep with points of the test sweep, or beliefs; allowed",
        ),
        (edited("[0, 1, 2, 5]", str(list(range(2000)))), "trace: a list of 2000 values; allowed"),
        (edited("seeds: 6", "seeds: [" + "[" * 30 + "]" * 31), "nested too deep"),
        (
            edited(LEGEND, '    legend: "cost $\\\\frac{$"'),
            "matplotlib cannot read the formula",
        ),
        (
            edited(LEGEND, f"    legend: {'y' * 5001}"),
            ":32: methods.lista.legend: a text of 5001 char",
        ),
        (
            edited(LEGEND, '    legend: "a\\0b"'),
            ":32: methods.lista.legend: a text with the control",
        ),
        (
            edited(LEGEND, '    legend: "\\ud800"'),
            ":32: methods.lista.legend: a text with the control",
        ),
        (edited("seeds: 6", '"a\\nb": 1\nseeds: 6'), ":20: 'a\\nb': a key with a character that"),
        (edited("seeds: 6", f"{'k' * 101}: 1\nseeds: 6"), "...': a key of 101 characters; allowed"),
        (edited("  panels:", "  columns: 51\n  panels:"), "figure.columns: 51: should be less"),
        (edited("  lista:\n", "  lista:\n    jobs: 1001\n"), "methods.lista.jobs: 1001: should be"),
        (edited("seeds: 6", "seeds: !!int ''"), ":20: seeds: '' is not a YAML int"),
        (edited("seeds: 6", "seeds: !!map 6"), ":20: seeds: a scalar that is marked as a YAML map"),
        (edited("seeds: 6", f"seeds: *{'x' * 5000}"), ":20: not valid YAML: found undefined alias"),
        (edited("noise_std: [0.1, 0.2]", "noise_std: [.nan, 1]"), ".0: nan: should be a finite"),
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


def link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, link_to_a_device])
def test_what_is_no_file_is_refused_and_does_not_hang(tmp_path: Path, make: object) -> None:
    make(tmp_path / "a.yaml")  # type: ignore[operator]
    with pytest.raises(UserError, match="not a file: remove it"):
        reading.load_file(tmp_path / "a.yaml", FULL)


@pytest.mark.parametrize(
    "name",
    [
        *(f"a{ending}" for ending in names.TAKEN),
        "...",
        "-h",
        ".hidden",
        "a b",
        "a" * 101,
        "ä" * 51,
        "a/b",
    ],
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
    (tmp_path / "c.YAML").touch()
    with pytest.raises(UserError, match=r"c\.YAML: experiments end in \.yaml: rename it"):
        reading.names(tmp_path)
    (tmp_path / "c.YAML").rename(tmp_path / "c.yml")
    with pytest.raises(UserError, match=r"c\.yml: experiments end in \.yaml: rename it"):
        reading.names(tmp_path)
    (tmp_path / "c.yml").rename(tmp_path / "A.yaml")
    with pytest.raises(UserError, match=r"A\.yaml and a\.yaml differ in capitals only"):
        reading.names(tmp_path)
    for one, other in (("ss", "ß"), ("\u00e4", "a\u0308")):  # alike on some systems, too
        folder = tmp_path / one
        folder.mkdir()
        for name in (one, other):
            (folder / f"{name}.yaml").touch()
        with pytest.raises(UserError, match=r"differ in capitals only"):
            reading.names(folder)


SCALE = "about: A little.\nresults: results/small\nfigures: results/small/figures\n"


@pytest.fixture
def scales(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of scales: the two that are shipped."""
    monkeypatch.setattr(reading, "SCALES", tmp_path)
    full = "about: All.\nresults: results\nfigures: figures\n"
    (tmp_path / "full.yaml").write_text(full)
    (tmp_path / "smoke.yaml").write_text(SCALE.replace("small", "smoke"))
    return tmp_path


@pytest.mark.parametrize("key", ["results", "figures"])
@pytest.mark.parametrize(
    ("folder", "problem"),
    [
        ("/etc", "should be a folder of the project"),
        ("../results", "should be a folder of the project"),
        ("results/small/../tables", "should be a folder of the project"),
        ("results/small/.hidden", "should be a folder of the project"),
        ("my results", "should be a folder of the project"),
        ("-x", "should be a folder of the project"),
        ("", "should not be empty"),
        (".", "a folder of the project's own files"),
        ("workflow/results", "a folder of the project's own files"),
        ("results", "files of scale 'full' lie there"),
        ("figures/", "files of scale 'full' lie there"),
        ("results/tables", "it lies among the files of scale 'full': choose another folder, such"),
        ("results/smoke", "it lies among the files of scale 'full'"),
        ("figures/large", "such as figures/small"),
    ],
)
def test_a_scale_has_a_folder_of_its_own(scales: Path, key: str, folder: str, problem: str) -> None:
    lines = [line for line in SCALE.splitlines() if not line.startswith(key)]
    (scales / "small.yaml").write_text("\n".join([*lines, f'{key}: "{folder}"']))
    with pytest.raises(UserError) as caught:
        reading.load_scale("small")
    assert str(caught.value).startswith(f"{scales / 'small.yaml'}:3: {key}: ")
    assert problem in str(caught.value)


def test_a_scale_s_files_do_not_lie_around_those_of_another(scales: Path) -> None:
    (scales / "small.yaml").write_text(SCALE.replace("results/small", "elsewhere"))
    (scales / "large.yaml").write_text(SCALE.replace("results/small", "elsewhere/large/deep"))
    (scales / "other.yaml").write_text(SCALE.replace("results/small", "elsewhere/results"))
    with pytest.raises(UserError, match="files of scale 'other' lie in it"):
        reading.load_scale("small")
    (scales / "other.yaml").unlink()
    assert reading.load_scale("small").results == "elsewhere"
    assert reading.load_scale("large").results == "elsewhere/large/deep"


def test_figures_do_not_lie_around_results(scales: Path) -> None:
    (scales / "small.yaml").write_text(SCALE.replace("small/figures", "small"))
    with pytest.raises(UserError, match=":3: figures: 'results/small': results lie there"):
        reading.load_scale("small")


def test_another_scale_that_is_broken_is_no_hindrance(scales: Path) -> None:
    """What is wrong in it is told where it is used."""
    (scales / "small.yaml").write_text(SCALE)
    (scales / "full.yaml").write_text("results: [")
    (scales / "smoke.yaml").write_text("results: 3")
    assert reading.load_scale("small").results == "results/small"
    (scales / "other.yml").write_text(SCALE)
    with pytest.raises(UserError, match=r"other\.yml: scales end in \.yaml: rename it"):
        reading.load_scale("small")


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


def test_each_line_of_a_text_is_a_formula_of_its_own(tmp_path: Path) -> None:
    """So matplotlib has it: a dollar sign that has no other on its line is one."""
    title = "      title: Error"
    assert load(tmp_path, edited(title, '      title: "$a\\nb$"')).panels
    with pytest.raises(UserError, match=r":48: figure.panels.0.title: .*cannot read the formula"):
        load(tmp_path, edited(title, '      title: "$a$\\n$b^{$"'))
    with pytest.raises(UserError, match="its line has 302 characters; allowed are 300"):
        load(tmp_path, edited(title, f'      title: "${"a" * 300}$"'))


def test_real_experiments_are_far_from_the_limits() -> None:
    for path in (ROOT / reading.EXPERIMENTS).glob("*.yaml"):
        assert path.stat().st_size < limits.BYTES / 5
        assert len(strict_yaml.StrictYaml(path).lines) < limits.VALUES / 10
