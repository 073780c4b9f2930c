# report: every table of a run -> its page and plots; and the index of all runs, made anew from what is on disk.


rule report:
    input:
        unpack(lambda wildcards: report_files(CATALOGUE.plan("runs", wildcards.run))),
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
    log:
        "results/runs/{run}/report.log",
    benchmark:
        "results/runs/{run}/benchmark.tsv"
    resources:
        mem_mb=memory(2000),
        runtime=minutes(30),
    params:
        job=lambda wildcards: CATALOGUE.job("runs", wildcards.run, "report.py"),
    script:
        "../scripts/report.py"
