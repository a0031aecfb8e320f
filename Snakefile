"""From experiment files to figures, verdicts and one report: `snakemake --cores N`."""

import sys

from snakemake.utils import min_version

min_version("9.18")
sys.path.insert(0, workflow.basedir)

from mbdl_repro.pipeline import run as steps
from mbdl_repro.pipeline.plan import TARGETS
from mbdl_repro.pipeline.verbs import VERBS

# One setting narrows a run (experiments), two say how much and where (scale, device):
#   snakemake --cores all --config experiments=5.06_lista scale=smoke
run = steps.for_snakemake(config, workflow)


wildcard_constraints:
    experiment=run.plan.no_comparison,
    comparison=run.plan.one_of_comparisons,
    method=r"[^/.]+",
    part=r"\d+",
    parts=r"\d+",


# What a plain run makes, and what else can be asked for by name.


rule all:
    input:
        run.plan.outputs(*run.plan.targets),


for name, verbs in TARGETS.items():

    rule:
        name:
            name
        input:
            run.made_by(*verbs),


# A rule for each verb: `mbdl_repro/pipeline/verbs.py` is the table of them.
for verb in VERBS.values():

    rule:
        name:
            verb.name
        input:
            run.inputs_of(verb),
        output:
            run.outputs_of(verb),
        log:
            run.plan.log_of(verb),
        priority: verb.priority
        # On a cluster, what takes seconds is done where the run is, and waits in no queue.
        localrule: verb.name not in ("simulate", "train", "evaluate", "bound")
        threads: 1
        # Resources make nothing run again; of the device, records say the kind.
        resources:
            torch_device=run.plan.device,
            mem_mb=run.costs.megabytes(verb),
            runtime=run.costs.minutes(verb),
        params:
            words=run.plan.words_of(verb),
        shell:
            "exec python -S -m mbdl_repro.pipeline {params.words}"
            " --device {resources.torch_device:q} --log {log:q}"


onstart:
    run.begin()


onsuccess:
    run.end()


onerror:
    run.fail()
