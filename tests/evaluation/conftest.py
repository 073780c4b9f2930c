"""A test split of three packages and a model that knows nothing, small enough to measure in a moment."""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from charmer.common.files import write_table
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.encode import encode
from charmer.tokens.tokenizer import Tokenizer

AREA = '''
import os


def area(width, height):
    """Of a box."""
    size = width * height
    return size
'''
CLIP = """
LIMIT = 3


def clip(value):
    if value > LIMIT:
        value = LIMIT
    return value
"""
FIRST = """
# Grüße, 世界
NAMES = ["a", "b"]


def first(names):
    names = sorted(names)
    return names[0]
"""
JOIN = """
def join(parts):
    text = ''.join(parts)
    return text
"""
TEXTS = {
    ("red", "red/a.py"): AREA,
    ("red", "red/b.py"): CLIP,
    ("blue", "blue/c.py"): FIRST,
    ("green", "green/d.py"): JOIN * 4,
}


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """The documents of the test split."""
    return list(TEXTS.values())


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Paths by name: test_shards, tokens and documents of test and train, and `model`, whose guesses are uniform."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("world")
    rows = [
        {"text": text, "source": "s", "package": package, "path": path, "bytes": len(text.encode())}
        | {"document": hashlib.sha256(text.encode()).hexdigest()}
        for (package, path), text in TEXTS.items()
    ]
    seen = {**rows[0], "text": "def add(first, second):\n    return first + second\n" * 9}
    tokenizer = Tokenizer.bytewise()
    tokenizer.save(root / "tokenizer.json")
    for split, documents in (("test", rows), ("train", [seen] * 3)):
        write_table(root / split / "shard-00000.parquet", pa.Table.from_pylist(documents))
        encode(root / split, root / "tokenizer.json", root / f"{split}.npy", root / f"{split}.parquet")
    network = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 16, 128))
    torch.nn.init.zeros_(network.embed_tokens.weight)  # tied to the head: all logits are zero
    folder.save(root / "model", network, root / "tokenizer.json")
    return {
        "model": root / "model",
        "test_shards": root / "test",
        "test_tokens": root / "test.npy",
        "test_documents": root / "test.parquet",
        "train_tokens": root / "train.npy",
        "train_documents": root / "train.parquet",
    }
