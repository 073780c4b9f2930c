# scrape: Python files of one source, or of a part of it -> Parquet shards, and a table of every file that was refused.


rule scrape:
    output:
        shards=directory("results/sources/{source}{part}/shards"),
        refused="results/sources/{source}{part}/refused.parquet",
        settings="results/sources/{source}{part}/settings.json",
    log:
        "results/sources/{source}{part}/scrape.log",
    benchmark:
        "results/sources/{source}{part}/benchmark.tsv"
    threads: EACH
    resources:
        mem_mb=memory(2000),
        runtime=minutes(120),
    params:
        # The source's files are no inputs: a digest over what its globs select stands in the mapping instead.
        job=lambda wildcards: CATALOGUE.job(
            "sources",
            wildcards.source,
            "scrape.py",
        ),
        part=lambda wildcards: list(CATALOGUE.part(wildcards.source, wildcards.part)),
    script:
        "../scripts/scrape.py"
