# train: windows -> weights, configuration, tokenizer and the table of every step.


def training_files(wildcards):
    plan = plan_of("models", wildcards.model)
    windows = plan.windows.folder
    return {
        "tokenizer": f"{plan.vocab.folder}/tokenizer.json",
        "train_windows": f"{windows}/train.npy",
        "val_windows": f"{windows}/val.npy",
        **token_files(plan, "train", "val"),
    }


rule train:
    input:
        unpack(training_files),
    output:
        weights="results/models/{model}/model.safetensors",
        config="results/models/{model}/config.json",
        tokenizer="results/models/{model}/tokenizer.json",
        metrics="results/models/{model}/metrics.parquet",
        held_out="results/models/{model}/held_out.parquet",
        summary="results/models/{model}/training.json",
        settings="results/models/{model}/settings.json",
    params:
        job=lambda wildcards: job("models", wildcards.model, "train.py"),
    log:
        "results/models/{model}/train.log",
    benchmark:
        "results/models/{model}/benchmark.tsv"
    threads: workflow.cores or 1
    resources:
        mem_mb=4000,
    script:
        "../scripts/train.py"
