rule evaluate:
    input:
        store.data("{experiment}"),
        plan.models_of,
    output:
        store.scores("{experiment}", "{method}"),
        store.examples("{experiment}", "{method}"),
    log:
        store.log("evaluate", "{experiment}/{method}"),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("evaluate"),
        code=plan.code("evaluate"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.pipeline.stages.evaluate --experiment {wildcards.experiment}"
        " --method {wildcards.method} --scale {params.scale} --log {log}"
