#!/usr/bin/env python3
"""Set everything up and run it, on a machine with Python 3.11 or later and nothing else.

    python3 run.py reproduce            everything at full scale: snakemake --cores all
    python3 run.py test                 the tests
    python3 run.py docs                 the documentation, as a site in build/docs

Words that follow go to snakemake, pytest or sphinx-build, for example

    python3 run.py reproduce figures --config scale=smoke
    python3 run.py test tests/statistics
    python3 run.py docs -b linkcheck

The first run makes a virtual environment in .venv from constraints.txt; later ones use it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
SITE = "sphinx-build -c docs -W --keep-going -j auto . build/docs"
COMMANDS = {
    "reproduce": ("", ["snakemake", "--cores", "all"]),
    "test": ("[test]", ["pytest", "-n", "auto", "--maxprocesses", "4", "--dist", "worksteal"]),
    "docs": ("[docs]", SITE.split()),
}
WHOLE = {"test": ["--cov", "--cov-report", "term:skip-covered", "--cov-fail-under", "90"]}
"""What is added where no words narrow the command."""


def main() -> None:
    """Set up what the command needs, then become that command."""
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or later is needed; this is {sys.version.split()[0]}")
    name, *words = sys.argv[1:] or ["--help"]
    if name not in COMMANDS:
        sys.exit(str(__doc__).strip())
    extras, command = COMMANDS[name]
    set_up(extras)
    os.chdir(ROOT)
    path = os.pathsep.join([str(BIN), os.environ.get("PATH", "")])
    program = str(BIN / command[0])
    sys.stdout.flush()
    # A number of cores in the words would be a second one; so would that of a profile's jobs.
    options = {"--cores", "-c", "-j", "--jobs", "--profile"}
    given = options & {word.split("=")[0] for word in words}
    defaults = [] if given else command[1:]
    rest = words or WHOLE.get(name, [])
    os.execve(program, [program, *defaults, *rest], os.environ | {"PATH": path})


def set_up(extras: str) -> None:
    """Make the virtual environment, or bring it up to what the project's files ask for."""
    asked = b"".join((ROOT / file).read_bytes() for file in ("pyproject.toml", "constraints.txt"))
    stamp = VENV / f"made-from-{hashlib.sha256(asked).hexdigest()[:16]}{extras}"
    if stamp.exists():
        return
    print("setting up .venv: a few minutes the first time, nothing later", flush=True)
    if not (BIN / "python").exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=False)
        if made.returncode:
            sys.exit(
                "cannot make a virtual environment; on Debian and Ubuntu install the package "
                "python3-venv, then run this again"
            )
    install = ["pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = ["--constraint", "constraints.txt", "--editable", f".{extras}"]
    done = subprocess.run([str(BIN / "python"), "-m", *install, *wanted], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit("the installation failed (see above); mend that, then run this again")
    for old in VENV.glob("made-from-*"):  # of the same extras; others stay for theirs
        if old.name.partition("[")[1:] == stamp.name.partition("[")[1:]:
            old.unlink()
    stamp.touch()


if __name__ == "__main__":
    main()
