# evaluate: a model and the data that one metric asks for -> that metric's table. One job a metric.


rule evaluate:
    input:
        unpack(
            lambda wildcards: metric_files(
                CATALOGUE.plan("metrics", wildcards.metric),
                CATALOGUE.metric(wildcards.metric),
            )
        ),
    output:
        table="results/metrics/{metric}/table.parquet",
        settings="results/metrics/{metric}/settings.json",
    log:
        "results/metrics/{metric}/evaluate.log",
    benchmark:
        "results/metrics/{metric}/benchmark.tsv"
    threads: SHARE
    resources:
        mem_mb=memory(4000),
        runtime=minutes(120),
    params:
        job=lambda wildcards: CATALOGUE.job(
            "metrics",
            wildcards.metric,
            "evaluate.py",
            f"charmer.evaluation.{CATALOGUE.metric(wildcards.metric)}",
        ),
    script:
        "../scripts/evaluate.py"
