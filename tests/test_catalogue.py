"""What the catalogue tells is what the imported code says, for all there is; and no more work."""

import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path
from typing import Annotated, Literal

import pytest
from annotated_types import Ge, Gt, Le, Len, Lt, MultipleOf

import mbdl_repro.areas
from mbdl_repro import catalogue
from mbdl_repro.catalogue import MEMORY, REQUIRED
from mbdl_repro.catalogue.annotations import decode_type, decode_value, encode_type, encode_value
from mbdl_repro.catalogue.arguments import arguments
from mbdl_repro.catalogue.inspection import inspect_areas
from mbdl_repro.catalogue.memory import PACKAGE, Memory
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.method import ClosedFormMethod, IterativeMethod, Method
from mbdl_repro.errors import UserError
from mbdl_repro.experiments.schema import MethodFrame

METHODS = [info for area in catalogue.areas() for info in catalogue.methods(area).values()]
METRICS = [info for area in catalogue.areas() for info in catalogue.metrics(area).values()]
BOUNDS = [info for area in catalogue.areas() for info in catalogue.bounds(area).values()]

every_area = pytest.mark.parametrize("area", catalogue.areas())
every_method = pytest.mark.parametrize("info", METHODS, ids=lambda info: f"{info.area}.{info.name}")
every_metric = pytest.mark.parametrize(
    "info", METRICS, ids=lambda info: f"{info.module}.{info.name}"
)
every_bound = pytest.mark.parametrize("info", BOUNDS, ids=lambda info: f"{info.module}.{info.name}")


def first_sentence(doc):
    return re.split(r"(?<=\.)\s", doc.strip(), maxsplit=1)[0]


# --- areas and scenarios ---


def test_there_is_something_of_each_kind():
    assert len(catalogue.areas()) >= 2
    assert METHODS
    assert METRICS
    assert BOUNDS


@every_area
def test_an_area_has_a_scenario_methods_and_metrics(area):
    assert catalogue.scenarios(area)
    assert catalogue.methods(area)
    assert catalogue.metrics(area)


@every_area
def test_a_scenario_says_what_it_is_and_where_it_is_from(area):
    for name, cls in catalogue.scenarios(area).items():
        assert name.replace("_", "") == cls.__name__.lower()
        assert first_sentence(inspect.getdoc(cls)).endswith(".")
        assert "Source:" in cls.__doc__, f"{cls.__name__} does not say its source"


@every_area
def test_a_scenario_has_no_field_that_columns_of_the_table_are_called(area):
    taken = {"n_train", "seed", "iteration", "metric", "value", "method", "family", "belief"}
    taken |= {"experiment", "scenario", "n_parameters", "standard_error", "n_test", "kind"}
    for cls in catalogue.scenarios(area).values():
        assert not taken & set(typing.get_type_hints(cls))


# --- methods ---


@every_method
def test_the_info_says_what_the_class_says(info):
    cls = catalogue.method_class(info)
    assert info.name == info.path.stem == cls.name
    assert info.path == Path(inspect.getfile(cls))
    assert info.class_name == cls.__name__
    assert info.family is cls.family
    assert info.parent == cls.parent
    assert info.iterative == issubclass(cls, IterativeMethod)
    assert info.counted_by in (None, *info.settings)
    assert info.not_fitted == cls.not_fitted
    assert info.learns == (cls.family.learns and not cls.untrained)
    assert info.doc == inspect.getdoc(cls)


@every_method
def test_the_info_has_the_settings_of_the_constructor(info):
    parameters = dict(inspect.signature(catalogue.method_class(info)).parameters)
    assert next(iter(parameters)) == "belief"
    del parameters["belief"]
    assert list(info.settings) == list(parameters)
    for name, parameter in parameters.items():
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
        default = info.settings[name].default
        given = REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
        assert default is given or default == given


@every_method
def test_the_info_has_the_types_of_the_constructor(info):
    cls = catalogue.method_class(info)
    stated = [typing.get_type_hints(base.__init__, include_extras=True) for base in cls.__mro__]
    for name, setting in info.settings.items():
        assert setting.annotation == next(hints[name] for hints in stated if name in hints)


