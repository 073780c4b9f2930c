"""The model under test."""

from __future__ import annotations

from pathlib import Path

import torch

from charmer.model import folder
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer


def load(path: Path, threads: int) -> tuple[Transformer, Tokenizer]:
    """Open a model for measuring, on a GPU where there is one, with `threads` threads for what stays on the CPU."""
    torch.set_num_threads(threads)
    return folder.load(path, "cuda" if torch.cuda.is_available() else "cpu")
