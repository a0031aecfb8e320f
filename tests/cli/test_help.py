"""Help ends with examples, each of which works as it is typed."""

import shlex
import shutil
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner

from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.cli import main, running
from mbdl_repro.face.kept import scenario

ROOT = PACKAGE.parent
CONTEXT = click.Context(main)
COMMANDS = {name: main.get_command(CONTEXT, name) for name in main.modules}
EXAMPLES = [*main.examples, *(line for one in COMMANDS.values() for line in one.examples)]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the project's experiments and results, in which files may be written."""
    for name in ("workflow", "results", "figures"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "README.md", tmp_path)
    np.save(tmp_path / "x.npy", scenario("5.10").draw(3, "test", 0).x)
    monkeypatch.chdir(tmp_path)
    asked = []
    monkeypatch.setattr(running, "snakemake", lambda words, quiet=False: asked.append(words) or 0)
    monkeypatch.setattr(running, "_show_scores", lambda *words: None)
    return asked


@pytest.mark.parametrize("line", dict.fromkeys(EXAMPLES))
def test_an_example_works_as_it_is_typed(here, line):
    program, *words = shlex.split(line, comments=True)
    assert program == "mbdl"
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    if words[0] == "run":
        assert here
    else:
        assert result.stdout or list(Path().glob("*.*"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_it_does_and_ends_with_examples(name):
    command = COMMANDS[name]
    said = CliRunner().invoke(main, [name, "--help"]).stdout
    assert 1 <= len(command.examples) <= 3
    assert said.rstrip().endswith(command.examples[-1])
    assert all(line.startswith(f"mbdl {name}") for line in command.examples)
    options = {option for one in command.params for option in one.opts}
    assert ("--json" in options) == bool(command.keys)
    assert max(map(len, said.splitlines())) <= 92


def test_the_help_of_all_lists_every_command():
    said = CliRunner().invoke(main, ["--help"]).stdout
    assert all(f"\n  {name} " in said for name in COMMANDS)
    assert said.rstrip().endswith(main.examples[-1])