@every_method
def test_a_setting_bears_no_name_of_the_frame_around_it(info):
    assert not set(MethodFrame.model_fields) & set(info.settings)


@every_method
def test_a_file_holds_one_public_class_that_is_final(info):
    module = importlib.import_module(info.module)
    public = [
        cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == info.module and not name.startswith("_")
    ]
    assert public == [catalogue.method_class(info)]
    assert not public[0].__subclasses__()
    assert not inspect.isabstract(public[0])


@every_method
def test_what_several_methods_share_is_abstract_and_of_their_area(info):
    _, *bases = inspect.getmro(catalogue.method_class(info))
    for base in bases[: bases.index(Method)]:
        if base not in (IterativeMethod, ClosedFormMethod):
            # What has no family is no method, though it may lack nothing else.
            assert inspect.isabstract(base) or not hasattr(base, "family")
            assert base.__module__.startswith(f"mbdl_repro.areas.{info.area}.")
            assert not base.__module__.startswith(f"mbdl_repro.areas.{info.area}.methods")


@every_method
def test_a_method_that_fits_itself_or_inherits_that_is_known(info):
    """Seen in the bodies of the classes, which is not how the catalogue looks."""
    bases = inspect.getmro(catalogue.method_class(info))
    own = bases[: bases.index(Method)]
    assert info.fits_itself == any("_fit" in vars(base) for base in own)


@every_method
def test_a_class_is_called_as_its_file_is(info):
    """``linear_mmse.py`` holds LinearMmse, or LinearMMSE where a word is an acronym."""
    words = info.name.split("_")
    pattern = "".join(f"({word.capitalize()}|{word.upper()})" for word in words)
    assert re.fullmatch(pattern, info.class_name)


@every_method
def test_a_class_says_what_it_does_what_it_takes_and_where_it_is_from(info):
    sentence = first_sentence(info.doc)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) > 20
    assert re.search(r"^Source: \S", info.doc, re.MULTILINE), "no source"
    for name in ("belief", *info.settings):
        assert info.meanings.get(name), f"{name} is not explained"


@every_method
def test_a_parent_is_a_classical_method_of_the_same_area(info):
    assert info.family is not Family.BOUND
    if info.parent is not None:
        parent = catalogue.methods(info.area)[info.parent]
        # Or a classical iteration around a network that images alone have taught.
        assert parent.family in (Family.MODEL_BASED, Family.DNN_AIDED_PRIOR)
        assert info.family is not Family.MODEL_BASED


# --- metrics and bounds ---


@every_metric
def test_the_info_of_a_metric_says_what_the_function_says(info):
    function = catalogue.function(info)
    assert info.marks == function.marks
    assert info.marks.keys() == {"label", "summary", "decibels", "positive", "targets"}
    assert info.arguments == tuple(inspect.signature(function).parameters)
    assert set(info.arguments) <= {"estimate", "split", "truth", "method"}
    assert info.doc == inspect.getdoc(function)
    assert first_sentence(info.doc).endswith(".")


@every_bound
def test_the_info_of_a_bound_says_what_the_function_says(info):
    function = catalogue.function(info)
    assert info.marks == function.marks
    assert info.marks.keys() == {"metrics", "kind", "label"}
    assert info.marks["kind"] in ("floor", "theory", "reference")
    assert info.arguments == tuple(inspect.signature(function).parameters)
    assert set(info.arguments) <= {"truth", "n_train", "validation", "test", "iteration"}
    assert info.doc == inspect.getdoc(function)
    assert first_sentence(info.doc).endswith(".")


@every_area
def test_every_bound_is_on_a_metric_of_its_area(area):
    for info in catalogue.bounds(area).values():
        assert set(info.marks["metrics"]) <= catalogue.metrics(area).keys()


@every_area
def test_every_marked_function_has_an_info_and_no_name_has_two(area):
    metrics = importlib.import_module(f"mbdl_repro.areas.{area}.metrics")
    bounds = importlib.import_module(f"mbdl_repro.areas.{area}.bounds")
    marked = {
        name
        for module in (metrics, bounds)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if hasattr(function, "marks") and function.__module__ == module.__name__
    }
    named = [*catalogue.metrics(area), *catalogue.bounds(area)]
    assert marked == set(named)
    rows = [*catalogue.bounds(area), *catalogue.methods(area)]
    assert len(rows) == len(set(rows)), "a bound and a method share a name, and so their rows"


