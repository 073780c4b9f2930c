"""Which files repeat which: the groups of candidates, some at a time, each decided by itself.

Notable here: the files of all groups are laid out once, group by group, in a bounded number of work files. A work
file then holds all that its groups' decisions need, and is decided by one process, whose memory it bounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from charmer.common.parallel import ordered_map
from charmer.corpus import dedup, survey
from charmer.corpus.judge import Judged

TOGETHER = 50_000  # files in a work file, more where a group is larger
MOST_FILES = 256  # work files, which are open all at once while they are filled

REPEATS = pa.schema(
    [
        ("file", pa.int64()),
        ("kept", pa.int64()),  # the file that it repeats
        ("exact", pa.bool_()),
        ("similarity", pa.float64()),
        ("matched_source", pa.string()),
        ("matched_package", pa.string()),
        ("matched_path", pa.string()),
    ]
)


@dataclass(frozen=True)
class Bucket:
    """Some groups of candidates: their work file, and the numbers of their files, ascending, int64[files]."""

    path: Path
    files: np.ndarray


def gather(judged: Sequence[Judged], groups: np.ndarray, work: Path) -> list[Bucket]:
    """Lay out the files that are not alone in their group; `groups` is that of `charmer.corpus.candidates`."""
    sizes = np.bincount(groups, minlength=len(groups))
    sizes[sizes == 1] = 0
    each = max(TOGETHER, math.ceil(sizes.sum() / MOST_FILES))
    number = np.where(sizes > 0, (np.cumsum(sizes) - sizes) // each, -1)[groups]
    writers: dict[int, pa.ipc.RecordBatchFileWriter] = {}
    try:
        for part in judged:
            keys = part.keys()
            for first, one, table in part.read(["source", "package", "path", "document", "begin", "end"]):
                mine = number[first : first + one.files]
                for bucket in np.unique(mine[mine >= 0]).tolist():
                    rows = np.flatnonzero(mine == bucket)
                    chosen = table.take(pa.array(rows))
                    shingles = str(survey.shingle_file(part.folder, one.unit.number))
                    chosen = chosen.append_column("file", pa.array(rows + first))
                    chosen = chosen.append_column("shingles", pa.array([shingles] * len(rows), pa.string()))
                    at = rows + (first - part.first)
                    chosen = chosen.append_column("keys", _packed(keys[: dedup.BANDS, at].T))
                    if bucket not in writers:
                        writers[bucket] = pa.ipc.new_file(_path(work, bucket), chosen.schema)
                    writers[bucket].write_table(chosen)
    finally:
        for writer in writers.values():
            writer.close()
    return [Bucket(_path(work, bucket), np.flatnonzero(number == bucket)) for bucket in sorted(writers)]


def _path(work: Path, bucket: int) -> Path:
    return work / f"candidates-{bucket:05d}.arrow"


def _packed(keys: np.ndarray) -> pa.Array:
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(8 * dedup.BANDS), len(keys), [None, pa.py_buffer(np.ascontiguousarray(keys))]
    )


def find(
    buckets: Sequence[Bucket], ranks: np.ndarray, leave_out: np.ndarray, threshold: float, threads: int
) -> list[pa.Table]:
    """The files of each bucket that repeat one that is kept, columns of REPEATS.

    Args:
        ranks: lower ones are kept first, float64[files]; among equal ones a file near the top of its source.
        leave_out: files that are neither kept nor compared, bool[files].
        threshold: Jaccard index from which two files count as near duplicates; above 1: only exact ones.
        threads: number of processes.
    """
    tasks = ((one.path, ranks[one.files], leave_out[one.files], threshold) for one in buckets)
    return list(ordered_map(_repeats, tasks, min(threads, len(buckets))))


def _repeats(task: tuple[Path, np.ndarray, np.ndarray, float]) -> pa.Table:
    path, ranks, leave_out, threshold = task
    with pa.OSFile(str(path)) as file:
        table = pa.ipc.open_file(file).read_all()
    names = {name: table.column(name).to_pylist() for name in ("source", "package", "path", "document", "shingles")}
    begins, ends = (table.column(name).to_numpy() for name in ("begin", "end"))
    keys = np.frombuffer(b"".join(table.column("keys").to_pylist()), dtype=np.uint64).reshape(-1, dedup.BANDS)
    paths, packages = names["path"], names["package"]
    order = sorted(
        np.flatnonzero(~leave_out).tolist(), key=lambda i: (ranks[i], paths[i].count("/"), paths[i], packages[i], i)
    )

    def load(index: int) -> np.ndarray:
        count = int(ends[index] - begins[index])
        return np.fromfile(names["shingles"][index], dtype=np.uint32, count=count, offset=4 * int(begins[index]))

    matches = dedup.repeats(order, names["document"], keys, load, threshold)
    repeated = np.flatnonzero(matches.kept >= 0)
    kept = matches.kept[repeated]
    documents = names["document"]
    number = table.column("file").to_numpy()
    columns = [
        pa.array(number[repeated]),
        pa.array(number[kept]),
        pa.array([documents[one] == documents[other] for one, other in zip(repeated, kept, strict=True)], pa.bool_()),
        pa.array(matches.similarity[repeated]),
        *(table.column(name).take(pa.array(kept)).combine_chunks() for name in ("source", "package", "path")),
    ]
    return pa.table(columns, schema=REPEATS)
