"""An entry is computed once for all that it depends on, and again only when it must be."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mbdl_repro.errors import UserError
from mbdl_repro.store.cache import LENGTH, Cache

CODE = {"mbdl_repro.pipeline.models": "0123456789abcdef"}
SPEC = {"method": "ista", "settings": {"rho": 0.1, "step": None}, "seeds": (0, 1)}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


class Work:
    """What an entry is made by; counts how often."""

    def __init__(self, content=b"content"):
        self.content = content
        self.times = 0

    def __call__(self):
        self.times += 1
        return self.content


def cache(folder, code=CODE, suffix=".npz"):
    """Return the entries as a new process finds them."""
    return Cache(folder, code, suffix)


def names(folder):
    return sorted(name for name in os.listdir(folder) if name not in ("seconds.txt", ".lock"))


# --- hit and miss ---


def test_an_entry_is_made_once(folder):
    work, here = Work(), cache(folder)
    key = here.key(SPEC)
    assert not here.has(key)
    assert here.load(key) is None
    content, path = here.get(key, work)
    assert (content, path.read_bytes(), work.times) == (b"content", b"content", 1)
    assert here.get(key, work) == (content, path)
    assert work.times == 1
    assert here.has(key)


def test_another_process_finds_it(folder):
    here = cache(folder)
    _, path = here.get(here.key(SPEC), Work())
    work, there = Work(b"other"), cache(folder)
    assert there.has(there.key(SPEC))
    assert there.get(there.key(SPEC), work) == (b"content", path)
    assert work.times == 0


def test_what_another_process_made_meanwhile_is_found(folder):
    here, there, work = cache(folder), cache(folder), Work(b"other")
    _, path = there.get(there.key(SPEC), Work())
    assert here.get(here.key(SPEC), work) == (b"content", path)
    assert work.times == 0


SLOW = """
import time
from pathlib import Path
from mbdl_repro.store.cache import Cache

def make():
    print("makes it", flush=True)
    time.sleep(0.5)
    return b"content"

