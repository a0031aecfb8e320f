"""Commands of the command line as tests give them."""

from click.testing import CliRunner

from mbdl_repro.cli import main

WIDE = {"estimate", "new-method", "new-experiment", "status", "plan", "completion"}
"""Commands whose lines may be longer than a terminal is wide."""


def mbdl(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    if not (WIDE | {"--format", "--json"}) & set(arguments):
        assert max(map(len, result.stdout.splitlines()), default=0) <= 80
    return result.stdout


def mistake(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())
