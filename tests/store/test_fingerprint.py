"""Fingerprints change with what the code computes, wherever it stands, and with nothing else."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from mbdl_repro.catalogue.memory import Memory
from mbdl_repro.store import definitions, fingerprint
from mbdl_repro.store.definitions import DefinitionNotFoundError, module_path
from mbdl_repro.store.fingerprint import together

ROOT = "mbdl_repro.work.train:fit"
FILES = {
    "__init__.py": "",
    "work/__init__.py": "",
    "work/train.py": '''\
"""Train."""

from __future__ import annotations

import numpy as np
from mbdl_repro.area import constants
from mbdl_repro.area.methods import Ista
from mbdl_repro.area.updates import step
from mbdl_repro.errors import UserError

RATE = 0.5


def fit(x: np.ndarray, report=print) -> np.ndarray:
    """Fit."""
    from mbdl_repro.lazy import late

    if x is None:
        words = f"nothing to fit at {RATE}"
        raise UserError(words)
    report(0.1, f"fitting {x}")
    assert len(x), "empty"
    y: np.ndarray = RATE * late(step(x))
    return [Ista(z).run(constants.SCALE) for z in np.sort(y)]


def unrelated():
    return step(1)
''',
    "area/__init__.py": "",
    "area/constants.py": "SCALE = 2\nOTHER = 3\n",
    "area/methods.py": '''\
from dataclasses import dataclass

from mbdl_repro.area.base import Base
from mbdl_repro.family import Family
from mbdl_repro.learning import descend


@dataclass(frozen=True)
class Ista(Base):
    """Iterate."""

    z: float
    family = Family.MODEL_BASED
    parent = "fista"

    def run(self, n):
        """Run."""
        return self.halved(n)

    def fit(self):
        return descend(self)
''',
    "area/base.py": '''\
class Base:
    def halved(self, n):
        """Halve."""
        return n / 2
''',
    "area/updates.py": """\
from mbdl_repro.area.sizes import SIZE


def step(x):
    return SIZE * x


def loop(x):
    return loop(x - 1) if x else turn(x)


def turn(x):
    return loop(x)
