"""A project of given experiments, and what Snakemake would run of it."""

import shutil
from pathlib import Path

from jobs import job

from mbdl_repro.experiments.experiment import Experiment
from mbdl_repro.pipeline.stages.bound import bound
from mbdl_repro.pipeline.stages.evaluate import evaluate
from mbdl_repro.pipeline.stages.simulate import simulate
from mbdl_repro.pipeline.stages.train import train

SCALES = Path(__file__).parents[2] / "workflow/scales"


def project(folder: Path, **experiments: str) -> Path:
    shutil.copytree(SCALES, folder / "workflow/scales")
    (folder / "workflow/experiments").mkdir()
    for name, text in experiments.items():
        (folder / f"workflow/experiments/{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def compute(experiment: Experiment, scale) -> None:
    """Run what Snakemake would, up to the scores."""
    simulate(job("simulate", experiment, scale))
    for label, entry in experiment.methods.items():
        for part in range(1, entry.jobs + 1) if entry.has_fit else []:
            train(job("train", experiment, scale, label, part))
        evaluate(job("evaluate", experiment, scale, label))
    if experiment.bounds:
        bound(job("bound", experiment, scale))
