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

TEXTS = {
    (
        "red",
        "red/a.py",
    ): 'import os\n\n\ndef area(width, height):\n    """Of a box."""\n    size = width * height\n    return size\n',
    (
        "red",
        "red/b.py",
    ): "LIMIT = 3\n\n\ndef clip(value):\n    if value > LIMIT:\n        value = LIMIT\n    return value\n",
    (
        "blue",
        "blue/c.py",
    ): '# Grüße, 世界\nNAMES = ["a", "b"]\n\n\ndef first(names):\n    names = sorted(names)\n    return names[0]\n',
    ("green", "green/d.py"): "def join(parts):\n    text = ''.join(parts)\n    return text\n" * 4,
}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Paths by name: test_shards, test_tokens, test_documents, and `model`, whose every guess is uniform."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("world")
    rows = [
        {"text": text, "source": "s", "package": package, "path": path, "bytes": len(text.encode())}
        | {"document": hashlib.sha256(text.encode()).hexdigest()}
        for (package, path), text in TEXTS.items()
    ]
    write_table(root / "test" / "shard-00000.parquet", pa.Table.from_pylist(rows))
    tokenizer = Tokenizer.bytewise()
    tokenizer.save(root / "tokenizer.json")
    encode(root / "test", root / "tokenizer.json", root / "test.npy", root / "test.parquet")
    network = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 16, 128))
    torch.nn.init.zeros_(network.embed_tokens.weight)  # tied to the head: all logits are zero
    folder.save(root / "model", network, root / "tokenizer.json")
    return {
        "model": root / "model",
        "test_shards": root / "test",
        "test_tokens": root / "test.npy",
        "test_documents": root / "test.parquet",
    }
