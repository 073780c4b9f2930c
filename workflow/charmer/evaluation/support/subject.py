"""The model under test."""

from __future__ import annotations

from pathlib import Path

import torch

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
