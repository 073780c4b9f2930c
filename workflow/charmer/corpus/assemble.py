"""The second pass: the files that stay are copied into the shards of their splits, in an order fit for training.

Notable here:
- Files come in the order of their digests, which is a random one. In train, packages take turns: each gives its first
  few MB before any gives more, so that a prefix of the split, which is what a small data set is, holds as many kinds of
  code as it can. A small model then needs 4% fewer bits for packages that it never saw (resources/speedrun.md).
- This is an external sort. Which shard a file belongs into is known beforehand; so each row group is read once more,
  its rows are laid out shard by shard in one work file, and each shard is then gathered from the work files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from charmer.common.files import write_table
from charmer.common.parallel import ordered_map
from charmer.common.progress import Progress
from charmer.corpus import splits, survey
from charmer.corpus.fates import Fates, Files
from charmer.corpus.judge import Judged
from charmer.corpus.shards import ROWS

SHARD_CHARACTERS = 32_000_000  # of text in an output shard


def write_splits(
    files: Files,
    fates: Fates,
    judged: Sequence[Judged],
    turn_mb: float,
    work: Path,
    out: Path,
    threads: int,
) -> None:
    """Copy the files that stay: each row group is sorted into one work file, then each output shard is gathered.

    Args:
        turn_mb: megabytes that each package gives in its turn; 0: packages take no turns.
    """
    places = np.zeros(len(files), dtype=np.int64)
    target = np.full(len(files), -1, dtype=np.int64)
    shards: list[Path] = []
    for split in splits.SPLITS:
        chosen = in_turns(files, np.flatnonzero(fates.called(split)), turn_mb if split == "train" else 0.0)
        places[chosen] = np.arange(len(chosen))
        ends = np.cumsum(files.characters[chosen])
        numbers = (ends - 1) // SHARD_CHARACTERS if len(ends) else ends
        numbers = np.unique(numbers, return_inverse=True)[1] if len(ends) else numbers
        target[chosen] = numbers + len(shards)
        count = int(numbers[-1]) + 1 if len(ends) else 0
        shards += [out / split / f"shard-{number:05d}.parquet" for number in range(count)]
    units = sum(one.files > 0 for part in judged for one in part.units)
    with Progress("curate: write", total=units + len(shards), unit="shard") as progress:
        parts: dict[int, list[tuple[Path, int]]] = {number: [] for number in range(len(shards))}
        for path, held in ordered_map(_sort_unit, _jobs(judged, target, places, work), threads):
            for place, number in enumerate(held):
                parts[number].append((path, place))
            progress.advance(1)
        for _ in ordered_map(_gather, [(shards[number], parts[number]) for number in parts], threads):
            progress.advance(1)


def in_turns(files: Files, chosen: np.ndarray, turn_mb: float) -> np.ndarray:
    """The numbers `chosen` [int64] in the order of the documents' digests, packages taking turns of `turn_mb`.

    A person's own code is given whole, before the first turn.
    """
    ordered = chosen[np.argsort(files.document[chosen], kind="stable")]
    if turn_mb <= 0 or not len(ordered):
        return ordered
    by_package = ordered[np.argsort(files.package[ordered], kind="stable")]
    sums = np.cumsum(files.bytes[by_package])
    begins = np.flatnonzero(np.diff(files.package[by_package], prepend=-1))
    earlier = np.repeat((sums - files.bytes[by_package])[begins], np.diff(np.append(begins, len(by_package))))
    before = np.zeros(len(files), dtype=np.int64)  # bytes that a file's package gives before it
    before[by_package] = sums - files.bytes[by_package] - earlier
    turns = np.where(files.own[ordered], -1, before[ordered] // round(turn_mb * 1e6))
    return ordered[np.argsort(turns, kind="stable")]


@dataclass(frozen=True)
class _Job:
    """What to copy from one unit.

    Attributes:
        path: the work file to write.
        rows: the rows that stay, int64[rows], by shard and then by place.
        shards: the output shard each goes to, int64[rows].
        places: the place of each in its split, int64[rows].
        documents: the digest of each, in hexadecimal.
        edits: what replaces secrets in a row, for the rows that have any.
    """

    unit: survey.Unit
    path: Path
    rows: np.ndarray
    shards: np.ndarray
    places: np.ndarray
    documents: list[str]
    edits: dict[int, Any]


def _jobs(judged: Sequence[Judged], target: np.ndarray, places: np.ndarray, work: Path) -> Iterator[_Job]:
    for part in judged:
        for first, one, table in part.read(["document", "edits"]):
            here = slice(first, first + one.files)
            rows = np.flatnonzero(target[here] >= 0)
            if not len(rows):
                continue
            rows = rows[np.lexsort((places[here][rows], target[here][rows]))]
            chosen = table.take(pa.array(rows)).to_pydict()
            yield _Job(
                one.unit,
                work / f"rows-{first:010d}.arrow",
                rows,
                target[here][rows],
                places[here][rows],
                [digest.hex() for digest in chosen["document"]],
                {int(row): edit for row, edit in zip(rows, chosen["edits"], strict=True) if edit},
            )


def _sort_unit(job: _Job) -> tuple[Path, list[int]]:
    """Write a unit's kept rows as one record batch an output shard; return the file and the shards it has."""
    table = survey.read(job.unit)
    if job.edits:
        texts = table.column("text").to_pylist()
        for row, edits in job.edits.items():
            texts[row] = survey.edited(texts[row], edits)
        table = table.set_column(ROWS.get_field_index("text"), ROWS.field("text"), pa.array(texts, pa.large_string()))
    table = table.take(pa.array(job.rows)).append_column("document", pa.array(job.documents, type=pa.string()))
    table = table.append_column("place", pa.array(job.places))
    held, begins = np.unique(job.shards, return_index=True)
    ends = [*begins[1:].tolist(), len(job.shards)]
    with pa.ipc.new_file(job.path, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for begin, end in zip(begins.tolist(), ends, strict=True):
            writer.write_batch(table.slice(begin, end - begin).combine_chunks().to_batches()[0])
    return job.path, held.tolist()


def _gather(job: tuple[Path, list[tuple[Path, int]]]) -> None:
    """Merge the record batches of one output shard, in the order of their places."""
    target, parts = job
    batches = []
    for path, place in parts:
        with pa.OSFile(str(path)) as file:
            batches.append(pa.ipc.open_file(file).get_batch(place))
    table = pa.Table.from_batches(batches)
    write_table(target, table.take(pc.sort_indices(table.column("place"))).drop_columns("place"))
