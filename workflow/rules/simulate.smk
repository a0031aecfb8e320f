rule simulate:
    output:
        store.data("{experiment}"),
    log:
        store.log("simulate", "{experiment}"),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("simulate"),
        code=plan.code("simulate"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.pipeline.stages.simulate --experiment {wildcards.experiment}"
        " --scale {params.scale} --log {log}"