""",
    "area/sizes.py": "SIZE = 3\n",
    "family.py": "class Family:\n    MODEL_BASED = 'model-based'\n",
    "learning.py": "def descend(method):\n    return method\n",
    "lazy.py": "def late(x):\n    return x\n",
    "errors.py": "class UserError(Exception):\n    pass\n",
}


class Package:
    """A small package in place of ours, whose files a test edits."""

    def __init__(self, folder):
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name, text):
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_text(text)

    def edit(self, name, old, new):
        text = (self.folder / name).read_text()
        assert text.count(old) == 1, (old, text.count(old))
        self.write(name, text.replace(old, new))

    def fingerprint(self, *roots, without=()):
        definitions.forget()  # a process reads each file once
        fingerprint.forget()
        return fingerprint.fingerprint(*(roots or (ROOT,)), without=without)


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setattr(definitions, "PACKAGE", tmp_path)
    monkeypatch.setattr(fingerprint, "MEMORY", Memory("fingerprints", ["."], tmp_path))
    yield Package(tmp_path)
    definitions.forget()
    fingerprint.forget()


def test_it_names_what_is_reached(package):
    assert set(package.fingerprint().definitions) == {
        "fit",
        "RATE",
        "late",
        "step",
        "SIZE",
        "Ista",
        "Base",
        "SCALE",
        "UserError",
        "descend",
    }


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("work/train.py", '"""Train."""', '"""Train, at length."""'),
        ("work/train.py", '"""Fit."""', '"""Fit the method."""'),
        ("area/methods.py", '    """Run."""\n', ""),
        ("work/train.py", "RATE = 0.5", "# A remark.\nRATE = 0.50  # and one more"),
        ("work/train.py", "RATE * late(step(x))", "(\n        RATE\n        * late(step(x)))"),
        ("work/train.py", "nothing to fit at {RATE}", "nothing is there to be fitted"),
        ("work/train.py", "UserError(words)", "UserError(words + str(unrelated))"),
        ("work/train.py", "fitting {x}", "at work"),
        ("work/train.py", '"empty"', "f'{x} is empty'"),
        ("work/train.py", "(x: np.ndarray, report=print) -> np.ndarray:", "(x, report=print):"),
        ("work/train.py", "y: np.ndarray = ", "y = "),
        ("work/train.py", "def unrelated():\n", "def unrelated(y=7):\n"),
        ("area/methods.py", "z: float", "z: int"),
        ("area/methods.py", "Family.MODEL_BASED", "Family.OTHER"),
        ("area/methods.py", 'parent = "fista"', 'parent = "ista"'),
        ("errors.py", "    pass\n", '    """It is the user\'s."""\n'),
        ("area/constants.py", "OTHER = 3", "OTHER = 4\nMORE = 1"),
        ("area/sizes.py", "SIZE = 3", '"""Sizes."""\n\nSIZE = 0x3'),
        ("area/updates.py", "def loop(x)", "def added(x):\n    return x\n\n\ndef loop(x)"),
        ("family.py", "'model-based'", "'by a model'"),
    ],
)
def test_words_annotations_and_additions_leave_it(package, name, old, new):
    before = package.fingerprint()
    package.edit(name, old, new)
    assert package.fingerprint().digest == before.digest


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("work/train.py", "RATE = 0.5", "RATE = 0.25", {"RATE"}),
        ("work/train.py", "RATE = 0.5", "RATE = '0.5'", {"RATE"}),
        ("work/train.py", "late(step(x))", "late(step(2 * x))", {"fit"}),
        ("work/train.py", "report=print", "report=repr", {"fit"}),
        ("work/train.py", "if x is None", "if x is not None", {"fit"}),
        ("area/methods.py", "self.halved(n)", "-self.halved(n)", {"Ista"}),
        ("area/methods.py", "    def run", "    @staticmethod\n    def run", {"Ista"}),
        ("area/methods.py", "z: float", "z: float = 1.0", {"Ista"}),
        ("area/methods.py", "frozen=True", "frozen=False", {"Ista"}),
        ("area/base.py", "n / 2", "n / 2.0", {"Base"}),
        ("area/constants.py", "SCALE = 2", "SCALE = 2\nSCALE += 1", {"SCALE"}),
        ("area/updates.py", "SIZE * x", "x * SIZE", {"step"}),
        ("area/sizes.py", "SIZE = 3", "SIZE = 3.0", {"SIZE"}),
        ("lazy.py", "return x", "return -x", {"late"}),
        ("learning.py", "return method", "return None", {"descend"}),
    ],
)
def test_what_is_computed_changes_it_and_what_changed_is_named(package, name, old, new, changed):
    before = package.fingerprint()
    package.edit(name, old, new)
    after = package.fingerprint()
    assert after.digest != before.digest
    one, two = before.definitions, after.definitions
    assert {key for key in one.keys() | two.keys() if one.get(key) != two.get(key)} == changed


def test_a_function_may_move_to_another_file(package):
    before = package.fingerprint()
    package.write("area/steps.py", FILES["area/updates.py"].split("\n\n\ndef loop")[0] + "\n")
    package.edit("area/updates.py", "def step(x):\n    return SIZE * x\n\n\n", "")
    package.edit("work/train.py", "area.updates import step", "area.steps import step")
    after = package.fingerprint()
    assert after.digest == before.digest
    assert (before.places["step"], after.places["step"]) == (
        "mbdl_repro.area.updates",
        "mbdl_repro.area.steps",
    )


