"""Fingerprints change with what the code computes, and with nothing else."""

import ast
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from mbdl_repro.contract.hashing import digest
from mbdl_repro.store import fingerprint as module
from mbdl_repro.store.fingerprint import CARRIERS, PACKAGE, fingerprint, module_path

TOP = "mbdl_repro.pipeline.stages.train"
FILES = {
    "__init__.py": "",
    "stages/__init__.py": "",
    "stages/train.py": '''\
"""Train."""

from mbdl_repro.area import methods
from mbdl_repro.area.updates import step

import numpy as np


class Trainer:
    """Trains."""

    rate = 0.5

    def fit(self, x):
        """Fit."""
        from mbdl_repro.lazy import late

        return late(step(x)) + np.sum(x)
''',
    "area/__init__.py": "",
    "area/methods/__init__.py": "import mbdl_repro.deep.deeper\n",
    "area/updates.py": """\
from mbdl_repro.area.scenario import SIZE


def step(x):
    return SIZE * x
""",
    "area/scenario.py": "SIZE = 3\n",
    "deep/__init__.py": "",
    "deep/deeper.py": "from mbdl_repro import area\nfrom mbdl_repro import deep\n",
    "lazy.py": "from mbdl_repro.errors import UserError\n\n\ndef late(x):\n    return x\n",
    "errors.py": "from mbdl_repro.unrelated import NAME\n\n\nclass UserError(Exception): ...\n",
    "unrelated.py": "NAME = 'a'\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of ours; returns a function that edits one of its files."""
    monkeypatch.setattr(module, "PACKAGE", tmp_path)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    module._read.cache_clear()

    def edit(name, old, new):
        text = (tmp_path / name).read_text()
        assert text.count(old) == 1
        (tmp_path / name).write_text(text.replace(old, new))
        module._read.cache_clear()  # a process reads each file once

    yield edit
    module._read.cache_clear()


def test_all_imported_modules_of_the_package_are_in_it(package):
    assert set(fingerprint(TOP)) == {
        TOP,
        "mbdl_repro.area",
        "mbdl_repro.area.methods",
        "mbdl_repro.area.scenario",
        "mbdl_repro.area.updates",
        "mbdl_repro.deep",
        "mbdl_repro.deep.deeper",
        "mbdl_repro.lazy",
    }


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stages/train.py", '"""Train."""', '"""Train, at length."""'),
        ("stages/train.py", '    """Trains."""\n', ""),
        ("stages/train.py", '"""Fit."""', '"""Fit the method."""'),
        ("stages/train.py", "    rate = 0.5", "    # A remark.\n    rate = 0.50  # and one more"),
        ("stages/train.py", "class Trainer:", "\n\n\nclass Trainer:"),
        ("stages/train.py", "late(step(x)) + np.sum(x)", "(\n    late(step(x))\n + np.sum(x))"),
        ("area/updates.py", "SIZE * x", "(SIZE*x)"),
        ("area/scenario.py", "SIZE = 3", '"""Sizes."""\n\nSIZE = 0x3'),
        ("area/updates.py", "    return", '    """Step."""\n    return'),
    ],
)
def test_words_and_layout_leave_it(package, name, old, new):
    before = fingerprint(TOP)
    package(name, old, new)
    assert fingerprint(TOP) == before


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("stages/train.py", "rate = 0.5", "rate = 0.25", TOP),
        ("stages/train.py", "+ np.sum(x)", "- np.sum(x)", TOP),
        ("stages/train.py", "late(step(x))", "late(step(2 * x))", TOP),
        ("stages/train.py", "    def fit", "    @staticmethod\n    def fit", TOP),
        ("stages/train.py", "rate = 0.5", "rate = '0.5'", TOP),
        ("area/updates.py", "SIZE * x", "x * SIZE", "mbdl_repro.area.updates"),
        ("area/scenario.py", "SIZE = 3", "SIZE = 3.0", "mbdl_repro.area.scenario"),
        ("deep/deeper.py", "import deep", "import deep as d", "mbdl_repro.deep.deeper"),
        ("lazy.py", "return x", "return -x", "mbdl_repro.lazy"),
    ],
)
def test_code_changes_the_hash_of_its_module_at_any_depth(package, name, old, new, changed):
    before = fingerprint(TOP)
    package(name, old, new)
    after = fingerprint(TOP)
    assert {name for name in before if before[name] != after[name]} == {changed}


def test_an_init_file_on_the_way_counts(package, tmp_path):
    before = fingerprint(TOP)
    (tmp_path / "deep" / "__init__.py").write_text("X = 1\n")
    module._read.cache_clear()
    assert fingerprint(TOP)["mbdl_repro.deep"] != before["mbdl_repro.deep"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("unrelated.py", "'a'", "'b'"),
        ("errors.py", "class UserError(Exception)", "class UserError(ValueError)"),
    ],
)
def test_what_is_not_imported_and_what_carries_leaves_it(package, name, old, new):
    """``errors`` carries; ``unrelated`` is imported by it alone, so by nothing that computes."""
    before = fingerprint(TOP)
    package(name, old, new)
    assert fingerprint(TOP) == before


def test_a_new_import_adds_its_module(package):
    assert "mbdl_repro.unrelated" not in fingerprint(TOP)
    package("lazy.py", "def late", "from mbdl_repro.unrelated import NAME\n\n\ndef late")
    assert "mbdl_repro.unrelated" in fingerprint(TOP)


def test_several_modules_are_the_union(package):
    apart = fingerprint(TOP) | fingerprint("mbdl_repro.unrelated")
    assert fingerprint(TOP, "mbdl_repro.unrelated") == apart
    assert list(fingerprint(TOP)) == sorted(fingerprint(TOP))


def test_a_module_that_is_not_there_is_an_error(package):
    with pytest.raises(FileNotFoundError, match=r"no module mbdl_repro\.stages\.trein"):
        fingerprint("mbdl_repro.pipeline.stages.trein")


def test_a_process_reads_each_file_once(package, tmp_path):
    before = fingerprint(TOP)
    (tmp_path / "lazy.py").write_text("def late(x):\n    return 7\n")
    assert fingerprint(TOP) == before
    module._read.cache_clear()
    assert fingerprint(TOP) != before


# --- our own package ---


def test_every_carrier_is_a_module_of_this_package():
    assert all(module_path(name) is not None for name in CARRIERS)


def test_no_module_imports_relatively():
    """Relative imports are not followed; so there must be none."""
    for path in PACKAGE.rglob("*.py"):
        assert "from ." not in path.read_text(encoding="utf-8"), path


IMPORT = """
import importlib, sys, unittest.mock
for carrier in {carriers}:
    sys.modules[carrier] = unittest.mock.MagicMock()
importlib.import_module("{name}")
print(*(name for name in sys.modules if name.startswith("mbdl_repro.")))
"""


@pytest.mark.parametrize(
    "name",
    [
        "mbdl_repro.pipeline.stages.train",
        "mbdl_repro.pipeline.stages.bound",
        "mbdl_repro.pipeline.stages.tabulate",
        "mbdl_repro.areas.sparse_recovery.methods.lista",
    ],
)
def test_what_python_imports_is_in_it(name):
    """The second derivation: Python itself, with nothing behind the carriers."""
    carriers = CARRIERS - {"mbdl_repro.errors"}  # a base class cannot be a mock; it imports nothing
    code = IMPORT.format(carriers=sorted(carriers), name=name)
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=True)
    imported = set(run.stdout.split()) - CARRIERS
    packages = {m for m in imported if module_path(m).name == "__init__.py"}
    assert name in imported
    assert imported - packages <= set(fingerprint(name))


def test_packages_compute_nothing():
    """The files that Python runs on the way to a module are not in its fingerprint."""
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent.name != "figures":
            assert len(ast.parse(path.read_text(encoding="utf-8")).body) <= 2, path


def test_drawing_is_not_part_of_training():
    """A changed figure must not retrain anything."""
    for area in ("sparse_recovery", "linear_estimation"):
        stands_on = fingerprint(
            "mbdl_repro.pipeline.stages.train", f"mbdl_repro.areas.{area}.scenario"
        )
        assert not [name for name in stands_on if ".figures" in name or "report" in name]


def test_one_method_is_not_part_of_another():
    stands_on = fingerprint(
        "mbdl_repro.areas.sparse_recovery.methods.lista", "mbdl_repro.pipeline.models"
    )
    assert "mbdl_repro.areas.sparse_recovery.updates" in stands_on
    assert "mbdl_repro.areas.sparse_recovery.methods.ista" not in stands_on


def test_digest_is_sha256_of_text_or_bytes():
    assert digest("ρ") == digest("ρ".encode()) == hashlib.sha256("ρ".encode()).hexdigest()


def test_paths_of_modules_and_packages():
    assert (
        module_path("mbdl_repro.learning.training") == Path(module.__file__).parent / "training.py"
    )
    assert module_path("mbdl_repro.pipeline.stages") == PACKAGE / "stages" / "__init__.py"
    assert module_path("mbdl_repro.nothing") is None
