rule simulate:
    output:
        store.data("{experiment}"),
    log:
        store.log("simulate", "{experiment}"),
    params:
        spec=plan.spec("simulate"),
        code=plan.code("simulate"),
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.simulate --experiment {wildcards.experiment}"
        " --scale {plan.scale.name} --log {log}"
