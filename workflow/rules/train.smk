# train: windows -> weights, configuration, tokenizer and the table of every step.


rule train:
    input:
        unpack(
            lambda wildcards: training_files(CATALOGUE.plan("models", wildcards.model))
        ),
    output:
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        tokenizer="results/models/{model}/tokenizer.json",
        metrics="results/models/{model}/metrics.parquet",
        held_out="results/models/{model}/held_out.parquet",
        summary="results/models/{model}/training.json",
        settings="results/models/{model}/settings.json",
    log:
        "results/models/{model}/train.log",
    benchmark:
        "results/models/{model}/benchmark.tsv"
    threads: SHARE
    resources:
        mem_mb=of_training(training_mb, MOST.megabytes),
        runtime=of_training(training_minutes, MOST.minutes),
        gpu=of_training(lambda settings, threads, gpus: gpus),
    params:
        job=lambda wildcards: CATALOGUE.job("models", wildcards.model, "train.py"),
    script:
        "../scripts/train.py"
