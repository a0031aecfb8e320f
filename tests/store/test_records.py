"""A record vouches for what a job wrote: it is read as it was made or not at all."""

import json
from pathlib import Path

import pytest

from mbdl_repro.contract.hashing import digest
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.scale import Scale
from mbdl_repro.store.files import write_bytes
from mbdl_repro.store.paths import Store
from mbdl_repro.store.records import (
    damage,
    read_arrays,
    read_checked,
    read_json,
    read_record,
    read_table,
    record_path,
    set_aside_damaged,
    write_outputs,
)


def files(folder):
    """Names of all files under a folder, those that start with a dot included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("name", "record"),
    [
        ("5.06_lista.csv", "5.06_lista.record.json"),
        ("5.06_lista.seeds.csv", "5.06_lista.record.json"),
        ("5.06_lista.history.csv", "5.06_lista.record.json"),
        ("5.06_lista.weights.safetensors", "5.06_lista.record.json"),
        ("ista.examples.npz", "ista.record.json"),
        ("lista.1of2.json", "lista.1of2.record.json"),
        ("lista.1of2.history.csv", "lista.1of2.record.json"),
        ("5.06_lista.png", "5.06_lista.record.json"),
        ("5.06_lista.pdf", "5.06_lista.record.json"),
        ("report.html", "report.record.json"),
    ],
)
def test_a_record_lies_beside_its_files(name, record):
    assert record_path(Path("results") / name) == Path("results") / record


def test_a_file_of_an_unknown_kind_has_no_record():
    with pytest.raises(ValueError, match="no record belongs"):
        record_path(Path("results/model.bin"))


def test_no_two_jobs_of_a_store_share_a_record():
    store = Store.of(Scale("s", "a", "r", "f"))
    jobs = {
        "data": [store.data("e")],
        "part 1": [store.model("e", "m", 1, 2), store.history("e", "m", 1, 2)],
        "part 2": [store.model("e", "m", 2, 2), store.history("e", "m", 2, 2)],
        "scores": [store.scores("e", "m"), store.examples("e", "m")],
        "other scores": [store.scores("e", "m2"), store.examples("e", "m2")],
        "bounds": [store.bounds("e")],
        "table": [
            store.table("e"),
            store.seed_rows("e"),
            store.shown("e"),
            store.histories("e"),
            store.weights("e"),
        ],
        "verdicts": [store.verdicts("e")],
        "all verdicts": [store.verdicts()],
        "figure": [store.figure("e"), store.figure("e", "pdf")],
        "report": [store.report()],
    }
    records = [{record_path(path) for path in paths} for paths in jobs.values()]
    assert all(len(record) == 1 for record in records)
    assert len(set().union(*records)) == len(jobs)


@pytest.fixture
def made(tmp_path):
    """Two outputs of a job, with their record."""
    table, seeds = tmp_path / "t.csv", tmp_path / "t.seeds.csv"
    write_outputs({table: b"a,b\n1,2\n", seeds: b"a\n3\n"}, {"verb": "tabulate", "seconds": 1.5})
    return table, seeds


def test_a_record_vouches_for_every_output(made):
    table, seeds = made
    record = read_record(table)
    assert record == read_record(seeds)
    assert record["verb"] == "tabulate"
    assert record["files"] == {"t.csv": digest(b"a,b\n1,2\n"), "t.seeds.csv": digest(b"a\n3\n")}
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


def forget_files(path):
    record_path(path).write_bytes(b'{"verb": "tabulate"}')


def forget_file(path):
    record = json.loads(record_path(path).read_bytes())
    del record["files"][path.name]
    record_path(path).write_bytes(json.dumps(record).encode())


MISHAPS = {
    truncate: "its checksum differs",
    alter: "its checksum differs",
    empty: "its checksum differs",
    lose_record: "its record is missing or unreadable",
    garble_record: "its record is missing or unreadable",
    make_record_a_list: "its record is missing or unreadable",
    forget_files: "its record is missing or unreadable",
    forget_file: "its record does not name it",
}


@pytest.mark.parametrize("mishap", MISHAPS, ids=lambda mishap: mishap.__name__)
@pytest.mark.parametrize("read", [read_checked, read_table, read_json, read_arrays])
def test_a_damaged_file_never_becomes_a_number(made, mishap, read):
    mishap(made[0])
    with pytest.raises(UserError) as caught:
        read(made[0])
    assert str(caught.value).startswith(f"{made[0]} is damaged: ")
    assert MISHAPS[mishap] in str(caught.value)
    assert "Run snakemake again" in str(caught.value)


@pytest.mark.parametrize("mishap", [truncate, alter, empty, forget_file])
def test_damage_to_one_file_leaves_its_neighbour(made, mishap):
    mishap(made[0])
    assert read_checked(made[1]) == b"a\n3\n"


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(UserError, match=r"t\.csv is missing: run snakemake to make it"):
        read_checked(tmp_path / "t.csv")


def test_an_unreadable_file_is_told(tmp_path):
    (tmp_path / "t.csv").mkdir()
    with pytest.raises(UserError, match=r"t\.csv cannot be read: Is a directory"):
        read_checked(tmp_path / "t.csv")


def test_the_record_comes_last(made, monkeypatch):
    """A job that dies between its outputs leaves none that is vouched for."""
    table, seeds = made

    def die_at_second(path, content):
        if path == seeds:
            raise KeyboardInterrupt
        write_bytes(path, content)

    monkeypatch.setattr("mbdl_repro.store.records.write_bytes", die_at_second)
    with pytest.raises(KeyboardInterrupt):
        write_outputs({table: b"a,b\n5,6\n", seeds: b"a\n7\n"}, {})
    for path in made:
        assert damage(path) == "its record is missing or unreadable"


def test_damaged_files_are_set_aside_and_others_stay(made, tmp_path):
    table, seeds = made
    alter(table)
    altered = table.read_bytes()
    (message,) = set_aside_damaged([table, seeds, tmp_path / "not_made_yet.csv"])
    assert str(table) in message
    assert "its checksum differs" in message
    assert "set aside" in message
    assert files(tmp_path) == ["t.csv.damaged", "t.record.json", "t.seeds.csv"]
    assert (tmp_path / "t.csv.damaged").read_bytes() == altered
    assert set_aside_damaged([table, seeds]) == []


def test_a_job_that_is_run_again_is_vouched_for_again(made):
    table, seeds = made
    alter(table)
    set_aside_damaged([table, seeds])
    write_outputs({table: b"a,b\n1,2\n", seeds: b"a\n3\n"}, {"verb": "tabulate"})
    assert damage(table) is None
    assert damage(seeds) is None
