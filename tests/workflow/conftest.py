"""The tiny project, run once; and a copy of it for each test that changes anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from project import Project


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after one run on one core. Tests that change anything take a copy of it."""
    project = Project(tmp_path_factory.mktemp("made") / "project")
    result = project.snakemake(cores=1)
    assert result.returncode == 0, result.stdout + result.stderr
    return project


@pytest.fixture
def copy(made: Project, tmp_path: Path) -> Project:
    """A copy of the project that was run."""
    return made.copy(tmp_path / "project")
