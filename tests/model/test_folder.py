"""Saving, opening, and what is said of folders that are broken."""

from __future__ import annotations

import json

import pytest
import torch
from charmer.common.failure import Failure
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer


@pytest.fixture
def saved(tmp_path):
    Tokenizer.bytewise().save(tmp_path / "tokenizer.json")
    model = Transformer(ModelConfig(264, layers=1, width=16, heads=2, kv_heads=1, hidden=32, context_length=8))
    model.initialise(seed=3)
    folder.save(tmp_path / "model", model, tmp_path / "tokenizer.json")
    return tmp_path / "model", model


def test_what_is_saved_is_opened(saved):
    path, model = saved
    opened, tokenizer = folder.load(path)
    assert opened.config == model.config
    assert all(torch.equal(a, b) for a, b in zip(opened.parameters(), model.parameters(), strict=True))
    assert tokenizer.vocab_size == 264


def test_saving_twice_gives_the_same_bytes(saved, tmp_path):
    path, model = saved
    folder.save(tmp_path / "again", model, path / "tokenizer.json")
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (path / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_missing_or_broken_file_is_named(saved, name):
    path, _ = saved
    content = (path / name).read_bytes()
    (path / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(Failure, match=name):
        folder.load(path)
    (path / name).unlink()
    with pytest.raises(Failure, match=name):
        folder.load(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("head_dim", 16),
        ("rope_scaling", {"rope_type": "yarn", "factor": 4.0}),
        ("hidden_act", "gelu"),
        ("attention_bias", True),
        ("tie_word_embeddings", False),
        ("use_sliding_window", True),
        ("hidden_size", "16"),
        ("num_hidden_layers", 1.0),
        ("num_attention_heads", 0),
        ("num_key_value_heads", True),
        ("rope_theta", None),
        ("rms_norm_eps", float("nan")),
    ],
)
def test_a_field_of_another_network_or_of_the_wrong_type_is_named(saved, field, value):
    path, _ = saved
    fields = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(fields | {field: value}))
    with pytest.raises(Failure, match=rf"config\.json: {field} is .*; name a folder that Charmer wrote"):
        folder.load(path)


@pytest.mark.parametrize("field", ["head_dim", "tie_word_embeddings", "rope_theta"])
def test_a_field_that_is_missing_is_named(saved, field):
    path, _ = saved
    fields = json.loads((path / "config.json").read_text())
    del fields[field]
    (path / "config.json").write_text(json.dumps(fields))
    with pytest.raises(Failure, match=rf"config\.json: lacks {field}"):
        folder.load(path)


def test_files_of_different_models_are_refused(saved):
    path, _ = saved
    fields = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps(fields | {"hidden_size": 32, "head_dim": 16}))
    with pytest.raises(Failure, match=r"model\.safetensors: does not fit"):
        folder.load(path)
    (path / "config.json").write_text(json.dumps(fields | {"vocab_size": 300}))
    with pytest.raises(Failure, match=r"tokenizer\.json: has 264 entries, but config\.json says 300"):
        folder.load(path)
    (path / "config.json").write_text(json.dumps(fields | {"model_type": "llama"}))
    with pytest.raises(Failure, match="describes no Qwen3 model"):
        folder.load(path)
