rule draw:
    input:
        store.table("{experiment}"),
        store.seed_rows("{experiment}"),
        store.shown("{experiment}"),
    output:
        store.figure("{experiment}", "png"),
        store.figure("{experiment}", "pdf"),
    log:
        store.log("draw", "{experiment}"),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("draw"),
        code=plan.code("draw"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.pipeline.stages.draw --experiment {wildcards.experiment}"
        " --scale {params.scale} --log {log}"
