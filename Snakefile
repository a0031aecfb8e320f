"""From experiment files to figures, verdicts and one report: `snakemake --cores N`."""

import os
import sys
from pathlib import Path

sys.path.insert(0, workflow.basedir)

from mbdl_repro.pipeline import plan as planning

# One setting narrows a run (experiments), two say how much and where (scale, device):
#   snakemake --cores all --config experiments=5.06_lista scale=smoke
plan = planning.for_snakemake(config, workflow.is_main_process)
store = plan.store


wildcard_constraints:
    experiment=r"[^/]+",
    method=r"[^/.]+",
    part=r"\d+",
    parts=r"\d+",


# The targets that can be asked for by name. `all` is what a plain run makes.


rule all:
    input:
        plan.everything(),


rule data:
    input:
        plan.data(),


rule models:
    input:
        plan.models(),


rule scores:
    input:
        plan.scores(),


rule tables:
    input:
        plan.tables(),


rule figures:
    input:
        plan.figures(),


include: "workflow/rules/simulate.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/bound.smk"
include: "workflow/rules/tabulate.smk"
include: "workflow/rules/verify.smk"
include: "workflow/rules/draw.smk"
include: "workflow/rules/report.smk"


onstart:
    plan.start()


onsuccess:
    print(plan.farewell())


onerror:
    print(plan.mishap())
