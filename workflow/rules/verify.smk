rule verify:
    input:
        store.seed_rows("{experiment}"),
    output:
        store.verdicts("{experiment}"),
    log:
        store.log("verify", "{experiment}"),
    params:
        spec=plan.spec("verify"),
        code=plan.code("verify"),
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.verify --experiment {wildcards.experiment}"
        " --scale {plan.scale.name} --log {log}"
