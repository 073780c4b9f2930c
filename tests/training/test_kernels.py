"""The kernels for processors against PyTorch's own: values and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from charmer.model.kernels import attend, rms_norm
from charmer.model.network import attention_bias, visible_positions
from charmer.training.loss import cross_entropy


@pytest.fixture(autouse=True)
def _seeded():
    torch.set_num_threads(1)
    torch.manual_seed(0)


def gradients(output, inputs):
    weights = torch.linspace(-1, 1, output.numel(), dtype=output.dtype).view_as(output)
    return torch.autograd.grad((output * weights).sum(), inputs)


def assert_as_pytorchs(inputs, bias):
    """Values and gradients of queries, keys and values [B, T or S, heads, D]."""
    ours = attend(*inputs, bias)
    queries, keys, values = (tensor.transpose(1, 2) for tensor in inputs)
    theirs = F.scaled_dot_product_attention(queries, keys, values, bias[:, None], enable_gqa=True)
    theirs = theirs.transpose(1, 2).flatten(2)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    for mine, other in zip(gradients(ours, inputs), gradients(theirs, inputs), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(("heads", "groups"), [(4, 2), (2, 2), (3, 1)])
@pytest.mark.parametrize("length", [1, 127, 300])
def test_attention_equals_pytorchs(heads, groups, length):
    inputs = [torch.randn(2, length, count, 8, requires_grad=True) for count in (heads, groups, groups)]
    bias = attention_bias(visible_positions(torch.randint(0, 3, (2, length)).sort().values), torch.float32)
    assert_as_pytorchs(inputs, bias)


@pytest.mark.parametrize(("length", "before"), [(2, 300), (300, 40), (1, 70)])
def test_attention_behind_known_keys_equals_pytorchs(length, before):
    sizes = [(length, 3), (before + length, 1), (before + length, 1)]
    inputs = [torch.randn(2, count, heads, 8, requires_grad=True) for count, heads in sizes]
    visible = torch.ones(1, length, before + length, dtype=torch.bool).tril(before)
    visible[:, :, 5:9] = False  # of another document
    bias = attention_bias(visible, torch.float32)
    assert_as_pytorchs(inputs, bias)


def test_attention_in_bfloat16_is_as_near_to_float32_as_pytorchs():
    exact = [torch.randn(2, 200, count, 16) for count in (4, 2, 2)]
    bias = attention_bias(visible_positions(torch.zeros(2, 200)), torch.float32)
    truth = attend(*exact, bias)
    rough = [tensor.bfloat16() for tensor in exact]
    ours = (attend(*rough, bias.bfloat16()).float() - truth).abs().mean()
    queries, keys, values = (tensor.transpose(1, 2) for tensor in rough)
    theirs = F.scaled_dot_product_attention(queries, keys, values, bias.bfloat16()[:, None], enable_gqa=True)
    assert ours < 1.5 * (theirs.transpose(1, 2).flatten(2).float() - truth).abs().mean()


@pytest.mark.parametrize("shape", [(3, 5, 16), (40, 8)])
def test_rms_norm_equals_pytorchs(shape):
    inputs = [torch.randn(shape, requires_grad=True), torch.randn(shape[-1], requires_grad=True)]
    ours, theirs = rms_norm(*inputs, 1e-6), F.rms_norm(inputs[0], shape[-1:], inputs[1], 1e-6)
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(gradients(ours, inputs), gradients(theirs, inputs), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("left_out", [0, 70])
def test_cross_entropy_equals_pytorchs(left_out):
    inputs = [torch.randn(600, 12, requires_grad=True), torch.randn(50, 12, requires_grad=True)]
    targets, counted = torch.randint(0, 50, (600,)), torch.arange(600) >= left_out
    ours = cross_entropy(*inputs, targets, counted)
    theirs = F.cross_entropy(F.linear(*inputs), targets.masked_fill(~counted, -100), reduction="sum")
    torch.testing.assert_close(ours, theirs)
    for mine, other in zip(gradients(ours, inputs), gradients(theirs, inputs), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-4, rtol=1e-4)


def test_cross_entropy_of_a_share_that_underflows_is_large_and_finite():
    hidden = torch.tensor([[200.0, 0.0]], requires_grad=True)
    loss = cross_entropy(hidden, torch.eye(2), torch.tensor([1]), torch.tensor([True]))
    assert 80 < loss.item() < float("inf")
    assert torch.autograd.grad(loss, hidden)[0].tolist() == [[1.0, -1.0]]


def test_cross_entropy_passes_nan_on():
    hidden = torch.full((3, 2), float("nan"))
    assert cross_entropy(
        hidden, torch.eye(2), torch.zeros(3, dtype=torch.long), torch.ones(3, dtype=torch.bool)
    ).isnan()
