rule tabulate:
    input:
        plan.scores_of,
    output:
        store.table("{experiment}"),
        store.seed_rows("{experiment}"),
    log:
        store.log("tabulate", "{experiment}"),
    params:
        spec=plan.spec("tabulate"),
        code=plan.code("tabulate"),
    threads: 1
    shell:
        "exec python -m mbdl_repro.stages.tabulate --experiment {wildcards.experiment}"
        " --scale {plan.scale.name} --log {log}"
