# vocab: training shards -> a tokenizer and its statistics.


rule vocab:
    input:
        train=lambda wildcards: f"{CATALOGUE.plan('vocab', wildcards.vocab).corpus.folder}/train",
    output:
        tokenizer="results/vocab/{vocab}/tokenizer.json",
        statistics="results/vocab/{vocab}/statistics.json",
        settings="results/vocab/{vocab}/settings.json",
    log:
        "results/vocab/{vocab}/vocab.log",
    benchmark:
        "results/vocab/{vocab}/benchmark.tsv"
    threads: CORES
    resources:
        mem_mb=memory(2000),
        runtime=minutes(60, per_mb=0.01),
    params:
        job=lambda wildcards: CATALOGUE.job("vocab", wildcards.vocab, "vocab.py"),
    script:
        "../scripts/vocab.py"
