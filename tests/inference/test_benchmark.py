"""The benchmark runs on any model's folder and prints its table."""

from __future__ import annotations

import re

import torch
from charmer.inference.benchmark import benchmark
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.tokens.tokenizer import Tokenizer


def test_the_table_of_a_small_model(tmp_path, capsys):
    tokenizer = Tokenizer.bytewise()
    tokenizer.save(tmp_path / "tokenizer.json")
    model = Transformer(ModelConfig(264, layers=1, width=16, heads=2, kv_heads=1, hidden=16, context_length=256))
    model.initialise(seed=1)
    folder.save(tmp_path / "model", model, tmp_path / "tokenizer.json")
    benchmark(tmp_path / "model", gguf=None, threads=torch.get_num_threads(), repeats=2)
    printed = capsys.readouterr().out
    assert "0.0 M parameters" in printed and "behind 128 tokens" in printed
    assert all(float(rate.replace(",", "")) > 0 for rate in re.search(r"charmer +(\S+) +(\S+)", printed).groups())
    assert re.search(r"one line behind 208 tokens.*\nprefix known +\d+ +\d+\nprefix unknown +\d+ +\d+\n", printed)
