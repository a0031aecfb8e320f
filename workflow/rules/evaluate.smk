rule evaluate:
    input:
        store.data("{experiment}"),
        plan.models_of,
    output:
        store.scores("{experiment}", "{method}"),
        store.examples("{experiment}", "{method}"),
    log:
        store.log("evaluate", "{experiment}/{method}"),
    params:
        spec=plan.spec("evaluate"),
        code=plan.code("evaluate"),
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.evaluate --experiment {wildcards.experiment}"
        " --method {wildcards.method} --scale {plan.scale.name} --log {log}"
