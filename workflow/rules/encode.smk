# encode: one split's shards and a tokenizer -> a flat array of tokens and a table of its documents.


rule encode:
    input:
        shards=lambda wildcards: f"{CATALOGUE.plan('vocab', wildcards.vocab).corpus.folder}/{wildcards.split}",
        tokenizer="results/vocab/{vocab}/tokenizer.json",
    output:
        tokens="results/tokens/{vocab}/{split}.npy",
        documents="results/tokens/{vocab}/{split}.parquet",
        settings="results/tokens/{vocab}/{split}.settings.json",
    log:
        "results/tokens/{vocab}/{split}.log",
    benchmark:
        "results/tokens/{vocab}/{split}.benchmark.tsv"
    threads: CORES
    resources:
        mem_mb=memory(2000, per_mb=4),
        runtime=minutes(30, per_mb=0.1),
    params:
        job=lambda wildcards: CATALOGUE.job("vocab", wildcards.vocab, "encode.py"),
    script:
        "../scripts/encode.py"