# --- types and defaults are remembered ---


@pytest.mark.parametrize(
    "annotation",
    [
        int,
        float,
        bool,
        str,
        tuple,
        None | int,
        int | None,
        float | tuple[float, ...],
        Literal["relu", "tanh"],
        Literal[2, "two", None, True],
        Annotated[int, Ge(1)],
        Annotated[float, Gt(0), Lt(1.618033988749895)],
        Annotated[float, Ge(0), Le(1)] | None,
        Annotated[list[int], Len(1)],
        Annotated[list[int], Len(1, 3)],
        tuple[int, int, int],
        tuple[Annotated[int, Ge(1)], ...],
        dict[str, list[float | None]],
    ],
)
def test_a_type_comes_back_from_json(annotation):
    back = decode_type(json.loads(json.dumps(encode_type(annotation))))
    assert back == annotation
    parts, again = typing.get_args(annotation), typing.get_args(back)
    assert [*map(type, parts)] == [*map(type, again)], "1, 1.0 and True are equal"


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 1.0, 0.1 + 0.2, float("inf"), "ρ", (1, 2), [1, 2], (), {"a": (1,), 2: [0.5]}],
)
def test_a_default_comes_back_from_json(value):
    back = decode_value(json.loads(json.dumps(encode_value(value))))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("annotation", [complex, set[int], Annotated[int, MultipleOf(2)], type])
def test_another_type_is_refused_in_words(annotation):
    with pytest.raises(TypeError, match="allowed: int, float, bool, str, None, Literal, tuple"):
        encode_type(annotation)


DOC = """The best rule.

Args:
    belief: knows H
        and more.
    rho: ρ: a weight.

Source: ours.
"""


def test_what_a_docstring_says_of_arguments():
    assert arguments(DOC) == {"belief": "knows H and more.", "rho": "ρ: a weight."}
    assert arguments("Nothing.") == {}


# --- an area of two methods, with a base that they share ---

SCENARIO = """\
import dataclasses

from mbdl_repro.contract.scenario import Scenario, Split


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line(Scenario):
    area = "toy"
    name = "line"

    def sample(self, n, rng):
        s = rng.standard_normal((n, 1))
        return Split(s, s)
"""

BASE = """\
from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from mbdl_repro.contract.method import IterativeMethod


class Steps(IterativeMethod):
    \"""Steps that an update makes.

    Args:
        belief: that of the base.
        iterations: K, said once.
        rho: of the base.
    \"""

    def __init__(
        self, belief: object, start: float, *, iterations: Annotated[int, Ge(1)], rho: float = 0.5
    ) -> None:
        super().__init__()
        self.start, self.iterations, self.rho = start, iterations, rho

    @abstractmethod
    def update(self, s: Tensor) -> Tensor: ...

    def iterates(self, x: Tensor) -> Iterator[Tensor]:
        s = self.start * x
        yield s
        for _ in range(self.iterations):
            s = self.update(s)
            yield s
"""

GOOD = """\
from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from annotated_types import Gt
from torch import Tensor

from mbdl_repro.areas.toy.base import Steps
from mbdl_repro.contract.family import Family

with Path(__file__).with_suffix(".imports").open("a") as file:
    file.write("once ")
print("this is no part of the answer")


class Good(Steps):
    \"""Halve the estimate.

    Args:
        belief: its own.
        step: μ.

    Source: ours.
    \"""

    name = "good"
    family = Family.MODEL_BASED

    def __init__(self, belief: object, *, step: Annotated[float, Gt(0)] = 0.25, **settings: Any):
        super().__init__(belief, 1.0, **settings)
        self.step = step

    def update(self, s: Tensor) -> Tensor:
        return s / 2
"""

PLAIN = """\
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.method import Method


class Plain(Method):
    \"""Repeat what is seen.\"""

    name = "plain"
    family = Family.DEEP_LEARNING

    def __init__(self, belief, *, side: int = 3): ...

    def forward(self, x):
        return x
"""

METRICS = """\
from mbdl_repro.contract.measure import metric


@metric(label="error")
def error(estimate, split):
    \"""Return the error.\"""
    return abs(estimate - split.s)[:, 0]


def helper(): ...
"""


