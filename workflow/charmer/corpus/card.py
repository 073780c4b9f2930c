"""The figures of the corpus' data card: what came in, what stayed, and what it looks like. The report plots them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from charmer.corpus.fates import Fates

LONGEST_LINES = [40, 60, 80, 100, 120, 160, 240, 400, 1000]
MEAN_LINES = [10, 20, 25, 30, 35, 40, 50, 60, 80, 100]


def card(files: pa.Table, fates: Fates, counts: dict[str, Any]) -> dict[str, Any]:
    """The data card as plain numbers.

    Args:
        files: one row a file that was read: the scraped columns but the text, and those of `survey.FOUND`.
        counts: what counts.json says.

    Returns:
        `counts`; `bytes`, the files and bytes of kept files by source, package, licence, encoding and split;
        `line_lengths`, histograms of kept files by their longest and their mean line (the last bin is open); and
        `cluster_sizes`, how many kept files stand for 1, 2, 3, … files.
    """
    table = files.append_column("split", pa.array(fates.fate, type=pa.string()))
    kept = table.filter(pa.array(fates.used()))
    by = fates.kept_by()
    sizes = np.bincount(1 + np.bincount(by[by >= 0], minlength=len(by))[fates.used()])
    return {
        "counts": counts,
        "bytes": {name: _bytes_by(kept, name) for name in ("source", "package", "licence", "encoding", "split")},
        "line_lengths": {
            "longest": _histogram(kept.column("longest_line"), LONGEST_LINES),
            "mean": _histogram(kept.column("mean_line"), MEAN_LINES),
        },
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


def _histogram(values: pa.ChunkedArray, edges: list[int]) -> list[dict[str, int | None]]:
    """Counts of values up to each edge and above the one before; the last bin has no upper edge."""
    counts = np.bincount(np.searchsorted(edges, values.to_numpy(), side="left"), minlength=len(edges) + 1)
    return [{"up_to": edge, "files": int(count)} for edge, count in zip([*edges, None], counts, strict=True)]
