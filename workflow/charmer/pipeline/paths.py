"""The files that a plan's stages hand to one another: one place that knows what lies where under `results/`."""

from __future__ import annotations

import ast
from pathlib import Path

from charmer.common.failure import Failure
from charmer.pipeline.naming import RESULTS
from charmer.pipeline.plan import Plan

SPLITS = ("train", "val", "test")
METRICS = Path(__file__).parents[1] / "evaluation"

Files = dict[str, str]


def token_files(plan: Plan, *splits: str) -> Files:
    """Token arrays and document tables of `splits`: `train_tokens`, `train_documents`, ..."""
    folder = RESULTS / "tokens" / plan.vocab.name
    files = {}
    for split in splits:
        files[f"{split}_tokens"] = f"{folder}/{split}.npy"
        files[f"{split}_documents"] = f"{folder}/{split}.parquet"
    return files


def training_files(plan: Plan) -> Files:
    """What training reads: tokens and windows, and the tables of a run whose schedule it repeats."""
    budget = plan.model.settings["train"]["budget"]
    repeated = {}
    if budget.startswith("as "):
        folder = budget.removeprefix("as ")
        repeated = {"schedule": f"{folder}/metrics.parquet", "scorings": f"{folder}/held_out.parquet"}
    return {
        **repeated,
        "tokenizer": f"{plan.vocab.folder}/tokenizer.json",
        "train_windows": f"{plan.windows.folder}/train.npy",
        "val_windows": f"{plan.windows.folder}/val.npy",
        **token_files(plan, "train", "val"),
    }


def metric_files(plan: Plan, metric: str) -> Files:
    """What one metric reads: the model, and the data that its module names in NEEDS."""
    available = {
        **token_files(plan, *SPLITS),
        **{f"{split}_shards": f"{plan.corpus.folder}/{split}" for split in SPLITS},
        **{f"{split}_windows": f"{plan.windows.folder}/{split}.npy" for split in ("train", "val")},
    }
    unknown = set(needs(metric)) - set(available)
    if unknown:
        raise Failure(f"charmer/evaluation/{metric}.py: NEEDS names {sorted(unknown)}; there are {sorted(available)}")
    return {"weights": f"{plan.model.folder}/model.safetensors", **{key: available[key] for key in needs(metric)}}


def needs(metric: str) -> tuple[str, ...]:
    """The data that a metric reads, taken from its source: importing it would import torch at every call."""
    path = METRICS / f"{metric}.py"
    if not path.exists():
        raise Failure(f"evaluate.metrics: {metric!r} has no module charmer/evaluation/{metric}.py")
    for node in ast.parse(path.read_bytes()).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "NEEDS" for target in targets):
            return tuple(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    raise Failure(f"charmer/evaluation/{metric}.py: lacks NEEDS, the tuple of the data that the metric reads")


def report_files(plan: Plan) -> Files:
    """What the report of a run reads."""
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
