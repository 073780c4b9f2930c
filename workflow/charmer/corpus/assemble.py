"""The second pass: the files that stay are copied into the shards of their splits, in the order of their digests.

Notable here: this is an external sort. Which shard a file belongs into is known beforehand; so each row group is read
once more, its rows are laid out shard by shard in one work file, and each shard is then gathered from the work files.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from charmer.corpus.shards import ROWS

SHARD_CHARACTERS = 32_000_000  # of text in an output shard


def write_splits(
    files: Files, fates: Fates, surveys: Sequence[survey.Survey], work: Path, out: Path, threads: int
) -> None:
    """Copy the files that stay: each unit is sorted into one work file, then each output shard is gathered."""
    documents = files.column("document")
    characters = np.array(files.column("characters"), dtype=np.int64)
    target = np.full(len(files), -1, dtype=np.int64)
    shards: list[Path] = []
    for split in splits.SPLITS:
        chosen = sorted(np.flatnonzero(fates.fate == split).tolist(), key=lambda i: documents[i])
        ends = np.cumsum(characters[chosen])
        numbers = (ends - 1) // SHARD_CHARACTERS if len(ends) else ends
        numbers = np.unique(numbers, return_inverse=True)[1] if len(ends) else numbers
        target[chosen] = numbers + len(shards)
        count = int(numbers[-1]) + 1 if len(ends) else 0
        shards += [out / split / f"shard-{number:05d}.parquet" for number in range(count)]
    edits = files.column("edits")
    jobs = []
    for one in surveys:
        mine = np.flatnonzero(files.unit == one.unit.number) if one.damaged is None else np.zeros(0, dtype=np.int64)
        mine = mine[target[mine] >= 0]
        if len(mine):
            mine = np.array(sorted(mine.tolist(), key=lambda i: (target[i], documents[i])))
            changed = {int(files.row[i]): edits[i] for i in mine.tolist() if edits[i]}
            jobs.append((one.unit, work, files.row[mine], target[mine], [documents[i].hex() for i in mine], changed))
    with Progress("curate: write", total=len(jobs) + len(shards), unit="shard") as progress:
        parts: dict[int, list[tuple[Path, int]]] = {number: [] for number in range(len(shards))}
        for path, held in ordered_map(_sort_unit, jobs, threads):
            for place, number in enumerate(held):
                parts[number].append((path, place))
            progress.advance(1)
        for _ in ordered_map(_gather, [(shards[number], parts[number]) for number in parts], threads):
            progress.advance(1)


def _sort_unit(
    job: tuple[survey.Unit, Path, np.ndarray, np.ndarray, list[str], dict[int, Any]],
) -> tuple[Path, list[int]]:
    """Write a unit's kept rows as one record batch an output shard; return the file and the shards it has."""
    unit, work, rows, target, documents, changed = job
    table = survey.read(unit)
    if changed:
        texts = table.column("text").to_pylist()
        for row, edits in changed.items():
            texts[row] = survey.edited(texts[row], edits)
        table = table.set_column(ROWS.get_field_index("text"), ROWS.field("text"), pa.array(texts, pa.large_string()))
    table = table.take(pa.array(rows)).append_column("document", pa.array(documents, type=pa.string()))
    path = work / f"rows-{unit.number:05d}.arrow"
    held, begins = np.unique(target, return_index=True)
    ends = [*begins[1:].tolist(), len(target)]
    with pa.ipc.new_file(path, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for begin, end in zip(begins.tolist(), ends, strict=True):
            writer.write_batch(table.slice(begin, end - begin).combine_chunks().to_batches()[0])
    return path, held.tolist()


def _gather(job: tuple[Path, list[tuple[Path, int]]]) -> None:
    """Merge the record batches of one output shard, in the order of the documents' digests."""
    target, parts = job
    batches = []
    for path, place in parts:
        with pa.OSFile(str(path)) as file:
            batches.append(pa.ipc.open_file(file).get_batch(place))
    table = pa.Table.from_batches(batches)
    write_table(target, table.take(pc.sort_indices(table.column("document"))))
