# report: every table of a run -> its page and plots; and the index of all runs, made anew from what is on disk.


def report_files(wildcards):
    plan = plan_of("runs", wildcards.run)
    return {
        "counts": f"{plan.corpus.folder}/counts.json",
        "card": f"{plan.corpus.folder}/card.json",
        "packages": f"{plan.corpus.folder}/packages.parquet",
        "statistics": f"{plan.vocab.folder}/statistics.json",
        "windows": f"{plan.windows.folder}/train.json",
        "weights": f"{plan.model.folder}/model.safetensors",
        **{
            f"metric_{name}": f"{metric.folder}/table.parquet"
            for metric in plan.metrics
            for name in metric.settings["evaluate"]
        },
    }


rule report:
    input:
        unpack(report_files),
    output:
        page=report(
            "results/runs/{run}/report/index.html",
            caption="../report/run.rst",
            category="Run",
            labels={"page": "the whole report"},
        ),
        plots=report(
            directory("results/runs/{run}/report/plots"),
            patterns=["{plot}.svg"],
            caption="../report/plot.rst",
            category="Plots",
            labels={"plot": "{plot}"},
        ),
        summary="results/runs/{run}/summary.json",
        settings="results/runs/{run}/settings.json",
    params:
        job=lambda wildcards: job("runs", wildcards.run, "report.py"),
    log:
        "results/runs/{run}/report.log",
    benchmark:
        "results/runs/{run}/benchmark.tsv"
    resources:
        mem_mb=2000,
    script:
        "../scripts/report.py"


rule summary:
    localrule: True
    input:
        f"{PLAN.run.folder}/summary.json",
    log:
        "results/summary.log",
    params:
        run=PLAN.run.folder,
    script:
        "../scripts/summary.py"
