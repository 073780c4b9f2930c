"""From found files to rows, a batch at a time: what a worker of the scrape does.

A batch comes back as one Arrow stream and a list of refusals, so that the process that writes the shards touches no
text itself.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import pyarrow as pa

from charmer.corpus import notebooks
from charmer.corpus.decode import decode
from charmer.corpus.found import Found
from charmer.corpus.parsing import syntax_error
from charmer.corpus.reading import SHEBANG, Unreadable, head, read
from charmer.corpus.refusal import Refusal
from charmer.corpus.shards import ROWS

Stream = bytes  # an Arrow IPC stream


class Batch(NamedTuple):
    """Some files of one source, in order, and what of the settings their reading depends on."""

    source: str
    own: bool
    limit: int
    files: list[Found]


class Outcome(NamedTuple):
    """What became of a batch: its rows as Arrow IPC streams (columns of ROWS), its refusals, its size on the disk."""

    rows: list[Stream]
    refusals: list[Refusal]
    bytes: int


def process(batch: Batch) -> Outcome:
    """Read, decode and check every file of a batch; no file's trouble touches another's."""
    rows: list[dict[str, Any]] = []
    refusals: list[Refusal] = []
    for file in batch.files:
        try:
            row = _row(file, batch)
        except Unreadable as trouble:
            refusals.append(Refusal(file.package.name, file.path, file.bytes, trouble.reason, trouble.detail))
        else:
            if row is not None:
                rows.append(row)
    return Outcome([_stream(rows)], refusals, sum(file.bytes for file in batch.files))


def _row(file: Found, batch: Batch) -> dict[str, Any] | None:
    """The row of one file; None for an extensionless file that turns out to be no Python script.

    Raises:
        Unreadable: the file is to be refused.
    """
    if file.kind == "script" and file.place is not None and not SHEBANG.match(head(file.place)):
        return None
    if file.bytes > batch.limit:
        raise Unreadable("too large", f"{file.bytes:,} bytes, limit {batch.limit:,}")
    data = file.content if file.content is not None else read(str(file.place), batch.limit)
    decoded = decode(data)
    text = decoded.text if file.kind != "notebook" else notebooks.code(decoded.text)
    if not text:
        raise Unreadable("empty", "" if file.kind != "notebook" else "no code cells")
    if "\0" in text:
        raise Unreadable("NUL bytes", f"{text.count(chr(0)):,} of them")
    error = syntax_error(text)
    return {
        "text": text,
        "source": batch.source,
        "package": file.package.name,
        "version": file.package.version,
        "path": file.path,
        "licence": file.package.licence,
        "licence_from": file.package.licence_from,
        "own": batch.own,
        "encoding": decoded.encoding,
        "encoding_from": decoded.encoding_from,
        "replaced": decoded.replaced,
        "newline": decoded.newline,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "parses": error is None,
        "syntax_error": error,
        "kind": file.kind,
    }


def _stream(rows: list[dict[str, Any]]) -> Stream:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, ROWS) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist(rows, ROWS))
    return sink.getvalue().to_pybytes()
