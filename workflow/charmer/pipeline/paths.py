"""The files that a plan's stages hand to one another: one place that knows what lies where under `results/`."""

from __future__ import annotations

from charmer.common.failure import Failure
from charmer.model.shape import WEIGHTS
from charmer.pipeline.naming import RESULTS
from charmer.pipeline.needs import needs
from charmer.pipeline.plan import Plan

SPLITS = ("train", "val", "test")

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
    """What training reads: tokens and windows, broken code where it learns to mend it, and the tables of a run whose
    schedule it repeats."""
    budget = plan.model.settings["train"]["budget"]
    repeated = {}
    if budget.startswith("as "):
        folder = budget.removeprefix("as ")
        repeated = {"schedule": f"{folder}/metrics.parquet", "scorings": f"{folder}/held_out.parquet"}
    share = plan.model.settings["train"]["repair_share"]
    return {
        **repeated,
        **({"train_broken": f"{plan.broken.folder}/train.parquet"} if share else {}),
        "tokenizer": f"{plan.vocab.folder}/tokenizer.json",
        "train_windows": f"{plan.windows.folder}/train.npy",
        "val_windows": f"{plan.windows.folder}/val.npy",
        **token_files(plan, "train", "val"),
    }


def metric_files(plan: Plan, metric: str) -> Files:
    """What one metric reads: the model's folder, and the data that its module names in NEEDS."""
    start = plan.model.settings["train"]["init_from"]
    available = {
        **token_files(plan, *SPLITS),
        **{f"{split}_shards": f"{plan.corpus.folder}/{split}" for split in SPLITS},
        **{f"{split}_windows": f"{plan.windows.folder}/{split}.npy" for split in ("train", "val")},
        **{f"{split}_broken": f"{plan.broken.folder}/{split}.parquet" for split in SPLITS},
        "calibration": f"{plan.model.folder}/check.json",
        "ngram_cache": f"{plan.model.folder}/ngram_cache.json",
        **({"start": f"{start}/{WEIGHTS}"} if start else {}),
    }
    unknown = set(needs(metric)) - set(available)
    if unknown:
        raise Failure(f"charmer/evaluation/{metric}.py: NEEDS names {sorted(unknown)}; there are {sorted(available)}")
    return {**trained_files(plan), **{key: available[key] for key in needs(metric)}}


def model_files(plan: Plan) -> Files:
    """A model's folder."""
    names = {"weights": "model.safetensors", "config": "config.json", "tokenizer": "tokenizer.json"}
    return {key: f"{plan.model.folder}/{name}" for key, name in names.items()}


def trained_files(plan: Plan) -> Files:
    """A model's folder with what its training left: metrics and the report read beside the weights."""
    names = {"training": "training.json", "curves": "metrics.parquet", "held_out": "held_out.parquet"}
    return {**model_files(plan), **{key: f"{plan.model.folder}/{name}" for key, name in names.items()}}


def report_files(plan: Plan) -> Files:
    """What the report of a run reads."""
    return {
        "counts": f"{plan.corpus.folder}/counts.json",
        "card": f"{plan.corpus.folder}/card.json",
        "packages": f"{plan.corpus.folder}/packages.parquet",
        "statistics": f"{plan.vocab.folder}/statistics.json",
        "windows": f"{plan.windows.folder}/train.json",
        **trained_files(plan),
        **{
            f"metric_{name}": f"{metric.folder}/table.parquet"
            for metric in plan.metrics
            for name in metric.settings["evaluate"]
        },
    }


def release_files(plan: Plan) -> Files:
    """What the release of a run's model reads: all that the report does, and the report's own numbers."""
    return {
        **report_files(plan),
        **model_files(plan),
        **token_files(plan, "test"),
        "calibration": f"{plan.model.folder}/check.json",
        "ngram_cache": f"{plan.model.folder}/ngram_cache.json",
        "ledger": f"{plan.corpus.folder}/ledger.parquet",
        "train_shards": f"{plan.corpus.folder}/train",
        "summary": f"{plan.run.folder}/summary.json",
    }
