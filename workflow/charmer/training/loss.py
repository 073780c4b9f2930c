"""Cross-entropy straight from the last hidden state, never holding all logits.

Notable here: logits, softmax, and both gradients are made for a few hundred positions at a time, while these are in
the cache. For 8192 positions, width 256 and a vocabulary of 4096 on one core: 330 ms, against 618 ms for `F.linear`
and `F.cross_entropy`, and 4 MB instead of 200.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 256
CHUNK_ELSEWHERE = 8192  # on a device with a thousand cores, that each want a part
SMALLEST = torch.finfo(torch.float32).tiny  # a share that underflows to zero counts as this


def cross_entropy(hidden: Tensor, head: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
    """Summed negative log-likelihood, in nats, of the counted targets.

    Args:
        hidden: [N, C].
        head: [V, C], float32; used in the type of `hidden`.
        targets: [N], integers.
        counted: [N], bool.
    """
    return _CrossEntropy.apply(hidden, head, targets, counted)


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
        weights = head.to(hidden.dtype)
        by_hidden, by_head = torch.empty_like(hidden), torch.zeros_like(head)
        total, everything = torch.zeros((), device=hidden.device), bool(counted.all())
        chunk = CHUNK if hidden.device.type == "cpu" else CHUNK_ELSEWHERE
        for part in (slice(start, start + chunk) for start in range(0, len(hidden), chunk)):
            shares = torch.softmax(hidden[part] @ weights.t(), -1, dtype=torch.float32)
            wanted = targets[part, None]
            chosen = shares.gather(1, wanted)
            total -= chosen.clamp_min(SMALLEST).log().masked_fill(~counted[part, None], 0.0).sum()
            shares.scatter_add_(1, wanted, -torch.ones_like(chosen))
            if not everything:
                shares.mul_(counted[part, None])
            gradient = shares.to(hidden.dtype)
            torch.mm(gradient, weights, out=by_hidden[part])
            by_head += gradient.t() @ hidden[part]
        ctx.save_for_backward(by_hidden, by_head)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        by_hidden, by_head = ctx.saved_tensors
        return by_hidden * gradients[0], by_head * gradients[0], None, None
