"""What a user waits for: planning, status, one figure, and every experiment at smoke scale."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from timing import show

ROOT = Path(__file__).parents[1]
CHOSEN = "workflow/experiments/3.06_ista.yaml"
COMMANDS = {
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
    "mbdl status": [sys.executable, "-m", "mbdl_repro.cli", "status"],
    "mbdl plan": [sys.executable, "-m", "mbdl_repro.cli", "plan"],
    "snakemake -n": [sys.executable, "-m", "snakemake", "-n", "--cores", "2"],
    "snakemake, one figure to redraw": [
        *(sys.executable, "-m", "snakemake", "figures/3.06_ista.png", "--cores", "2"),
    ],
    "snakemake, nothing to do": [
        *(sys.executable, "-m", "snakemake", "figures/3.06_ista.png", "--cores", "2"),
    ],
    "snakemake, all at smoke scale from nothing": [
        *(sys.executable, "-m", "snakemake", "--cores", "2", "--config", "scale=smoke"),
    ],
    "mbdl new-method --write": [
        *(sys.executable, "-m", "mbdl_repro.cli", "new-method", "mine"),
        *("--area", "tracking", "--family", "unfolded_network", "--write"),
    ],
    "mbdl plan, when a method was edited": [sys.executable, "-m", "mbdl_repro.cli", "plan"],
}


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command, and return the seconds that it took: by the clock, and of CPU.

    Args:
        command: its words.
        folder: where it is run: a clone.
    """
    environment = os.environ | {"PYTHONPATH": str(folder)}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Time each command in a fresh clone, after first starts that are not counted."""
    found: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        clone = Path(temporary, "clone")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        for name in ("mbdl status", "python -c 'import torch'"):
            timed(COMMANDS[name], clone)  # compiles, and learns what the sources say
        for name, command in COMMANDS.items():
            if "redraw" in name:
                text = Path(clone, CHOSEN).read_text(encoding="utf-8")
                Path(clone, CHOSEN).write_text(text.replace("title: Convergence", "title: Again"))
            found[name] = timed(command, clone)
    unit = found["python -c 'import torch'"][1]
    rows = [
        [name, f"{wall:.1f}", f"{cpu:.1f}", f"{cpu / unit:.1f}"]
        for name, (wall, cpu) in found.items()
    ]
    show("pipeline", ["command", "wall s", "CPU s", "CPU, import of torch = 1"], rows)


if __name__ == "__main__":
    main()
