"""Choosing the vocabulary from the training text.

Notable here:
- BPE is trained by Hugging Face's `tokenizers` from a stream of documents: a prefix of the training order, which is
  pseudo-random by content, so that a few tens of MB are a fair sample and one vocabulary serves all dataset sizes.
- One document in 32 is kept from the vocabulary's training and measured afterwards: bytes per token there is what the
  statistics report.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer as Reference
from tokenizers import trainers

from charmer.common import files
from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.tokens import shards, storage
from charmer.tokens.tokenizer import SPECIAL_NAMES, Tokenizer

logger = logging.getLogger(__name__)

ASIDE = 32  # every 32nd document is measured, not learned from
MEASURED = 2_000_000  # bytes of them


def build(train: Path, settings: dict[str, Any], out: Path, statistics: Path) -> None:
    """Build the vocabulary of `settings` (config section `vocab`) from the shards in the folder `train`.

    Writes the tokenizer to `out` and what a report shows of it to `statistics`.

    Raises:
        Failure: no training text, or too little of it for the asked size.
    """
    limit = settings["sample_mb"] * 1e6
    aside: list[str] = []
    with Progress(f"vocab {settings['kind']}", total=None, unit="B") as progress:
        texts = _learned(train, limit, aside, progress)
        if settings["kind"] == "bpe":
            tokenizer = train_bpe(texts, settings["size"], settings["pre_tokenizer"])
        elif settings["kind"] == "char":
            tokenizer = train_characters(texts, settings["min_count"])
        else:
            for _ in texts:  # only for the documents kept aside
                pass
            tokenizer = Tokenizer.bytewise()
    if settings["kind"] == "bpe" and tokenizer.vocab_size < settings["size"]:
        raise Failure(
            f"vocab.size: the training text yields only {tokenizer.vocab_size} entries, {settings['size']} were asked "
            "for; lower vocab.size or add sources"
        )
    tokenizer.save(out)
    files.write_json(statistics, describe(tokenizer, aside))


def _learned(train: Path, limit: float, aside: list[str], progress: Progress) -> Iterator[str]:
    """Yield the documents to learn from until `limit` bytes; put every 32nd into `aside` on the way."""
    done = measured = number = 0
    for batch in shards.batches(train, ["text"]):
        for text in batch.column("text").to_pylist():
            size = len(text.encode())
            if number % ASIDE == ASIDE - 1 and measured < MEASURED:
                aside.append(text)
                measured += size
            else:
                yield text
                done += size
                progress.advance(size)
            number += 1
            if done >= limit:
                return


def train_bpe(texts: Iterator[str], size: int, pre_tokenizer: str) -> Tokenizer:
    """Train a byte-level BPE of `size` entries, special tokens included (fewer where the text has no more pairs)."""
    layout = storage.describe("bpe", [bytes([value]) for value in range(256)], [], pre_tokenizer)
    layout["added_tokens"] = []
    reference = Reference.from_str(storage.to_text(layout))
    reference.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=size - len(SPECIAL_NAMES), initial_alphabet=storage.VISIBLE, show_progress=False, min_frequency=2
        ),
    )
    return Tokenizer.bpe(storage.merges_of(reference.to_str()), pre_tokenizer)


def train_characters(texts: Iterator[str], min_count: int) -> Tokenizer:
    """A vocabulary of the characters that occur at least `min_count` times."""
    counts: Counter[str] = Counter()
    for text in texts:
        if not text.isascii():
            counts.update(character for character in text if character >= "\x80")
    return Tokenizer.characters(character for character, count in counts.items() if count >= min_count)


def describe(tokenizer: Tokenizer, texts: list[str], top: int = 50) -> dict[str, Any]:
    """What a report shows: size, bytes per token on `texts`, the most frequent and the longest tokens."""
    counts = np.zeros(tokenizer.vocab_size, np.int64)
    for text in texts:
        counts += np.bincount(tokenizer.encode(text), minlength=tokenizer.vocab_size)
    tokens = int(counts.sum())
    size = int((counts * tokenizer.byte_lengths).sum())
    names = [tokenizer.decode([index], show_special=True) for index in range(tokenizer.vocab_size)]
    blank = np.array([not name.strip() for name in names])
    longest = np.argsort(-tokenizer.byte_lengths, kind="stable")[:top]
    frequent = np.argsort(-counts, kind="stable")[:top]
    return {
        "kind": tokenizer.kind,
        "pre_tokenizer": tokenizer.pre_tokenizer,
        "entries": tokenizer.vocab_size,
        "special": tokenizer.special,
        "digest": tokenizer.digest,
        "measured_documents": len(texts),
        "measured_bytes": size,
        "measured_tokens": tokens,
        "bytes_per_token": size / tokens if tokens else None,
        "used_entries": int((counts > 0).sum()),
        "whitespace_share": float(counts[blank].sum() / tokens) if tokens else None,
        "most_frequent": [{"token": names[i], "count": int(counts[i])} for i in frequent if counts[i]],
        "longest": [{"token": names[i], "bytes": int(tokenizer.byte_lengths[i])} for i in longest],
    }
