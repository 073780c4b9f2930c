"""The ONNX graph: in onnxruntime, whole, in pieces over its cache, and in padded batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from charmer.model import folder

onnx = pytest.importorskip("onnx", reason="the package onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
from charmer.export import onnx as export  # noqa: E402 - it needs these packages

Cache = dict[str, np.ndarray]


class Session:
    """The graph with a cache that grows: the entries behind `past_key_values.` and `present.` by name."""

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self.parts = [one.name for one in self.session.get_inputs() if one.name.startswith("past_key_values.")]

    def __call__(self, tokens: list[list[int]], past: Cache | None = None, mask: list[list[int]] | None = None):
        """Logits [B, T, V] and the cache behind `tokens` [B, T]; `mask` [B, S] says which tokens are no padding."""
        ids = np.array(tokens)
        if past is None:
            shapes = (one.shape for one in self.session.get_inputs() if one.name in self.parts)
            past = {
                name: np.zeros((len(ids), shape[1], 0, shape[3]), np.float32)
                for name, shape in zip(self.parts, shapes, strict=True)
            }
        cached = past[self.parts[0]].shape[2]
        seen = np.ones((len(ids), cached + ids.shape[1]), np.int64) if mask is None else np.array(mask)
        places = (seen.cumsum(1) - 1).clip(0)[:, cached:]
        inputs = {"input_ids": ids, "attention_mask": seen, "position_ids": places, **past}
        logits, *present = self.session.run(None, inputs)
        return logits, dict(zip(self.parts, present, strict=True))


@pytest.fixture
def session(make_model, tmp_path: Path) -> Session:
    file, *_ = export.write(make_model("byte"), tmp_path)
    return Session(file)


@pytest.fixture
def ours(make_model):
    """Returns `logits(tokens)`, [T, V], from our own forward pass."""
    torch.set_num_threads(1)
    network, _ = folder.load(make_model("byte"))

    @torch.no_grad()
    def logits(tokens: list[int]) -> np.ndarray:
        return network(torch.tensor([tokens]))[0].numpy()

    return logits


def close(one: np.ndarray, other: np.ndarray) -> bool:
    return np.abs(one - other).max() < 1e-5 * np.abs(one).max()


def test_logits_are_ours_in_one_piece_and_over_the_cache(session: Session, ours, texts: list[str]):
    for text in texts[:5]:
        tokens = list(text.encode())[:200]
        expected = ours(tokens)
        assert close(expected, session([tokens])[0][0])
        one, cache = session([tokens[:120]])
        two, cache = session([tokens[120:199]], cache)
        three, cache = session([tokens[199:]], cache)
        assert close(expected, np.concatenate([one[0], two[0], three[0]]))
        assert {part.shape for part in cache.values()} == {(1, 2, 200, 16)}


def test_rows_of_different_lengths_are_padded_before_their_beginning(session: Session, ours):
    long, short = list(b"def longer(value):"), list(b"x = 1")
    padding = len(long) - len(short)
    mask = [[1] * len(long), [0] * padding + [1] * len(short)]
    logits, cache = session([long, [0] * padding + short], mask=mask)
    assert close(ours(long), logits[0]) and close(ours(short), logits[1, padding:])
    logits, _ = session([[10], [10]], cache, [[*row, 1] for row in mask])
    assert close(ours([*long, 10])[-1], logits[0, 0]) and close(ours([*short, 10])[-1], logits[1, 0])


def test_the_file_is_valid_names_its_cache_and_is_the_same_each_time(make_model, tmp_path: Path):
    files = export.write(make_model("byte"), tmp_path)
    onnx.checker.check_model(files[0], full_check=True)
    graph = onnx.load(files[0]).graph
    layers = [f"{layer}.{part}" for layer in range(2) for part in ("key", "value")]
    assert [one.name for one in graph.input] == [
        *("input_ids", "attention_mask", "position_ids"),
        *(f"past_key_values.{name}" for name in layers),
    ]
    assert [one.name for one in graph.output] == ["logits", *(f"present.{name}" for name in layers)]
    others = ["config.json", "generation_config.json", "model.onnx", "tokenizer.json", "tokenizer_config.json"]
    assert sorted(file.name for file in files) == others
    (again, *_) = export.write(make_model("byte"), tmp_path / "again.onnx")
    assert again.read_bytes() == files[0].read_bytes()
