"""Windows as batches: what is read, what is predicted, who sees whom, and which files are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from charmer.common import files
from charmer.common.failure import Failure
from charmer.tokens.encode import encode
from charmer.tokens.pack import pack
from charmer.tokens.tokenizer import Tokenizer
from charmer.tokens.windows import Windows

Write = Callable[..., Path]


def prepared(shards: Path, tokenizer: Tokenizer, **knobs: Any) -> Path:
    """A folder with tokenizer.json, tokens.npy, documents.parquet, windows.npy."""
    folder = shards.parent
    tokenizer.save(folder / "tokenizer.json")
    encode(shards, folder / "tokenizer.json", folder / "tokens.npy", folder / "documents.parquet")
    settings = {"context_length": 8, "dataset_mb": 1.0, "overlap": 0.0, **knobs}
    arrays = folder / "tokens.npy", folder / "documents.parquet"
    pack(*arrays, settings, "train", folder / "windows.npy", folder / "summary.json")
    return folder


def opened(folder: Path, context: int = 8, **more: Any) -> Windows:
    return Windows(folder / "tokens.npy", folder / "documents.parquet", folder / "windows.npy", context, **more)


@pytest.fixture
def small(write_shards: Write, tmp_path: Path) -> Path:
    """The documents "abc", "", "defghijk" as bytes: . a b c . . d e f g h i j k ."""
    return prepared(write_shards(tmp_path / "train", ["abc", "", "defghijk"]), Tokenizer.bytewise())


def test_y_is_x_shifted_by_one(small: Path) -> None:
    x, y, mask, _ = opened(small).batch([1, 0])
    end = Tokenizer.bytewise().eof
    stream = [end, *b"abc", end, end, *b"defghijk", end]
    assert x.tolist() == [stream[6:14], stream[0:8]]
    assert y.tolist() == [stream[7:15], stream[1:9]]
    assert mask.all() and (x.dtype, y.dtype, mask.dtype) == (torch.int64, torch.int64, torch.bool)


def test_a_mark_belongs_to_the_document_that_it_begins(small: Path) -> None:
    segments = opened(small).batch([0, 1]).segments
    #                              .  a  b  c  .  .  d  e
    assert segments[0].tolist() == [0, 0, 0, 0, 1, 2, 2, 2]
    assert segments[1].tolist() == [0] * 8  # a window within a document
    assert segments.dtype == torch.int32


def test_segments_are_the_documents_of_the_table(
    texts: list[str], bpes: dict[str, Tokenizer], write_shards: Write, tmp_path: Path
) -> None:
    short = [text[: 40 * index] for index, text in enumerate(texts)]
    windows = opened(prepared(write_shards(tmp_path / "train", short), bpes["gpt-2"], context_length=128), 128)
    begins = files.read_table(tmp_path / "documents.parquet").column("start").to_numpy() - 1
    numbers = np.arange(len(windows))
    places = windows.starts[:, None] + np.arange(128)
    owner = np.searchsorted(begins, places, side="right")
    assert (windows.batch(numbers).segments.numpy() == owner - owner[:, :1]).all()


@pytest.mark.parametrize("knobs", [{}, {"overlap": 0.5}])
def test_once_counts_every_token_of_the_corpus_exactly_once(
    texts: list[str], bpes: dict[str, Tokenizer], write_shards: Write, tmp_path: Path, knobs: dict[str, float]
) -> None:
    tokenizer = bpes["gpt-2"]
    prepared(write_shards(tmp_path / "train", texts), tokenizer, context_length=64, **knobs)
    windows = opened(tmp_path, 64, once=True)
    _, y, mask, _ = windows.batch(np.arange(len(windows)))
    counted = y[mask].numpy()
    assert counted.tolist() == windows.tokens[1:].tolist()
    assert tokenizer.byte_lengths[counted].sum() == sum(len(text.encode()) for text in texts)


def test_the_pieces_of_a_window_hold_its_predictions(small: Path) -> None:
    windows = opened(small, once=True)
    whole, pieces = windows.batch([1]), windows.batch([3, 2], pieces=2)
    assert pieces.x.shape == (2, 4)
    for of_whole, of_pieces in zip(whole[:3], pieces[:3], strict=True):
        assert of_pieces.flip(0).flatten().tolist() == of_whole.flatten().tolist()
    assert (pieces.segments[:, 0] == 0).all()


def test_without_once_what_windows_repeat_counts_again(small: Path) -> None:
    assert opened(small, once=True).batch([1]).mask.tolist() == [[False] * 2 + [True] * 6]
    assert opened(small).batch([1]).mask.all()


def test_a_rearranged_window_is_read_and_its_padding_does_not_count(small: Path) -> None:
    tokenizer = Tokenizer.bytewise()
    windows = opened(small)

    def backwards(ids: np.ndarray, number: int) -> np.ndarray:
        assert number == 1
        return np.append(ids[:5][::-1], [tokenizer.fim_pad] * 4)

    x, y, mask, _ = windows.batch([1], backwards)
    assert x[0].tolist() == [*b"hgfed", *[tokenizer.fim_pad] * 3]
    assert y[0, :4].tolist() == [*b"gfed"]
    assert mask.tolist() == [[True] * 4 + [False] * 4]


def test_another_vocabulary_is_refused(small: Path) -> None:
    assert len(opened(small, tokenizer=Tokenizer.bytewise())) == 2
    with pytest.raises(Failure, match=r"tokens\.npy: was encoded with another vocabulary"):
        opened(small, tokenizer=Tokenizer.characters("é"))


def test_another_context_length_is_refused(small: Path) -> None:
    with pytest.raises(Failure, match=r"windows\.npy: holds windows outside"):
        opened(small, 9)
    with pytest.raises(Failure, match=r"windows\.npy: was packed for a longer context than 5"):
        opened(small, 5)


DAMAGES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray], str]] = {
    "a token less": ("tokens.npy", lambda a: a[:-1].copy(), "are not those that"),
    "signed": ("tokens.npy", lambda a: a.astype(np.int16), "no flat array of unsigned"),
    "two-dimensional": ("tokens.npy", lambda a: a[None], "no flat array of unsigned"),
    "an id too large": ("tokens.npy", lambda a: np.where(a == 100, 999, a).astype(a.dtype), "is damaged"),
    "a mark gone": ("tokens.npy", lambda a: np.where(np.arange(len(a)) == 4, 7, a).astype(a.dtype), "is damaged"),
    "a start outside": ("windows.npy", lambda a: a + np.array([0, 5]), "outside of the tokens"),
    "a negative start": ("windows.npy", lambda a: a - 1, "outside of the tokens"),
    "starts that fall": ("windows.npy", lambda a: a[::-1].copy(), "outside of the tokens"),
    "no window": ("windows.npy", lambda a: a[:0].copy(), "no list of window starts"),
    "fractions": ("windows.npy", lambda a: a.astype(float), "no list of window starts"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_array_is_named(small: Path, damage: str) -> None:
    name, change, reason = DAMAGES[damage]
    files.write_array(small / name, change(np.array(files.open_array(small / name))))
    with pytest.raises(Failure, match=f"{name}.*{reason}"):
        opened(small)


@pytest.mark.parametrize("name", ["tokens.npy", "windows.npy", "documents.parquet"])
def test_a_file_cut_short_or_absent_is_named(small: Path, name: str) -> None:
    whole = (small / name).read_bytes()
    (small / name).write_bytes(whole[:-10])
    with pytest.raises(Failure, match=f"{name}: is damaged"):
        opened(small)
    (small / name).unlink()
    with pytest.raises(Failure, match=f"{name}: there is no such file"):
        opened(small)


def test_a_table_without_its_vocabulary_is_named(small: Path) -> None:
    table = files.read_table(small / "documents.parquet").replace_schema_metadata(None)
    files.write_table(small / "documents.parquet", table)
    with pytest.raises(Failure, match=r"documents\.parquet: does not say which vocabulary"):
        opened(small)


def test_the_summary_tells_of_the_same_windows(small: Path) -> None:
    summary = json.loads((small / "summary.json").read_text())
    assert summary["windows"] == len(opened(small)) == 2
    assert summary["tokens"] == 11 and summary["predicted"] == 14
