"""Files are read alike, and refused in the same words, with libyaml and without it."""

import pytest
from experiments.texts import BASE, ROOT

from mbdl_repro.errors import UserError
from mbdl_repro.experiments import reading, strict_yaml
from mbdl_repro.experiments.strict_yaml import StrictYaml

FILES = sorted((ROOT / reading.EXPERIMENTS).glob("*.yaml"))
BROKEN = {
    "bracket": BASE.replace("trace: [0, 1, 2, 5]", "trace: [0, 1, 2, 5"),
    "tab": BASE.replace("  says: It needs", "\tsays: It needs"),
    "indentation": BASE.replace("  says: It needs", "   says: It needs"),
    "quote": BASE.replace('example: "5.6"', 'example: "5.6'),
    "alias": BASE.replace("seeds: 6", "seeds: *n"),
    "two documents": BASE.replace("area:", "---\narea:"),
    "control character": BASE.replace("seeds: 6", "seeds: \x07"),
    "directive": "%YAML 3.0\n---\n" + BASE,
    "lists": "a: " + "[" * 50_000,
    "dashes": "a:\n  " + "- " * 30_000 + "b",
    "mappings": "a: " + "{b: " * 30_000,
}


def read(path):
    """Return what a file holds, with lines, or how it is refused."""
    try:
        yaml = StrictYaml(path)
    except UserError as error:
        return str(error)
    return yaml.data, yaml.lines


def read_in_both_ways(path, monkeypatch):
    assert strict_yaml.CParser is not object, "PyYAML comes with libyaml here"
    quick = read(path)
    with monkeypatch.context() as patched:
        patched.setattr(strict_yaml, "CParser", object)
        return quick, read(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_files_are_the_same_with_libyaml_and_without(path, monkeypatch):
    quick, slow = read_in_both_ways(path, monkeypatch)
    assert quick == slow
    assert isinstance(quick, tuple)


@pytest.mark.parametrize("kind", BROKEN)
def test_files_are_refused_alike_with_libyaml_and_without(tmp_path, kind, monkeypatch):
    path = tmp_path / "broken.yaml"
    path.write_text(BROKEN[kind])
    quick, slow = read_in_both_ways(path, monkeypatch)
    assert quick == slow
    assert isinstance(quick, str) and str(path) in quick and "not valid YAML" in quick
