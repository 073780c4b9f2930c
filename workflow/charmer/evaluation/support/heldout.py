"""Held-out documents, drawn the same way for every model.

Which documents are measured depends on their names alone, never on the vocabulary or on the order in which they
were written, so that two models are compared on the same text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from charmer.common import files
from charmer.common.failure import Failure
from charmer.evaluation.support.cases import case_id
from charmer.tokens.tokenizer import Tokenizer

Wanted = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True)
class Document:
    """One held-out file.

    Attributes:
        package, path: where it comes from.
        tokens: int64[tokens], without the end-of-file token.
    """

    package: str
    path: str
    tokens: np.ndarray


def order(source: str, package: str, path: str) -> bytes:
    """The place of a document in the fixed pseudo-random order of held-out documents."""
    return hashlib.sha256("\0".join((source, package, path)).encode()).digest()


def documents(
    tokens: Path, table: Path, tokenizer: Tokenizer, max_bytes: float, wanted: Wanted | None = None
) -> list[Document]:
    """A fixed random choice of held-out documents of `max_bytes` of text in all.

    Args:
        tokens: the split's flat token array.
        table: the split's documents: start, tokens, bytes, source, package, path.
        wanted: takes a row of `table`, says whether its document may be chosen; None: each may.

    Raises:
        Failure: the split holds no text.
    """
    flat = files.open_array(tokens)
    found: list[Document] = []
    for row in chosen(table, max_bytes, wanted):
        ids = np.asarray(flat[row["start"] : row["start"] + row["tokens"]], dtype=np.int64)
        ids = ids[:-1] if len(ids) and ids[-1] == tokenizer.eof else ids
        found.append(Document(row["package"], row["path"], ids))
    return found


def id_of(document: Document, tokenizer: Tokenizer) -> str:
    """The document's id as a case (see `cases`)."""
    return case_id(document.package, document.path, tokenizer.decode(document.tokens))


def chosen(table: Path, max_bytes: float, wanted: Wanted | None = None) -> list[dict[str, Any]]:
    """The rows of `table` of the documents that `documents` gives.

    Raises:
        Failure: the split holds no text.
    """
    columns = ["start", "tokens", "bytes", "source", "package", "path"]
    rows = files.read_table(table, columns).to_pylist()
    rows = [row for row in rows if row["bytes"] > 0 and (wanted is None or wanted(row))]
    if not rows:
        raise Failure(f"{table}: holds no text to measure on; add sources, or raise curate.test_share")
    rows.sort(key=lambda row: order(row["source"], row["package"], row["path"]))
    found: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        if found and size + row["bytes"] > max_bytes:
            continue  # a smaller document further on may still fit
        found.append(row)
        size += row["bytes"]
    return found
