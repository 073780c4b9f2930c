"""The tables that account for every file: ledger, packages, counts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from charmer.common.files import read_table
from charmer.corpus import splits, survey
from charmer.corpus.fates import Fates, Files
from charmer.corpus.secrets import PLACEHOLDERS

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


def ledger(
    files: Files,
    fates: Fates,
    surveys: Sequence[survey.Survey],
    broken: Sequence[tuple[Path, str]],
    refused: Sequence[Path],
) -> pa.Table:
    """One row for every file: those that were read, then those in damaged shards, then the refused ones.

    A row group that cannot be read has a row for each of its files, whose names are lost with it; a shard whose
    footer cannot be read does not tell how many it had, and has one row.
    """
    kept = fates.kept_by()
    matched = pa.array(kept, mask=kept < 0)
    columns = {
        **{name: files.table.column(name) for name in ("source", "package", "path", "bytes")},
        "fate": pa.array(fates.fate, type=pa.string()),
        "detail": pa.array(fates.detail, type=pa.string()),
        **{f"matched_{name}": files.table.column(name).take(matched) for name in ("source", "package", "path")},
        "similarity": pa.array(fates.matches.similarity, mask=kept < 0),
    }
    read = pa.table([columns[name] for name in LEDGER.names], names=LEDGER.names).cast(LEDGER)
    lost = [
        _lost(one.unit.shard, f"{one.unit.shard.name}, row {row} of group {one.unit.row_group}", one.damaged)
        for one in surveys
        if one.damaged
        for row in range(one.unit.rows)
    ]
    lost += [_lost(shard, shard.name, why) for shard, why in broken]
    return pa.concat_tables(
        [read, pa.Table.from_pylist(lost, schema=LEDGER), *(_refused(path) for path in refused)]
    ).combine_chunks()


def _lost(shard: Path, path: str, why: str) -> dict[str, Any]:
    # Its folder bears the source's name and, in the workflow, a digest of the settings behind it.
    source = re.sub(r"-[0-9a-f]{8}$", "", shard.parent.parent.name)
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


def counts(table: pa.Table) -> dict[str, Any]:
    """Files and bytes that came in, were kept, refused, and are out by reason; checked to add up.

    Returns:
        {"in": …, "kept": {"train": …, "val": …, "test": …}, "refused": …, "out": {reason: …}}, where each … is
        {"files": number, "bytes": number}.
    """
    grouped = table.group_by("fate").aggregate([("fate", "count"), ("bytes", "sum")]).sort_by("fate").to_pylist()
    by_fate = {row["fate"]: {"files": row["fate_count"], "bytes": row["bytes_sum"] or 0} for row in grouped}
    nothing = {"files": 0, "bytes": 0}
    kept = {split: by_fate.pop(split, nothing) for split in splits.SPLITS}
    refused = by_fate.pop("refused", nothing)
    total = {"files": len(table), "bytes": pc.sum(table.column("bytes")).as_py() or 0}
    for unit, came_in in total.items():
        accounted = sum(part[unit] for part in (*kept.values(), refused, *by_fate.values()))
        if accounted != came_in:
            raise AssertionError(f"{came_in} {unit} came in, but the fates account for {accounted}")
    return {"in": total, "kept": kept, "refused": refused, "out": by_fate}


def refused_for(table: pa.Table) -> dict[str, dict[str, int]]:
    """Files and bytes (where these are known) that were refused for each reason of `charmer.corpus.refusal`."""
    refused = table.filter(pc.equal(table.column("fate"), "refused")).select(["detail", "bytes"]).to_pylist()
    found: dict[str, dict[str, int]] = {}
    for row in refused:
        part = found.setdefault(row["detail"].partition(":")[0], {"files": 0, "bytes": 0})
        part["files"] += 1
        part["bytes"] += row["bytes"] or 0
    return dict(sorted(found.items()))


def secrets(files: Files, fates: Fates) -> dict[str, dict[str, int]]:
    """How many secrets of each kind were replaced in the files that stay, and in how many files."""
    found: dict[str, dict[str, int]] = {kind: {"found": 0, "files": 0} for kind in PLACEHOLDERS}
    for edits in files.table.column("edits").filter(pa.array(fates.used())).drop_null().to_pylist():
        kinds = [edit["kind"] for edit in edits]
        for kind in set(kinds):
            found[kind]["found"] += kinds.count(kind)
            found[kind]["files"] += 1
    return found


def contaminated(files: Files, fates: Fates) -> dict[str, int]:
    """How many files left train for each benchmark; a file may share runs with several."""
    names = files.table.column("benchmarks").filter(pa.array(fates.fate == "contaminated")).to_pylist()
    return dict(sorted(Counter(name for several in names for name in several.split(", ")).items()))


def packages(files: Files, fates: Fates) -> pa.Table:
    """Every package of which a file is used, with its licence; one that splits by file has a row a split.

    A person's own code (column own) is used whatever its licence.
    """
    names = ["package", "version", "licence", "licence_from", "own", "split"]
    table = files.table.select(["package", "version", "licence", "licence_from", "own", "bytes"])
    table = table.append_column("split", pa.array(fates.fate, type=pa.string())).filter(pa.array(fates.used()))
    grouped = table.group_by(names).aggregate([("bytes", "count"), ("bytes", "sum")])
    grouped = grouped.rename_columns({"bytes_count": "files", "bytes_sum": "bytes"})
    return grouped.sort_by([(name, "ascending") for name in names]).select(
        ["package", "version", "licence", "licence_from", "own", "files", "bytes", "split"]
    )
