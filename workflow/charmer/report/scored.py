"""A person's files scored by a model, and the page on which every character is colored by its surprise.

The page is self-contained, follows the reader's color scheme, and runs no script: the text on it is hostile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from charmer.common.progress import Progress
from charmer.evaluation.support.surprise import pieces
from charmer.inference.score import bits_per_token
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class Scored:
    """One file and what the model needs for it.

    Attributes:
        text: in UTF-8.
        lengths: int[tokens], bytes of each token.
        bits: float[tokens], what each token cost.
    """

    path: str
    text: bytes
    lengths: np.ndarray
    bits: np.ndarray

    @property
    def bytes(self) -> int:
        return len(self.text)

    @property
    def tokens(self) -> int:
        return len(self.bits)

    @property
    def total_bits(self) -> float:
        return float(self.bits.sum(dtype=np.float64))

    @property
    def bits_per_byte(self) -> float:
        return self.total_bits / self.bytes

    @property
    def pieces(self) -> list[tuple[str, float]]:
        """The text as (token, bits); a token that ends inside a character is joined to the next."""
        return list(pieces(self.text, self.lengths, self.bits))


def score(network: Transformer, tokenizer: Tokenizer, texts: Sequence[tuple[str, str]]) -> list[Scored]:
    """Score files, given as (path, text), none of them empty, as the metric bits_per_byte does."""
    documents = [tokenizer.encode(text) for _, text in texts]
    with Progress("score", sum(map(len, documents)), "token") as progress:
        bits = bits_per_token(network, documents, tokenizer.eof, progress=progress.advance)
    return [
        Scored(path, text.encode(), tokenizer.byte_lengths[document], cost)
        for (path, text), document, cost in zip(texts, documents, bits, strict=True)
    ]


def page(files: Sequence[Scored], refused: Sequence[tuple[str, str]], model: str) -> str:
    """The page: what all files cost and each of them, every character colored, and the refused as (path, reason)."""
    from charmer.report.page import render  # with packages of the workflow, which scores alone need not

    size = sum(file.bytes for file in files)
    overall = sum(file.total_bits for file in files) / size
    return render("score.html", {"files": files, "refused": refused, "model": model, "overall": overall, "size": size})
