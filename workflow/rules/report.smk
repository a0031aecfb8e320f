rule verdicts:
    input:
        plan.own_verdicts(),
    output:
        store.verdicts(),
    log:
        store.log("gather", "verdicts"),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("gather"),
        code=plan.code("gather"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.pipeline.stages.gather --scale {params.scale} --log {log}"


rule report:
    input:
        store.verdicts(),
        plan.tables(),
        plan.figures(),
    output:
        store.report(),
    log:
        store.log("report", "report"),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("report"),
        code=plan.code("report"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.reporting.report --scale {params.scale} --log {log}"
