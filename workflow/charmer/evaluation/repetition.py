"""Repetition: how much a model's free text repeats itself, beside how much held-out text of the same lengths does.

The rate is the share of 4-grams of lexical tokens that occurred before in the same text (one minus distinct-4, Li et
al. 2016, arXiv:1510.03055). Code repeats itself by nature, so only the difference from the corpus says anything. The
longer a text, the larger the rate: so each text of the model stands beside one of the corpus, and of such a pair the
longer is cut to the words of the shorter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.evaluation.support import heldout, subject
from charmer.evaluation.support.cases import case_id, ratio
from charmer.evaluation.support.free_text import from_nothing, head
from charmer.evaluation.support.table import Row, table
from charmer.tokens.tokenizer import Tokenizer

NEEDS = ("test_tokens", "test_documents")
ORDER = 4
Words = list[str]


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "generated" and "corpus"; the value is the share of repeated 4-grams.

    Texts begin at the beginning of a file, the model's and the corpus's alike.

    Args:
        model: the model's folder.
        data: `test_tokens` and `test_documents`, the test split under the model's vocabulary.
        settings: texts, max_bytes, temperature, seed.
        threads: of the CPU.

    Raises:
        Failure: the test split holds no text.
    """
    network, tokenizer = subject.load(model, threads)
    everything = heldout.documents(data["test_tokens"], data["test_documents"], tokenizer, max_bytes=float("inf"))
    # A file as long as what the model may write comes before one that would cut it short.
    everything.sort(key=lambda document: _bytes(document, tokenizer) < settings["max_bytes"])
    heads = (head(tokenizer, document.tokens, settings["max_bytes"]) for document in everything[: settings["texts"]])
    written = [tokenizer.decode(output) for output in from_nothing(network, tokenizer, settings)]
    pairs = equal_lengths(written, [tokenizer.decode(tokens) for tokens in heads])
    return table("repetition", [_row(name, of) for name, of in zip(("generated", "corpus"), pairs, strict=True)])


def _bytes(document: heldout.Document, tokenizer: Tokenizer) -> int:
    return int(tokenizer.byte_lengths[document.tokens].sum())


def _row(name: str, texts: Sequence[Words]) -> Row:
    again, grams = np.array([repeated(text) for text in texts], dtype=np.int64).reshape(-1, 2).T
    return ratio(name, again, grams, [case_id(name, *text) for text in texts], "texts")


def words(text: str) -> Words:
    """Lexical tokens: words and single other characters; blanks only separate them."""
    return re.findall(r"\w+|[^\w\s]", text)


def equal_lengths(first: Sequence[str], second: Sequence[str]) -> tuple[list[Words], list[Words]]:
    """The words of texts that stand beside each other, the longer of each two cut to as many as the shorter has."""
    pairs = [(words(one), words(other)) for one, other in zip(first, second, strict=False)]
    cut = [(one[: len(other)], other[: len(one)]) for one, other in pairs]
    return [one for one, _ in cut], [other for _, other in cut]


def repeated(text: Words, order: int = ORDER) -> tuple[int, int]:
    """How many n-grams of a text's words occurred in it before, and how many there are."""
    grams = list(zip(*(text[first:] for first in range(order)), strict=False))
    return len(grams) - len(set(grams)), len(grams)
