"""What was checked of an experiment is remembered for as long as nothing changes, and no longer."""

import dataclasses

import pytest

from mbdl_repro.catalogue import REQUIRED
from mbdl_repro.experiments import reading, remembered

pytestmark = pytest.mark.usefixtures("store")

NAME = "5.06_lista"


@pytest.fixture
def reads(monkeypatch):
    """Which files were read and checked."""
    read, load_file = [], reading.load_file
    monkeypatch.setattr(
        reading, "load_file", lambda path, scale: read.append(path) or load_file(path, scale)
    )
    return read


def test_it_is_the_same_experiment_and_its_file_is_not_checked_again(reads):
    full = reading.load_scale("full")
    path = reading.EXPERIMENTS / f"{NAME}.yaml"
    path.write_text(path.read_text("utf-8") + "# not seen before\n", "utf-8")
    first, second = reading.load(NAME, full), reading.load(NAME, full)
    assert len(reads) == 1
    assert first == second
    assert second.methods["ista"].info.settings["iterations"].default is REQUIRED


def test_another_file_scale_or_code_is_checked_anew(reads, monkeypatch):
    full, smoke = reading.load_scale("full"), reading.load_scale("smoke")
    path = reading.EXPERIMENTS / f"{NAME}.yaml"
    path.write_text(path.read_text("utf-8") + "# nor this\n", "utf-8")
    assert reading.load(NAME, full).n_seeds == 4
    assert reading.load(NAME, smoke).n_seeds == 2
    assert reading.load(NAME, dataclasses.replace(full, figures="elsewhere")).n_seeds == 4
    path.write_text(path.read_text("utf-8").replace("seeds: 4", "seeds: 3"), "utf-8")
    assert reading.load(NAME, full).n_seeds == 3
    monkeypatch.setattr(remembered, "_code", lambda: "edited")
    assert reading.load(NAME, full).n_seeds == 3
    assert len(reads) == 5


def test_what_is_damaged_is_forgotten(reads):
    full = reading.load_scale("full")
    reading.load(NAME, full)
    before = len(reads)
    path = remembered.Remembered(NAME, full, b"")._memory.path
    path.write_text(path.read_text("utf-8").replace("A", "B", 1), "utf-8")
    assert reading.load(NAME, full).name == NAME
    assert len(reads) == before + 1
