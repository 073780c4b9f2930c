"""Encoding shards: every document between two marks, in order, whatever the threads and however the shards lie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from charmer.common import files
from charmer.common.failure import Failure
from charmer.tokens import encode as module
from charmer.tokens.encode import encode
from charmer.tokens.shards import batches
from charmer.tokens.tokenizer import Tokenizer

Write = Callable[..., Path]


def encoded(shards: Path, tokenizer: Tokenizer, name: str = "out", threads: int = 1) -> tuple[np.ndarray, Path, Path]:
    tokenizer.save(shards.parent / "tokenizer.json")
    tokens, documents = shards.parent / f"{name}.npy", shards.parent / f"{name}.parquet"
    encode(shards, shards.parent / "tokenizer.json", tokens, documents, threads)
    return files.open_array(tokens), tokens, documents


@pytest.mark.parametrize("kind", ["char", "byte", "gpt-2"])
def test_each_document_stands_between_two_marks(
    texts: list[str], tokenizers: dict[str, Tokenizer], write_shards: Write, tmp_path: Path, kind: str
) -> None:
    tokenizer = tokenizers[kind]
    texts = [*texts, "", "\n", "<|endoftext|>"]
    array, _, documents = encoded(write_shards(tmp_path / "train", texts, shards=3), tokenizer)
    rows = files.read_table(documents).to_pylist()
    assert [row["path"] for row in rows] == [f"module_{index}.py" for index in range(len(texts))]
    assert {(row["source"], row["package"]) for row in rows} == {("stdlib", "python")}
    for row, text in zip(rows, texts, strict=True):
        start, end = row["start"], row["start"] + row["tokens"]
        assert array[start - 1] == array[end] == tokenizer.eof
        assert tokenizer.decode(array[start:end]) == text
        assert row["bytes"] == len(text.encode())
    assert len(array) == sum(row["tokens"] + 1 for row in rows) + 1
    assert (array == tokenizer.eof).sum() == len(texts) + 1


def test_the_type_is_the_smallest_that_holds_the_vocabulary(
    bpes: dict[str, Tokenizer], write_shards: Write, tmp_path: Path
) -> None:
    array, _, _ = encoded(write_shards(tmp_path / "train", ["x = 1\n"]), bpes["gpt-2"])
    assert array.dtype == np.uint16 and array.ndim == 1
    many = Tokenizer.characters(chr(code) for code in range(0x4E00, 0x4E00 + 70_000) if not 0xD800 <= code < 0xE000)
    array, _, _ = encoded(tmp_path / "train", many)
    assert array.dtype == np.uint32


def test_threads_and_row_groups_change_no_byte(
    texts: list[str],
    bpes: dict[str, Tokenizer],
    write_shards: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shards = write_shards(tmp_path / "train", texts * 4, shards=3)
    _, tokens, documents = encoded(shards, bpes["gpt-2"], "one", threads=1)
    _, more_tokens, more_documents = encoded(shards, bpes["gpt-2"], "four", threads=4)
    assert tokens.read_bytes() == more_tokens.read_bytes()
    assert documents.read_bytes() == more_documents.read_bytes()
    monkeypatch.setattr(module, "ROW_GROUP", 20)
    _, _, grouped = encoded(shards, bpes["gpt-2"], "grouped")
    assert files.read_table(grouped).equals(files.read_table(documents))


def test_reading_stays_a_few_batches_ahead_of_writing(
    bpes: dict[str, Tokenizer], write_shards: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = 0

    def counting(*arguments: Any) -> Iterator[pa.RecordBatch]:
        nonlocal read
        for rows in batches(*arguments, rows=1):
            read += 1
            yield rows

    monkeypatch.setattr(module, "batches", counting)
    shards = write_shards(tmp_path / "train", ["x = 1\n"] * 100)
    parts = module._encoded(shards, bpes["gpt-2"], np.dtype(np.uint16), threads=2)
    ahead = [read - written for written, _ in enumerate(parts, 1)]
    assert len(ahead) == 100 and max(ahead) <= 4


def test_no_documents_give_an_array_of_one_mark(
    bpes: dict[str, Tokenizer], write_shards: Write, tmp_path: Path
) -> None:
    array, _, documents = encoded(write_shards(tmp_path / "test", []), bpes["gpt-2"])
    assert array.tolist() == [bpes["gpt-2"].eof]
    assert files.read_table(documents, ["start", "bytes"]).num_rows == 0


def test_the_table_names_the_vocabulary(bpes: dict[str, Tokenizer], write_shards: Write, tmp_path: Path) -> None:
    _, _, documents = encoded(write_shards(tmp_path / "train", ["x"]), bpes["gpt-2"])
    metadata = files.read_table(documents).schema.metadata
    assert metadata[b"tokenizer"].decode() == bpes["gpt-2"].digest
    assert metadata[b"vocab_size"] == b"1000" and metadata[b"eof"] == b"992"


def test_a_flipped_bit_in_a_shard_is_named_and_nothing_is_left(
    texts: list[str], bpes: dict[str, Tokenizer], write_shards: Write, tmp_path: Path
) -> None:
    shards = write_shards(tmp_path / "train", texts)
    shard = shards / "shard-00001.parquet"
    damaged = bytearray(shard.read_bytes())
    damaged[len(damaged) // 3] ^= 4
    shard.write_bytes(damaged)
    with pytest.raises(Failure, match=r"shard-00001\.parquet: is damaged"):
        encoded(shards, bpes["gpt-2"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tokenizer.json", "train"]


def test_a_missing_folder_or_column_is_named(bpes: dict[str, Tokenizer], write_shards: Write, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="nowhere: there is no such folder"):
        encoded(tmp_path / "nowhere", bpes["gpt-2"])
    shards = write_shards(tmp_path / "train", ["x"], shards=1)
    table = files.read_table(shards / "shard-00000.parquet").drop_columns(["package"])
    files.write_table(shards / "shard-00000.parquet", table)
    with pytest.raises(Failure, match=r"shard-00000\.parquet: lacks the columns package"):
        encoded(shards, bpes["gpt-2"])
