"""Windows of a memory-mapped token array as batches for training.

Notable here:
- x and y are the window and the window shifted by one. The <|endoftext|> between two documents is the end of the one
  as a target (y) and the beginning of the next as an input (x): it counts to the next document's segment. So the first
  token of a document is predicted, from the mark alone, and no position attends across a document's border.
- Segments are read off the tokens themselves (text cannot forge the mark): one cumulative sum, no search.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from charmer.common import files
from charmer.common.failure import Failure
from charmer.tokens.tokenizer import Tokenizer


class Batch(NamedTuple):
    """A batch of B windows of T tokens."""

    x: torch.Tensor  # [B, T] int64, what the model reads
    y: torch.Tensor  # [B, T] int64, what it predicts at each position
    mask: torch.Tensor  # [B, T] bool, where y carries loss
    segments: torch.Tensor  # [B, T] int32, number of the document in the window; attention stays within equal numbers


class Windows:
    """The windows of one split, by index: `windows.batch([3, 1, 4])`.

    Args:
        tokens, documents: what `encode` wrote.
        windows: what `pack` wrote.
        context_length: T, the one that the windows were packed for.
        tokenizer: if given, the vocabulary that the model uses; another one than the tokens' is refused.
        once: let each token carry loss in the first window that predicts it alone (for measuring; where training
            windows overlap, every position carries loss).

    Raises:
        Failure: a file is absent, damaged, or does not belong to the others.
    """

    def __init__(
        self,
        tokens: Path,
        documents: Path,
        windows: Path,
        context_length: int,
        tokenizer: Tokenizer | None = None,
        once: bool = False,
    ) -> None:
        self.context_length = context_length
        self.tokens, self.starts = files.open_array(tokens), np.array(files.open_array(windows))
        table = files.read_table(documents, ["start", "tokens"])
        metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        self._check_tokens(tokens, documents, table, metadata, tokenizer)
        self._check_starts(windows)
        self.eof, self.vocab_size = int(metadata["eof"]), int(metadata["vocab_size"])
        reached = np.concatenate([[0], self.starts[:-1] + context_length])
        self._repeated = np.maximum(reached - self.starts, 0) if once else np.zeros(len(self.starts), np.int64)
        self._within = np.arange(context_length + 1)

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self.starts)

    def batch(self, indices: np.ndarray | list[int]) -> Batch:
        """The windows of these numbers."""
        chosen = np.asarray(indices)
        block = torch.from_numpy(self.tokens[self.starts[chosen, None] + self._within].astype(np.int64))
        x, y = block[:, :-1], block[:, 1:]
        mask = torch.from_numpy(self._within[None, :-1] >= self._repeated[chosen, None])
        marks = (x == self.eof).to(torch.int32)
        segments = marks.cumsum(1, dtype=torch.int32) - marks[:, :1]
        return Batch(x, y, mask, segments)

    def _check_tokens(
        self, path: Path, documents: Path, table: object, metadata: dict[str, str], tokenizer: Tokenizer | None
    ) -> None:
        if not {"tokenizer", "vocab_size", "eof"} <= metadata.keys():
            raise Failure(f"{documents}: does not say which tokenizer made it; run `encode` again")
        if self.tokens.ndim != 1 or self.tokens.dtype.kind != "u":
            raise Failure(f"{path}: is no flat array of unsigned integers; run `encode` again")
        if tokenizer is not None and tokenizer.digest != metadata["tokenizer"]:
            raise Failure(f"{path}: was encoded with another vocabulary than the model's; run `encode` again")
        starts, counts = (table.column(name).to_numpy() for name in ("start", "tokens"))  # type: ignore[attr-defined]
        expected = int(starts[-1] + counts[-1] + 1) if len(starts) else 1
        if len(self.tokens) != expected:
            raise Failure(
                f"{path}: has {len(self.tokens)} tokens, {documents} accounts for {expected}; run `encode` again"
            )
        if int(self.tokens.max()) >= int(metadata["vocab_size"]):
            raise Failure(
                f"{path}: holds ids outside of its vocabulary of {metadata['vocab_size']}; run `encode` again"
            )

    def _check_starts(self, path: Path) -> None:
        if self.starts.ndim != 1 or self.starts.dtype != np.int64 or not len(self.starts):
            raise Failure(f"{path}: is no list of window starts; run `pack` again")
        steps = np.diff(self.starts)
        if self.starts[0] != 0 or (steps <= 0).any() or self.starts[-1] + self.context_length >= len(self.tokens):
            raise Failure(f"{path}: holds windows outside of the tokens; run `pack` again")
        if (steps > self.context_length).any():
            raise Failure(f"{path}: was packed for a longer context than {self.context_length}; run `pack` again")
