"""Windows of a memory-mapped token array, as batches.

Notable here:
- x and y are the window and the window shifted by one. The <|endoftext|> between two documents is the end of the one
  where it is predicted (in y), and the beginning of the next where it is read (in x): it belongs to the next one's
  segment. So the first token of a document is predicted too, from that mark alone, as it is in scoring and generation,
  and no position attends across a document's border.
- Segments are read off the tokens themselves, which text cannot forge: one cumulative sum, no search.
- No window is padded; a mask is false only where `once` or a rearranged window asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch

from charmer.common import files
from charmer.common.failure import Failure
from charmer.tokens.storage import SPECIAL_NAMES
from charmer.tokens.tokenizer import Tokenizer


class Rearranged(NamedTuple):
    """A window that something else was put into."""

    ids: np.ndarray  # int64[T + 1]
    counts: np.ndarray  # bool[T + 1], which of them a model is trained to predict


Rearrange = Callable[[np.ndarray, int], "np.ndarray | Rearranged"]


class Batch(NamedTuple):
    """B windows of T tokens."""

    x: torch.Tensor  # int64[B, T], what the model reads
    y: torch.Tensor  # int64[B, T], what it predicts at each place
    mask: torch.Tensor  # bool[B, T], where the prediction counts
    segments: torch.Tensor  # int32[B, T], number of the document within the window; attention stays within a number


class Windows:
    """The windows of one split by their number: `windows.batch([3, 1, 4])`.

    Args:
        tokens, documents: what `encode` wrote.
        windows: what `pack` wrote.
        context_length: T, the one that the windows were packed for.
        tokenizer: the model's; tokens that another one made are refused.
        once: let a token count only in the first window that predicts it (to measure; in training, what overlapping
            windows repeat counts in each).

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
        noted = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        if not {"tokenizer", "vocab_size", "eof"} <= noted.keys():
            raise Failure(f"{documents}: does not say which vocabulary made it; run `encode` again")
        self.eof, self.vocab_size = int(noted["eof"]), int(noted["vocab_size"])
        self.fim_pad = self.eof + SPECIAL_NAMES.index("<|fim_pad|>")
        if tokenizer is not None and tokenizer.digest != noted["tokenizer"]:
            raise Failure(f"{tokens}: was encoded with another vocabulary than the model's; run `encode` again")
        self._check_tokens(tokens, documents, table)
        self._check_starts(windows)
        reached = np.concatenate([[0], self.starts[:-1] + context_length])
        self._repeated = np.maximum(reached - self.starts, 0) if once else np.zeros_like(self.starts)

    def __len__(self) -> int:
        """How many windows there are."""
        return len(self.starts)

    @property
    def end(self) -> int:
        """The first token that no window shows."""
        return int(self.starts[-1]) + self.context_length + 1

    def batch(self, numbers: Sequence[int] | np.ndarray, rearrange: Rearrange | None = None, pieces: int = 1) -> Batch:
        """The windows of these numbers, each put through `rearrange` if given (see `charmer.tokens.fim`).

        `rearrange(ids, number)` gets the T + 1 ids of a window (or piece) and its number, and returns as many, alone or
        with which of them count; it may fill up with <|fim_pad|>, which never counts.

        Args:
            pieces: of equal length that each window is cut into; then `numbers` are those of pieces (window n has the
                pieces n * pieces and on), T is the length of one, and a piece sees nothing of the others.
        """
        chosen, length = np.asarray(numbers, np.int64), self.context_length // pieces
        offsets, (windows, places) = np.arange(length + 1), np.divmod(chosen, pieces)
        ids = self.tokens[(self.starts[windows] + places * length)[:, None] + offsets].astype(np.int64)
        counts = offsets[None, :-1] >= (self._repeated[windows] - places * length)[:, None]
        if rearrange is not None:
            found = [rearrange(row, int(number)) for row, number in zip(ids, chosen, strict=True)]
            for place, window in enumerate(found):
                if isinstance(window, Rearranged):
                    counts[place] &= window.counts[1:]
            ids = np.stack([window.ids if isinstance(window, Rearranged) else window for window in found])
            counts = counts & (ids[:, 1:] != self.fim_pad)
        block = torch.from_numpy(ids)
        x, y = block[:, :-1], block[:, 1:]
        begins = (x == self.eof).to(torch.int32)
        return Batch(x, y, torch.from_numpy(counts), begins.cumsum(1, dtype=torch.int32) - begins[:, :1])

    def _check_tokens(self, path: Path, documents: Path, table: pa.Table) -> None:
        if self.tokens.ndim != 1 or self.tokens.dtype.kind != "u":
            raise Failure(f"{path}: is no flat array of unsigned integers; run `encode` again")
        starts, counts = (table.column(name).to_numpy() for name in ("start", "tokens"))
        ends = starts + counts
        if len(self.tokens) != (ends[-1] + 1 if len(ends) else 1) or (starts[1:] != ends[:-1] + 1).any():
            raise Failure(
                f"{path}: its {len(self.tokens)} tokens are not those that {documents} lists; run `encode` again"
            )
        if (self.tokens[ends] != self.eof).any() or self.tokens[0] != self.eof or self.tokens.max() >= self.vocab_size:
            raise Failure(f"{path}: is damaged (a token is not where or what it should be); run `encode` again")

    def _check_starts(self, path: Path) -> None:
        if self.starts.ndim != 1 or self.starts.dtype != np.int64 or not len(self.starts):
            raise Failure(f"{path}: is no list of window starts; run `pack` again")
        steps = np.diff(self.starts)
        if self.starts[0] != 0 or (steps <= 0).any() or self.starts[-1] + self.context_length >= len(self.tokens):
            raise Failure(f"{path}: holds windows outside of the tokens; run `pack` again")
        if (steps > self.context_length).any():
            raise Failure(f"{path}: was packed for a longer context than {self.context_length}; run `pack` again")
