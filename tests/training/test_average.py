"""The average of the weights: its profile, what is scored and saved, and a run that was stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from charmer.model import folder
from charmer.model.network import ModelConfig, Transformer
from charmer.training.average import Average
from charmer.training.engine import Engine

TINY = ModelConfig(vocab_size=11, layers=1, width=8, heads=1, kv_heads=1, hidden=8, context_length=8)


def digest(path: Path) -> str:
    return hashlib.sha256((path / "model.safetensors").read_bytes()).hexdigest()


@pytest.mark.parametrize("share", [1.0, 0.1])
def test_the_weights_of_a_step_count_by_a_power_of_its_number(share):
    model = Transformer(TINY)
    average = Average(model, share)
    for step in range(1, 301):
        torch.nn.init.constant_(model.norm.weight, float(step))
        average.update(step)
    numbers = np.arange(1.0, 301.0)
    powers = numbers ** (1 / share - 1)
    assert average.model.norm.weight[0].item() == pytest.approx((numbers * powers).sum() / powers.sum(), rel=0.02)


def test_without_an_average_the_trained_network_is_the_one_that_is_scored():
    model = Transformer(TINY)
    assert Average(model, 0.0).model is model


def test_the_average_is_what_is_scored_and_saved(run):
    plain, averaged = run("plain", budget="30 steps"), run("averaged", budget="30 steps", average=0.2)
    first, second = (folder.load(path)[0] for path in (plain, averaged))
    far = (first.embed_tokens.weight - second.embed_tokens.weight).abs().max()
    assert 0 < far < 0.5 * first.embed_tokens.weight.abs().max()
    assert digest(plain) != digest(averaged)


def test_a_run_with_an_average_that_is_stopped_anywhere_ends_with_the_same_bytes(run, monkeypatch):
    first = run("first", budget="5 steps")
    knobs = {"budget": "20 steps", "average": 0.3, "init_from": str(first), "start_share": 0.2}
    whole = run("whole", **knobs)
    measure, calls = Engine.measure, 0

    def stop_now_and_then(self, batch):
        nonlocal calls
        calls += 1
        if calls % 7 == 0:
            raise KeyboardInterrupt
        return measure(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "measure", stop_now_and_then)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                run(**knobs)
    assert digest(run(**knobs)) == digest(whole)
