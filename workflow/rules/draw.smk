rule draw:
    input:
        store.table("{experiment}"),
        plan.examples_of,
    output:
        store.figure("{experiment}", "png"),
        store.figure("{experiment}", "pdf"),
    log:
        store.log("draw", "{experiment}"),
    params:
        spec=plan.spec("draw"),
        code=plan.code("draw"),
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.draw --experiment {wildcards.experiment}"
        " --scale {plan.scale.name} --log {log}"
