"""What the package needs is said in three files that agree, and its commands are told."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GROUPS = {"needed": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
REQUIREMENTS = [
    pytest.param(Requirement(text), id=f"{group}-{Requirement(text).name}")
    for group, texts in GROUPS.items()
    for text in texts
]


def constraint_lines() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


PINS = {
    canonicalize_name(line.split("==")[0]): Version(line.split("==")[1])
    for line in constraint_lines()
    if "==" in line
}


# --- versions ---


@pytest.mark.parametrize("line", constraint_lines())
def test_a_constraint_is_one_exact_public_version(line):
    """Nothing local (``+cpu``), no address, no marker: the same on every machine."""
    name, version = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.]+)", line).groups()
    assert Version(version).local is None
    assert canonicalize_name(name) in PINS


def test_no_package_is_pinned_twice():
    assert len(PINS) == len(constraint_lines())


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_every_dependency_is_pinned_within_its_range(requirement):
    name = canonicalize_name(requirement.name)
    assert name in PINS, f"pin {name} in constraints.txt"
    assert requirement.specifier.contains(PINS[name])
    assert requirement.url is None and requirement.marker is None


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_every_dependency_has_a_lowest_version(requirement):
    operators = {part.operator for part in requirement.specifier}
    assert operators & {">=", "~=", "=="}


def test_pins_are_those_that_the_tests_run_with():
    """So that a constraint is never a version that nobody tried (what is not installed aside)."""
    import importlib.metadata

    for parameter in REQUIREMENTS:
        (requirement,) = parameter.values
        try:
            installed = Version(importlib.metadata.version(requirement.name))
        except importlib.metadata.PackageNotFoundError:
            continue
        assert requirement.specifier.contains(installed), requirement.name


def test_torch_is_pinned_for_every_kind_of_machine():
    assert PINS["torch"].local is None and not PINS["torch"].is_prerelease


# --- conda ---


def test_the_conda_environment_takes_everything_from_the_same_files():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["name"] == PROJECT["name"]
    assert environment["channels"] == ["conda-forge"]
    python, pip, by_pip = environment["dependencies"]
    assert Requirement(python).name == "python"
    assert Requirement(python).specifier == Requirement("x" + PROJECT["requires-python"]).specifier
    assert pip == "pip"
    words = [word.split() for word in by_pip["pip"]]
    assert list(by_pip) == ["pip"]
    assert words == [["-c", "constraints.txt"], ["-e", "."]]


def test_the_python_that_tools_check_is_the_least_that_is_allowed():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    (least,) = Requirement("x" + PROJECT["requires-python"]).specifier
    assert least.operator == ">="
    assert tools["ruff"]["target-version"] == "py" + least.version.replace(".", "")
    script = (ROOT / "run.py").read_text(encoding="utf-8")
    assert f"sys.version_info < ({least.version.replace('.', ', ')})" in script


# --- what is installed ---


def test_every_file_of_the_package_that_is_no_code_is_installed_with_it():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    given = {
        path
        for package, patterns in tool["setuptools"]["package-data"].items()
        for pattern in patterns
        for path in (ROOT / package.replace(".", "/")).glob(pattern)
    }
    there = {path for path in tracked() if path.is_relative_to(ROOT / "mbdl_repro")}
    assert {path for path in there if path.suffix != ".py"} <= given
    assert given


# --- its commands ---

COMMANDS = ["python3 run.py reproduce", "python3 run.py test", "python3 run.py docs"]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_readme_tells_the_command(command):
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_script_has_the_command(command):
    assert f'"{command.split()[-1]}":' in (ROOT / "run.py").read_text(encoding="utf-8")


def test_the_check_of_a_clean_clone_is_the_test_command():
    path = ROOT / ".ci/run"
    assert path.stat().st_mode & 0o111, "it can be run"
    text = path.read_text(encoding="utf-8")
    commands = [
        line for line in text.splitlines() if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == ["python3 run.py test"]
    assert "set -euo pipefail" in text


# --- what no file says ---


def tracked() -> list[Path]:
    try:
        result = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is not a clone")
    paths = [ROOT / name for name in result.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


HOSTS = ["pypi" + ".org", "download.pytorch" + ".org", "files.pythonhosted" + ".org"]


def test_no_file_names_the_host_of_a_registry():
    """Where packages come from is a matter of the machine: a mirror serves as well."""
    assert tracked()
    for path in tracked():
        content = path.read_bytes()
        for host in HOSTS:
            assert host.encode() not in content, f"{path.relative_to(ROOT)} names {host}"


def test_no_file_sets_where_packages_come_from():
    words = [b"--" + b"index-url", b"--" + b"extra-index-url", b"--" + b"find-links"]
    for path in tracked():
        content = path.read_bytes()
        assert not any(word in content for word in words), path.relative_to(ROOT)


UNSAFE = [
    r"allow_pickle\s*=\s*True",
    r"\bpickle\.loads?\(",
    r"\bimport pickle\b",
    r"(?<!safetensors\.)\btorch\.(save|load)\(",
    r"weights_only\s*=\s*False",
    r"\byaml\.(unsafe_load|full_load|load)\(",
    r"\bjoblib\b",
]

BESIDE_BYTECODE = ROOT / "mbdl_repro/experiments/remembered.py"
"""Reads back what it wrote into the package's __pycache__, whose files Python runs as it is."""


@pytest.mark.parametrize("pattern", UNSAFE)
def test_no_code_reads_or_writes_what_can_run(pattern):
    """Arrays, weights, tables and settings are data: opening one never runs a program."""
    paths = {*(ROOT / "mbdl_repro").rglob("*.py")} - {BESIDE_BYTECODE}
    assert len(paths) > 20
    for path in sorted(paths):
        found = re.search(pattern, path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)} says {found[0]!r}"
