rule train:
    input:
        store.data("{experiment}"),
    output:
        store.model("{experiment}", "{method}", "{part}", "{parts}"),
        store.history("{experiment}", "{method}", "{part}", "{parts}"),
    log:
        store.log("train", "{experiment}/{method}.{part}of{parts}"),
    priority: 1  # the longest jobs first, so that no core waits for the last of them
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("train"),
        code=plan.code("train"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.pipeline.stages.train --experiment {wildcards.experiment}"
        " --method {wildcards.method} --part {wildcards.part}"
        " --scale {params.scale} --log {log}"
