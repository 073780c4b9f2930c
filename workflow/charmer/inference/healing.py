"""Token healing: completing a text that ends inside a token, as text under a person's cursor mostly does.

A model saw every word in its longest tokens. A prompt that ends inside a word ends in tokens that never stood before
the word's rest in training, and the model guesses badly. So the last piece of the prompt is dropped, and what is
generated must begin with its bytes ("prompt boundaries", Lundberg 2023, in `guidance`).

Notable here: what is dropped is the whole piece into which the vocabulary's own pattern cuts the text's end, not only
the last token. Merges never cross such cuts, so every token of the whole text that could span the cursor is reachable.
"""

from __future__ import annotations

import bisect
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import regex
import torch
from torch import Tensor

from charmer.tokens.storage import PRE_TOKENIZERS
from charmer.tokens.tokenizer import Tokenizer

REACH = 256  # characters of the prompt's end that are looked at; a longer piece is dropped from there on


class Prompt(NamedTuple):
    """What the model reads, and the bytes with which its continuation must begin."""

    tokens: list[int]
    begin: bytes


def healed(tokenizer: Tokenizer, text: str) -> Prompt:
    """The prompt for a continuation of `text`. Vocabularies of characters or bytes have no tokens to end inside."""
    tokens = tokenizer.encode(text).tolist()
    if tokenizer.kind != "bpe" or not text:
        return Prompt(tokens, b"")
    pattern = PRE_TOKENIZERS[str(tokenizer.pre_tokenizer)].pattern
    *_, piece = regex.finditer(pattern, text[-REACH:])
    left = len(piece.group().encode())
    kept = len(tokens)
    while left > 0:
        kept -= 1
        left -= int(tokenizer.byte_lengths[tokens[kept]])
    return Prompt(tokens[:kept], tokenizer.decode_bytes(tokens[kept:]))


class Beginnings:
    """Which tokens may come next where a text must begin with given bytes."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        pieces = ((tokenizer.token_bytes(index), index) for index in range(tokenizer.vocab_size))
        self._sorted = sorted((piece, index) for piece, index in pieces if piece)
        self._ids = dict(self._sorted)

    def allowed(self, begin: bytes) -> np.ndarray:
        """The ids whose bytes begin with `begin`, and those with whose bytes it begins: int64[ids], never empty."""
        low = bisect.bisect_left(self._sorted, (begin,))
        high = bisect.bisect_right(self._sorted, begin, lo=low, key=lambda entry: entry[0][: len(begin)])
        inside = (begin[:length] for length in range(1, len(begin)))
        ids = [index for _, index in self._sorted[low:high]]
        ids += [self._ids[piece] for piece in inside if piece in self._ids]
        return np.array(sorted(ids), np.int64)

    def restrict(self, logits: Tensor, begins: Sequence[bytes]) -> Tensor:
        """`logits` [B, V] with -inf for what can't come next in a row that must begin with its entry of `begins`."""
        for row, begin in enumerate(begins):
            if begin:
                allowed = torch.from_numpy(self.allowed(begin)).to(logits.device)
                row_logits = torch.full_like(logits[row], -torch.inf)
                logits[row] = row_logits.index_copy(0, allowed, logits[row, allowed])
        return logits


@functools.lru_cache(maxsize=4)
def beginnings(tokenizer: Tokenizer) -> Beginnings:
    """The `Beginnings` of a tokenizer, made once."""
    return Beginnings(tokenizer)
