"""The forward pass without modules: read, copied or compiled, it is the same network."""

from __future__ import annotations

import errno
import shutil
import sys
import threading
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
import torch
from charmer.inference.forward import Forward, in_eight_bits
from charmer.model.network import ModelConfig, Transformer

needs_numba = pytest.mark.skipif(find_spec("numba") is None, reason="the kernel needs Numba")


def network() -> Transformer:
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(50, layers=2, width=16, heads=2, kv_heads=1, hidden=32, context_length=24))
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.4 + (weight.ndim == 1))
    return model


def test_eight_bits_are_off_by_half_a_step_of_their_row_at_most():
    weight = torch.randn(48, 64, generator=torch.Generator().manual_seed(1)) * torch.logspace(-3, 1, 48)[:, None]
    whole, scales = in_eight_bits(weight)
    assert whole.dtype == torch.int8 and int(whole.abs().amax()) == 127
    assert ((whole * scales[:, None] - weight).abs() <= scales[:, None] * 0.501).all()


def test_a_row_of_zeros_stays_one():
    whole, scales = in_eight_bits(torch.zeros(4, 32))
    assert not whole.any() and scales.isfinite().all()


@needs_numba
@pytest.mark.parametrize(
    ("dtype", "eight_bits", "off"),
    [
        (torch.float32, False, 1e-5),
        (torch.float32, True, 1e-5),
        (torch.bfloat16, False, 0.03),
        (torch.bfloat16, True, 0.03),
    ],
)
def test_the_kernel_and_pytorch_write_with_the_same_network(dtype, eight_bits, off):
    with torch.inference_mode():
        forward = Forward(network(), 2, 24, dtype, compiled=True, eight_bits=eight_bits)
        for slot in (0, 1):
            forward.read(torch.arange(9), slot, start=0)
        ours = forward.extend(torch.tensor([9, 11]), [0, 1], [9, 9])
        assert not torch.equal(*ours)
        forward.steps = None
        theirs = forward.extend(torch.tensor([9, 11]), [0, 1], [9, 9])
        assert (ours - theirs).abs().max() < off * theirs.abs().max()


@needs_numba
def test_what_is_compiled_aside_is_what_is_asked_for():
    from charmer.inference import kernel

    with torch.inference_mode():
        forward = Forward(network(), 1, 24, torch.float32, compiled=True, eight_bits=True)
    forward.steps.extend(torch.empty(0), [], [])
    before = list(kernel.extend.signatures)
    kernel.compile_for("int8", "float32")
    assert kernel.extend.signatures == before


@needs_numba
def test_pytorch_writes_until_the_kernel_is_there(monkeypatch: pytest.MonkeyPatch):
    from charmer.inference import kernel

    real, there = kernel.extend, threading.Event()
    monkeypatch.setattr(kernel, "extend", lambda *given: (there.wait(60), real(*given)))
    monkeypatch.setattr(sys, "executable", shutil.which("true"))  # no process compiles: this one does
    with torch.inference_mode():
        forward = Forward(network(), 1, 24, torch.float32, compiled=True, eight_bits=True)
        forward.read(torch.arange(9), 0, start=0)
        forward.prepare()
        early = forward.extend(torch.tensor([9]), [0], [9])  # the kernel would wait
        assert not forward.steps.ready
        there.set()
        forward.steps.compiler.join()
        assert forward.steps.ready
        forward.read(torch.arange(9), 0, start=0)
        late = forward.extend(torch.tensor([9]), [0], [9])
        assert (early - late).abs().max() < 1e-5 * early.abs().max()


@needs_numba
@pytest.mark.parametrize("python", ["/nowhere/python", "true"])
def test_pytorch_goes_on_writing_where_the_kernel_fails(python: str, monkeypatch: pytest.MonkeyPatch, caplog):
    from charmer.inference import kernel

    def full(*given) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kernel, "extend", full)
    monkeypatch.setattr(sys, "executable", shutil.which(python) or python)
    with torch.inference_mode():
        forward = Forward(network(), 1, 24, torch.float32, compiled=True)
        forward.read(torch.arange(9), 0, start=0)
        forward.prepare()
        forward.steps.compiler.join()
        assert forward.extend(torch.tensor([9]), [0], [9]).isfinite().all()
    assert "No space left on device" in caplog.text or "/nowhere/python" in caplog.text


@needs_numba
def test_the_kernel_needs_no_folder_that_may_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from charmer.inference import kernel

    copy = tmp_path / "kernel.py"
    shutil.copy(kernel.__file__, copy)
    for name in ("__pycache__", "cache"):
        (tmp_path / name).write_text("a file where a folder would be: nobody may write below it, not even root")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec = spec_from_file_location("kernel_without_cache", copy)
    apart = module_from_spec(spec)
    spec.loader.exec_module(apart)
    found = np.empty((1, 2), np.float32)
    apart.normalise(np.array([[3, 4]], np.float32), 0.0, found)
    np.testing.assert_allclose(found, [[0.6, 0.8]])


def test_a_copied_beginning_gives_the_logits_of_a_read_one():
    model = network()
    tokens = torch.arange(20)
    with torch.inference_mode():
        forward = Forward(model, slots=3, window=24, dtype=torch.float32, block=4)
        whole = forward.read(tokens, slot=0, start=0)
        forward.copy(source=0, target=2, length=12)
        torch.testing.assert_close(forward.read(tokens[12:], slot=2, start=12), whole)
        torch.testing.assert_close(whole, model(tokens[None])[0, -1:], atol=1e-5, rtol=1e-4)
        apart = forward.extend(tokens[:2], slots=[0, 2], places=[20, 20])
        alone = torch.cat([forward.extend(tokens[at : at + 1], [slot], [20]) for at, slot in enumerate((0, 2))])
        torch.testing.assert_close(apart, alone)
