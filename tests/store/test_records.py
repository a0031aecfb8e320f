"""A record vouches for what a job wrote: it is read as it was made or not at all."""

import errno
import json
import os
from pathlib import Path

import pytest
from records import RECORD

from mbdl_repro.contract.hashing import canonical, digest
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import (
    damage,
    read_arrays,
    read_checked,
    read_json,
    read_record,
    read_table,
    record_path,
    write_outputs,
)


def files(folder):
    """Names of all files under a folder, those that start with a dot included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("5.06_lista.csv", "5.06_lista.record.json"),
        ("5.06_lista.groups.npz", "5.06_lista.record.json"),
        ("5.06_lista.history.csv", "5.06_lista.record.json"),
        ("5.06_lista.weights.safetensors", "5.06_lista.record.json"),
        ("ista.examples.npz", "ista.record.json"),
        ("lista.1of2.json", "lista.1of2.record.json"),
        ("lista.1of2.history.csv", "lista.1of2.record.json"),
        ("5.06_lista.png", "5.06_lista.record.json"),
        ("5.06_lista.pdf", "5.06_lista.record.json"),
        ("5.06_lista.svg", "5.06_lista.record.json"),
        ("report/index.html", "report/index.record.json"),
    ],
)
def test_a_record_lies_beside_its_files(name, record):
    assert record_path(Path("results") / name) == Path("results") / record


def test_a_file_of_an_unknown_kind_has_no_record():
    with pytest.raises(ValueError, match="no record belongs"):
        record_path(Path("results/model.bin"))


def test_no_two_jobs_of_a_store_share_a_record():
    store = Store.of(Scale("s", "a", "r", "f", figure_formats=("png", "pdf", "svg")))
    jobs = {
        "data": [store.data("e")],
        "part 1": [store.model("e", "m", 1, 2), store.history("e", "m", 1, 2)],
        "part 2": [store.model("e", "m", 2, 2), store.history("e", "m", 2, 2)],
        "scores": [store.scores("e", "m"), store.examples("e", "m")],
        "other scores": [store.scores("e", "m2"), store.examples("e", "m2")],
        "bounds": [store.bounds("e")],
        "rows": [
            store.seed_rows("e"),
            store.groups("e"),
            store.shown("e"),
            store.histories("e"),
            store.weights("e"),
        ],
        "table": [store.table("e")],
        "verdicts": [store.verdicts("e")],
        "all verdicts": [store.verdicts()],
        "figure": [*store.figure_files("e")],
        "report": [store.report()],
        "report of some": [store.report(chosen=True)],
    }
    records = [{record_path(path) for path in paths} for paths in jobs.values()]
    assert all(len(record) == 1 for record in records)
    assert len(set().union(*records)) == len(jobs)


@pytest.fixture
def made(tmp_path):
    """Two outputs of a job, with their record."""
    table, seeds = tmp_path / "t.csv", tmp_path / "t.history.csv"
    write_outputs({table: b"a,b\n1,2\n", seeds: b"a\n3\n"}, RECORD)
    return table, seeds


def test_a_record_vouches_for_every_output(made):
    table, seeds = made
    record = read_record(table)
    assert record == read_record(seeds)
    assert record["verb"] == "tabulate"
    assert record["files"] == {"t.csv": digest(b"a,b\n1,2\n"), "t.history.csv": digest(b"a\n3\n")}
    assert damage(table) is None
    assert damage(seeds) is None
    assert read_checked(seeds) == b"a\n3\n"


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def alter(path):
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


def lose_record(path):
    record_path(path).unlink()


def garble_record(path):
    record_path(path).write_bytes(b'{"files": {')


def make_record_a_list(path):
    record_path(path).write_bytes(b"[]\n")


def nest_record_deep(path):
    record_path(path).write_bytes(b'{"a":' * 200_000)


def make_record_a_folder(path):
    record_path(path).unlink()
    record_path(path).mkdir()


def make_record_a_pipe(path):
    record_path(path).unlink()
    os.mkfifo(record_path(path))


def flip_a_byte_of_the_record(path):
    """It stays JSON, and says that there were four seeds."""
    record_path(path).write_bytes(record_path(path).read_bytes().replace(b"3", b"4", 1))


def edited(change):
    """Return what changes a record and leaves its checksum as it was."""

    def edit(path):
        record = json.loads(record_path(path).read_bytes())
        change(record)
        record_path(path).write_bytes(json.dumps(record).encode())

    return edit


def sealed(change):
    """Return what changes a record together with its checksum."""

    def edit(path):
        record = json.loads(record_path(path).read_bytes())
        del record["checksum"]
        change(record)
        record["checksum"] = digest(canonical(record))
        record_path(path).write_bytes(json.dumps(record).encode())

    return edit


NO_RECORD = "its record is missing or damaged"
MISHAPS = {
    "truncated": (truncate, "its checksum differs"),
    "altered": (alter, "its checksum differs"),
    "emptied": (empty, "its checksum differs"),
    "record lost": (lose_record, NO_RECORD),
    "record garbled": (garble_record, NO_RECORD),
    "record a list": (make_record_a_list, NO_RECORD),
    "record nested deep": (nest_record_deep, NO_RECORD),
    "record a folder": (make_record_a_folder, NO_RECORD),
    "record a pipe": (make_record_a_pipe, NO_RECORD),
    "record with a byte flipped": (flip_a_byte_of_the_record, NO_RECORD),
    "record without checksum": (edited(lambda record: record.pop("checksum")), NO_RECORD),
    "record edited": (edited(lambda record: record.update(verb="draw")), NO_RECORD),
    "record without spec": (sealed(lambda record: record.pop("spec")), NO_RECORD),
    "record without code": (sealed(lambda record: record.pop("code")), NO_RECORD),
    "record without inputs": (sealed(lambda record: record.pop("inputs")), NO_RECORD),
    "record with code a text": (sealed(lambda record: record.update(code="x")), NO_RECORD),
    "record with half a code": (sealed(lambda record: record["code"].pop("device")), NO_RECORD),
    "record with files a list": (sealed(lambda record: record.update(files=[])), NO_RECORD),
    "record of another file": (
        sealed(lambda record: record["files"].pop("t.csv")),
        "its record does not name it",
    ),
}


@pytest.mark.parametrize("mishap", MISHAPS)
@pytest.mark.parametrize("read", [read_checked, read_table, read_json, read_arrays])
def test_a_damaged_file_never_becomes_a_number(made, mishap, read):
    harm, problem = MISHAPS[mishap]
    harm(made[0])
    assert problem in damage(made[0])
    with pytest.raises(UserError) as caught:
        read(made[0])
    assert str(caught.value).startswith(f"{made[0]} is damaged: ")
    assert problem in str(caught.value)
    assert "run snakemake, which sets it aside and makes it anew" in str(caught.value)


@pytest.mark.parametrize("mishap", [truncate, alter, empty])
def test_damage_to_one_file_leaves_its_neighbour(made, mishap):
    mishap(made[0])
    assert read_checked(made[1]) == b"a\n3\n"


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"t\.csv is missing: run snakemake to make it"):
        read_checked(tmp_path / "t.csv")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_told(tmp_path, make):
    make(tmp_path / "t.csv")
    assert damage(tmp_path / "t.csv") == "is not a file"
    with pytest.raises(UserError, match=r"t\.csv is not a file: run snakemake"):
        read_checked(tmp_path / "t.csv")


def test_outputs_are_whole_before_the_first_replaces_an_older_one(made, monkeypatch):
    """A disk that is full at the second file leaves all as it was, and nothing half-written."""
    table, seeds = made
    before = {path: path.read_bytes() for path in table.parent.iterdir()}
    written = []

    def full(number):
        written.append(number)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("mbdl_repro.store.files.os.fsync", full)
    with pytest.raises(UserError, match=r"t\.history\.csv: the disk is full"):
        write_outputs({table: b"a,b\n5,6\n", seeds: b"a\n7\n"}, RECORD)
    assert before == {path: path.read_bytes() for path in table.parent.iterdir()}


def test_the_record_comes_last(made, monkeypatch):
    """A job that dies between its outputs leaves none that is vouched for and is not whole."""
    table, seeds = made
    replace = os.replace

    def die_at_second(old, new):
        if new == seeds:
            raise KeyboardInterrupt
        replace(old, new)

    monkeypatch.setattr("mbdl_repro.store.files.os.replace", die_at_second)
    with pytest.raises(KeyboardInterrupt):
        write_outputs({table: b"a,b\n5,6\n", seeds: b"a\n7\n"}, RECORD)
    assert "its checksum differs" in damage(table)
    assert damage(seeds) is None
    assert files(table.parent) == ["t.csv", "t.history.csv", "t.record.json"]


def test_what_is_not_as_it_was_made_is_set_aside(made, tmp_path):
    table, seeds = made
    alter(table)
    altered = table.read_bytes()
    seeds.unlink()
    seeds.mkdir()
    said = write_outputs({table: b"a,b\n5,6\n", seeds: b"a\n7\n"}, RECORD)
    assert said == [
        f"{table} was damaged: it is not as it was made (its checksum differs); "
        "it is set aside as t.csv.damaged",
        f"{seeds} was damaged: is not a file; it is set aside as t.history.csv.damaged",
    ]
    assert (tmp_path / "t.csv.damaged").read_bytes() == altered
    assert (tmp_path / "t.history.csv.damaged").is_dir()
    assert damage(table) is None and damage(seeds) is None
    seeds.unlink()
    seeds.mkdir()
    write_outputs({table: b"a,b\n5,6\n", seeds: b"a\n7\n"}, RECORD)
    assert len(list(tmp_path.glob("t.history.csv*.damaged"))) == 2  # no folder replaces another


def test_what_is_as_it_was_made_is_replaced(made, tmp_path):
    table, seeds = made
    assert write_outputs({table: b"a,b\n5,6\n", seeds: b"a\n7\n"}, RECORD) == []
    assert files(tmp_path) == ["t.csv", "t.history.csv", "t.record.json"]
    assert read_checked(table) == b"a,b\n5,6\n"
