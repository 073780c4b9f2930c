"""The first pass over the shards: all that one file's text decides, for one row group at a time.

What comes back is small (metadata, a digest, band keys), so that the decisions about all files fit into memory
however large the corpus is. Shingle sets, which only a few comparisons need, go to a file in the work folder.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from charmer.corpus import dedup, filters, lexing
from charmer.corpus.decontaminate import Benchmarks, benchmark_files

BATCH = 1_000_000  # bytes of text lexed at once: temporary arrays take some 40 bytes for each, and stay in the caches
NO_KEYS = np.zeros((0, dedup.BANDS), dtype=np.uint64)
FOUND = pa.schema(
    [
        ("document", pa.binary(32)),  # SHA-256 of the text as it will be written
        ("reason", pa.string()),  # why the file leaves for its own sake, or null
        ("detail", pa.string()),
        ("characters", pa.int64()),
        ("longest_line", pa.int32()),
        ("mean_line", pa.float32()),
        ("edits", pa.string()),  # JSON [[begin, end, replacement], …] in characters of the text, or null
        ("secrets", pa.string()),  # JSON {kind: count}, or null
        ("benchmarks", pa.string()),  # JSON [name, …] of the benchmarks that the file shares a run with, or null
    ]
)


@dataclass(frozen=True)
class Unit:
    """One row group of one shard: what a worker handles at a time."""

    number: int
    shard: Path
    row_group: int
    rows: int


@dataclass(frozen=True)
class Survey:
    """What the first pass found out about a unit's files.

    Attributes:
        files: one row a file: the columns of the shard but for the text, and those of `FOUND`.
        keys: band keys, uint64[files, dedup.BANDS].
        bounds: where each file's shingles begin and end in the unit's file of shingles, int64[files + 1].
        damaged: why the unit cannot be read, or None; then `files` is empty.
    """

    unit: Unit
    files: pa.Table
    keys: np.ndarray
    bounds: np.ndarray
    damaged: str | None = None


def units(sources: Sequence[Path]) -> tuple[list[Unit], list[tuple[Path, str]]]:
    """The row groups of all shards in the order of the sources, and the shards that cannot be opened, with why."""
    found: list[Unit] = []
    broken: list[tuple[Path, str]] = []
    for source in sources:
        for shard in sorted(Path(source).glob("shard-*.parquet")):
            try:
                with pq.ParquetFile(shard) as parquet:
                    metadata = parquet.metadata
            except (pa.ArrowException, OSError) as error:
                broken.append((shard, _first_line(error)))
                continue
            for group in range(metadata.num_row_groups):
                found.append(Unit(len(found), shard, group, metadata.row_group(group).num_rows))
    return found, broken


def read(unit: Unit) -> pa.Table:
    """The rows of a unit, page checksums checked.

    Raises:
        pa.ArrowException, OSError: the shard is damaged.
    """
    with pq.ParquetFile(unit.shard, page_checksum_verification=True) as parquet:
        return parquet.read_row_group(unit.row_group, use_threads=False)


def survey(task: tuple[Unit, dict[str, Any], Path]) -> Survey:
    """Judge each file of a unit by itself; see `Survey`. The task is (unit, settings, work folder)."""
    unit, settings, work = task
    try:
        rows = read(unit)
    except (pa.ArrowException, OSError) as error:
        return Survey(unit, pa.table({}), NO_KEYS, np.zeros(1, dtype=np.int64), _first_line(error))
    texts = rows.column("text")
    found: list[dict[str, Any]] = []
    keys: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    with shingle_file(work, unit.number).open("wb") as spill:
        for begin, end in _batches(texts):
            some = texts.slice(begin, end - begin).to_pylist()
            data = [text.encode("utf-8") for text in some]
            tokens = lexing.lex(data)
            shingles = dedup.shingle(tokens, settings["shingle_words"])
            shingles.values.tofile(spill)
            keys.append(dedup.bands(shingles))
            sizes.append(np.diff(shingles.bounds))
            literals = filters.literal_runs(tokens)
            runs = zip(literals.numbers.tolist(), literals.escapes.tolist(), literals.total.tolist(), strict=True)
            shared = _benchmarks(tuple(settings["benchmarks"])).shared(tokens)
            found += [_file(*one, settings) for one in zip(some, data, runs, shared, strict=True)]
    table = rows.drop_columns(["text"])
    judged = pa.Table.from_pylist(found, schema=FOUND)
    for name in FOUND.names:
        table = table.append_column(FOUND.field(name), judged.column(name))
    return Survey(
        unit,
        table,
        np.concatenate([NO_KEYS, *keys]),
        np.cumsum(np.concatenate([np.zeros(1, dtype=np.int64), *sizes])),
    )


@functools.cache
def _benchmarks(patterns: tuple[str, ...]) -> Benchmarks:
    return Benchmarks.load(benchmark_files(patterns))


def _file(
    text: str, data: bytes, runs: tuple[int, int, int], shared: list[str], settings: dict[str, Any]
) -> dict[str, Any]:
    lines = [len(line) for line in text.splitlines()] or [0]
    why = filters.reason(text, data, lines, runs, settings)
    return {
        "document": hashlib.sha256(data).digest(),
        "reason": why[0] if why else None,
        "detail": why[1] if why else None,
        "characters": len(text),
        "longest_line": max(lines),
        "mean_line": sum(lines) / len(lines),
        "edits": None,
        "secrets": None,
        "benchmarks": json.dumps(shared) if shared else None,
    }


def edited(text: str, edits: str) -> str:
    """`text` with the replacements of the column `edits` made."""
    parts, at = [], 0
    for begin, end, replacement in json.loads(edits):
        parts += [text[at:begin], replacement]
        at = end
    return "".join([*parts, text[at:]])


def shingle_file(work: Path, unit: int) -> Path:
    return work / f"shingles-{unit:05d}.u32"


def _batches(texts: pa.ChunkedArray) -> Iterator[tuple[int, int]]:
    """Ranges of rows with about BATCH bytes of text."""
    begin = size = 0
    for row, text in enumerate(texts):
        size += text.as_buffer().size
        if size >= BATCH:
            yield begin, row + 1
            begin, size = row + 1, 0
    if begin < len(texts):
        yield begin, len(texts)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
