# Housekeeping: what under results/ neither this configuration nor any preset or grid refers to.


rule leftovers:
    log:
        "results/leftovers.log",
    localrule: True
    params:
        plans=CATALOGUE.plans,
        grids=[GRID] if GRID else [],
        config=Path(workflow.basedir) / "config",
        delete=False,
    script:
        "../scripts/leftovers.py"


rule remove_leftovers:
    log:
        "results/leftovers.log",
    localrule: True
    params:
        plans=CATALOGUE.plans,
        grids=[GRID] if GRID else [],
        config=Path(workflow.basedir) / "config",
        delete=True,
    script:
        "../scripts/leftovers.py"
