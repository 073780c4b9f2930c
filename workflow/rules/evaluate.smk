# evaluate: a model and the data that one metric asks for -> that metric's table. One job a metric.


def metric_name(wildcards):
    (name,) = VARIANTS["metrics"][wildcards.metric].settings["evaluate"]
    return name


def metric_needs(name):
    """The data that a metric's module names in NEEDS, read without importing it (it would import torch)."""
    module = Path(workflow.basedir) / "workflow/charmer/evaluation" / f"{name}.py"
    for node in ast.parse(module.read_bytes()).body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "NEEDS":
            return ast.literal_eval(node.value)
    raise WorkflowError(f"{module}: lacks the tuple NEEDS, the names of the data that the metric reads")


def metric_files(wildcards):
    plan = plan_of("metrics", wildcards.metric)
    available = {
        **token_files(plan, *SPLITS),
        **{f"{split}_shards": f"{plan.corpus.folder}/{split}" for split in SPLITS},
    }
    needed = {key: available[key] for key in metric_needs(metric_name(wildcards))}
    return {"weights": f"{plan.model.folder}/model.safetensors", **needed}


rule evaluate:
    input:
        unpack(metric_files),
    output:
        table="results/metrics/{metric}/table.parquet",
        settings="results/metrics/{metric}/settings.json",
    params:
        job=lambda wildcards: job(
            "metrics",
            wildcards.metric,
            "evaluate.py",
            f"charmer.evaluation.{metric_name(wildcards)}",
        ),
    log:
        "results/metrics/{metric}/evaluate.log",
    benchmark:
        "results/metrics/{metric}/benchmark.tsv"
    threads: workflow.cores or 1
    resources:
        mem_mb=4000,
    script:
        "../scripts/evaluate.py"
