"""A shell completes commands, and names of what there is, as the key is pressed."""

import subprocess
import sys

import pytest
from click.shell_completion import ShellComplete
from commands import mbdl, mistake

from mbdl_repro.catalogue.memory import PACKAGE
from mbdl_repro.cli import main

pytestmark = pytest.mark.usefixtures("store")


def completed(*words):
    *args, incomplete = words
    found = ShellComplete(main, {}, "mbdl", "_MBDL_COMPLETE").get_completions(args, incomplete)
    return [one.value for one in found]


@pytest.mark.parametrize(
    ("words", "some"),
    [
        (("ta",), ["table"]),
        (("new-",), ["new-experiment", "new-method"]),
        (("table", "5"), ["5.06_lista"]),
        (("run", "5.06_lista", "6"), ["6.01_linear"]),
        (("show", "5.06_L"), ["5.06_lista"]),
        (("plan", ""), ["5.06_lista", "6.01_linear"]),
        (("methods", "--area", "sp"), ["sparse_recovery"]),
        (("table", "5.06_lista", "--scale", "s"), ["smoke"]),
        (("table", "5.06_lista", "--metric", "squared_e"), ["squared_error"]),
        (("new-method", "x", "--family", "deep"), ["deep_learning"]),
        (("explain", "lista_c"), ["lista_cp", "lista_cpss"]),
        (("status", "--device", "cu"), ["cuda"]),
        (("completion", "z"), ["zsh"]),
    ],
)
def test_what_is_completed(words, some):
    assert completed(*words) == some


def test_the_script_of_each_shell_asks_this_command():
    for shell in ("bash", "zsh", "fish"):
        assert f"_MBDL_COMPLETE={shell}_complete" in mbdl("completion", shell)
    assert "no shell 'tcsh'; allowed: bash, fish, zsh" in mistake("completion", "tcsh")
    assert 'eval "$(mbdl completion bash)"' in mbdl("completion", "--help")


def test_nothing_heavy_is_imported_to_complete_a_name():
    code = (
        "import os, sys; from click.shell_completion import ShellComplete\n"
        "from mbdl_repro.cli import main\n"
        "for args in ['table'], ['explain'], ['methods', '--area']:\n"
        "    ShellComplete(main, {}, 'mbdl', '_MBDL_COMPLETE').get_completions(args, '')\n"
        "print({'numpy', 'pydantic', 'pandas'} & {*sys.modules})"
    )
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=PACKAGE.parent)
    assert answer.stdout == "set()\n", answer.stderr
