"""Where commands run, which there are, and how light they start."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import mbdl, mistake

from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.cli import main

pytestmark = pytest.mark.usefixtures("store")


def test_commands_and_formats_that_are_not_there():
    result = CliRunner().invoke(main, ["tabel"])
    assert result.exit_code == 2
    assert "no command 'tabel'; did you mean table" in result.stderr
    assert mbdl("TABLE", "5.06") == mbdl("table", "5.06_lista")
    words = mistake("table", "5.06_lista", "--format", "pdf")
    assert "no format 'pdf'; allowed: csv, latex, markdown, text" in words


def test_outside_the_root(monkeypatch):
    root = Path.cwd()
    monkeypatch.chdir("workflow")
    assert mistake("examples").endswith(f"in the project's root folder, {root}")
    monkeypatch.chdir(root.parent)
    told = mistake("figure", "5.06")
    assert "experiments, and what is kept of them, lie in a clone of the project" in told
    assert told.endswith(f"root folder, {PACKAGE.parent}")  # which it was installed from
    monkeypatch.setattr("mbdl_repro.cli.commands.PACKAGE", root.parent / "package")
    assert mistake("methods").endswith("root folder, the one that holds the Snakefile")
    assert "Usage" in mbdl("table", "--help")


def test_the_project_names_this_command_line():
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    module, name = tomllib.loads(text)["project"]["scripts"]["mbdl"].split(":")
    assert getattr(importlib.import_module(module), name) is main


def test_start_is_light_and_a_closed_pipe_is_silent():
    env = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    heavy = {"torch", "pandas", "rich", "numpy", "pydantic"}
    code = f"import sys, mbdl_repro.cli; print({heavy} & {{*sys.modules}})"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, env=env)
    assert answer.stdout == "set()\n", answer.stderr
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "mbdl_repro.cli", "methods"]
    piped = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, env=env)
    os.close(writer)
    assert piped.stderr == ""
