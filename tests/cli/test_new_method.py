"""A method that is begun is a method, and a name that cannot be one is refused."""

import contextlib
import importlib.util
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from commands import mbdl, mistake
from contract.instances import MIXED, SMALL

from mbdl_repro import catalogue
from mbdl_repro.catalogue.inspection import describe_method
from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.cli import main
from mbdl_repro.cli.options import families

pytestmark = pytest.mark.usefixtures("store")


@pytest.mark.parametrize("iterative", [False, True], ids=["one_rule", "iterative"])
@pytest.mark.parametrize("family", ["model_based", "unfolded_objective"])
@pytest.mark.parametrize("area", catalogue.areas())
def test_new_method_is_a_method_and_its_test_passes(area, family, iterative, monkeypatch):
    folder = Path("mbdl_repro", "areas", area, "methods")
    folder.mkdir(parents=True)
    arguments = ["new-method", "my_idea", "--area", area, "--family", family]
    arguments += ["--iterative"] * iterative
    if iterative and not any(info.iterative for info in catalogue.methods(area).values()):
        assert "no iterative method can be begun" in mistake(*arguments)
        return
    shown = mbdl(*arguments)
    said = CliRunner().invoke(main, [*arguments, "--write"]).output
    path = folder / "my_idea.py"
    assert path.read_text(encoding="utf-8") == shown
    assert "my_idea: {}" in said
    assert "mbdl run " in said and "--methods my_idea --scale smoke" in said
    name = f"mbdl_repro.areas.{area}.methods.my_idea"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    record = describe_method(module)
    assert (record["class_name"], record["family"]) == ("MyIdea", family.upper())
    assert record["meanings"].keys() == {"belief", *record["settings"]}
    assert record["iterative"] == iterative
    truth = (MIXED if iterative and area == "receivers" else SMALL[area]).truth
    learns = bool(list(module.MyIdea(truth).parameters()))
    assert learns == record["learns"]
    # Its own test, of this module in place of one in the package.
    monkeypatch.setitem(sys.modules, name, module)
    test = runpy.run_path(str(Path("tests", "areas", area, "methods", "test_my_idea.py")))
    for check in [value for key, value in test.items() if key.startswith("test_")]:
        with contextlib.nullcontext() if iterative else pytest.raises(NotImplementedError):
            check()
    there = [
        "--no-cache",
        "--stdin-filename",
        str(PACKAGE / "areas" / area / "methods" / path.name),
    ]
    for words in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *words, *there, "-"]
        subprocess.run(command, input=shown, text=True, check=True)


@pytest.mark.parametrize("area", catalogue.areas())
def test_its_comments_list_the_families_and_say_how_a_child_names_its_parent(area):
    words = ["new-method", "my_idea", "--area", area, "--family"]
    child, classical = (mbdl(*words, family) for family in ("unfolded_objective", "model_based"))
    one_line = " ".join(child.replace("    # ", "").split())
    assert all(family.upper() in one_line for family in families())
    parents = {info.parent for info in catalogue.methods(area).values() if info.parent}
    found = re.search(r'^    # parent = "(\w+)"$', child, re.M)
    assert bool(found) == bool(parents)
    assert found is None or found[1] in parents
    assert "parent" not in classical


def test_with_the_line_uncommented_it_is_a_child(tmp_path):
    text = mbdl("new-method", "my_idea", "--area", "tracking", "--family", "learned_optimization")
    path = tmp_path / "my_idea.py"
    path.write_text(text.replace("# parent", "parent"), encoding="utf-8")
    name = "mbdl_repro.areas.tracking.methods.my_idea"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    record = describe_method(module)
    assert catalogue.methods("tracking")[record["parent"]].family.name == "MODEL_BASED"


def test_new_method_refuses():
    def refusal(name, area="sparse_recovery", family="model_based", *more):
        return mistake("new-method", name, "--area", area, "--family", family, *more)

    for name in ("My_Idea", "2fast", "my-idea", "class", "_hidden", "../up"):
        assert "cannot name a method; allowed: lower-case letters" in refusal(name)
    assert "already" in refusal("ista")
    assert "already" in refusal("lasso")
    assert "no area 'spars3'" in refusal("my_idea", "spars3")
    assert "did you mean unfolded_objective" in refusal("my_idea", family="unfolded_objektive")
    assert "no folder" in refusal("my_idea", "sparse_recovery", "model_based", "--write")
    path = Path("mbdl_repro/areas/sparse_recovery/methods/my_idea.py")
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert "there already" in refusal("my_idea", "sparse_recovery", "model_based", "--write")
    assert path.read_text() == "mine"
