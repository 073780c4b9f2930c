"""One step: what it does where the compiler or the memory fails."""

from __future__ import annotations

import pytest
import torch
from charmer.common.failure import Failure
from charmer.training.engine import Engine


def failing(monkeypatch, error: Exception) -> None:
    """Let engines believe that their network is compiled, and its first use fail."""
    build = Engine.__init__

    def broken(*_, **__):
        raise error

    def with_a_broken_network(self, *arguments):
        build(self, *arguments)
        self.compiled, self.hidden = True, broken

    monkeypatch.setattr(Engine, "__init__", with_a_broken_network)


def test_where_compiling_fails_the_network_runs_as_it_is_and_says_so(run, monkeypatch, caplog):
    whole = run("whole", budget="3 steps")
    failing(monkeypatch, RuntimeError("Cannot find a working triton installation\nand more"))
    plain = run("plain", budget="3 steps")
    assert (plain / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    said = [record.getMessage() for record in caplog.records if "torch.compile" in record.getMessage()]
    assert said == ["torch.compile: Cannot find a working triton installation; the network runs without it"]


def test_a_full_memory_names_the_knob(run, monkeypatch):
    failing(monkeypatch, torch.OutOfMemoryError("CUDA out of memory"))
    with pytest.raises(Failure, match=r"train\.micro_batch_tokens: the device's memory is full; lower it"):
        run(budget="3 steps")
