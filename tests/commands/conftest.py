"""A model whose every guess is uniform, and a few files, one of which cannot be read."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer

CLIP = '''
LIMIT = 3


def clip(value, limit=LIMIT):
    """At most `limit`."""
    if value > limit:
        value = limit
    return value
'''


@pytest.fixture(scope="session")
def uniform(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """`folder` of the model, and `bits`, what it needs for each byte."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("model")
    tokenizer = Tokenizer.bytewise()
    tokenizer.save(root / "tokenizer.json")
    network = Transformer(ModelConfig(tokenizer.vocab_size, 1, 16, 2, 1, 16, 64))
    torch.nn.init.zeros_(network.embed_tokens.weight)  # tied to the head: all logits are zero
    folder.save(root / "uniform", network, root / "tokenizer.json")
    return SimpleNamespace(folder=root / "uniform", bits=math.log2(tokenizer.vocab_size))


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A folder with two modules, one of them in Latin-1, an empty file, and a text that is no Python."""
    (tmp_path / "code" / "inner").mkdir(parents=True)
    (tmp_path / "code" / "clip.py").write_text(CLIP)
    (tmp_path / "code" / "inner" / "latin.py").write_bytes(b"# coding: latin-1\nname = 'Gr\xfc\xdfe <b>'\n")
    (tmp_path / "code" / "nothing.py").write_bytes(b"")
    (tmp_path / "code" / "notes.txt").write_text("not read")
    return tmp_path / "code"
