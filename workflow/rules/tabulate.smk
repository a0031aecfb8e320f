rule tabulate:
    input:
        plan.scores_of,
        plan.examples_of,
    output:
        store.table("{experiment}"),
        store.seed_rows("{experiment}"),
        store.shown("{experiment}"),
    log:
        store.log("tabulate", "{experiment}"),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("tabulate"),
        code=plan.code("tabulate"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.pipeline.stages.tabulate --experiment {wildcards.experiment}"
        " --scale {params.scale} --log {log}"
