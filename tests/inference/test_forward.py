"""The forward pass without modules: its matrices in 8 bits are the same network whichever product is taken."""

from __future__ import annotations

import pytest
import torch
from charmer.inference.forward import FEW, Forward, Matrix
from charmer.model.network import ModelConfig, Transformer


@pytest.fixture(scope="module")
def weight() -> torch.Tensor:
    torch.set_num_threads(1)
    return torch.randn(48, 64, generator=torch.Generator().manual_seed(1)) * torch.logspace(-3, 1, 48)[:, None]


def test_eight_bits_are_off_by_half_a_step_of_their_row_at_most(weight):
    whole = Matrix(weight, torch.float32, eight_bits=True).weight
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((whole - weight).abs() <= step * 0.502).all()
    assert torch.equal(Matrix(weight, torch.float32, eight_bits=False).weight, weight)


def test_few_rows_and_many_are_products_with_the_same_matrix(weight):
    matrix = Matrix(weight, torch.bfloat16, eight_bits=True)
    x = torch.randn(FEW + 1, 64, generator=torch.Generator().manual_seed(2)).bfloat16()
    exact = x.float() @ (matrix.whole * matrix.scales.float()[:, None]).T
    size = exact.abs().amax(0)
    assert ((matrix(x).float() - exact).abs() / size).max() < 0.01
    assert ((matrix(x[:FEW]).float() - exact[:FEW]).abs() / size).max() < 0.01


def test_a_row_of_zeros_stays_one():
    matrix = Matrix(torch.zeros(4, 32), torch.bfloat16, eight_bits=True)
    assert not matrix(torch.ones(1, 32, dtype=torch.bfloat16)).any()


def test_a_copied_beginning_gives_the_logits_of_a_read_one():
    torch.set_num_threads(1)
    model = Transformer(ModelConfig(50, layers=2, width=16, heads=2, kv_heads=1, hidden=32, context_length=24))
    generator = torch.Generator().manual_seed(0)
    for weight in model.parameters():
        weight.data.copy_(torch.randn(weight.shape, generator=generator) * 0.4 + (weight.ndim == 1))
    tokens = torch.arange(20)
    with torch.inference_mode():
        forward = Forward(model, slots=3, window=24, dtype=torch.float32, eight_bits=False)
        whole = forward.read(tokens, slot=0, start=0)
        forward.copy(source=0, target=2, length=12)
        torch.testing.assert_close(forward.read(tokens[12:], slot=2, start=12), whole)
        torch.testing.assert_close(whole, model(tokens[None])[0, -1:], atol=1e-5, rtol=1e-4)
        apart = forward.extend(tokens[:2], slots=[0, 2], places=[20, 20])
        alone = torch.cat([forward.extend(tokens[at : at + 1], [slot], [20]) for at, slot in enumerate((0, 2))])
        torch.testing.assert_close(apart, alone)