def write_area(areas: Path) -> Path:
    folder = areas / "toy"
    (folder / "methods").mkdir(parents=True)
    texts = {"scenario": SCENARIO, "base": BASE, "metrics": METRICS, "__init__": ""}
    texts |= {"methods/__init__": "", "methods/good": GOOD, "methods/plain": PLAIN}
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A running example that the package finds in another folder; inspected anew at each call."""
    monkeypatch.setattr(mbdl_repro.areas, "__path__", [str(tmp_path)])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    folder = write_area(tmp_path)

    def forget():
        for name in [name for name in sys.modules if name.startswith("mbdl_repro.areas.toy")]:
            del sys.modules[name]

    def inspected(file: str = "", old: str = "", new: str = ""):
        forget()
        if file:
            path = folder / file
            text = path.read_text(encoding="utf-8")
            assert text.count(old) == 1
            path.write_text(text.replace(old, new), encoding="utf-8")
            importlib.invalidate_caches()
        return json.loads(json.dumps(inspect_areas(tmp_path)))["toy"]

    yield inspected
    forget()


def test_what_a_base_has_is_inherited(toy):
    records = toy()
    assert records["errors"] == []
    info = catalogue._method_info(records["methods"]["good"])
    settings = {name: (one.annotation, one.default) for name, one in info.settings.items()}
    assert settings == {
        "step": (Annotated[float, Gt(0)], 0.25),
        "iterations": (Annotated[int, Ge(1)], REQUIRED),
        "rho": (float, 0.5),
    }
    assert list(settings) == ["step", "iterations", "rho"], "its own first"
    assert info.meanings == {
        "belief": "its own.",
        "step": "μ.",
        "iterations": "K, said once.",
        "rho": "of the base.",
    }
    assert info.doc.startswith("Halve the estimate.")
    assert info.iterative
    assert info.counted_by == "iterations"
    assert not info.learns
    assert not info.fits_itself
    other = catalogue._method_info(records["methods"]["plain"])
    assert other.learns
    assert not other.iterative
    assert other.counted_by is None
    assert other.meanings == {}
    metric = catalogue._function_info(records["metrics"]["error"])
    assert metric.arguments == ("estimate", "split")
    assert (metric.name, metric.area, metric.marks["label"]) == ("error", "toy", "error")
    assert list(records["metrics"]) == ["error"]
    assert records["bounds"] == {}


def test_a_constructor_that_passes_nothing_on_has_its_own_settings_only(toy):
    records = toy("methods/good.py", ", **settings: Any", "")
    assert list(records["methods"]["good"]["settings"]) == ["step"]
    assert records["methods"]["good"]["counted_by"] is None


@pytest.mark.parametrize(
    ("stated", "counted_by"),
    [("'rho'", "rho"), ("None", None), ("'most'", None), ("'iterations'", "iterations")],
)
def test_the_setting_that_counts_iterations_is_what_the_class_says(toy, stated, counted_by):
    records = toy("base.py", '    """\n\n    def', f'    """\n    counted_by = {stated}\n\n    def')
    assert catalogue._method_info(records["methods"]["good"]).counted_by == counted_by
    assert catalogue._method_info(records["methods"]["plain"]).counted_by is None


def test_a_constructor_may_be_that_of_the_base(toy):
    own = GOOD[GOOD.index("    def __init__") : GOOD.index("    def update")]
    records = toy("methods/good.py", own, "")
    assert "setting start must be a keyword" in records["errors"][0], "nobody decides on it"
    records = toy("base.py", "belief: object, start: float, *,", "belief: object, *, start: float,")
    assert records["errors"] == []
    assert list(records["methods"]["good"]["settings"]) == ["start", "iterations", "rho"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Family.DEEP_LEARNING", "'magic'", "must state family = Family.X; X is one of MODEL_B"),
        ("    family = Family.DEEP_LEARNING\n", "", "class Plain must state family = Family.X"),
        ('"plain"', '"flat"', 'class Plain must state name = "plain"'),
        ('    name = "plain"\n', "", 'class Plain must state name = "plain"'),
        ("side: int = 3", "side=3", "setting side needs a type annotation; allowed: int, fl"),
        ("side: int", "side: complex", "setting side has the type complex; allowed: int, float"),
        ("int = 3", "list = [object()]", "setting side has a default or choice of the type obj"),
        ("int = 3", "'Unknown' = 3", "NameError: name 'Unknown' is not defined; allowed: int"),
        ("*, side", "side", "setting side must be a keyword"),
        ("belief, *, ", "*, ", "the constructor of Plain must take belief, and then settings"),
        ("def __init__(self, belief, *, side: int = 3): ...", "", "must have a constructor"),
        ("class Plain", "class Other: ...\nclass Plain", "one public class, not 2 (Other, Plain)"),
        ("class Plain", "class _Plain", "a method's file holds one public class, not 0"),
        ("(Method)", "", "class Plain must derive from Method"),
        ("def forward", "def backward", "class Plain must define forward"),
        (
            "    name",
            "    not_fitted = ('grid',)\n    name",
            "names grid; allowed: its settings, si",
        ),
        ("Repeat", "Repeat\x00", "source code string cannot contain null bytes"),
        (
            "class Plain",
            "def _f():\n    return 1 / 0\n\n_f()\n\nclass Plain",
            "ZeroDivisionError: division by zero (mbdl_repro/areas/toy/methods/plain.py, line 6)",
        ),
        ("contract.family", "contract.families", "No module named 'mbdl_repro.contract.families'"),
    ],
)
def test_a_file_that_breaks_the_contract_is_named(toy, old, new, message):
    records = toy("methods/plain.py", old, new)
    (error,) = records["errors"]
    assert error.startswith("mbdl_repro/areas/toy/methods/plain.py: ")
    assert message in error
    assert "good" in records["methods"]


def test_what_breaks_several_files_is_told_once(toy):
    (error,) = toy("base.py", "yield s\n        for", "yeld s\n        for")["errors"]
    assert error.startswith("mbdl_repro/areas/toy/methods/good.py: it cannot be imported: Syntax")
    assert "(base.py, line " in error
    (error,) = toy("__init__.py", "", "1 / 0")["errors"]
    assert error.startswith("mbdl_repro/areas/toy/methods/good.py and 2 more: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('area = "toy"', 'area = "boy"', 'scenario.py: class Line must state area = "toy"'),
        ('    area = "toy"\n', "", 'scenario.py: class Line must state area = "toy"'),
        ('    name = "line"\n', "", "scenario.py: class Line must state its name, as in name ="),
    ],
)
def test_a_scenario_that_does_not_state_its_names_is_named(toy, old, new, message):
    assert list(catalogue.scenarios.__wrapped__("toy")) == ["line"]
    toy("scenario.py", old, new)
    sys.modules.pop("mbdl_repro.areas.toy.scenario", None)
    with pytest.raises(UserError, match=re.escape(message)):
        catalogue.scenarios.__wrapped__("toy")


# --- from one start to the next ---

SHOW = """
import json, sys
from mbdl_repro import catalogue
infos = catalogue.methods("toy")
heavy = {"torch", "pandas", "matplotlib"} & {*sys.modules}
print(json.dumps([infos["good"].settings["step"].default, sorted(infos), sorted(heavy)]))
"""


class Copy:
    """A copy of the package that has the toy as its only running example."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "mbdl_repro"
        ignored = shutil.ignore_patterns("__pycache__", "areas")
        shutil.copytree(PACKAGE, self.package, ignore=ignored)
        self.area = write_area(self.package / "areas")
        (self.package / "areas/__init__.py").touch()
        self.memory = self.package / "__pycache__" / MEMORY.path.name
        self.good = self.area / "methods/good.py"

    def start(self, *command: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, *(command or ("-c", SHOW))],
            cwd=self.package.parent,
            env=os.environ | {"PYTHONPATH": str(self.package.parent)} | NO_BYTECODE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shown(self) -> list:
        out, err = self.start().communicate()
        assert err == ""
        return json.loads(out)

    @property
    def imports(self) -> int:
        return self.good.with_suffix(".imports").read_text().count("once")


NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Bytecode is told apart by the second and the size of its source, which edits here share."""


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_each_method_is_imported_once_until_a_file_changes(copy):
    expected = [0.25, ["good", "plain"], []]
    at_once = [copy.start(), copy.start()]
    for out, err in [process.communicate() for process in at_once]:
        assert (json.loads(out), err) == (expected, "")
    assert [path.name for path in copy.memory.parent.iterdir()] == [copy.memory.name]
    assert copy.imports == 2, "of two that started at once"
    assert copy.shown() == expected
    assert copy.imports == 2
    text = copy.good.read_text(encoding="utf-8")
    copy.good.write_text(text.replace("= 0.25", "= 0.75"), encoding="utf-8")
    assert copy.shown()[0] == 0.75
    assert copy.imports == 3


def test_a_folder_that_cannot_be_written_is_no_error(copy):
    copy.memory.parent.write_text("this is not a folder")
    assert copy.shown() == [0.25, ["good", "plain"], []]


def test_what_is_remembered_is_what_was_found_in_these_files(tmp_path):
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods/good.py").write_text("1")
    memory = Memory("found", ["methods"], tmp_path)
    assert memory.read(memory.checksum()) is None
    memory.write(memory.checksum(), {"good": 0.75})
    assert memory.read(memory.checksum()) == {"good": 0.75}
    whole = memory.path.read_bytes()
    for damaged in (whole.replace(b"0.75", b"0.85"), whole[:50], b"", b"[]", b"{}", b"\xff"):
        memory.path.write_bytes(damaged)
        assert memory.read(memory.checksum()) is None
    memory.path.write_bytes(whole)
    assert memory.read(memory.checksum()) == {"good": 0.75}
    (tmp_path / "methods/good.py").rename(tmp_path / "methods/fine.py")
    assert memory.read(memory.checksum()) is None
    assert [path.name for path in memory.path.parent.iterdir()] == [memory.path.name]


def test_what_cannot_be_written_is_not_remembered(tmp_path):
    memory = Memory("found", ["."], tmp_path)
    memory.path.parent.write_text("this is not a folder")
    memory.write("checksum", [])
    assert memory.read("checksum") is None
    assert [path.name for path in tmp_path.iterdir()] == [memory.path.parent.name]


def test_a_broken_file_is_one_message_and_is_not_remembered(copy):
    text = GOOD.replace("from pathlib", "import nothing_of_this_name\nfrom pathlib")
    copy.good.write_text(text, encoding="utf-8")
    shutil.copytree(Path(__file__).parents[1] / "workflow", copy.package.parent / "workflow")
    listing = "-m", "mbdl_repro.cli", "methods"
    _, err = copy.start(*listing).communicate()
    assert err == (
        "Error: mbdl_repro/areas/toy/methods/good.py: it cannot be imported: ModuleNotFoundError: "
        "No module named 'nothing_of_this_name' (mbdl_repro/areas/toy/methods/good.py, line 3)\n"
    )
    # Nothing changes but that the package is there now.
    (copy.package.parent / "nothing_of_this_name.py").touch()
    out, err = copy.start(*listing).communicate()
    assert err == ""
    assert "good" in out


def test_a_contract_that_is_broken_is_one_message(copy):
    (copy.package / "contract/method.py").write_text("Method = 1 +\n")
    _, err = copy.start().communicate()
    last = err.strip().splitlines()[-1]
    assert "UserError: the methods cannot be imported: SyntaxError: invalid syntax" in last
    assert "to see all that it said: " in last


def test_planning_needs_no_torch_and_little_work():
    """Of all there is, in the state that this process has left."""
    script = (
        "import sys\n"
        "from mbdl_repro import catalogue\n"
        "calls = found = 0\n"
        "def count(*_):\n"
        "    global calls\n"
        "    calls += 1\n"
        "sys.setprofile(count)\n"
        "for area in catalogue.areas():\n"
        "    for listing in (catalogue.methods, catalogue.metrics, catalogue.bounds):\n"
        "        found += len(listing(area))\n"
        "sys.setprofile(None)\n"
        "methods = {name for name in sys.modules if '.methods.' in name}\n"
        "print(calls // found, methods | {'torch', 'pandas', 'matplotlib'} & {*sys.modules})"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    calls, loaded = ran.stdout.split()
    assert loaded == "set()"
    assert int(calls) < 800  # of each that there is, twice as many as it takes
