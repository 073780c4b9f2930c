"""Shards of text to one flat array of tokens and a table of where each document lies in it.

Notable here:
- The array begins with <|endoftext|> and every document is followed by one, so that every document stands between two:
  the one before it is what its first token is predicted from, the one after it is its end.
- Streaming: a bounded number of batches is in flight, tokens and table rows are written as they come, so memory does
  not grow with the corpus. Batches are encoded by threads (tiktoken and NumPy release the interpreter's lock) and
  written in their order, so the bytes do not depend on the number of threads.
- The table's metadata names the tokenizer, so that a reader with another one is told.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common import files
from charmer.common.progress import Progress
from charmer.tokens.shards import batches, count
from charmer.tokens.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

COLUMNS = {
    "start": pa.int64(),
    "tokens": pa.int32(),
    "bytes": pa.int64(),
    "source": pa.string(),
    "package": pa.string(),
    "path": pa.string(),
}


def encode(shards: Path, tokenizer: Path, tokens: Path, documents: Path, threads: int = 1) -> None:
    """Encode every document of a folder of shards.

    Writes `tokens`, a flat .npy of the smallest unsigned type that holds the vocabulary, and `documents`, a Parquet
    table with a row a document: `start` (index of its first token), `tokens` (how many, <|endoftext|> not counted),
    `bytes` (of its text in UTF-8), `source`, `package`, `path`. So `array[start - 1]` and `array[start + tokens]` are
    both <|endoftext|>.

    Raises:
        Failure: no shards, a damaged shard or tokenizer, a full disk.
    """
    vocabulary = Tokenizer.load(tokenizer)
    dtype = np.min_scalar_type(vocabulary.vocab_size - 1)
    metadata = {"tokenizer": vocabulary.digest, "vocab_size": str(vocabulary.vocab_size), "eof": str(vocabulary.eof)}
    schema = pa.schema(list(COLUMNS.items()), metadata=metadata)
    total = count(shards)
    with (
        files.replacing(tokens) as array_path,
        files.replacing(documents) as table_path,
        array_path.open("wb") as array,
        pq.ParquetWriter(table_path, schema, compression="zstd", write_page_checksum=True) as table,
        Progress(f"encode {shards.name}", total=total, unit="file") as progress,
    ):
        _header(array, dtype, 0)
        array.write(np.array([vocabulary.eof], dtype).tobytes())
        length = 1
        for rows, ids, counts in _encoded(shards, vocabulary, dtype, threads):
            array.write(ids.data)
            starts = length + np.concatenate([[0], np.cumsum(counts + 1)[:-1]])
            sizes = [len(text.encode()) for text in rows.column("text").to_pylist()]
            columns = [pa.array(starts, pa.int64()), pa.array(counts, pa.int32()), pa.array(sizes, pa.int64())]
            columns += [rows.column(name).cast(pa.string()) for name in ("source", "package", "path")]
            table.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
            length += len(ids)
            progress.advance(rows.num_rows, note=f"{length / 1e6:.1f}M tokens")
        array.seek(0)
        _header(array, dtype, length)


def _header(file: BinaryIO, dtype: np.dtype, length: int) -> None:
    """Write the .npy header; NumPy pads it so that a longer length fits the same room."""
    np.lib.format.write_array_header_1_0(
        file, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (length,)}
    )


def _encoded(
    folder: Path, tokenizer: Tokenizer, dtype: np.dtype, threads: int
) -> Iterator[tuple[pa.RecordBatch, np.ndarray, np.ndarray]]:
    """Yield (rows, their ids with an <|endoftext|> behind each document, the number of ids of each) in order."""
    end = np.array([tokenizer.eof], np.int32)

    def work(rows: pa.RecordBatch) -> tuple[pa.RecordBatch, np.ndarray, np.ndarray]:
        parts = [tokenizer.encode(text) for text in rows.column("text").to_pylist()]
        joined = np.concatenate([piece for part in parts for piece in (part, end)])
        return rows, joined.astype(dtype), np.array([len(part) for part in parts], np.int64)

    waiting: deque[Future[tuple[pa.RecordBatch, np.ndarray, np.ndarray]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for rows in batches(folder, ["text", "source", "package", "path"]):
            waiting.append(pool.submit(work, rows))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
