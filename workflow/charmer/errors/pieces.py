"""A text in tokens, and its edits in tokens, without encoding more than they touch.

Notable here: the vocabulary's pattern cuts a text into pieces that no merge crosses, and what stands before a piece
does not change where it ends. As soon as a piece of the edited text begins where one of the written text does, the
tokens of both agree.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import regex

from charmer.errors.edits import Edit
from charmer.tokens.storage import PRE_TOKENIZERS
from charmer.tokens.tokenizer import Tokenizer

CHARACTER = regex.compile("(?s).")


@dataclass(frozen=True)
class Change:
    """An edit in tokens: `new` takes the place of those from `first` to `stop`, and the first of them differs."""

    first: int
    stop: int
    new: list[int]


class Pieces:
    """A text in tokens.

    Attributes:
        tokens: int64[n].
    """

    def __init__(self, tokenizer: Tokenizer, text: str) -> None:
        self.tokenizer, self.text = tokenizer, text
        self.tokens = tokenizer.encode(text).astype(np.int64)
        self._written = self.tokens.tolist()
        self._encoded: dict[str, list[int]] = {}
        bpe = tokenizer.kind == "bpe"
        self._pattern = regex.compile(PRE_TOKENIZERS[str(tokenizer.pre_tokenizer)].pattern) if bpe else CHARACTER
        self._pieces = [*(match.start() for match in self._pattern.finditer(text)), len(text)]
        self._numbers = {place: number for number, place in enumerate(self._pieces)}
        ends = np.cumsum(tokenizer.byte_lengths[self.tokens], dtype=np.int64)
        starts = _characters(text, np.concatenate(([0], ends)))  # a token that begins inside one has the next one's
        self._at = (np.searchsorted(starts, self._pieces, "right") - 1).tolist()  # the token that begins each piece

    def change(self, edit: Edit, tail: int) -> Change | None:
        """An edit with at least `tail` tokens behind it, where the text has them; None where it changes nothing."""
        pieces, at = self._pieces, self._at
        piece = max(bisect_left(pieces, edit.start) - 1, 0)
        behind = min(bisect_left(pieces, edit.end), len(pieces) - 1)
        last = bisect_left(at, min(at[behind] + tail, len(self._written)))
        begin, first, stop = pieces[piece], at[piece], at[last]
        text = self.text[begin : edit.start] + edit.replacement + self.text[edit.end : pieces[last]]
        shift = begin - len(edit.replacement) + edit.end - edit.start
        new: list[int] = []
        for match in self._pattern.finditer(text):
            agreed = self._numbers.get(match.start() + shift) if match.start() + shift >= edit.end else None
            if agreed is not None:
                new += self._written[at[agreed] : stop]
                break
            new += self._encode(match[0])
        old = self._written[first:stop]
        same = next((at for at, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), None)
        if same is None:
            if len(old) == len(new):
                return None
            same = min(len(old), len(new))  # at the text's end: one goes on where the other ends
        return Change(first + same, stop, new[same:])

    def _encode(self, piece: str) -> list[int]:
        if piece not in self._encoded:
            self._encoded[piece] = self.tokenizer.encode(piece).tolist()
        return self._encoded[piece]


def _characters(text: str, offsets: np.ndarray) -> np.ndarray:
    """Offsets into the text's UTF-8 as numbers of characters."""
    if text.isascii():
        return offsets
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    sizes = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    return np.searchsorted(np.concatenate(([0], np.cumsum(sizes))), offsets)
