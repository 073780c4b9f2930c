# break: one split's shards -> a table of broken code, with the interpreter's complaint and the fix.


rule break:
    input:
        shards=lambda wildcards: f"{CATALOGUE.plan('broken', wildcards.broken).corpus.folder}/{wildcards.split}",
    output:
        table="results/broken/{broken}/{split}.parquet",
        settings="results/broken/{broken}/{split}.settings.json",
    log:
        "results/broken/{broken}/{split}.log",
    benchmark:
        "results/broken/{broken}/{split}.benchmark.tsv"
    threads: CORES
    resources:
        mem_mb=memory(2000, per_mb=2),
        runtime=minutes(60),
    params:
        job=lambda wildcards: CATALOGUE.job("broken", wildcards.broken, "break.py"),
    script:
        "../scripts/break.py"
