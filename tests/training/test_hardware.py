"""What a training is expected to take of the memory."""

import pytest
import torch
from charmer.common.failure import Failure
from charmer.model.network import ModelConfig
from charmer.training import hardware

CONFIG = ModelConfig(1000, layers=2, width=64, heads=4, kv_heads=2, hidden=128, context_length=16)
COPY = 4 * CONFIG.matrix_parameters()  # bytes of the weights in float32


@pytest.mark.parametrize(
    ("device", "knobs", "copies"),
    [
        ("cpu", {}, 6 + 4),  # what training holds, and the checkpoint's bytes
        ("cpu", {"average": True}, 7 + 5),
        ("cpu", {"blend": True}, 8 + 4),
        ("cpu", {"ranks": 2}, 2 * 6 + 4),  # one rank writes it
        ("cuda", {"average": True, "ranks": 2}, 7),  # each has a device of its own, and the bytes lie elsewhere
    ],
)
def test_the_copies_of_the_weights_that_must_fit(monkeypatch, device, knobs, copies):
    def check(free):
        monkeypatch.setattr(hardware, "free_memory", lambda _: free)
        hardware.check_memory(CONFIG, 1, 0, torch.device(device), torch.float32, **knobs)

    check(copies * COPY)
    with pytest.raises(Failure, match=r"train\.micro_batch_tokens: training needs about"):
        check(copies * COPY - 1)


def test_a_checkpoint_takes_the_place_of_what_is_kept_for_the_backward_pass(monkeypatch):
    kept = 1000 * 2 * 4 * (12 * 64 + 5 * 128 + 0.6 * 4 * 16)
    assert kept > 4 * COPY
    monkeypatch.setattr(hardware, "free_memory", lambda _: 6 * COPY + kept)
    hardware.check_memory(CONFIG, 1, 1000, torch.device("cpu"), torch.float32)
    with pytest.raises(Failure, match="lower it"):
        hardware.check_memory(CONFIG, 1, 1001, torch.device("cpu"), torch.float32)
