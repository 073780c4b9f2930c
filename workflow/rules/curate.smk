# curate: all shards -> train, val and test shards, and where every file went.


rule curate:
    input:
        shards=lambda wildcards: [
            f"{source.folder}/shards"
            for source in CATALOGUE.plan("corpus", wildcards.corpus).sources
        ],
        refused=lambda wildcards: [
            f"{source.folder}/refused.parquet"
            for source in CATALOGUE.plan("corpus", wildcards.corpus).sources
        ],
    output:
        **{split: directory(f"results/corpus/{{corpus}}/{split}") for split in SPLITS},
        ledger="results/corpus/{corpus}/ledger.parquet",
        packages="results/corpus/{corpus}/packages.parquet",
        card="results/corpus/{corpus}/card.json",
        counts="results/corpus/{corpus}/counts.json",
        settings="results/corpus/{corpus}/settings.json",
    log:
        "results/corpus/{corpus}/curate.log",
    benchmark:
        "results/corpus/{corpus}/benchmark.tsv"
    threads: CORES
    resources:
        mem_mb=grown(2000, per_mb=8),
        runtime=grown(60, per_mb=0.5),
    params:
        job=lambda wildcards: CATALOGUE.job("corpus", wildcards.corpus, "curate.py"),
    script:
        "../scripts/curate.py"
