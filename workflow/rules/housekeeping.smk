# Housekeeping: what under results/ neither this configuration nor any preset or grid refers to.


rule leftovers:
    localrule: True
    params:
        plans=PLANS,
        config=Path(workflow.basedir) / "config",
        remove=False,
    log:
        "results/leftovers.log",
    script:
        "../scripts/leftovers.py"


rule remove_leftovers:
    localrule: True
    params:
        plans=PLANS,
        config=Path(workflow.basedir) / "config",
        remove=True,
    log:
        "results/leftovers.log",
    script:
        "../scripts/leftovers.py"
