"""Choosing the vocabulary from the training text.

Notable here:
- BPE is learned from a prefix of the training documents, in which packages take turns (`charmer.corpus.assemble`): tens
  of MB hold some of each package, not of each as much as it has. In random order, 20 MB instead of 100 cost half a
  percent in bytes per token. One vocabulary serves all dataset sizes.
- One document in 32 is kept from learning and measured afterwards: the statistics describe text that is new to the
  vocabulary.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer as Reference
from tokenizers import trainers

from charmer.common import files
from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.tokens import storage
from charmer.tokens.shards import batches
from charmer.tokens.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

ASIDE = 32  # every 32nd document is measured instead of learned from,
MEASURED = 2_000_000  # up to so many bytes of text
LEAST = 2  # what the text holds only once (a pair, a character) gets no entry: nothing can be learned about it
SHOWN = 50  # entries in each of the statistics' lists


def build(train: Path, settings: dict[str, Any], out: Path, statistics: Path, start: str = "") -> None:
    """Build the vocabulary of the config's section `vocab` from the shards in the folder `train`.

    Where a run starts from the model in the folder `start`, the vocabulary is that model's.

    Writes the tokenizer to `out`, and to `statistics` what `describe` says of it.

    Raises:
        Failure: there is no training text, or a shard is damaged.
    """
    learning = settings["kind"] == "bpe" and not start
    documents = _Documents(train, settings["sample_mb"] * 1e6 if learning else float("inf"))
    if start:
        tokenizer = Tokenizer.load(Path(start) / "tokenizer.json")
        for _ in documents:
            pass
    elif settings["kind"] == "bpe":
        tokenizer = learn_bpe(documents, settings["size"], settings["pre_tokenizer"])
    elif settings["kind"] == "char":
        tokenizer = learn_characters(documents)
    else:
        tokenizer = Tokenizer.bytewise()
        for _ in documents:
            pass
    if not documents.learned:
        raise Failure(
            f"{train}: holds no text to make a vocabulary from; add sources, or lower what `curate` takes away"
        )
    if learning and tokenizer.vocab_size < settings["size"]:
        logger.warning(
            f"vocab.size: {settings['size']} entries were asked for, the training text has pairs for "
            f"{tokenizer.vocab_size}; that many are used"
        )
    tokenizer.save(out)
    files.write_json(statistics, describe(tokenizer, documents.aside))


class _Documents:
    """Iterates over the documents to learn from, and keeps some aside on the way."""

    def __init__(self, train: Path, limit: float) -> None:
        self.train, self.limit = train, limit
        self.learned = 0
        self.aside: list[str] = []

    def __iter__(self) -> Iterator[str]:
        measured = number = 0
        with Progress("vocab", total=None, unit="B") as progress:
            for rows in batches(self.train, ["text"]):
                for text in rows.column("text").to_pylist():
                    size = len(text.encode())
                    number += 1
                    if number % ASIDE == 0 and measured < MEASURED:
                        self.aside.append(text)
                        measured += size
                        continue
                    yield text
                    self.learned += size
                    progress.advance(size)
                    if self.learned >= self.limit:
                        return


def learn_bpe(texts: Iterable[str], size: int, pre_tokenizer: str) -> Tokenizer:
    """Learn a byte-level BPE of `size` entries, special tokens included; fewer where the text has no more pairs."""
    empty = storage.describe("bpe", storage.BYTES, [], pre_tokenizer) | {"added_tokens": []}
    reference = Reference.from_str(json.dumps(empty))
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(storage.SPECIAL_NAMES),
        initial_alphabet=storage.VISIBLE,
        min_frequency=LEAST,
        show_progress=False,
    )
    reference.train_from_iterator(texts, trainer)
    return Tokenizer.bpe(storage.merges_of(json.loads(reference.to_str())), pre_tokenizer)


def learn_characters(texts: Iterable[str]) -> Tokenizer:
    """A vocabulary of the characters that occur at least twice."""
    counts: Counter[str] = Counter()
    for text in texts:
        if not text.isascii():
            counts.update(character for character in text if not character.isascii())
    return Tokenizer.characters(character for character, count in counts.items() if count >= LEAST)


def describe(tokenizer: Tokenizer, texts: Iterable[str]) -> dict[str, Any]:
    """What a report shows of a vocabulary, measured on `texts`.

    Entries are shown as text, with \\xNN for bytes that are no UTF-8 by themselves. Shares and means are null where
    `texts` is empty.
    """
    counts = np.zeros(tokenizer.vocab_size, np.int64)
    documents = 0
    for text in texts:
        counts += np.bincount(tokenizer.encode(text), minlength=tokenizer.vocab_size)
        documents += 1
    tokens, size = int(counts.sum()), int(counts @ tokenizer.byte_lengths)
    pieces = [tokenizer.token_bytes(index) for index in range(tokenizer.vocab_size)]
    names = [piece.decode("utf-8", "backslashreplace") for piece in pieces]
    blank = np.array([piece != b"" and not piece.strip() for piece in pieces])
    frequent = [index for index in np.argsort(-counts, kind="stable")[:SHOWN] if counts[index]]
    longest = np.argsort(-tokenizer.byte_lengths, kind="stable")[:SHOWN]
    return {
        "kind": tokenizer.kind,
        "pre_tokenizer": tokenizer.pre_tokenizer,
        "entries": tokenizer.vocab_size,
        "special": tokenizer.special,
        "digest": tokenizer.digest,
        "measured": {"documents": documents, "bytes": size, "tokens": tokens},
        "bytes_per_token": size / tokens if tokens else None,
        "used_share": float((counts > 0).mean()) if tokens else None,
        "whitespace_share": float(counts[blank].sum() / tokens) if tokens else None,
        "most_frequent": [{"token": names[index], "id": int(index), "count": int(counts[index])} for index in frequent],
        "longest": [{"token": names[index], "id": int(index), "bytes": len(pieces[index])} for index in longest],
    }
