"""Set the threshold of `check` for a model: read sound code, remember what would be said.

Notable here: the validation split may be one package, which tells little of the next. Those packages of the training
split that no weight of `check` was fitted to (see `examples.apart`) are read as well, a few hundred lines of each. The
model was trained on them, and the calibration allows for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from charmer.common.failure import Failure
from charmer.common.progress import Progress
from charmer.errors import calibration, examples, suspicious
from charmer.errors.block import parses
from charmer.errors.calibration import Calibration
from charmer.model import folder
from charmer.tokens.shards import batches

LINES = 2500  # of the validation split that are read, at most
EACH = 400  # of a package of the training split
PACKAGES = 16
TRIED = 20  # files of a package among which there should be enough that parse


def calibrate(model: Path, shards: Path, train: Path, target: Path, threads: int = 1, lines: int = LINES) -> None:
    """Write a model's `check.json`.

    Args:
        shards: the folder of the validation split, none of which the model was trained on.
        train: that of the training split.

    Raises:
        Failure: the model or a split is damaged, or the validation split holds no text.
    """
    import torch

    torch.set_num_threads(threads)
    network, tokenizer = folder.load(model)
    fresh, seen = sound(shards, lines), known(train)
    with Progress("calibrate", sum(text.count("\n") for *_, text in [*fresh, *seen]), "line") as progress:

        def said(documents: list[tuple[str, str, str]], trained: bool) -> Calibration:
            found = []
            for package, _, text in documents:
                scores = [spot.score for spot in suspicious.spots(network, tokenizer, text)]
                found.append((package, text.count("\n") + 1, scores))
                progress.advance(text.count("\n"))
            return calibration.of(found, trained)

        files = said(fresh, False).files + said(seen, True).files
    calibration.write(target, Calibration(files))


def sound(shards: Path, lines: int) -> list[tuple[str, str, str]]:
    """Packages, paths and texts of documents that parse, in a fixed random order, up to `lines` lines in all; at least
    one.

    Raises:
        Failure: the split holds none.
    """
    rows = _rows(shards, lambda package: True)
    found = _enough(_texts(shards, [row for _, _, row in rows]), lines)
    if not found:
        raise Failure(f"{shards}: holds no text that parses; add sources, or raise the split's share in curate")
    return found


def known(train: Path) -> list[tuple[str, str, str]]:
    """As `sound`, a few of each package that sets no weight: the same for every model of the corpus."""
    packages: dict[str, list[int]] = {}
    for _, package, row in _rows(train, examples.apart):
        packages.setdefault(package, []).append(row)
    found = []
    for rows in list(packages.values())[:PACKAGES]:
        found += rows[:TRIED]
    texts: dict[str, list[tuple[str, str, str]]] = {}
    for document in _texts(train, found):
        texts.setdefault(document[0], []).append(document)
    return [document for documents in texts.values() for document in _enough(documents, EACH)]


def _rows(shards: Path, wanted: Callable[[str], bool]) -> list[tuple[bytes, str, int]]:
    """The documents of some packages in a fixed random order: a digest, the package, the row over all shards."""
    found, number = [], 0
    for batch in batches(shards, ["source", "package", "path"], rows=65_536):
        for row, names in enumerate(batch.to_pylist(), number):
            if wanted(names["package"]):
                key = f"{names['source']}\0{names['package']}\0{names['path']}"
                found.append((hashlib.sha256(key.encode()).digest(), names["package"], row))
        number += batch.num_rows
    return sorted(found)


def _texts(shards: Path, rows: list[int]) -> list[tuple[str, str, str]]:
    """Packages, paths and texts of some rows, in the order of `rows`."""
    found: dict[int, tuple[str, str, str]] = {}
    wanted, number = np.array(sorted(rows), np.int64), 0
    for batch in batches(shards, ["package", "path", "text"], rows=256):
        here = wanted[(wanted >= number) & (wanted < number + batch.num_rows)]
        for row, one in zip(here.tolist(), batch.take(pa.array(here - number)).to_pylist(), strict=True):
            found[row] = one["package"], one["path"], one["text"]
        number += batch.num_rows
    return [found[row] for row in rows]


def _enough(documents: list[tuple[str, str, str]], lines: int) -> list[tuple[str, str, str]]:
    """Those that parse, up to `lines` lines in all; one that is longer where there is no other."""
    found: list[tuple[str, str, str]] = []
    size = 0
    for document in documents:
        text = document[2]
        length = text.count("\n") + 1
        usable = text.strip() and "\r" not in text and (not found or size + length <= lines)
        if usable and parses(text):
            found.append(document)
            size += length
    return found
