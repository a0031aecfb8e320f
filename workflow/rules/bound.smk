rule bound:
    input:
        store.data("{experiment}"),
    output:
        store.bounds("{experiment}"),
    log:
        store.log("bound", "{experiment}"),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("bound"),
        code=plan.code("bound"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.pipeline.stages.bound --experiment {wildcards.experiment}"
        " --scale {params.scale} --log {log}"
