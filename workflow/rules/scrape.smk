# scrape: Python files of one source -> Parquet shards, and a table of every file that was refused.


rule scrape:
    output:
        shards=directory("results/sources/{source}/shards"),
        refused="results/sources/{source}/refused.parquet",
        settings="results/sources/{source}/settings.json",
    log:
        "results/sources/{source}/scrape.log",
    benchmark:
        "results/sources/{source}/benchmark.tsv"
    # One job a source, side by side; on one machine a source takes the cores that the others leave.
    threads: CORES if ON_CLUSTER else max(1, CORES // len(PLAN.sources))
    resources:
        mem_mb=grown(2000),
        runtime=grown(120),
    params:
        # The source's files are no inputs: a digest over what its globs select stands in the mapping instead.
        job=lambda wildcards: CATALOGUE.job(
            "sources",
            wildcards.source,
            "scrape.py",
        ),
    script:
        "../scripts/scrape.py"
