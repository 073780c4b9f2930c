"""Set the threshold of `check` for a model: read sound code of the validation split, remember what would be said."""

from __future__ import annotations

import hashlib
from pathlib import Path

from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.errors import calibration, suspicious
from charmer.errors.block import parses
from charmer.model import folder
from charmer.tokens.shards import batches

LINES = 2500  # of code that are read, at most


def calibrate(model: Path, shards: Path, target: Path, threads: int = 1, lines: int = LINES) -> None:
    """Write a model's `check.json`.

    Args:
        shards: the folder of the validation split, none of which the model was trained on.

    Raises:
        Failure: the model or the split is damaged, or the split holds no text.
    """
    import torch

    torch.set_num_threads(threads)
    network, tokenizer = folder.load(model)
    scores: list[float] = []
    read = 0
    documents = sound(shards, lines)
    with Progress("calibrate", sum(text.count("\n") for _, text in documents), "line") as progress:
        for _, text in documents:
            scores += [spot.score for spot in suspicious.spots(network, tokenizer, text)]
            read += text.count("\n") + 1
            progress.advance(text.count("\n"))
    calibration.write(target, calibration.of(scores, read))


def sound(shards: Path, lines: int) -> list[tuple[str, str]]:
    """Paths and texts of documents that parse, in a fixed random order, up to `lines` lines in all; at least one.

    Raises:
        Failure: the split holds none.
    """
    rows = [row for batch in batches(shards, ["text", "source", "package", "path"]) for row in batch.to_pylist()]
    rows.sort(key=lambda row: hashlib.sha256(f"{row['source']}\0{row['package']}\0{row['path']}".encode()).digest())
    found: list[tuple[str, str]] = []
    size = 0
    for row in rows:
        length = row["text"].count("\n") + 1
        usable = row["text"].strip() and "\r" not in row["text"] and (not found or size + length <= lines)
        if usable and parses(row["text"]):
            found.append((row["path"], row["text"]))
            size += length
    if not found:
        raise Failure(f"{shards}: holds no text that parses; add sources, or raise the split's share in curate")
    return found
