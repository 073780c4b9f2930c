# ngrams: a model and held-out code -> how much a text's own repetitions count beside the network.


rule ngrams:
    input:
        unpack(
            lambda wildcards: token_files(
                CATALOGUE.plan("models", wildcards.model), "val"
            )
        ),
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        tokenizer="results/models/{model}/tokenizer.json",
    output:
        ngram_cache="results/models/{model}/ngram_cache.json",
    log:
        "results/models/{model}/ngrams.log",
    benchmark:
        "results/models/{model}/ngrams.benchmark.tsv"
    threads: SHARE
    resources:
        mem_mb=memory(3000),
        runtime=minutes(60),
    params:
        job=lambda wildcards: CATALOGUE.job("models", wildcards.model, "ngrams.py"),
    script:
        "../scripts/ngrams.py"
