"""A corpus of a few short functions, encoded byte by byte and packed into windows of 32 tokens."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
import torch
from charmer.common.files import write_table
from charmer.tokens.encode import encode
from charmer.tokens.pack import pack
from charmer.tokens.tokenizer import Tokenizer
from charmer.training.train import train

SETTINGS = {
    "pack": {"context_length": 32, "dataset_mb": 1.0, "overlap": 0.0},
    "model": {"layers": 2, "width": 16, "heads": 2, "kv_heads": 1, "hidden": 32},
    "train": {
        "seed": 1,
        "init_from": "",
        "budget": "12 steps",
        "batch_tokens": 128,
        "micro_batch_tokens": 64,
        "fim_share": 0.0,
        "fim_spm_share": 0.5,
        "fim_line_share": 0.0,
        "repair_share": 0.0,
        "optimizer": "muon",
        "learning_rate": 0.02,
        "embedding_rate": 1.0,
        "weight_decay": 0.1,
        "schedule": "wsd",
        "warmup": 0.1,
        "decay": 0.4,
        "average": 0.0,
        "start_share": 0.0,
        "context_warmup": 0.0,
        "first_batch_tokens": 32,
        "batch_warmup": 0.0,
        "clip": 1.0,
        "precision": "float32",
        "device": "cpu",
        "evaluations": 3,
        "held_out_mb": 0.001,
        "patience": 0,
        "checkpoint_seconds": 0,
        "log_seconds": 30,
    },
}


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def make_data(folder: Path, documents: int = 40) -> dict[str, Path]:
    """Write the corpus; gives the paths that `train` takes."""
    tokenizer = folder / "tokenizer.json"
    Tokenizer.bytewise().save(tokenizer)
    data = {"tokenizer": tokenizer}
    for split, first in (("train", 0), ("val", 1000)):
        texts = [f"def f{n}(x):\n    return x + {n}\n" for n in range(first, first + documents)]
        rows = {"text": texts, "source": ["s"] * documents, "package": ["p"] * documents, "path": texts}
        write_table(folder / split / "shard-00000.parquet", pa.table(rows))
        for name in ("tokens", "documents", "windows"):
            data[f"{split}_{name}"] = folder / f"{split}-{name}"
        encode(folder / split, tokenizer, data[f"{split}_tokens"], data[f"{split}_documents"])
        pack(
            data[f"{split}_tokens"],
            data[f"{split}_documents"],
            SETTINGS["pack"],
            split,
            data[f"{split}_windows"],
            folder / f"{split}.json",
        )
    data["train_broken"] = folder / "broken.parquet"
    write_table(data["train_broken"], pa.Table.from_pylist([fault(number) for number in range(documents)]))
    return data


def fault(number: int) -> dict:
    """A row of the table of broken code, of one of the corpus's documents; small, as the windows are."""
    path = f"def f{number}(x):\n    return x + {number}\n"
    names = {"source": "s", "package": "p", "path": path, "withheld": False}
    place = {"line": 1, "column": 2, "end_line": 1, "end_column": 3}
    return {**names, **place, "broken": f"x={number}\ny=x\n", "fix": ":=", "error": "E"}


class TinyRun:
    """Call it to train on the tiny corpus; keywords are knobs of `train`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.checkpoints = folder, folder / "checkpoints"
        self.data = make_data(folder / "data")

    def settings(self, **knobs) -> dict:
        return SETTINGS | {"train": SETTINGS["train"] | knobs}

    def __call__(self, name: str = "out", threads: int = 1, identity: str = "", **knobs) -> Path:
        train(self.data, self.settings(**knobs), self.folder / name, self.checkpoints, threads, identity)
        return self.folder / name


@pytest.fixture
def run(tmp_path: Path) -> TinyRun:
    return TinyRun(tmp_path)
