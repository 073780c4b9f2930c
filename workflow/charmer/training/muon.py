"""Muon: momentum whose steps are made orthogonal, for the matrices of a network.

Jordan et al. 2024, kellerjordan.github.io/posts/muon; the scale of its steps: Liu et al. 2025, arXiv:2502.16982.

Notable here: the arithmetic is that of `torch.optim.Muon`, and a test holds it to that. PyTorch's multiplies in
bfloat16 whatever the device, which a processor that has to emulate it pays for with sixty times the time: more than all
else of a step together. Here the type is a choice.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic, chosen for its slope at zero
ITERATIONS = 5
SMALLEST = 1e-7  # norm of a gradient below which it is not scaled up


class Muon(torch.optim.Optimizer):
    """SGD with Nesterov momentum, each step made orthogonal and scaled to the size of AdamW's.

    Args:
        matrices: weights of two dimensions.
        weight_decay: share of a matrix, times the rate, taken off at each step.
        momentum: share of the running mean of gradients that is kept.
        dtype: in which steps are made orthogonal; bfloat16 is enough where it is fast.
    """

    def __init__(
        self, matrices: Iterable[nn.Parameter], weight_decay: float, momentum: float, dtype: torch.dtype
    ) -> None:
        super().__init__(matrices, {"lr": 0.0, "weight_decay": weight_decay, "momentum": momentum})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move the matrices by their gradients, at each group's `lr`."""
        for group in self.param_groups:
            rate, momentum = group["lr"], group["momentum"]
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                mean = state["momentum_buffer"].lerp_(matrix.grad, 1 - momentum)
                step = orthogonal(matrix.grad.lerp(mean, momentum), self.dtype)
                matrix.mul_(1 - rate * group["weight_decay"])
                matrix.add_(step, alpha=-rate * 0.2 * max(matrix.shape) ** 0.5)


def orthogonal(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """The nearest orthogonal matrix, roughly: singular values come to lie between about 0.7 and 1.2.

    Args:
        matrix: [rows, columns].
        dtype: of the computation and of what is given back.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).to(dtype)
    x = x / x.norm().clamp(min=SMALLEST)
    for _ in range(ITERATIONS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x