def test_a_class_and_a_constant_may_move_and_imports_may_be_spelled_in_other_ways(package):
    before = package.fingerprint()
    package.write("rooms/__init__.py", "")
    package.write("rooms/ista.py", FILES["area/methods.py"])
    package.write("area/methods.py", "from mbdl_repro.rooms.ista import Ista\n")  # handed on
    package.write("rooms/numbers.py", FILES["area/constants.py"])
    package.edit("work/train.py", "area import constants", "rooms import numbers")
    package.edit("work/train.py", "constants.SCALE", "numbers.SCALE")
    package.edit("work/train.py", "import numpy as np", "import numpy as xp")
    text = (package.folder / "work/train.py").read_text()
    package.write("work/train.py", text.replace("np.", "xp."))
    assert package.fingerprint().digest == before.digest


def test_another_definition_of_the_same_name_is_another(package):
    """Two functions exchange their callees: the set of all definitions is as it was."""
    package.write("one.py", "def half(x):\n    return x / 2\n")
    package.write("two.py", "def half(x):\n    return x / 3\n")
    text = "from mbdl_repro.{} import half\n\n\ndef {}(x):\n    return half(x)\n"

    def of(first, second):
        package.write("a.py", text.format(first, "a"))
        package.write("b.py", text.format(second, "b"))
        return package.fingerprint("mbdl_repro.a:a", "mbdl_repro.b:b")

    straight, crossed = of("one", "two"), of("two", "one")
    assert straight.definitions == crossed.definitions
    assert straight.digest != crossed.digest


def test_functions_that_call_each_other_end(package):
    before = package.fingerprint("mbdl_repro.area.updates:loop")
    assert set(before.definitions) == {"loop", "turn"}
    package.edit("area/updates.py", "return loop(x)", "return 2 * loop(x)")
    assert package.fingerprint("mbdl_repro.area.updates:loop").digest != before.digest


def test_a_name_of_the_function_is_not_that_of_the_module(package):
    package.write(
        "scopes.py",
        """\
def used():
    return 1


def hidden():
    return 2


def f(x, hidden):
    g = [used for used in x]
    return lambda hidden: g + hidden


def h(x):
    return [hidden for y in x] + [used() for used in [used]]


class C:
    def used(self):
        return hidden()
""",
    )
    assert set(package.fingerprint("mbdl_repro.scopes:f").definitions) == {"f"}
    assert set(package.fingerprint("mbdl_repro.scopes:h").definitions) == {"h", "hidden", "used"}
    assert set(package.fingerprint("mbdl_repro.scopes:C").definitions) == {"C", "hidden"}


@pytest.mark.parametrize(
    "line",
    ["return globals()[x]", "return importlib.import_module(x)", "return nobody_binds_it(x)"],
)
def test_what_cannot_be_resolved_reaches_its_whole_module(package, line):
    text = f"import importlib\n\nA = 1\n\n\ndef f(x):\n    {line}\n\n\ndef g():\n    return 1\n"
    package.write("dynamic.py", text)
    before = package.fingerprint("mbdl_repro.dynamic:f")
    assert set(before.definitions) == {"A", "f", "g"}
    package.edit("dynamic.py", "A = 1", "A = 2")
    assert package.fingerprint("mbdl_repro.dynamic:f").digest != before.digest


def test_a_module_that_is_passed_on_is_reached_as_a_whole(package):
    package.edit("work/train.py", "constants.SCALE", "constants")
    assert {"SCALE", "OTHER"} <= set(package.fingerprint().definitions)


ACTS = [
    "for k in range(3):\n    TABLE[k] = k * VALUE",
    "TABLE.update({k: k * VALUE for k in range(3)})",
    "if True:\n    n = 1\n    TABLE[1] = VALUE",
    "if TYPE_CHECKING:\n    import torch\nelse:\n    TABLE[1] = VALUE",
    "with open('x') as c:\n    TABLE[1] = VALUE",
    "@TABLE.register\ndef g(x):\n    return VALUE",
]


@pytest.mark.parametrize("statement", ACTS)
def test_statements_that_may_act_belong_to_all_that_a_module_defines(package, statement):
    text = f"TABLE = {{}}\n\n\ndef f(x):\n    return TABLE[x]\n\n\n{statement}\n"
    package.write("acts.py", text.replace("VALUE", "2"))
    before = package.fingerprint("mbdl_repro.acts:f")
    package.write("acts.py", text.replace("VALUE", "3"))
    assert package.fingerprint("mbdl_repro.acts:f").digest != before.digest


