"""A small project of its own for each test: a copy of this one with two tiny experiments."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from snakemake.cli import main as snakemake_main

ROOT = Path(__file__).parents[1]

LINEAR = """
book: {example: null, section: "5.1", title: Tiny linear, says: A tiny experiment.}
area: linear_estimation
scenario: {n_signal: 3, n_observations: 4, observation_matrix: gaussian, noise_std: 0.3}
beliefs: {nothing: {observation_matrix: null, signal_covariance: null, noise_std: null}}
sweep: {noise_std: [0.3, 1.0], n_train: [20]}
samples: {validation: 10, test: 20}
seeds: 2
methods:
  linear_mmse: {}
  discriminative: {belief: nothing}
metrics: [squared_error]
bounds: [minimum_mean_squared_error]
figure:
  caption: A tiny figure.
  panels: [{kind: lines, title: Tiny, x: noise_std, y: squared_error}]
claims:
  - says: Knowing all is better.
    source: ours
    left: {method: linear_mmse}
    relation: below
    right: {method: discriminative, at: {n_train: 20}}
    at: {noise_std: 1.0}
"""

SPARSE = """
book: {example: null, section: "5.3", title: Tiny sparse, says: A tiny experiment.}
area: sparse_recovery
scenario:
  {observation_matrix: unit_columns, n_observations: 8, n_signal: 12, n_nonzeros: 2,
   nonzero_std: 0.5, noise_std: 0.01}
sweep: {n_train: [16, 32]}
samples: {validation: 8, test: 10}
seeds: 2
methods:
  ista: {iterations: 5, rho: 0.1}
  lista: {iterations: 2, rho: 0.1, recipe: {steps: 20, batch_size: 8}}
metrics: [squared_error]
trace: [0, 1, 2]
figure:
  caption: A tiny figure.
  panels:
    - {kind: lines, title: Tiny, x: n_train, y: squared_error}
    - {kind: signals, title: Signal, show: estimates, methods: [ista]}
"""


class Project:
    """A folder with the package, the workflow and tiny experiments."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("mbdl_repro", "workflow", "profiles"):
            # Bytecode, and what the catalogue remembers, are true of the copy, too.
            ignored = shutil.ignore_patterns("*.pyc.*", "*.json.*")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        for name in ("Snakefile", "pyproject.toml", "environment.yml"):
            shutil.copy(ROOT / name, folder / name)
        for path in folder.glob("workflow/[ce]*/*.yaml"):  # experiments and comparisons
            path.unlink()
        self.experiment("linear").write_text(LINEAR)
        self.experiment("sparse").write_text(SPARSE)

    def experiment(self, name: str) -> Path:
        return self.folder / f"workflow/experiments/{name}.yaml"

    def method(self, name: str) -> Path:
        (path,) = self.folder.glob(f"mbdl_repro/areas/*/methods/{name}.py")
        return path

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert text.count(old) == 1, (old, text.count(old))
        path.write_text(text.replace(old, new))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", *words]

    @property
    def environment(self) -> dict[str, str]:
        """The package of this folder, and nothing of an outer run."""
        outer = {k: v for k, v in os.environ.items() if not k.startswith(("MBDL_", "PYTEST_"))}
        return outer | {"PYTHONPATH": str(self.folder)}

    def run(self, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            **more,
        )  # type: ignore[call-overload]

    def snakemake(self, *words: str, cores: int = 2) -> subprocess.CompletedProcess[str]:
        return self.run("snakemake", "--cores", str(cores), *words)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command("snakemake", "--cores", "2", *words),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def inside(self, *words: str) -> tuple[int, str]:
        """Call snakemake in this process: for what runs no jobs, and edits no code.

        Returns:
            The status that it would end with, and all that it said.
        """
        said = io.StringIO()
        ours = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            contextlib.ExitStack() as stack,
        ):
            stack.callback(os.environ.update, dict(os.environ))
            stack.callback(os.environ.pop, "MBDL_RUN_PID", None)
            try:
                status = snakemake_main(["--cores", "2", *words])
            except SystemExit as error:
                status = error.code
        for number, handler in ours.items():
            signal.signal(number, handler)
        if isinstance(status, str):
            return 1, said.getvalue() + status
        return int(status or 0), said.getvalue()

    def jobs(self, *words: str) -> dict[str, int]:
        """Count the jobs of each rule that a run would do, by a dry run."""
        status, said = self.inside("--dry-run", *words)
        assert status == 0, said
        counts = re.findall(r"^(\w+) +(\d+)$", said, re.MULTILINE)
        return {rule: int(n) for rule, n in counts if rule not in ("total", "all")}

    def planned(self) -> dict[str, int]:
        """Count the jobs of each rule as ``mbdl plan`` does, with the code of this folder."""
        script = (
            "import collections, json\n"
            "from mbdl_repro.pipeline.plan import Plan\n"
            "from mbdl_repro.pipeline.status import Status\n"
            "from mbdl_repro.experiments.reading import load_scale\n"
            "tasks = Status(Plan(load_scale('full'))).to_run\n"
            "print(json.dumps(collections.Counter(task.verb for task in tasks)))"
        )
        result = subprocess.run(
            [sys.executable, "-c", script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        counts: dict[str, int] = json.loads(result.stdout)
        return counts

    def contents(self) -> dict[str, bytes]:
        """Return all rows, tables, verdicts and figures: what a run is for."""
        paths = [
            *self.folder.glob("results/rows/*.csv"),
            *self.folder.glob("results/rows/*.npz"),
            *self.folder.glob("results/tables/*.csv"),
            *self.folder.glob("results/verdicts/*.csv"),
            *self.folder.glob("figures/*.png"),
            self.folder / "results/verdicts.csv",
        ]
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in paths}

    def copy(self, folder: Path) -> Project:
        """Return a copy, as it is now."""
        shutil.copytree(self.folder, folder)
        other = object.__new__(Project)
        other.folder = folder
        return other

    def everything(self) -> dict[str, bytes]:
        """Return all files of the project, without Snakemake's own and bytecode."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        named = {str(path.relative_to(self.folder)): path.read_bytes() for path in files}
        return {k: v for k, v in named.items() if not re.search(r"^\.snakemake|__pycache__", k)}
