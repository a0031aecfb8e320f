rule bound:
    input:
        store.data("{experiment}"),
    output:
        store.bounds("{experiment}"),
    log:
        store.log("bound", "{experiment}"),
    params:
        spec=plan.spec("bound"),
        code=plan.code("bound"),
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.bound --experiment {wildcards.experiment}"
        " --scale {plan.scale.name} --log {log}"
