rule train:
    input:
        store.data("{experiment}"),
    output:
        store.model("{experiment}", "{method}", "{part}", "{parts}"),
        store.history("{experiment}", "{method}", "{part}", "{parts}"),
    log:
        store.log("train", "{experiment}/{method}.{part}of{parts}"),
    params:
        spec=plan.spec("train"),
        code=plan.code("train"),
    priority: 1  # the longest jobs first, so that no core waits for the last of them
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.train --experiment {wildcards.experiment}"
        " --method {wildcards.method} --part {wildcards.part}"
        " --scale {plan.scale.name} --log {log}"
