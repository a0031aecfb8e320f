"""Commands of the command line as tests give them."""

from click.testing import CliRunner

from mbdl_repro.cli import main


def mbdl(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    as_wide_as_it_is = arguments[0] in ("new-method", "status", "plan")
    if not as_wide_as_it_is and "--format" not in arguments:
        assert max(map(len, result.stdout.splitlines()), default=0) <= 80
    return result.stdout


def mistake(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())
