# calibrate: a model and sound code that set no weight -> how sure `charmer check` must be before it speaks.


rule calibrate:
    input:
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        tokenizer="results/models/{model}/tokenizer.json",
        shards=lambda wildcards: f"{CATALOGUE.plan('models', wildcards.model).corpus.folder}/val",
        train=lambda wildcards: f"{CATALOGUE.plan('models', wildcards.model).corpus.folder}/train",
    output:
        calibration="results/models/{model}/check.json",
    log:
        "results/models/{model}/calibrate.log",
    benchmark:
        "results/models/{model}/calibrate.benchmark.tsv"
    threads: SHARE
    resources:
        mem_mb=memory(3000),
        runtime=minutes(60),
    params:
        job=lambda wildcards: CATALOGUE.job("models", wildcards.model, "calibrate.py"),
    script:
        "../scripts/calibrate.py"
