# evaluate: a model and the data that one metric asks for -> that metric's table. One job a metric.


rule evaluate:
    input:
        unpack(
            lambda wildcards: metric_files(
                plan_of("metrics", wildcards.metric), metric_name(wildcards.metric)
            )
        ),
    output:
        table="results/metrics/{metric}/table.parquet",
        settings="results/metrics/{metric}/settings.json",
    log:
        "results/metrics/{metric}/evaluate.log",
    benchmark:
        "results/metrics/{metric}/benchmark.tsv"
    threads: workflow.cores or 1
    resources:
        mem_mb=4000,
    params:
        job=lambda wildcards: job(
            "metrics",
            wildcards.metric,
            "evaluate.py",
            f"charmer.evaluation.{metric_name(wildcards.metric)}",
        ),
    script:
        "../scripts/evaluate.py"
