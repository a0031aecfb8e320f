"""Pages of the documentation are all reached, links lead somewhere, numbers are those of tables."""

from __future__ import annotations

import os.path
import re
from pathlib import Path

import pytest
import yaml

from mbdl_repro.errors import UserError
from mbdl_repro.reporting.facts.book import Facts
from mbdl_repro.reporting.site import links, pages, printed

ROOT = Path(__file__).parents[2]
CONTENTS = (ROOT / "docs/_site/index.md").read_text(encoding="utf-8")
LINK = re.compile(r"\]\(([^)\s:#]+\.md)(?:#[^)]*)?\)")


def entries(toctrees: str) -> set[str]:
    """Where lines of toctrees lead, ``words <page>`` and ``page`` alike."""
    bodies = re.findall(r"```\{toctree\}\n(.*?)```", toctrees, flags=re.DOTALL)
    lines = [line for body in bodies for line in body.splitlines() if line and line[0] != ":"]
    return {re.sub(r".*<(.+)>", r"\1", line) for line in lines}


def test_every_written_page_is_in_the_contents():
    written = [*ROOT.glob("docs/*.md"), *ROOT.glob("docs/results/*.md")]
    names = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in written}
    others = {name for name in entries(CONTENTS) if name.startswith(("../", "generated/"))}
    assert entries(CONTENTS) - others == (names - {"index"}) | {"notebooks/*"}
    for name in others:
        assert name.startswith("generated/") or (ROOT / "docs" / f"{name}.md").is_file(), name


@pytest.fixture
def made(store):
    """The generated pages of two small experiments, by path."""
    return pages.written(Facts.of("full"))


def test_every_generated_page_is_reached_from_the_contents(made):
    reached, new = (
        set(),
        {n.removeprefix("generated/") for n in entries(CONTENTS) if "generated/" in n},
    )
    while new:
        reached |= new
        parents = {(name, f"{name}.md") for name in new}
        new = {
            os.path.normpath(Path(name).parent / entry)
            for name, page in parents
            for entry in entries(made[page])
        }
    assert {f"{name}.md" for name in reached} == set(made)


def test_links_between_generated_pages_lead_to_pages(made):
    for name, text in made.items():
        for link in LINK.findall(text):
            page = Path(os.path.normpath(links.GENERATED / Path(name).parent / link))
            if page.is_relative_to(links.GENERATED):
                assert page.relative_to(links.GENERATED).as_posix() in made, f"{name}: {link}"
            else:
                assert (ROOT / page).is_file(), f"{name}: {link}"


def test_an_experiment_has_what_was_claimed_found_and_set(made):
    page = made["experiments/5.06_lista.md"]
    assert page.startswith(r"# Learned \<ISTA\> & friends")
    assert re.search(r"^- ✓ \*\*holds:\*\* .*LISTA is better", page, flags=re.M)
    assert "snakemake --cores all --config experiments=5.06_lista" in page
    assert re.search(r"\| LISTA \|.* ± .*\|", page)
    assert "[lista](../methods/sparse_recovery/lista.md)" in page


def test_a_method_has_its_equation_settings_code_and_standing(made):
    page = made["methods/sparse_recovery/lista.md"]
    assert "```{code-block} text\n:class: equation\n\ns_{k+1} =" in page
    assert "| `rho` |" in page
    assert "mbdl_repro/areas/sparse_recovery/methods/lista.py" in page
    assert "(../../experiments/5.06_lista.md)" in page


def test_writing_again_leaves_pages_alone_and_removes_what_is_none(store, monkeypatch):
    root = Path.cwd()
    texts = {"map.md": "one\n", "methods/a/b.md": "two\n"}
    monkeypatch.setattr(pages, "written", lambda facts: texts)
    pages.write(root)
    folder = root / links.GENERATED
    before = (folder / "map.md").stat().st_mtime_ns
    del texts["methods/a/b.md"]
    pages.write(root)
    assert (folder / "map.md").stat().st_mtime_ns == before
    assert not (folder / "methods/a/b.md").exists()


# --- text ---


def test_no_mark_of_a_number_begins_a_line():
    """A comment at the beginning of a line ends the paragraph."""
    for page in ROOT.glob("docs/*.md"):
        assert not re.search(r"^\s*<!-- found", page.read_text(encoding="utf-8"), flags=re.M), page


def test_links_to_shown_files_lead_to_their_pages(tmp_path):
    shown = tmp_path / "docs/generated/experiments/a.md"
    shown.parent.mkdir(parents=True)
    shown.touch()
    (tmp_path / "mbdl_repro/figures").mkdir(parents=True)
    text = (
        "[a](../workflow/experiments/a.yaml), [b](../workflow/experiments/b.yaml), "
        "[kinds](../mbdl_repro/figures), [code](../mbdl_repro/errors.py), [up](#here), "
        "[out](https://example.org/x)"
    )
    assert links.led_to_pages(text, Path("docs/page.md"), tmp_path) == (
        "[a](generated/experiments/a.md), [b](../workflow/experiments/b.yaml), "
        "kinds, [code](path:../mbdl_repro/errors.py), [up](#here), [out](https://example.org/x)"
    )


def test_a_marked_number_is_that_of_the_table(store, monkeypatch):
    monkeypatch.setattr(printed, "_answers", printed._answers.__wrapped__)
    row = printed._answers("5.06_lista").query("method == 'ista'").iloc[0]
    text = "at <!-- found: 5.06_lista ista squared_error -->old<!-- end --> in all"
    found = re.fullmatch(r"at <!-- [^>]+ -->(.+) ± .+<!-- end --> in all", printed.filled(text))
    assert float(found[1]) == pytest.approx(row["mean"], rel=0.1)
    with pytest.raises(UserError, match="names 0 rows"):
        printed.number("5.06_lista ista no_metric")


# --- where it is hosted ---


@pytest.mark.parametrize("name", ["tests", "docs"])
def test_a_workflow_runs_the_command_of_the_readme(name):
    path = ROOT / f".github/workflows/{name}.yml"
    (job,) = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"`{commands[0]}`" in readme
    assert all(command.startswith(commands[0]) for command in commands)