COMPUTES = [
    "def f(x):\n    def g():\n        nonlocal mode\n        mode = 'VALUE'\n    mode = 'a'\n"
    "    g()\n    return mode",
    "def f(rng):\n    why = 'none'\n    why = rng.normal(VALUE)\n    if rng is None:\n"
    "        raise ValueError(why)\n    return rng.normal()",
    "class Done(Exception):\n    pass\n\n\ndef f(x):\n    raise Done(x * VALUE)",
    "def f(a):\n    a.report(VALUE)\n    return a.g",
    "class f:\n    family = 'dbVALUE'\n\n    def g(self, x):\n        return x(self.family)",
    "@scaled(label=VALUE)\ndef f(x):\n    return x",
    "import dataclasses\n\n\n@dataclasses.dataclass\nclass f:\n    h: fieldVALUE = 1",
    "def f(x):\n    import mbdl_repro.numberVALUE\n\n    return mbdl_repro.numberVALUE.N",
]


@pytest.mark.parametrize("text", COMPUTES)
def test_what_looks_like_words_and_computes_is_in_it(package, text):
    package.write("number2.py", "N = 2\n")
    package.write("number3.py", "N = 3\n")
    text = text.replace("fieldVALUE", "VALUE")

    def of(value):
        if "h: VALUE" in text:
            value = {"2": "float", "3": "InitVar[float]"}[value]
        package.write("words.py", text.replace("VALUE", value) + "\n")
        return package.fingerprint("mbdl_repro.words:f").digest

    assert of("2") != of("3")


def test_a_setter_reaches_no_more_than_its_class(package):
    package.write(
        "setter.py",
        "OTHER = 1\n\n\nclass C:\n    @property\n    def a(self):\n        return 1\n\n"
        "    @a.setter\n    def a(self, x):\n        self.b = x\n",
    )
    assert set(package.fingerprint("mbdl_repro.setter:C").definitions) == {"C"}


def test_what_a_module_does_on_import_belongs_to_all_that_it_defines(package):
    before = package.fingerprint()
    package.edit("area/sizes.py", "SIZE = 3", "SIZE = 3\nprint(SIZE)")
    with_statement = package.fingerprint()
    assert with_statement.digest != before.digest
    package.edit("area/sizes.py", "print(SIZE)", "if __name__ == '__main__':\n    print(SIZE)")
    assert package.fingerprint().digest == before.digest


def test_methods_that_are_never_called_can_be_left_out(package):
    before = package.fingerprint(without=("fit",))
    assert "descend" not in before.definitions
    package.edit("area/methods.py", "descend(self)", "descend(self) + 1")
    package.edit("learning.py", "return method", "return None")
    assert package.fingerprint(without=("fit",)).digest == before.digest


def test_versions_are_those_of_the_packages_that_are_used(package):
    assert package.fingerprint().versions == {"numpy": importlib.metadata.version("numpy")}
    assert package.fingerprint("mbdl_repro.area.updates:step").versions == {}
    package.edit("area/base.py", "class Base", "import scipy.linalg as la\n\n\nclass Base")
    assert "scipy" not in package.fingerprint().versions  # imported, and used by nobody
    package.edit("area/base.py", "return n / 2", "return la.norm(n) / 2")
    assert "scipy" in package.fingerprint().versions


def test_a_new_version_is_another_key(package, monkeypatch):
    before = package.fingerprint()
    monkeypatch.setattr(importlib.metadata, "version", lambda package: "99.0")
    after = package.fingerprint()
    assert after.digest == before.digest
    assert after.key != before.key


