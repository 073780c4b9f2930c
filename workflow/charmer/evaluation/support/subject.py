"""The model under test."""

from __future__ import annotations

from pathlib import Path

import torch

from charmer.common.files import read_json
from charmer.model import folder
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer

_chosen: str | None = None


def use(device: str) -> None:
    """Measure on this device from now on, in this process."""
    global _chosen
    _chosen = device


def load(path: Path, threads: int) -> tuple[Transformer, Tokenizer]:
    """Open a model for measuring, with `threads` threads for what runs on the CPU; on a GPU where there is one, unless
    `use` said otherwise."""
    torch.set_num_threads(threads)
    return folder.load(path, _chosen or ("cuda" if torch.cuda.is_available() else "cpu"))


def share_read(model: Path, tokens: int) -> dict[str, float]:
    """As `read`, the share of its windows, which hold so many `tokens`, that training read; empty where the model's
    folder doesn't say."""
    path = model / "training.json"
    trained = read_json(path).get("tokens") if path.exists() else None
    return {} if trained is None else {"read": min(1.0, trained / tokens)}
