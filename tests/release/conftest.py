"""A run's outputs as the DAG leaves them, of a tiny model with hostile names and copyright lines in its corpus."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
from charmer.common.files import write_json, write_table
from charmer.errors import calibration
from charmer.evaluation import humaneval
from charmer.evaluation.support.table import Row, table
from charmer.inference import ngram_cache
from charmer.inference.ngram_cache import NgramCache
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.release import build
from charmer.tokens.encode import encode
from charmer.tokens.tokenizer import Tokenizer

HOSTILE = "p|<b>*x*"
HEAD = "# Copyright (c) 2011-2014, Ada Example <ada@example.org>\n# All rights reserved.\n"
SETTINGS: dict[str, Any] = {
    "name": "tiny",
    "sources": [{"name": "here", "kind": "directory", "path": "/home/somebody/src/here"}],
    "curate": {"turn_mb": 3.0, "replace_secrets": True},
    "break": {"train_pairs": 7},
    "train": {"budget": "4k tokens", "fim_share": 0.5, "repair_share": 0.1, "init_from": ""},
    "evaluate": {
        "bits_per_byte": {"max_mb": 1.0},
        "parses": {"functions": 40},
        "humaneval": {"problems": "/home/somebody/HumanEval.jsonl.gz"},
        "samples": {},
        "doctor": {},
    },
}


@pytest.fixture(scope="session")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By name what `release_files` names."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("run") / "results"
    model, corpus, run = root / "models" / "m-1", root / "corpus" / "c-1", root / "runs" / "tiny-0f3a9c21"
    Tokenizer.bytewise().save(root / "tokenizer.json")
    network = Transformer(ModelConfig(264, layers=2, width=32, heads=2, kv_heads=1, hidden=48, context_length=64))
    network.initialise(seed=3)
    folder.save(model, network, root / "tokenizer.json")
    calibration.write(model / "check.json", calibration.of([("toy", 600, [3.5, 1.25])]))
    ngram_cache.write(model / "ngram_cache.json", NgramCache((2.5, 2.0), (2.0, 1.5)))
    training = {"parameters": 20_000, "tokens": 4000, "steps": 9, "seconds": 3725.0, "flops": 1.2e12, "device": "cpu"}
    write_json(model / "training.json", {**training, "precision": "float32", "threads": 2, "matrix_peak": 1e9})
    write_json(run / "provenance.json", {"host": "secret-host", "processor": "A Processor", "python": "3.11.7"})
    write_json(run / "summary.json", {})
    part = {"files": 2, "bytes": 2000}
    write_json(corpus / "counts.json", {"in": part, "kept": {"train": part}, "out": {"contaminated": part}})
    package = {"licence_from": "License", "own": False, "files": 2, "bytes": 2000}
    rows = [
        {**package, "package": "first", "version": "1.2", "licence": "MIT", "split": "train"},
        {**package, "package": HOSTILE, "version": None, "licence": "BSD-3-Clause", "split": "train"},
        {**package, "package": "unseen", "version": "3", "licence": "MIT", "split": "test"},
    ]
    write_table(corpus / "packages.parquet", pa.Table.from_pylist(rows))
    ledger = [{"source": "here", "package": row["package"], "fate": row["split"]} for row in rows]
    write_table(corpus / "ledger.parquet", pa.Table.from_pylist(ledger))
    text = HEAD + "def add(first, second):\n    return first + second\n"
    for split, name in (("train", "first"), ("test", "unseen")):
        document = {"text": text, "source": "here", "package": name, "path": f"{name}/a.py", "bytes": len(text)}
        document["document"] = hashlib.sha256(text.encode()).hexdigest()
        write_table(corpus / split / "shard-00000.parquet", pa.Table.from_pylist([document]))
    encode(corpus / "test", root / "tokenizer.json", root / "tokens/v-1/test.npy", root / "tokens/v-1/test.parquet")
    statistics = {"kind": "byte", "entries": 264, "bytes_per_token": 1.0, "whitespace_share": 0.2}
    write_json(root / "vocab/v-1/statistics.json", {**statistics, "most_frequent": [], "longest": []})
    write_json(root / "windows/w-1/train.json", {"windows": 30, "bytes": 2000, "predicted": 2000})
    tables = {
        "bits_per_byte": [
            Row("overall", 1.25, (1.2, 1.31), 40, "bits/byte", {"over": "files"}),
            Row("baseline=xz -9", 1.9, (1.8, 2.0), 40, "bits/byte"),
            Row("package=unseen", 1.3, None, 1, "bits/byte"),
        ],
        "parses": [Row("compiles", 0.8, (0.65, 0.9), 40, "share"), Row("names exist", 0.5, (0.35, 0.65), 40, "share")],
        "samples": [Row("prompt=1", 1.0, None, 1, "share", {"prompt": "def f():\n", "completion": "    x\x1b[1m\n"})],
        "doctor": [Row("memorisation: apart", 3.0, None, 1, "times", _sign())],
    }
    made = {name: table(name, rows_) for name, rows_ in tables.items()}
    made["humaneval"] = humaneval.evaluate(model, {}, {"problems": ""}, threads=1)
    for name, content in made.items():
        write_table(root / "metrics" / f"{name}-1" / "table.parquet", content)
    return {
        "counts": corpus / "counts.json",
        "packages": corpus / "packages.parquet",
        "ledger": corpus / "ledger.parquet",
        "train_shards": corpus / "train",
        "statistics": root / "vocab/v-1/statistics.json",
        "windows": root / "windows/w-1/train.json",
        "test_tokens": root / "tokens/v-1/test.npy",
        "test_documents": root / "tokens/v-1/test.parquet",
        "weights": model / "model.safetensors",
        "config": model / "config.json",
        "tokenizer": model / "tokenizer.json",
        "calibration": model / "check.json",
        "ngram_cache": model / "ngram_cache.json",
        "summary": run / "summary.json",
        **{f"metric_{name}": root / "metrics" / f"{name}-1" / "table.parquet" for name in SETTINGS["evaluate"]},
    }


def _sign() -> dict[str, Any]:
    sign = {
        "failure": "memorisation",
        "title": "The model has learned its text by heart",
        "low": False,
        "name": "apart",
    }
    return {**sign, "cure": "add sources", "bound": 2.5, "says": "held-out text takes 3 times the bits", "found": True}


@pytest.fixture
def settings() -> dict[str, Any]:
    """Of the run that `outputs` is."""
    return SETTINGS


@pytest.fixture(scope="session")
def made(outputs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of `outputs`; made once."""
    folder = tmp_path_factory.mktemp("made") / "pretrained"
    build.release(folder, outputs, SETTINGS, most_mb=40)
    return folder


@pytest.fixture
def released(made: Path, tmp_path: Path) -> Path:
    """A release of the test's own."""
    return Path(shutil.copytree(made, tmp_path / "pretrained"))
