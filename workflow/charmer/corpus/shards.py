"""The two tables that scrape writes, and their columns: shards of rows, and the refused.

Notable here: a shard ends after about 64 MB of text and a row group after about 8 MB, so that whoever reads one row
group at a time needs little memory, whatever the size of the corpus.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common.files import replacing

SHARD_BYTES = 64_000_000
ROW_GROUP_BYTES = 8_000_000

DICTIONARY_COLUMNS = ["source", "package", "version", "licence", "licence_from", "encoding", "newline", "kind"]

ROWS = pa.schema(
    [
        pa.field("text", pa.large_string(), nullable=False),  # newlines are \n, whatever the file had
        pa.field("source", pa.string(), nullable=False),
        pa.field("package", pa.string(), nullable=False),
        pa.field("version", pa.string()),
        pa.field("path", pa.string(), nullable=False),  # relative to the source, posix
        pa.field("licence", pa.string()),  # SPDX expression
        pa.field("licence_from", pa.string()),
        pa.field("own", pa.bool_(), nullable=False),
        pa.field("encoding", pa.string(), nullable=False),  # a Python codec
        pa.field("encoding_from", pa.string(), nullable=False),  # bom, declared, utf-8, detected
        pa.field("replaced", pa.int32(), nullable=False),  # characters that became U+FFFD
        pa.field("newline", pa.string(), nullable=False),  # lf, crlf, cr, mixed, none
        pa.field("bytes", pa.int64(), nullable=False),  # on the disk
        pa.field("sha256", pa.string(), nullable=False),  # of the raw bytes
        pa.field("parses", pa.bool_(), nullable=False),
        pa.field("syntax_error", pa.string()),  # grammar and complaint
        pa.field("kind", pa.string(), nullable=False),  # py, pyi, notebook, script
    ]
)

REFUSED = pa.schema(
    [
        pa.field("source", pa.string(), nullable=False),
        pa.field("package", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),  # -1: unknown
        pa.field("reason", pa.string(), nullable=False),  # a key of charmer.corpus.refusal.REASONS
        pa.field("detail", pa.string(), nullable=False),
    ]
)


class ShardWriter:
    """Writes record batches into numbered shards in a folder; each shard is complete or absent.

    A source without a single row still gets one shard, empty but with its columns.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards = 0
        self.pending: list[pa.RecordBatch] = []
        self.pending_bytes = self.shard_bytes = 0
        self.shard = contextlib.ExitStack()
        self.writer: pq.ParquetWriter | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Append rows; `batch` has the schema ROWS."""
        self.pending.append(batch)
        self.pending_bytes += batch.nbytes
        if self.pending_bytes >= ROW_GROUP_BYTES:
            self._flush()
        if self.shard_bytes >= SHARD_BYTES:
            self._end_shard()

    def _flush(self) -> None:
        """Write what is pending as one row group."""
        if self.writer is None:
            path = self.folder / f"shard-{self.shards:05d}.parquet"
            temporary = self.shard.enter_context(replacing(path))
            self.writer = pq.ParquetWriter(
                temporary,
                ROWS,
                compression="zstd",
                use_dictionary=DICTIONARY_COLUMNS,
                write_statistics=False,
                write_page_checksum=True,
            )
            self.shard.callback(self.writer.close)
        table = pa.Table.from_batches(self.pending, ROWS)
        self.writer.write_table(table, row_group_size=max(len(table), 1))
        self.shard_bytes += self.pending_bytes
        self.pending, self.pending_bytes = [], 0

    def _end_shard(self) -> None:
        self.shard.close()
        self.writer = None
        self.shards += 1
        self.shard_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and (self.pending or self.shards == 0):
            self._flush()
        self.shard.__exit__(kind, error, trace)