def test_what_was_found_is_remembered_until_a_file_changes(package, monkeypatch):
    before = package.fingerprint()
    fingerprint._findings().keep()
    monkeypatch.setattr(fingerprint, "_reached", lambda *words: pytest.fail("it looks again"))
    assert package.fingerprint() == before
    monkeypatch.undo()
    monkeypatch.setattr(definitions, "PACKAGE", package.folder)
    monkeypatch.setattr(fingerprint, "MEMORY", Memory("fingerprints", ["."], package.folder))
    package.edit("lazy.py", "return x", "return -x")
    assert package.fingerprint().digest != before.digest


def test_several_together(package):
    one, two = package.fingerprint(), package.fingerprint("mbdl_repro.area.updates:turn")
    both = together([one, two])
    assert both == together([two, one, one])
    assert both.digest not in (one.digest, two.digest)
    assert set(both.definitions) == {*one.definitions, *two.definitions}


def test_what_is_not_there_is_an_error(package):
    with pytest.raises(DefinitionNotFoundError, match=r"no module mbdl_repro\.work\.trein"):
        package.fingerprint("mbdl_repro.work.trein:fit")
    with pytest.raises(DefinitionNotFoundError, match=r"train defines no 'fitt'"):
        package.fingerprint("mbdl_repro.work.train:fitt")


# --- our own package ---


def test_no_module_imports_relatively_or_all_names():
    """Neither is followed; so there must be none."""
    for path in definitions.PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "from ." not in text, path
        assert "import *" not in text, path


CALLED = """
import importlib, sys
import numpy as np, torch
torch.set_num_threads(1)
from mbdl_repro.store.fingerprint import fingerprint
from mbdl_repro.areas.tracking.methods.kalman_filter import KalmanFilter
from mbdl_repro.areas.tracking.systems.linear_state_space import LinearStateSpace

truth = LinearStateSpace(**{fields})
found = set()


def watch(frame, event, argument):
    code, module = frame.f_code, frame.f_globals.get("__name__", "")
    if event == "call" and module.startswith("mbdl_repro.") and "<" not in code.co_qualname:
        found.add(code.co_qualname.split(".")[0])


sys.setprofile(watch)
split = truth.draw(3, "test", 0)
KalmanFilter(truth)(torch.as_tensor(split.x))
sys.setprofile(None)
reached = fingerprint(
    "mbdl_repro.areas.tracking.methods.kalman_filter:KalmanFilter",
    "mbdl_repro.areas.tracking.systems.linear_state_space:LinearStateSpace",
)
print(sorted(found - reached.definitions.keys()), len(found))
"""


def test_what_python_calls_is_in_it():
    """The second derivation: every function of ours that runs is one that was reached."""
    fields = {"transition": "canonical", "n_state": 2, "n_observations": 2, "n_steps": 5}
    fields |= {"process_noise_std": 0.1, "noise_std": 0.1}
    run = subprocess.run(
        [sys.executable, "-c", CALLED.format(fields=fields)], capture_output=True, text=True
    )
    missing, number = run.stdout.rsplit(" ", 1)
    assert missing == "[]", run.stdout + run.stderr
    assert int(number) > 15


def test_drawing_is_not_part_of_training_nor_one_method_of_another():
    reached = fingerprint.fingerprint(
        "mbdl_repro.areas.sparse_recovery.methods.lista:Lista",
        "mbdl_repro.areas.sparse_recovery.scenario:SparseRecovery",
        "mbdl_repro.pipeline.models:fit_block",
    )
    places = set(reached.places.values())
    assert "mbdl_repro.areas.sparse_recovery.updates.gradient_steps" in places
    assert not [p for p in places if ".figures" in p or ".reporting" in p or p.endswith(".ista")]
    assert not [p for p in places if ".experiments" in p or ".store" in p or ".cli" in p]


def test_paths_of_modules_and_packages():
    package = Path(definitions.__file__).parents[1]
    assert module_path("mbdl_repro.learning.training") == package / "learning/training.py"
    assert module_path("mbdl_repro.store") == package / "store/__init__.py"
    assert module_path("mbdl_repro.nothing") is None
