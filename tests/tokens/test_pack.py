"""Placing windows: every token predicted, datasets that nest, and reasons that name the knob."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest
from charmer.common import files
from charmer.common.failure import Failure
from charmer.tokens.pack import pack, place, prefix
from hypothesis import given, settings
from hypothesis import strategies as st

EOF = 256
Lengths = list[int]


def flat(folder: Path, lengths: Lengths) -> tuple[Path, Path]:
    """Documents of these many tokens, four bytes each, as `encode` writes them."""
    counts = np.array(lengths, np.int64)
    starts = 1 + np.cumsum(counts + 1) - (counts + 1)
    array = np.full(int(counts.sum()) + len(counts) + 1, 7, np.uint16)
    array[[0, *(starts + counts)]] = EOF
    files.write_array(folder / "tokens.npy", array)
    names = ["mine" if place < 2 else "theirs" for place in range(len(counts))]
    columns = {"start": starts, "tokens": counts.astype(np.int32), "bytes": counts * 4, "source": names}
    metadata = {"tokenizer": "none", "vocab_size": "264", "eof": str(EOF)}
    files.write_table(folder / "documents.parquet", pa.table(columns).replace_schema_metadata(metadata))
    return folder / "tokens.npy", folder / "documents.parquet"


def packed(
    folder: Path, lengths: Lengths, split: Literal["train", "val"] = "train", **changes: Any
) -> tuple[np.ndarray, dict[str, Any]]:
    tokens, documents = flat(folder, lengths)
    knobs = {"context_length": 16, "dataset_mb": 1.0, "overlap": 0.0, **changes}
    pack(tokens, documents, knobs, split, folder / "windows.npy", folder / "summary.json")
    return files.open_array(folder / "windows.npy"), json.loads((folder / "summary.json").read_text())


@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=40),
    context=st.integers(1, 40),
    overlap=st.sampled_from([0.0, 0.25, 0.5, 0.9]),
    align=st.sampled_from([0.0, 0.1, 0.5]),
)
@settings(max_examples=300, deadline=None)
def test_every_token_is_predicted(lengths: Lengths, context: int, overlap: float, align: float) -> None:
    ends = np.cumsum(np.array(lengths) + 1)
    end = int(ends[-1]) + 1
    if end <= context:
        return
    starts = place(np.concatenate([[0], ends[:-1]]), end, context, overlap, align)
    times = np.zeros(end, int)
    for start in starts:
        times[start + 1 : start + context + 1] += 1
    assert times[0] == 0 and (times[1:] >= 1).all()
    assert (np.diff(starts) > 0).all() and starts[-1] + context == end - 1
    if not overlap and not align:
        assert (times[1 : starts[-1] + 1] == 1).all() and times.max() <= 2  # only the last window repeats any
    steps = np.diff(starts)
    stride = max(1, round(context * (1 - overlap)))
    assert steps.max(initial=0) <= stride
    assert (steps[:-1] >= stride - int(context * align)).all()


def test_windows_lie_a_context_apart(tmp_path: Path) -> None:
    starts, summary = packed(tmp_path, [64])  # with its two marks 66 tokens, 65 of them predicted
    assert starts.dtype == np.int64
    assert starts.tolist() == [0, 16, 32, 48, 49]
    assert summary["predicted"] == 65
    assert summary["repeated_share"] == pytest.approx(15 / 80)


def test_a_window_that_would_begin_shortly_after_a_head_begins_there(tmp_path: Path) -> None:
    starts, summary = packed(tmp_path, [13, 60])  # the second document's mark is token 14, an eighth of a window back
    assert starts.tolist() == [0, 14, 30, 46, 59]
    assert summary["begin_with_document_share"] == pytest.approx(2 / 5)
    starts, _ = packed(tmp_path, [12, 60])  # its mark is token 13, which is too far back
    assert starts.tolist() == [0, 16, 32, 48, 58]


def test_overlapping_windows_slide(tmp_path: Path) -> None:
    starts, _ = packed(tmp_path, [64], overlap=0.5)
    assert starts.tolist() == [0, 8, 16, 24, 32, 40, 48, 49]


def test_datasets_nest(tmp_path: Path) -> None:
    lengths = np.random.default_rng(0).integers(0, 500, 200).tolist()  # 0.2 MB
    before = np.zeros(0, np.int64)
    for size in (0.02, 0.05, 0.1):
        starts, summary = packed(tmp_path, lengths, dataset_mb=size)
        assert summary["bytes"] <= size * 1e6 and not summary["corpus_smaller_than_asked"]
        assert summary["documents"] == np.searchsorted(np.cumsum(lengths) * 4, size * 1e6, side="right")
        assert (
            starts[: max(len(before) - 1, 0)].tolist() == before[:-1].tolist()
        )  # but for the last, which ends with its set
        before = starts


def test_a_prefix_takes_at_least_one_document() -> None:
    assert prefix(np.array([50, 20, 30]), 80) == 2
    assert prefix(np.array([50, 20, 30]), 10) == 1
    assert prefix(np.array([], np.int64), 10) == 0


def test_more_than_there_is_takes_all_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _, summary = packed(tmp_path, [100, 50], dataset_mb=2.0)
    assert summary["documents"] == 2 and summary["bytes"] == 600 and summary["tokens"] == 150
    assert summary["corpus_smaller_than_asked"] and summary["dataset_mb_asked"] == 2.0
    assert "pack.dataset_mb: 2.0 MB were asked for" in caplog.text


def test_val_is_taken_whole_and_once(tmp_path: Path) -> None:
    starts, summary = packed(tmp_path, [30, 100], split="val", dataset_mb=0.0001, overlap=0.5)
    assert starts.tolist() == [0, 16, 32, 48, 64, 80, 96, 112, 116]
    assert summary["documents"] == 2 and summary["dataset_mb_asked"] is None


def test_too_small_for_one_window_names_the_knobs(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"pack\.context_length: .* takes 17 tokens, .* train text has 14 .*dataset_mb"):
        packed(tmp_path, [12])
    with pytest.raises(Failure, match=r"takes 17 tokens, .* has 12 \(1 documents.*dataset_mb \(0\.00005\)|5e-05"):
        packed(tmp_path, [10, 100], dataset_mb=0.00005)
    with pytest.raises(Failure, match=r"the val text has 1 \(0 documents.*curate\.val_share"):
        packed(tmp_path, [], split="val")
    assert packed(tmp_path, [15])[0].tolist() == [0]  # 17 tokens with its marks: one window


def test_files_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    tokens, documents = flat(tmp_path, [40, 40])
    files.write_array(tokens, files.open_array(tokens)[:-5].copy())
    knobs = {"context_length": 16, "dataset_mb": 1.0, "overlap": 0.0}
    with pytest.raises(Failure, match=r"tokens\.npy: has 78 tokens"):
        pack(tokens, documents, knobs, "train", tmp_path / "windows.npy", tmp_path / "summary.json")
    assert not (tmp_path / "windows.npy").exists()


def test_a_persons_own_code_takes_its_share_of_the_training_set(tmp_path: Path):
    lengths = [50, 50, *[25] * 40]  # the first two are their own
    _, whole = packed(tmp_path, lengths)
    _, half = packed(tmp_path, lengths, own=["mine"], own_share=0.5)
    _, asked = packed(tmp_path, lengths, own=["mine"], own_share=0.0)
    assert whole["bytes"] == asked["bytes"] == 4400
    assert half["bytes"] == 800
    assert packed(tmp_path, lengths, "val", own=["mine"], own_share=0.5)[1]["bytes"] == 4400, "val is taken whole"


def test_own_code_that_leaves_no_room_for_that_of_others_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    packed(tmp_path, [50, 50, *[25] * 40], own=["mine"], own_share=0.5, dataset_mb=0.0005)
    assert "pack.dataset_mb: 0.0005 MB are too few to join 0.0 MB of your own code" in caplog.text
    assert "against forgetting; raise it to 1" in caplog.text
    caplog.clear()
    packed(tmp_path, [50, 50, *[25] * 40], own=["mine"], own_share=0.5)
    assert "against forgetting" not in caplog.text
