"""The notebooks in docs/notebooks: percent scripts that run, show a figure, and ask something."""

import ast
import re
import time
from pathlib import Path

import matplotlib
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs/notebooks").glob("*.py"))
EXAMPLES = [
    *("3.05", "3.06", "3.08", "3.09", "5.01", "5.02", "5.04", "5.05", "5.06", "5.10"),
    *("5.3", "5.3", "5.5", "5.5"),
]
LONGEST_S = 60

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path) -> list[tuple[str, str]]:
    """The cells of a percent script: what stands behind their mark, and what they hold."""
    _, *parts = re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [tuple(part.partition("\n")[::2]) for part in parts]


def words(path: Path) -> list[str]:
    """The cells of text, without their comment signs."""
    return [
        re.sub(r"^# ?", "", text, flags=re.MULTILINE)
        for mark, text in cells(path)
        if "[markdown]" in mark
    ]


def test_there_is_one_for_each_example_and_some_more():
    names = [path.stem for path in NOTEBOOKS]
    assert [name.split("_")[0] for name in names if name[0] in "35"] == EXAMPLES
    others = {"6_which_method_when", "a_method_in_class", "plug_and_play", "your_own_data"}
    assert {name for name in names if name[0] not in "35"} == others


@every_notebook
def test_it_runs_in_a_minute_and_shows_a_figure(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    with matplotlib.rc_context():
        matplotlib.use("Agg")
        from matplotlib import pyplot as plt

        plt.close("all")
        begin = time.process_time()
        try:
            exec(code, {"__name__": "__main__"})
            for number in plt.get_fignums():
                plt.figure(number).canvas.draw()
            assert plt.get_fignums()
        finally:
            plt.close("all")
    assert time.process_time() - begin < LONGEST_S


@pytest.mark.parametrize("page", ["README.md", "docs/index.md"])
def test_pages_that_list_them_say_how_long_they_may_take(page):
    (line,) = (
        line
        for line in (ROOT / page).read_text(encoding="utf-8").splitlines()
        if "notebooks](" in line and "[" in line
    )
    assert f"each under {LONGEST_S} s on one core" in line


@every_notebook
def test_it_opens_as_a_notebook_that_begins_with_a_title_and_an_equation(path):
    text = path.read_text(encoding="utf-8")
    header, _, _ = text.partition("# %%")
    assert header.startswith("# ---\n# jupyter:\n")
    assert "#       format_name: percent\n" in header
    assert header.rstrip().endswith("# ---")
    first = words(path)[0]
    assert re.match(r"\s*# \S", first)
    assert "$$" in first


@every_notebook
def test_it_asks_for_a_prediction_and_checks_it_by_verdicts(path):
    marks = [i for i, (_, text) in enumerate(cells(path)) if "## Predict, then check" in text]
    assert len(marks) == 1
    assert "mbdl.verdicts(" in "".join(text for _, text in cells(path)[marks[0] :])


@every_notebook
def test_every_exercise_has_a_solution_that_is_folded(path):
    found = cells(path)
    asked = [
        i
        for i, (mark, text) in enumerate(found)
        if "[markdown]" in mark and re.search(r"^# \*\*\d\. ", text, flags=re.MULTILINE)
    ]
    assert len(asked) >= 2
    for i in asked:
        mark, text = found[i + 1]
        assert mark.strip() == 'tags=["hide-cell"]', found[i][1]
        assert text.startswith("# Solution: ")
    solutions = [text for mark, text in found if "hide-cell" in mark]
    assert len(solutions) == len(asked)


@every_notebook
def test_no_cell_ends_by_printing_a_part_of_a_figure(path):
    """A notebook shows what its cells' last lines return, which for a legend is no pleasure."""
    for mark, text in cells(path):
        if "[markdown]" not in mark:
            last = ast.unparse(ast.parse(text).body[-1])
            assert not re.match(r"[\w\[\]]+\.(legend|set\w*)\(", last), last


@every_notebook
def test_it_imports_the_face_of_the_package_and_its_style_only(path):
    text = path.read_text(encoding="utf-8")
    imports = re.findall(r"^(?:import|from) mbdl_repro.*$", text, flags=re.MULTILINE)
    style = [line for line in imports if line != "import mbdl_repro as mbdl"]
    assert "import mbdl_repro as mbdl" in imports
    assert all(line.startswith("from mbdl_repro.figures.style import ") for line in style)
