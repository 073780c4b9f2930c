"""Reading the corpus's shards: in order, a few documents at a time, with checked pages; damage names the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common.failure import Failure

ROWS = 16  # documents held at a time: 300 kB of ordinary code, 16 MB at the worst with scrape's default limit


def count(folder: Path) -> int:
    """How many documents a folder of shards holds.

    Raises:
        Failure: there is no such folder, or a shard is damaged.
    """
    return sum(batch.num_rows for batch in batches(folder, ["path"], rows=65_536))


def batches(folder: Path, columns: Sequence[str], rows: int = ROWS) -> Iterator[pa.RecordBatch]:
    """Yield the rows of all shards of a folder, in the order of the shards' names, at most `rows` at a time.

    Raises:
        Failure: there is no such folder, or a shard is damaged or lacks a column.
    """
    if not folder.is_dir():
        raise Failure(f"{folder}: there is no such folder of shards; run `curate` again")
    for path in sorted(folder.glob("shard-*.parquet")):
        try:
            with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as shard:
                missing = set(columns) - set(shard.schema_arrow.names)
                if missing:
                    raise Failure(f"{path}: lacks the columns {', '.join(sorted(missing))}; run `curate` again")
                yield from shard.iter_batches(batch_size=rows, columns=list(columns))
        except (pa.ArrowException, OSError) as error:
            raise Failure(f"{path}: is damaged ({error}); delete it and run `curate` again") from error
