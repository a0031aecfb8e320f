rule verify:
    input:
        store.seed_rows("{experiment}"),
    output:
        store.verdicts("{experiment}"),
    log:
        store.log("verify", "{experiment}"),
    conda:
        "../../environment.yml"
    threads: 1
    params:
        spec=plan.spec("verify"),
        code=plan.code("verify"),
        scale=plan.scale.name,
    shell:
        "exec python -m mbdl_repro.pipeline.stages.verify --experiment {wildcards.experiment}"
        " --scale {params.scale} --log {log}"
