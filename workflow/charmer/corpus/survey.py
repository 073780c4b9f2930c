"""The first pass over the shards: all that one file's text decides, for one row group at a time.

What comes back is small: metadata, a digest, band keys. Shingle sets, which only a few comparisons need, go to a file
in the folder that `charmer.corpus.judge` writes.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common.failure import Failure
from charmer.corpus import dedup, filters, lexing, secrets
from charmer.corpus.decontaminate import Benchmarks, benchmark_files
from charmer.corpus.shards import ROWS

BATCH = 1_000_000  # bytes of text lexed at once: temporary arrays take some 40 bytes for each, and stay in the caches
NO_KEYS = np.zeros((0, dedup.BANDS), dtype=np.uint64)
EDIT = pa.struct([("begin", pa.int64()), ("end", pa.int64()), ("kind", pa.string())])
FOUND = pa.schema(
    [
        ("document", pa.binary(32)),  # SHA-256 of the text as it will be written
        ("reason", pa.string()),  # why the file leaves for its own sake, or null
        ("detail", pa.string()),
        ("characters", pa.int64()),
        ("longest_line", pa.int32()),
        ("mean_line", pa.float32()),
        ("edits", pa.list_(EDIT)),  # what replaces secrets, or null; places are bytes of the UTF-8 before
        ("benchmarks", pa.string()),  # names of the benchmarks that the file shares a run with, or null
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


@dataclass(frozen=True)
class Judgement:
    """A unit that was judged: how many files came of it, and why none did where it is damaged."""

    unit: Unit
    files: int
    damaged: str | None


def units(sources: Sequence[Path]) -> tuple[list[Unit], list[tuple[Path, str]]]:
    """The row groups of all shards in the order of the sources, and the shards that cannot be opened, with why.

    Raises:
        Failure: a source's folder is not there.
    """
    found: list[Unit] = []
    broken: list[tuple[Path, str]] = []
    for source in sources:
        if not Path(source).is_dir():
            raise Failure(f"{source}: there is no such folder of shards; run `scrape` again")
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
    """The rows of a unit with the columns of `shards.ROWS`, page checksums checked.

    Raises:
        pa.ArrowException, OSError: the shard is damaged.
        Failure: it lacks a column.
    """
    with pq.ParquetFile(unit.shard, page_checksum_verification=True) as parquet:
        missing = set(ROWS.names) - set(parquet.schema_arrow.names)
        if missing:
            raise Failure(f"{unit.shard}: lacks the columns {', '.join(sorted(missing))}; delete it and scrape again")
        return parquet.read_row_group(unit.row_group, columns=ROWS.names, use_threads=False).cast(ROWS)


def survey(task: tuple[Unit, dict[str, Any], Path]) -> Survey:
    """Judge each file of a unit by itself; see `Survey`. The task is (unit, settings, work folder)."""
    unit, settings, work = task
    try:
        rows = read(unit)
    except (pa.ArrowException, OSError) as error:
        return Survey(unit, pa.table({}), NO_KEYS, np.zeros(1, dtype=np.int64), _first_line(error))
    parses = rows.column("parses").to_pylist()
    found: list[dict[str, Any]] = []
    keys: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    benchmarks = _benchmarks(tuple(settings["benchmarks"]))
    with shingle_file(work, unit.number).open("wb") as spill:
        for begin, texts in _batches(rows.column("text")):
            files = [_scrub(text, bool(parses[begin + at]), settings) for at, text in enumerate(texts)]
            tokens = lexing.lex([file.data for file in files])
            shingles = dedup.shingle(tokens, settings["shingle_words"])
            spill.write(shingles.values.tobytes())  # unlike tofile, names the error when the disk is full
            keys.append(dedup.bands(shingles))
            sizes.append(np.diff(shingles.bounds))
            literals = filters.literal_runs(tokens)
            runs = zip(literals.numbers.tolist(), literals.escapes.tolist(), literals.total.tolist(), strict=True)
            shared = benchmarks.shared(tokens)
            found += [_judge(*one, settings) for one in zip(files, runs, shared, strict=True)]
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


@dataclass(frozen=True)
class _File:
    """One file with its secrets replaced: text and UTF-8, the replacements, whether they broke its syntax."""

    text: str
    data: bytes
    edits: list[secrets.Secret]
    broken: bool


def _scrub(text: str, parses: bool, settings: dict[str, Any]) -> _File:
    data = text.encode("utf-8")
    edits = secrets.find(data) if settings["replace_secrets"] else []
    if not edits:
        return _File(text, data, edits, False)
    data = secrets.replace(data, edits)
    text = data.decode("utf-8")
    return _File(text, data, edits, parses and not _parses(text))


def _parses(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True


def _judge(file: _File, runs: tuple[int, int, int], shared: list[str], settings: dict[str, Any]) -> dict[str, Any]:
    lines = [len(line) for line in file.text.splitlines()] or [0]
    why = filters.reason(file.text, file.data, lines, runs, settings)
    if file.broken:
        why = "secret", "cannot be replaced without breaking the syntax"
    return {
        "document": hashlib.sha256(file.data).digest(),
        "reason": why[0] if why else None,
        "detail": why[1] if why else None,
        "characters": len(file.text),
        "longest_line": max(lines),
        "mean_line": sum(lines) / len(lines),
        "edits": [{"begin": one.begin, "end": one.end, "kind": one.kind} for one in file.edits] or None,
        "benchmarks": ", ".join(shared) or None,
    }


def edited(text: str, edits: list[dict[str, Any]]) -> str:
    """`text` with the replacements of the column `edits` made."""
    found = [secrets.Secret(one["begin"], one["end"], one["kind"], secrets.PLACEHOLDERS[one["kind"]]) for one in edits]
    return secrets.replace(text.encode("utf-8"), found).decode("utf-8")


def shingle_file(work: Path, unit: int) -> Path:
    return work / f"shingles-{unit:05d}.u32"


def _batches(texts: pa.ChunkedArray) -> Iterator[tuple[int, list[str]]]:
    """Runs of rows with about BATCH characters of text: the first row's number, and the texts."""
    begin = size = 0
    batch: list[str] = []
    for text in texts:
        batch.append(text.as_py())
        size += len(batch[-1])
        if size >= BATCH:
            yield begin, batch
            begin, size, batch = begin + len(batch), 0, []
    if batch:
        yield begin, batch


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
