# pack: token arrays -> where the windows of one context length and one dataset size begin.


rule pack:
    input:
        tokens=lambda wildcards: "results/tokens/{}/{}.npy".format(
            CATALOGUE.plan("windows", wildcards.windows).vocab.name, wildcards.split
        ),
        documents=lambda wildcards: "results/tokens/{}/{}.parquet".format(
            CATALOGUE.plan("windows", wildcards.windows).vocab.name, wildcards.split
        ),
    output:
        windows="results/windows/{windows}/{split}.npy",
        summary="results/windows/{windows}/{split}.json",
        settings="results/windows/{windows}/{split}.settings.json",
    log:
        "results/windows/{windows}/{split}.log",
    benchmark:
        "results/windows/{windows}/{split}.benchmark.tsv"
    resources:
        mem_mb=memory(2000, per_mb=4),
        runtime=minutes(30),
    params:
        job=lambda wildcards: CATALOGUE.job("windows", wildcards.windows, "pack.py"),
    script:
        "../scripts/pack.py"
