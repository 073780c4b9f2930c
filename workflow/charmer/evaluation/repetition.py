"""Repetition: how much a model's free text repeats itself, beside how much held-out text of the same length does.

The rate is the share of 4-grams of lexical tokens that occurred before in the same text (one minus distinct-4, Li et
al. 2016, arXiv:1510.03055). Code repeats itself by nature, so only the difference from the corpus says anything.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.evaluation.support import heldout, subject
from charmer.evaluation.support.free_text import from_nothing
from charmer.evaluation.support.statistics import bootstrap_ratio
from charmer.evaluation.support.table import Row, table

NEEDS = ("test_tokens", "test_documents")
ORDER = 4


def evaluate(model: Path, data: dict[str, Path], settings: dict[str, Any], threads: int) -> pa.Table:
    """Slices: "generated" and "corpus"; the value is the share of repeated 4-grams.

    Texts begin at the beginning of a file, the model's and the corpus's alike, and have the same number of tokens.

    Args:
        model: the model's folder.
        data: `test_tokens` and `test_documents`, the test split under the model's vocabulary.
        settings: texts, max_tokens, temperature, seed.
        threads: of the CPU.

    Raises:
        Failure: the test split holds no text.
    """
    network, tokenizer = subject.load(model, threads)
    count, length = settings["texts"], settings["max_tokens"]
    everything = heldout.documents(data["test_tokens"], data["test_documents"], tokenizer, max_bytes=float("inf"))
    corpus = [tokenizer.decode(document.tokens[:length]) for document in everything[:count]]
    generated = [tokenizer.decode(output) for output in from_nothing(network, tokenizer, settings)]
    return table("repetition", [_row("generated", generated), _row("corpus", corpus)])


def _row(name: str, texts: Sequence[str]) -> Row:
    counts = np.array([repeated(text) for text in texts], dtype=np.int64).reshape(-1, 2)
    again, grams = counts[:, 0], counts[:, 1]
    return Row(name, again.sum() / max(grams.sum(), 1), bootstrap_ratio(again, grams), len(texts), "share")


def repeated(text: str, order: int = ORDER) -> tuple[int, int]:
    """How many n-grams of `text` occurred in it before, and how many there are.

    Lexical tokens are words and single other characters; blanks only separate them.
    """
    words = re.findall(r"\w+|[^\w\s]", text)
    grams = list(zip(*(words[first:] for first in range(order)), strict=False))
    return len(grams) - len(set(grams)), len(grams)
