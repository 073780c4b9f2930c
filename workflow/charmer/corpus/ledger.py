"""The tables that account for every file: ledger, packages, counts. Written and counted a row group at a time."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from charmer.common.files import read_table, replacing
from charmer.corpus import splits
from charmer.corpus.fates import CONTAMINATED, Fates
from charmer.corpus.judge import Judged
from charmer.corpus.secrets import PLACEHOLDERS

ROW_GROUP = 65_536  # files
LEDGER = pa.schema(
    [
        ("source", pa.string()),
        ("package", pa.string()),
        ("path", pa.string()),
        ("bytes", pa.int64()),  # on the disk; null where that is not known
        ("fate", pa.string()),  # train, val, test, refused, or why it is out
        ("detail", pa.string()),
        ("matched_source", pa.string()),  # for duplicates, the kept file
        ("matched_package", pa.string()),
        ("matched_path", pa.string()),
        ("similarity", pa.float64()),  # Jaccard index of their shingles
    ]
)


def write(target: Path, fates: Fates, judged: Sequence[Judged], refused: Sequence[Path]) -> None:
    """Write one row for every file: those that were read, then those in damaged shards, then the refused ones.

    A row group that cannot be read has a row for each of its files, whose names are lost with it; a shard whose
    footer cannot be read does not tell how many it had, and has one row.
    """
    lost = [
        _lost(one.unit.shard, f"{one.unit.shard.name}, row {row} of group {one.unit.row_group}", one.damaged)
        for part in judged
        for one in part.units
        if one.damaged
        for row in range(one.unit.rows)
    ]
    lost += [_lost(shard, shard.name, why) for part in judged for shard, why in part.broken]
    others = (pa.Table.from_pylist(lost, schema=LEDGER), *(_refused(path) for path in refused))
    with (
        replacing(target) as temporary,
        pq.ParquetWriter(temporary, LEDGER, compression="zstd", write_page_checksum=True) as writer,
    ):
        waiting = LEDGER.empty_table()
        for table in itertools.chain(_read(fates, judged), others):
            waiting = pa.concat_tables([waiting, table])
            while len(waiting) >= ROW_GROUP:  # of the same size however the corpus was divided
                writer.write_table(waiting.slice(0, ROW_GROUP).combine_chunks())
                waiting = waiting.slice(ROW_GROUP)
        if len(waiting):
            writer.write_table(waiting.combine_chunks())


def _read(fates: Fates, judged: Sequence[Judged]) -> Iterator[pa.Table]:
    """The rows of the files that were read."""
    names = np.array(fates.names, dtype=object)
    repeating = fates.repeats.column("file").to_numpy()
    contaminated = fates.called(CONTAMINATED)
    for part in judged:
        for first, one, table in part.read(["source", "package", "path", "bytes", "detail", "benchmarks"]):
            here = slice(first, first + one.files)
            # Of the removed duplicates those of this row group, at the places of their files.
            begin, end = np.searchsorted(repeating, [here.start, here.stop])
            at = np.full(one.files, -1, dtype=np.int64)
            at[repeating[begin:end] - first] = np.arange(begin, end)
            repeats = fates.repeats.take(pa.array(at, mask=at < 0))
            detail = pc.if_else(pa.array(contaminated[here]), table.column("benchmarks"), table.column("detail"))
            columns = {
                **{name: table.column(name) for name in ("source", "package", "path", "bytes")},
                "fate": pa.array(names[fates.code[here]], pa.string()),
                "detail": detail,
                **{name: repeats.column(name) for name in LEDGER.names if name in repeats.column_names},
            }
            yield pa.table([columns[name] for name in LEDGER.names], names=LEDGER.names).cast(LEDGER)


def _lost(shard: Path, path: str, why: str) -> dict[str, Any]:
    # Its folder bears the source's name and, in the workflow, a digest of the settings behind it; below it is the part.
    folder = shard.parent.parent
    source = re.sub(r"-[0-9a-f]{8}$", "", folder.parent.name if folder.name.isdecimal() else folder.name)
    return {"source": source, "path": path, "fate": "damaged", "detail": why}


def _refused(path: Path) -> pa.Table:
    """A source's table of refused files as rows of the ledger."""
    table = read_table(path, ["source", "package", "path", "bytes", "reason", "detail"])
    rows = [
        {
            **{name: row[name] for name in ("source", "package", "path")},
            "bytes": row["bytes"] if row["bytes"] >= 0 else None,
            "fate": "refused",
            "detail": ": ".join(part for part in (row["reason"], row["detail"]) if part),
        }
        for row in table.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=LEDGER)