content, _ = Cache(Path("cache"), {code!r}, ".npz").get("{key}", make)
assert content == b"content"
"""


def test_of_processes_that_need_one_entry_at_a_time_one_makes_it(folder):
    folder.mkdir()
    code = SLOW.format(code=CODE, key=cache(folder).key(SPEC))
    with ThreadPoolExecutor() as pool:
        runs = list(pool.map(lambda _: process(code, folder.parent), range(3)))
    assert [run.returncode for run in runs] == [0, 0, 0], runs
    assert sorted(run.stdout for run in runs) == ["", "", "makes it\n"]
    assert len(names(folder)) == 1


def test_its_name_is_its_key_and_its_checksum(folder):
    here = cache(folder)
    key = here.key(SPEC)
    _, path = here.get(key, Work())
    assert len(key) == LENGTH
    assert path.parent == folder
    assert path.name.startswith(f"{key}-")
    assert path.suffix == ".npz"
    _, other = cache(folder, suffix=".bin").get(key, Work(b"other"))
    assert other.stem != path.stem


def test_entries_of_another_kind_in_the_folder_are_not_its_own(folder):
    here = cache(folder)
    here.get(here.key(SPEC), Work())
    assert not cache(folder, suffix=".safetensors").has(here.key(SPEC))


def test_a_folder_that_is_not_there_holds_no_entries_and_is_not_made(folder):
    assert not cache(folder).has("0" * LENGTH)
    assert not folder.exists()


def test_work_that_fails_leaves_no_entry(folder):
    def fail():
        raise RuntimeError("diverged")

    here = cache(folder)
    with pytest.raises(RuntimeError, match="diverged"):
        here.get(here.key(SPEC), fail)
    assert not here.has(here.key(SPEC))
    assert not folder.exists() or names(folder) == []


# --- keys ---


def test_a_key_does_not_depend_on_the_order_of_a_specification(folder):
    reordered = dict(reversed(SPEC.items())) | {"settings": {"step": None, "rho": 0.1}}
    assert list(reordered) != list(SPEC)
    assert cache(folder).key(reordered) == cache(folder).key(SPEC)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "fista"},
        {"seeds": (0, 2)},
        {"seeds": (0,)},
        {"settings": {"rho": 0.1}},
        {"settings": {"rho": 0.1, "step": 0.0}},
        {"settings": {"rho": np.nextafter(0.1, 1), "step": None}},
        {"new": None},
    ],
)
def test_every_change_of_the_specification_changes_the_key(folder, change):
    assert cache(folder).key(SPEC | change) != cache(folder).key(SPEC)


@pytest.mark.parametrize(
    "code", [{}, {"mbdl_repro.pipeline.models": "0"}, CODE | {"mbdl_repro.x": "1"}]
)
def test_other_code_is_another_entry(folder, code):
    here, work = cache(folder), Work(b"by new code")
    here.get(here.key(SPEC), Work())
    there = cache(folder, code)
    assert there.get(there.key(SPEC), work)[0] == b"by new code"
    assert here.get(here.key(SPEC), work)[0] == b"content"
    assert len(names(folder)) == 2


@pytest.mark.parametrize(
    "same",
    [0.1, float("0.10"), float("1e-1"), np.float64(0.1), 1 / 10],
)
def test_a_float_has_one_key_however_it_is_written(folder, same):
    assert cache(folder).key({"rho": same}) == cache(folder).key({"rho": 0.1})


def test_a_tuple_is_the_list_that_json_makes_of_it(folder):
    assert cache(folder).key({"seeds": [0, 1]}) == cache(folder).key({"seeds": (0, 1)})


def test_a_key_is_the_same_in_every_process(folder):
    code = (
        "from pathlib import Path; from mbdl_repro.store.cache import Cache;"
        f"print(Cache(Path('none'), {CODE!r}, '.npz').key({SPEC!r}))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": s},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for s in ("1", "2")
    }
    assert keys == {cache(folder).key(SPEC)}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_specification_holds_no_number_that_json_lacks(folder, number):
    with pytest.raises(ValueError, match="JSON"):
        cache(folder).key({"rho": number})


# --- what another process is making ---


def test_what_another_process_is_making_comes_last(folder):
    """Who shares entries makes other ones meanwhile, and waits for that one in the end."""
    here = cache(folder)
    keys = [here.key({"seed": seed}) for seed in range(3)]
    assert list(here.free_first(keys)) == [0, 1, 2]
    code = (
        "import sys; from pathlib import Path; from mbdl_repro.store.cache import Cache;"
        f"there = Cache(Path({str(folder)!r}), {CODE!r}, '.npz');"
        f"there.get({keys[0]!r}, lambda: print('at it', flush=True) or sys.stdin.read().encode())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "at it\n"
        assert list(here.free_first(keys)) == [1, 2, 0]
        other.communicate("made there")
    assert list(here.free_first(keys)) == [0, 1, 2]
    assert here.get(keys[0], Work())[0] == b"made there"


# --- damage ---


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def alter(path):
    path.write_bytes(b"C" + path.read_bytes()[1:])


def empty(path):
    path.write_bytes(b"")


def remove(path):
    path.unlink()


@pytest.mark.parametrize("mishap", [truncate, alter, empty, remove])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_damaged_entry_is_made_anew(folder, mishap, when):
    """Whether the damage is done before or after another process lists the folder."""
    here = cache(folder)
    key = here.key(SPEC)
    _, path = here.get(key, Work())
    there = cache(folder) if when == "after" else None
    mishap(path)
    there = there or cache(folder)
    assert there.load(key) is None
    work = Work()
    assert there.get(key, work) == (b"content", path)
    assert work.times == 1
    assert names(folder) == [path.name]


def test_an_entry_under_the_name_of_another_is_not_taken_for_it(folder):
    here = cache(folder)
    key, other = here.key(SPEC), here.key({"method": "fista"})
    _, path = here.get(key, Work())
    path.rename(folder / path.name.replace(key, other).replace(path.stem[-4:], "0000"))
    assert cache(folder).load(other) is None


def test_an_entry_that_a_killed_process_was_writing_is_ignored(folder):
    here = cache(folder)
    key = here.key(SPEC)
    _, path = here.get(key, Work())
    path.rename(folder / f".{path.name}.4711.tmp")
    there = cache(folder)
    assert not there.has(key)
    work = Work()
    assert there.get(key, work) == (b"content", path)
    assert work.times == 1


KILLED = """
import os, signal
from pathlib import Path
from mbdl_repro.store import files
from mbdl_repro.store.cache import Cache
files.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
Cache(Path("cache"), {code!r}, ".npz").get("{key}", lambda: b"half")
"""


def process(code, folder, **environment):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_a_process_killed_while_it_writes_leaves_no_entry(folder):
    key = cache(folder).key(SPEC)
    run = process(KILLED.format(code=CODE, key=key), folder.parent)
    assert run.returncode == -9, run.stderr
    assert len(names(folder)) == 1  # the temporary file
    assert not cache(folder).has(key)
    assert cache(folder).get(key, Work())[0] == b"content"


ORPHAN = """
from pathlib import Path
from mbdl_repro.store.cache import Cache
Cache(Path("cache"), {code!r}, ".npz").get("{key}", lambda: b"content")
"""


def test_a_process_whose_run_has_died_stores_nothing(folder):
    key = cache(folder).key(SPEC)
    code = ORPHAN.format(code=CODE, key=key)
    assert process(code, folder.parent, MBDL_RUN_PID="1").returncode == 1
    assert not cache(folder).has(key)
    assert not (folder / "seconds.txt").exists()
    child = process(code, folder.parent, MBDL_RUN_PID=str(os.getpid()))
    assert child.returncode == 0, child.stderr
    assert cache(folder).load(key) == b"content"


def test_a_full_disk_is_told_and_what_was_stored_is_kept(folder, monkeypatch):
    here = cache(folder)
    here.get(here.key(SPEC), Work())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mbdl_repro.store.files.os.replace", full)
    with pytest.raises(UserError, match="the disk is full"):
        here.get(here.key({"method": "fista"}), Work())
    assert cache(folder).load(here.key(SPEC)) == b"content"
    assert not cache(folder).has(here.key({"method": "fista"}))
    assert len(names(folder)) == 1


# --- seconds ---


def test_the_seconds_that_an_entry_took_are_kept_beside_it(folder, monkeypatch):
    clock = iter([100.0, 102.5])
    monkeypatch.setattr("mbdl_repro.store.cache.time.process_time", lambda: next(clock))
    here = cache(folder)
    key = here.key(SPEC)
    here.get(key, Work())
    assert here.seconds[key] == 2.5
    there = cache(folder)
    assert there.seconds == {key: 2.5}
    there.get(key, Work())  # a hit takes no time, and forgets none
    assert cache(folder).seconds == {key: 2.5}


def test_a_torn_line_of_seconds_is_skipped(folder):
    here = cache(folder)
    here.get(here.key(SPEC), Work())
    with open(folder / "seconds.txt", "a", encoding="utf-8") as file:
        file.write("0123\n\n")
    assert set(cache(folder).seconds) == {here.key(SPEC)}
