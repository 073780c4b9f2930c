"""The figures of the corpus' data card: what came in, what stayed, and what it looks like. The report plots them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from charmer.corpus.fates import Fates

LONGEST_LINES = [40, 60, 80, 100, 120, 160, 240, 400, 1000]
MEAN_LINES = [10, 20, 25, 30, 35, 40, 50, 60, 80, 100]
STEPS = 50  # bins of similarity between 0 and 1


def card(files: pa.Table, fates: Fates, counts: dict[str, Any]) -> dict[str, Any]:
    """The data card as plain numbers.

    Args:
        files: one row a file that was read: the scraped columns but the text, and those of `survey.FOUND`.
        counts: what counts.json says.

    Returns:
        `counts`; `bytes`, the files and bytes of kept files by source, package, licence and split; `encodings`, the
        same by encoding and how it was found, with the characters that no encoding fitted; `line_lengths`, histograms
        of kept files by their longest and their mean line (the last bin is open); `near_duplicates`, a histogram of
        the removed ones by their similarity to the file kept in their place; and `cluster_sizes`, how many kept files
        stand for 1, 2, 3, … files.
    """
    table = files.append_column("split", pa.array(fates.fate, type=pa.string()))
    kept = table.filter(pa.array(fates.used()))
    by = fates.kept_by()
    sizes = np.bincount(1 + np.bincount(by[by >= 0], minlength=len(by))[fates.used()])
    return {
        "counts": counts,
        "bytes": {name: _bytes_by(kept, name) for name in ("source", "package", "licence", "split")},
        "encodings": _encodings(kept),
        "line_lengths": {
            "longest": _histogram(kept.column("longest_line"), LONGEST_LINES),
            "mean": _histogram(kept.column("mean_line"), MEAN_LINES),
        },
        "near_duplicates": _similarities(fates.matches.similarity[fates.fate == "near duplicate"]),
        "cluster_sizes": {str(size): int(many) for size, many in enumerate(sizes) if many},
    }


def _bytes_by(files: pa.Table, name: str) -> dict[str, dict[str, int]]:
    """Files and bytes by one column, largest first."""
    grouped = files.group_by(name).aggregate([("bytes", "count"), ("bytes", "sum")])
    rows = grouped.to_pylist()
    rows.sort(key=lambda row: (-row["bytes_sum"], str(row[name])))
    return {
        "unknown" if row[name] is None else row[name]: {"files": row["bytes_count"], "bytes": row["bytes_sum"]}
        for row in rows
    }


def _encodings(files: pa.Table) -> list[dict[str, Any]]:
    """Files, bytes and replaced characters by encoding and how it was found, the most frequent first."""
    by = ["encoding", "encoding_from"]
    sums = files.group_by(by).aggregate([("bytes", "count"), ("bytes", "sum"), ("replaced", "sum")])
    rows = sums.rename_columns({"bytes_count": "files", "bytes_sum": "bytes", "replaced_sum": "replaced"}).to_pylist()
    return sorted(rows, key=lambda row: (-row["files"], row["encoding"], row["encoding_from"]))


def _similarities(values: np.ndarray) -> list[dict[str, float]]:
    """Counts of Jaccard indices in bins of equal width from the lowest value's to 1, which belongs to the last."""
    places = np.minimum(np.floor(values * STEPS + 1e-9).astype(np.int64), STEPS - 1)
    counts = np.bincount(places, minlength=STEPS)
    return [
        {"from": place / STEPS, "to": (place + 1) / STEPS, "files": int(counts[place])}
        for place in range(int(places.min(initial=STEPS)), STEPS)
    ]


def _histogram(values: pa.ChunkedArray, edges: list[int]) -> list[dict[str, int | None]]:
    """Counts of values up to each edge and above the one before; the last bin has no upper edge."""
    counts = np.bincount(np.searchsorted(edges, values.to_numpy(), side="left"), minlength=len(edges) + 1)
    return [{"up_to": edge, "files": int(count)} for edge, count in zip([*edges, None], counts, strict=True)]
