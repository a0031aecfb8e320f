"""What the catalogue reads in the files is what the imported code says; for all there is."""

import importlib
import inspect
import re
import typing

import pytest

from mbdl_repro import catalogue
from mbdl_repro.catalogue import REQUIRED
from mbdl_repro.contract.family import Family
from mbdl_repro.contract.method import IterativeMethod, Method
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
    assert info.name == info.path.stem
    assert info.class_name == cls.__name__
    assert info.family is cls.family
    assert info.parent == cls.parent
    assert info.iterative == issubclass(cls, IterativeMethod)
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
    hints = typing.get_type_hints(cls.__init__, include_extras=True)
    for name, setting in info.settings.items():
        assert setting.annotation == hints[name]


@every_method
def test_a_setting_bears_no_name_of_the_frame_around_it(info):
    assert not set(MethodFrame.model_fields) & set(info.settings)


@every_method
def test_a_file_holds_one_public_class_that_stands_directly_under_the_contract(info):
    module = importlib.import_module(info.module)
    public = [
        cls
        for name, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == info.module and not name.startswith("_")
    ]
    assert public == [catalogue.method_class(info)]
    base, *others = public[0].__bases__
    assert others in ([], [IterativeMethod]), "infos read the names of bases"
    if base not in (Method, IterativeMethod):  # then what several of an area's methods share
        assert inspect.isabstract(base) and issubclass(base, Method)
        assert not issubclass(base, IterativeMethod), "infos tell that by the name of the base"
        assert base.__module__.startswith(f"mbdl_repro.areas.{info.area}.")
        assert not base.__module__.startswith(f"mbdl_repro.areas.{info.area}.methods")
    assert not public[0].__subclasses__()
    assert not inspect.isabstract(public[0])


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
        assert re.search(rf"^    {name}: \S", info.doc, re.MULTILINE), f"{name} is not explained"


@every_method
def test_a_parent_is_a_classical_method_of_the_same_area(info):
    assert info.family is not Family.BOUND
    if info.parent is not None:
        parent = catalogue.methods(info.area)[info.parent]
        assert parent.family is Family.MODEL_BASED
        assert info.family is not Family.MODEL_BASED


# --- metrics and bounds ---


@every_metric
def test_the_info_of_a_metric_says_what_the_function_says(info):
    function = catalogue.function(info)
    assert "label" in info.marks
    assert info.marks == {name: getattr(function, name) for name in info.marks}
    assert info.arguments == tuple(inspect.signature(function).parameters)
    assert set(info.arguments) <= {"estimate", "split", "truth", "method"}
    assert info.doc == inspect.getdoc(function)
    assert first_sentence(info.doc).endswith(".")


@every_bound
def test_the_info_of_a_bound_says_what_the_function_says(info):
    function = catalogue.function(info)
    marks = {"metric": function.metric, "kind": function.kind, "label": function.label}
    assert info.marks == marks
    assert info.marks["kind"] in ("floor", "theory", "reference")
    assert info.arguments == tuple(inspect.signature(function).parameters)
    assert set(info.arguments) <= {"truth", "n_train", "validation", "test", "iteration"}
    assert info.doc == inspect.getdoc(function)
    assert first_sentence(info.doc).endswith(".")


@every_area
def test_every_bound_is_on_a_metric_of_its_area(area):
    for info in catalogue.bounds(area).values():
        assert info.marks["metric"] in catalogue.metrics(area)


@every_area
def test_every_marked_function_has_an_info_and_no_name_has_two(area):
    metrics = importlib.import_module(f"mbdl_repro.areas.{area}.metrics")
    bounds = importlib.import_module(f"mbdl_repro.areas.{area}.bounds")
    marked = {
        name
        for module, mark in ((metrics, "label"), (bounds, "kind"))
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if hasattr(function, mark) and function.__module__ == module.__name__
    }
    named = [*catalogue.metrics(area), *catalogue.bounds(area)]
    assert marked == set(named)
    rows = [*catalogue.bounds(area), *catalogue.methods(area)]
    assert len(rows) == len(set(rows)), "a bound and a method share a name, and so their rows"


# --- what is refused ---

GOOD = """\
class Good(Method):
    family = Family.MODEL_BASED

    def __init__(self, belief, *, steps: Annotated[int, Ge(1)], rho: float = 0.5): ...
"""


@pytest.fixture
def area(tmp_path, monkeypatch):
    """An area whose only method is written by the test."""
    monkeypatch.setattr(catalogue, "PACKAGE", tmp_path)
    (tmp_path / "toy" / "methods").mkdir(parents=True)

    def write(text):
        (tmp_path / "toy" / "methods" / "good.py").write_text(text)
        catalogue.methods.cache_clear()
        return catalogue.methods("toy")["good"]

    yield write
    catalogue.methods.cache_clear()


def test_a_file_is_read_without_being_imported(area):
    info = area(GOOD)
    assert info.family is Family.MODEL_BASED
    assert info.settings["steps"].default is REQUIRED
    assert info.settings["rho"].default == 0.5
    assert not info.iterative


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Family.MODEL_BASED", "Family.MAGIC", "must say `family = Family.X`; X is one of MODEL"),
        ("    family = Family.MODEL_BASED\n", "", "class Good must say `family"),
        (": float = 0.5", "=0.5", "setting rho needs a type annotation"),
        ("class Good", "class Other: ...\nclass Good", "one public class, not 2"),
        ("class Good", "class _Good", "one public class, not 0"),
    ],
)
def test_a_file_that_breaks_the_contract_is_named(area, old, new, message):
    assert GOOD.count(old) == 1
    with pytest.raises(SyntaxError) as caught:
        area(GOOD.replace(old, new))
    assert "good.py: " in str(caught.value)
    assert message in str(caught.value)


def test_a_call_in_a_type_runs_nothing(area):
    with pytest.raises(NameError):
        area(GOOD.replace("Ge(1)", "__import__('os').getcwd()"))
