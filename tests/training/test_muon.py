"""Muon: PyTorch's own arithmetic, in a type that is chosen."""

import pytest
import torch
from charmer.training.muon import Muon, orthogonal


def trained(optimizer_of, shape, steps=4):
    """A matrix after some steps along gradients that are always the same."""
    random = torch.Generator().manual_seed(1)
    matrix = torch.nn.Parameter(torch.randn(shape, generator=random))
    optimizer = optimizer_of(matrix)
    for _ in range(steps):
        matrix.grad = torch.randn(shape, generator=random)
        for group in optimizer.param_groups:
            group["lr"] = 0.02
        optimizer.step()
    return matrix.detach()


@pytest.mark.parametrize("shape", [(24, 16), (16, 24), (16, 16)])
def test_its_steps_are_those_of_pytorchs_muon(shape):
    ours = trained(lambda matrix: Muon([matrix], 0.1, 0.95, torch.bfloat16), shape)
    theirs = trained(
        lambda matrix: torch.optim.Muon([matrix], weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"),
        shape,
    )
    assert torch.equal(ours, theirs)


def test_float32_takes_the_same_steps_but_for_rounding():
    narrow, wide = (
        trained(lambda matrix, dtype=dtype: Muon([matrix], 0.1, 0.95, dtype), (24, 16))
        for dtype in (torch.bfloat16, torch.float32)
    )
    assert not torch.equal(narrow, wide)
    torch.testing.assert_close(narrow, wide, atol=0.02, rtol=0.02)


def test_a_step_is_about_orthogonal_whatever_the_gradients_size():
    matrix = torch.randn(64, 32, generator=torch.Generator().manual_seed(2))
    for scale in (1e-4, 1.0, 1e4):
        values = torch.linalg.svdvals(orthogonal(scale * matrix, torch.float32))
        assert float(values.min()) > 0.6 and float(values.max()) < 1.3


def test_a_matrix_without_gradient_stays_as_it_is():
    matrix = torch.nn.Parameter(torch.ones(4, 4))
    Muon([matrix], 0.1, 0.95, torch.float32).step()
    assert torch.equal(matrix.detach(), torch.ones(4, 4))
