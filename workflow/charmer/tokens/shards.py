"""Reading the corpus's shards: in order, in small batches, with checked pages and a named file on damage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common.failure import Failure

ROWS = 64  # documents held at a time


def paths(folder: Path) -> list[Path]:
    """The shards of a folder in their order.

    Raises:
        Failure: there is none.
    """
    found = sorted(Path(folder).glob("shard-*.parquet"))
    if not found:
        raise Failure(f"{folder}: holds no shards (shard-*.parquet); run `curate` again")
    return found


def count(folder: Path) -> int:
    """How many documents a folder of shards holds."""
    return sum(batch.num_rows for batch in batches(folder, ["path"], rows=65_536))


def batches(folder: Path, columns: Sequence[str], rows: int = ROWS) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all shards, in order, `rows` at a time.

    Raises:
        Failure: a shard is damaged or lacks a column.
    """
    for path in paths(folder):
        try:
            with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as shard:
                missing = set(columns) - set(shard.schema_arrow.names)
                if missing:
                    raise Failure(f"{path}: lacks the columns {', '.join(sorted(missing))}; run `curate` again")
                yield from shard.iter_batches(batch_size=rows, columns=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise Failure(f"{path}: is damaged ({error}); delete it and run `curate` again") from error
