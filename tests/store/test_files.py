"""Files are written whole or not at all, and come back as they were written."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from records import RECORD

from mbdl_repro.errors import UserError
from mbdl_repro.store import files as module
from mbdl_repro.store.files import (
    arrays_from_bytes,
    arrays_to_bytes,
    arrays_to_small_bytes,
    json_to_bytes,
    table_to_bytes,
    write_bytes,
)
from mbdl_repro.store.records import read_json, read_table, write_outputs


def files(folder):
    """Names of all files under a folder, those that start with a dot included."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- writing ---


def test_a_file_is_written_with_the_folders_it_needs(tmp_path):
    write_bytes(tmp_path / "a" / "b" / "c.bin", b"content")
    assert (tmp_path / "a" / "b" / "c.bin").read_bytes() == b"content"
    assert files(tmp_path) == ["a/b/c.bin"]


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "c.bin"
    write_bytes(path, b"a long first content")
    write_bytes(path, b"short")
    assert path.read_bytes() == b"short"
    assert files(tmp_path) == ["c.bin"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "the disk is full: free some space"),
        (errno.EDQUOT, "quota is used up: free some space"),
        (errno.EROFS, "read-only: use another folder"),
        (errno.EACCES, "not writable: change its permissions"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_write_that_fails_keeps_the_old_content_and_says_what_to_do(
    tmp_path, monkeypatch, step, number, cure
):
    path = tmp_path / "c.bin"
    write_bytes(path, b"old")

    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module.os, step, fail)
    with pytest.raises(UserError) as caught:
        write_bytes(path, b"new")
    assert f"cannot write {path}: " in str(caught.value)
    assert cure in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["c.bin"]


def test_a_write_that_is_interrupted_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "c.bin", b"new")
    assert files(tmp_path) == []


@pytest.mark.parametrize("inside", ["file/c.bin", "file/deeper/c.bin"])
def test_a_folder_that_is_a_file_is_told(tmp_path, inside):
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(UserError, match=r"cannot write .*c\.bin: (File exists|Not a directory)"):
        write_bytes(tmp_path / inside, b"new")
    assert files(tmp_path) == ["file"]


def test_a_path_that_is_a_folder_is_told(tmp_path):
    (tmp_path / "c.bin").mkdir()
    with pytest.raises(UserError, match="Is a directory"):
        write_bytes(tmp_path / "c.bin", b"new")
    assert files(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only_is_told(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UserError, match="not writable: change its permissions"):
            write_bytes(tmp_path / "c.bin", b"new")
    finally:
        tmp_path.chmod(0o700)
    assert files(tmp_path) == []


def python(code, folder, **environment):
    """Run code in a process of its own, in this folder."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


WRITE = """
from pathlib import Path
from mbdl_repro.store.files import write_bytes
from mbdl_repro.errors import UserError
try:
    write_bytes(Path("c.bin"), b"x" * 10_000)
except UserError as error:
    print(error)
"""


def test_a_file_larger_than_the_system_allows_is_told(tmp_path):
    (tmp_path / "c.bin").write_bytes(b"old")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    run = python(limit + WRITE, tmp_path)
    assert run.returncode == 0, run.stderr
    assert "cannot write c.bin: the file would be larger than this system allows" in run.stdout
    assert (tmp_path / "c.bin").read_bytes() == b"old"
    assert files(tmp_path) == ["c.bin"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096


def test_a_process_whose_run_has_died_writes_nothing(tmp_path):
    orphan = python(WRITE, tmp_path, MBDL_RUN_PID="1")
    assert orphan.returncode == 1
    assert not (tmp_path / "c.bin").exists()
    child = python(WRITE, tmp_path, MBDL_RUN_PID=str(os.getpid()))
    assert child.returncode == 0, child.stderr
    assert (tmp_path / "c.bin").stat().st_size == 10_000


# --- kinds of content ---

ARRAYS = {
    "noise": np.random.default_rng(0).standard_normal((3, 4)),
    "single": np.float32([1 / 3, np.nan, np.inf, -0.0, 5e-324]),
    "complex": np.array([1 + 2j, np.nan]),
    "counts": np.array([2**62, -1]),
    "flags": np.array([True, False]),
    "names": np.array(["squared_error", "ρ"]),
    "scalar": np.array(0.1),
    "empty": np.zeros((0, 5)),
}


WRITERS = pytest.mark.parametrize("write", [arrays_to_bytes, arrays_to_small_bytes])


@WRITERS
def test_arrays_come_back_bit_by_bit(write):
    back = arrays_from_bytes(write(ARRAYS))
    assert list(back) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert back[name].dtype == array.dtype
        assert back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()


@WRITERS
def test_equal_arrays_are_equal_bytes_at_any_time(write, monkeypatch):
    now = write(ARRAYS)
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    assert write(dict(ARRAYS)) == now
    assert write(ARRAYS | {"flags": np.array([False, False])}) != now


def test_what_is_kept_is_compressed():
    arrays = {"zeros": np.zeros((100, 100))}
    assert len(arrays_to_small_bytes(arrays)) < 0.02 * len(arrays_to_bytes(arrays))


def test_objects_are_neither_written_nor_read(tmp_path):
    objects = np.array([{"a": 1}], dtype=object)
    with pytest.raises(ValueError, match=r"pickle|Object arrays"):
        arrays_to_bytes({"objects": objects})
    np.savez(tmp_path / "evil.npz", objects=objects)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        arrays_from_bytes((tmp_path / "evil.npz").read_bytes())


TABLE = pd.DataFrame(
    {
        "metric": ["squared_error", 'quote " and, comma', "line\nbreak", "NA", "None", "ŝ"],
        "value": [0.1, 1 / 3, 1e-300, 5e-324, 1.7976931348623157e308, -0.0],
        "holes": [np.nan, 1.0, np.inf, -np.inf, 0.1 + 0.2, 2.0],
        "seed": [0, 1, 2**53 + 1, -4, 5, 6],
    }
)


def written(path, content):
    write_outputs({path: content}, RECORD)
    return path


def test_a_table_comes_back_exactly(tmp_path):
    back = read_table(written(tmp_path / "t.csv", table_to_bytes(TABLE)))
    pd.testing.assert_frame_equal(back, TABLE, check_exact=True, check_dtype=False)
    assert np.signbit(back["value"].iloc[-1])
    for column in ("value", "holes"):
        assert back[column].to_numpy(float).tobytes() == TABLE[column].to_numpy().tobytes()
    assert back["seed"].tolist() == TABLE["seed"].tolist()
    assert table_to_bytes(back) == table_to_bytes(TABLE)


def test_numbers_of_a_table_come_back_exactly(tmp_path):
    rng = np.random.default_rng(1)
    numbers = rng.standard_normal(5000) * 10.0 ** rng.integers(-300, 300, 5000)
    path = written(tmp_path / "t.csv", table_to_bytes(pd.DataFrame({"value": numbers})))
    assert read_table(path)["value"].to_numpy().tobytes() == numbers.tobytes()


def test_json_comes_back_exactly_and_does_not_depend_on_the_order_of_keys(tmp_path):
    value = {"b": [0.1 + 0.2, 1e-300, 7, None, True], "a": {"ρ": "ŝ\n"}}
    assert read_json(written(tmp_path / "t.json", json_to_bytes(value))) == value
    assert json_to_bytes(dict(reversed(value.items()))) == json_to_bytes(value)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_json_holds_no_number_that_json_lacks(number):
    with pytest.raises(ValueError, match="JSON"):
        json_to_bytes({"value": number})
