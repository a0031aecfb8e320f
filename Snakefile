"""From experiment files to figures, verdicts and one report: `snakemake --cores N`."""

import sys

sys.path.insert(0, workflow.basedir)

from mbdl_repro.pipeline import run as steps
from mbdl_repro.pipeline.plan import TARGETS
from mbdl_repro.pipeline.verbs import VERBS

# One setting narrows a run (experiments), two say how much and where (scale, device):
#   snakemake --cores all --config experiments=5.06_lista scale=smoke
plan = steps.for_snakemake(config, workflow.is_main_process)


wildcard_constraints:
    experiment=r"[^/]+",
    method=r"[^/.]+",
    part=r"\d+",
    parts=r"\d+",


# What a plain run makes, and what else can be asked for by name.


rule all:
    input:
        plan.outputs(*plan.targets),


for name, verbs in TARGETS.items():

    rule:
        name:
            name
        input:
            plan.made_by(*verbs),


# A rule for each verb: `mbdl_repro/pipeline/verbs.py` is the table of them.
for verb in VERBS.values():

    rule:
        name:
            verb.name
        input:
            plan.inputs_of(verb),
        output:
            plan.outputs_of(verb),
        log:
            plan.log_of(verb),
        priority: verb.priority
        conda:
            "environment.yml"
        threads: 1
        # Resources make nothing run again; of the device, what a job stands on has the kind.
        resources:
            torch_device=plan.device,
        params:
            words=plan.words_of(verb),
            stands_on=plan.stands_on_of(verb),
        shell:
            "exec python -m mbdl_repro.pipeline {params.words}"
            " --device {resources.torch_device} --log {log:q}"


onstart:
    steps.announce(plan)


onsuccess:
    print(steps.summary(plan))


onerror:
    print(steps.on_error(plan))
