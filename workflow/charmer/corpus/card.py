"""The figures of the corpus' data card: what came in, what stayed, and what it looks like. The report plots them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from charmer.corpus.fates import Fates
from charmer.corpus.judge import Judged
from charmer.corpus.shards import ROWS

LONGEST_LINES = [40, 60, 80, 100, 120, 160, 240, 400, 1000]
MEAN_LINES = [10, 20, 25, 30, 35, 40, 50, 60, 80, 100]
GROUPS = ["source", "package", "version", "licence", "licence_from", "own", "encoding", "encoding_from", "split"]
SUMS = pa.schema(
    [
        *(ROWS.field(name) for name in GROUPS if name != "split"),
        ("split", pa.string()),
        *((name, pa.int64()) for name in ("files", "bytes", "replaced")),
    ]
)
STEPS = 50  # bins of similarity between 0 and 1


def sums(fates: Fates, judged: Sequence[Judged]) -> pa.Table:
    """Files, bytes and replaced characters of the kept files by all that tables and card tell apart (GROUPS)."""
    names = np.array(fates.names, dtype=object)
    used = fates.used()
    found = [SUMS.empty_table()]
    columns = [name for name in GROUPS if name != "split"]
    for part in judged:
        for first, one, table in part.read([*columns, "bytes", "replaced"]):
            here = slice(first, first + one.files)
            table = table.append_column("split", pa.array(names[fates.code[here]], pa.string()))
            kept = table.filter(pa.array(used[here])).append_column(
                "files", pa.array([1] * int(used[here].sum()), pa.int64())
            )
            found.append(_summed(kept))
            if len(found) > 1000:
                found = [_summed(pa.concat_tables(found))]
    return _summed(pa.concat_tables(found))


def _summed(table: pa.Table) -> pa.Table:
    names = ("files", "bytes", "replaced")
    grouped = table.group_by(GROUPS).aggregate([(name, "sum") for name in names])
    return grouped.rename_columns({f"{name}_sum": name for name in names}).select(SUMS.names).cast(SUMS)


def card(kept: pa.Table, fates: Fates, judged: Sequence[Judged], counts: dict[str, Any]) -> dict[str, Any]:
    """The data card as plain numbers.

    Args:
        kept: what `sums` gives.
        counts: what counts.json says.

    Returns:
        `counts`; `bytes`, the files and bytes of kept files by source, package, licence and split; `encodings`, the
        same by encoding and how it was found, with the characters that no encoding fitted; `line_lengths`, histograms
        of kept files by their longest and their mean line (the last bin is open); `near_duplicates`, a histogram of
        the removed ones by their similarity to the file kept in their place; and `cluster_sizes`, how many kept files
        stand for 1, 2, 3, … files.
    """
    repeats = fates.repeats
    _, sizes = np.unique(repeats.column("kept").to_numpy(), return_counts=True)
    clusters = np.bincount(1 + sizes, minlength=2)
    clusters[1] = int(fates.used().sum()) - len(sizes)
    near = ~repeats.column("exact").to_numpy()
    return {
        "counts": counts,
        "bytes": {name: _bytes_by(kept, name) for name in ("source", "package", "licence", "split")},
        "encodings": _encodings(kept),
        "line_lengths": _line_lengths(fates, judged),
        "near_duplicates": _similarities(repeats.column("similarity").to_numpy()[near]),
        "cluster_sizes": {str(size): int(many) for size, many in enumerate(clusters) if many},
    }


def _line_lengths(fates: Fates, judged: Sequence[Judged]) -> dict[str, list[dict[str, int | None]]]:
    used = fates.used()
    edges = {"longest": LONGEST_LINES, "mean": MEAN_LINES}
    counts = {name: np.zeros(len(edges[name]) + 1, dtype=np.int64) for name in edges}
    for part in judged:
        for first, one, table in part.read([f"{name}_line" for name in edges]):
            for name, bins in counts.items():
                values = table.column(f"{name}_line").to_numpy()[used[first : first + one.files]]
                bins += np.bincount(np.searchsorted(edges[name], values, side="left"), minlength=len(bins))
    return {
        name: [{"up_to": edge, "files": int(count)} for edge, count in zip([*edges[name], None], bins, strict=True)]
        for name, bins in counts.items()
    }


def _bytes_by(files: pa.Table, name: str) -> dict[str, dict[str, int]]:
    """Files and bytes by one column, largest first."""
    grouped = files.group_by(name).aggregate([("files", "sum"), ("bytes", "sum")])
    rows = grouped.to_pylist()
    rows.sort(key=lambda row: (-row["bytes_sum"], str(row[name])))
    return {
        "unknown" if row[name] is None else row[name]: {"files": row["files_sum"], "bytes": row["bytes_sum"]}
        for row in rows
    }


def _encodings(files: pa.Table) -> list[dict[str, Any]]:
    """Files, bytes and replaced characters by encoding and how it was found, the most frequent first."""
    by, names = ["encoding", "encoding_from"], ("files", "bytes", "replaced")
    grouped = files.group_by(by).aggregate([(name, "sum") for name in names])
    rows = grouped.rename_columns({f"{name}_sum": name for name in names}).select([*by, *names]).to_pylist()
    return sorted(rows, key=lambda row: (-row["files"], row["encoding"], row["encoding_from"]))


def _similarities(values: np.ndarray) -> list[dict[str, float]]:
    """Counts of Jaccard indices in bins of equal width from the lowest value's to 1, which belongs to the last."""
    places = np.minimum(np.floor(values * STEPS + 1e-9).astype(np.int64), STEPS - 1)
    counts = np.bincount(places, minlength=STEPS)
    return [
        {"from": place / STEPS, "to": (place + 1) / STEPS, "files": int(counts[place])}
        for place in range(int(places.min(initial=STEPS)), STEPS)
    ]
