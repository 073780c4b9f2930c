# export: a model -> the files of one other program's format. One job a format; the target is `exports`.


rule export:
    input:
        unpack(
            lambda wildcards: model_files(CATALOGUE.plan("exports", wildcards.export))
        ),
    output:
        files=directory("results/exports/{export}/files"),
        settings="results/exports/{export}/settings.json",
    log:
        "results/exports/{export}/export.log",
    benchmark:
        "results/exports/{export}/benchmark.tsv"
    resources:
        mem_mb=memory(4000, per_mb=4),
        runtime=minutes(30),
    params:
        job=lambda wildcards: CATALOGUE.job(
            "exports",
            wildcards.export,
            "export.py",
            f"charmer.export.{CATALOGUE.format(wildcards.export)}",
        ),
    script:
        "../scripts/export.py"
