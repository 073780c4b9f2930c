"""Shards of text to one flat array of tokens and a table of where each document lies in it.

Notable here:
- The array begins with <|endoftext|> and every document is followed by one. So each document stands between two: from
  the one before it its first token is predicted, and the one after it is its end.
- A bounded number of batches is in flight, and tokens and rows are written as they come: memory does not grow with
  the corpus. Threads encode (tiktoken and NumPy release the interpreter's lock), the order is that of the shards, and
  the bytes written do not depend on the number of threads.
- The table's metadata names the tokenizer, so that whoever reads the tokens with another one is told.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from charmer.common import files
from charmer.common.progress import Progress
from charmer.tokens.shards import batches, count
from charmer.tokens.tokenizer import Tokenizer

NAMES = ("source", "package", "path")
COLUMNS = {"start": pa.int64(), "tokens": pa.int32(), "bytes": pa.int64(), **dict.fromkeys(NAMES, pa.string())}
ROW_GROUP = 8192


class Encoded(NamedTuple):
    """A few documents: their ids with an <|endoftext|> behind each, and for each how many ids and bytes it has."""

    ids: np.ndarray
    tokens: np.ndarray
    bytes: np.ndarray
    names: list[pa.Array]


def encode(shards: Path, tokenizer: Path, tokens: Path, documents: Path, threads: int = 1) -> None:
    """Encode every document of a folder of shards.

    Writes `tokens`, a flat .npy of the smallest unsigned type that holds the vocabulary, and `documents`, a Parquet
    table with a row a document: `start` (index of its first token), `tokens` (how many, no <|endoftext|> counted),
    `bytes` (of its text in UTF-8), `source`, `package`, `path`. So `array[start - 1]` and `array[start + tokens]` are
    both <|endoftext|>. A folder without documents gives an array of one <|endoftext|> and a table without rows.

    Raises:
        Failure: the folder is missing, a shard or the tokenizer is damaged, or the disk is full.
    """
    vocabulary = Tokenizer.load(tokenizer)
    dtype = np.min_scalar_type(vocabulary.vocab_size - 1)
    metadata = {"tokenizer": vocabulary.digest, "vocab_size": str(vocabulary.vocab_size), "eof": str(vocabulary.eof)}
    schema = pa.schema(list(COLUMNS.items()), metadata=metadata)
    with (
        files.replacing(tokens) as array_path,
        files.replacing(documents) as table_path,
        array_path.open("wb") as array,
        pq.ParquetWriter(table_path, schema, compression="zstd", write_page_checksum=True) as table,
        Progress(f"encode {shards.name}", total=count(shards), unit="file") as progress,
    ):
        _write_header(array, dtype, 0)
        array.write(np.array([vocabulary.eof], dtype).tobytes())
        length = 1
        rows: list[pa.RecordBatch] = []
        for part in _encoded(shards, vocabulary, dtype, threads):
            array.write(part.ids.data)
            starts = length + np.cumsum(part.tokens + 1) - (part.tokens + 1)
            columns = [
                pa.array(starts, pa.int64()),
                pa.array(part.tokens, pa.int32()),
                pa.array(part.bytes, pa.int64()),
            ]
            rows.append(pa.RecordBatch.from_arrays([*columns, *part.names], schema=schema))
            length += len(part.ids)
            if sum(batch.num_rows for batch in rows) >= ROW_GROUP:
                table.write_table(pa.Table.from_batches(rows))
                rows.clear()
            progress.advance(len(part.tokens), note=f"{length / 1e6:.1f}M tokens")
        table.write_table(pa.Table.from_batches(rows, schema=schema))
        array.seek(0)
        _write_header(array, dtype, length)


def _write_header(file: BinaryIO, dtype: np.dtype, length: int) -> None:
    """Write the header of a flat .npy; NumPy pads it, so that a longer length fits the same room later."""
    layout = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, layout)


def _encoded(folder: Path, tokenizer: Tokenizer, dtype: np.dtype, threads: int) -> Iterator[Encoded]:
    """Yield the documents of a folder, a few at a time, in order."""
    end = np.array([tokenizer.eof], dtype)

    def work(rows: pa.RecordBatch) -> Encoded:
        texts = rows.column("text").to_pylist()
        ids = [tokenizer.encode(text).astype(dtype) for text in texts]
        joined = np.concatenate([array for document in ids for array in (document, end)])
        lengths = np.array([len(document) for document in ids], np.int64)
        sizes = np.array([len(text.encode()) for text in texts], np.int64)
        return Encoded(joined, lengths, sizes, [rows.column(name).cast(pa.string()) for name in NAMES])

    waiting: deque[Future[Encoded]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for rows in batches(folder, ["text", *NAMES]):
            waiting.append(pool.submit(work, rows))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