def counts(path: Path) -> dict[str, Any]:
    """Files and bytes that came in, were kept, refused, and are out by reason; checked to add up.

    Args:
        path: of the ledger.

    Returns:
        {"in": …, "kept": {"train": …, "val": …, "test": …}, "refused": …, "out": {reason: …}, "refused_for": …}, where
        each … is {"files": number, "bytes": number}; `refused_for` has one for each reason of
        `charmer.corpus.refusal`, and counts bytes where these are known.
    """
    total = {"files": 0, "bytes": 0}
    by_fate: dict[str, dict[str, int]] = {}
    refused_for: dict[str, dict[str, int]] = {}
    with pq.ParquetFile(path) as parquet:
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group, columns=["fate", "detail", "bytes"])
            total["files"] += len(table)
            total["bytes"] += pc.sum(table.column("bytes")).as_py() or 0
            _add(by_fate, table.drop_columns("detail"))
            refused = table.filter(pc.equal(table.column("fate"), "refused"))
            reasons = pc.list_element(pc.split_pattern(refused.column("detail"), ":", max_splits=1), 0)
            _add(refused_for, pa.table([reasons, refused.column("bytes")], names=["fate", "bytes"]))
    nothing = {"files": 0, "bytes": 0}
    kept = {split: by_fate.pop(split, nothing) for split in splits.SPLITS}
    refused = by_fate.pop("refused", nothing)
    for unit, came_in in total.items():
        accounted = sum(part[unit] for part in (*kept.values(), refused, *by_fate.values()))
        if accounted != came_in:
            raise AssertionError(f"{came_in} {unit} came in, but the fates account for {accounted}")
    return {
        "in": total,
        "kept": kept,
        "refused": refused,
        "out": dict(sorted(by_fate.items())),
        "refused_for": dict(sorted(refused_for.items())),
    }


def _add(sums: dict[str, dict[str, int]], table: pa.Table) -> None:
    """Add the files and bytes of each fate to those of the rows before."""
    for row in table.group_by("fate").aggregate([("fate", "count"), ("bytes", "sum")]).to_pylist():
        part = sums.setdefault(row["fate"], {"files": 0, "bytes": 0})
        part["files"] += row["fate_count"]
        part["bytes"] += row["bytes_sum"] or 0


def secrets(fates: Fates, judged: Sequence[Judged]) -> dict[str, dict[str, int]]:
    """How many secrets of each kind were replaced in the files that stay, and in how many files."""
    found: dict[str, dict[str, int]] = {kind: {"found": 0, "files": 0} for kind in PLACEHOLDERS}
    for edits in _column(judged, "edits", fates.used()):
        kinds = [edit["kind"] for edit in edits]
        for kind in set(kinds):
            found[kind]["found"] += kinds.count(kind)
            found[kind]["files"] += 1
    return found


def contaminated(fates: Fates, judged: Sequence[Judged]) -> dict[str, int]:
    """How many files left train for each benchmark; a file may share runs with several."""
    names = _column(judged, "benchmarks", fates.called(CONTAMINATED))
    return dict(sorted(Counter(name for several in names for name in several.split(", ")).items()))


def _column(judged: Sequence[Judged], name: str, chosen: np.ndarray) -> Iterator[Any]:
    """The values of a column that are not null, in the files that are chosen, bool[files]."""
    for part in judged:
        for first, one, table in part.read([name]):
            mine = pa.array(chosen[first : first + one.files])
            yield from table.column(name).filter(mine).drop_null().to_pylist()


def packages(sums: pa.Table) -> pa.Table:
    """Every package of which a file is used, with its licence; one that splits by file has a row a split.

    A person's own code (column own) is used whatever its licence.

    Args:
        sums: of the kept files, as `charmer.corpus.card.sums` makes them.
    """
    names = ["package", "version", "licence", "licence_from", "own", "split"]
    grouped = sums.group_by(names).aggregate([("files", "sum"), ("bytes", "sum")])
    grouped = grouped.rename_columns({"files_sum": "files", "bytes_sum": "bytes"})
    return grouped.sort_by([(name, "ascending") for name in names]).select(
        ["package", "version", "licence", "licence_from", "own", "files", "bytes", "split"]
    )
