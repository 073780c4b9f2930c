"""The figures of the corpus' data card: what came in, what stayed, and what it looks like. The report plots them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

LONGEST_LINES = [40, 60, 80, 100, 120, 160, 240, 400, 1000]
MEAN_LINES = [10, 20, 25, 30, 35, 40, 50, 60, 80, 100]


def card(files: pa.Table, fates: np.ndarray, kept_by: np.ndarray, counts: dict[str, Any]) -> dict[str, Any]:
    """The data card as plain numbers.

    Args:
        files: one row a file that was read: the scraped columns but the text, and those of `survey.FOUND`.
        fates: each file's fate, object[files].
        kept_by: for each removed duplicate the index of the kept file, -1 for all others, int64[files].
        counts: what counts.json says.

    Returns:
        `bytes` of kept files by package, licence and encoding, `counts`, `line_lengths` (histograms of files by
        their longest and their mean line; the last bin is open), and `cluster_sizes`: how many kept files stand for
        1, 2, 3, … files.
    """
    split = pa.array(fates, type=pa.string())
    kept = files.append_column("split", split).filter(pc.is_in(split, pa.array(["train", "val", "test"])))
    removed = kept_by[kept_by >= 0]
    sizes = np.bincount(np.bincount(removed)[np.unique(removed)] + 1) if len(removed) else np.zeros(2, dtype=int)
    sizes[1] = len(kept) - len(np.unique(removed))
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
