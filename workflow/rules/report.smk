rule verdicts:
    input:
        plan.own_verdicts(),
    output:
        store.verdicts(),
    log:
        store.log("gather", "verdicts"),
    params:
        spec=plan.spec("gather"),
        code=plan.code("gather"),
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.gather --scale {plan.scale.name} --log {log}"


rule report:
    input:
        store.verdicts(),
        plan.tables(),
        plan.figures(),
    output:
        store.report(),
    log:
        store.log("report", "report"),
    params:
        spec=plan.spec("report"),
        code=plan.code("report"),
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.report --scale {plan.scale.name} --log {log}"
