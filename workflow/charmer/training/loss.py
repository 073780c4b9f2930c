"""Cross-entropy straight from the last hidden state, never holding all logits.

Notable here: logits and softmax are made for a few positions at a time, while they are in the cache; their gradient is
kept in the type of the activations for a block of positions, so that the head's own gradient is one product a block.
For 8192 positions, width 256 and a vocabulary of 4096 on one core: 310 ms, against 618 ms for `F.linear` and
`F.cross_entropy`, and 16 MB instead of 200.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CHUNK = 128  # positions whose logits are in the cache at once
BLOCK = 2048  # positions whose gradient by the logits is kept
BLOCK_ELSEWHERE = 8192  # on a device with a thousand cores, that each want a part; there a chunk is a block
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
        weights, count, on_cpu = head.to(hidden.dtype), len(hidden), hidden.device.type == "cpu"
        by_hidden, by_head = torch.empty_like(hidden), torch.zeros_like(head)
        total, everything = torch.zeros((), device=hidden.device), bool(counted.all())
        block = min(BLOCK if on_cpu else BLOCK_ELSEWHERE, count)
        by_logits = torch.empty(block, len(head), dtype=hidden.dtype, device=hidden.device)
        for begin in range(0, count, block):
            end = min(begin + block, count)
            for start in range(begin, end, CHUNK if on_cpu else block):
                part = slice(start, min(start + CHUNK, end) if on_cpu else end)
                shares = torch.softmax(hidden[part] @ weights.t(), -1, dtype=torch.float32)
                wanted = targets[part, None]
                chosen = shares.gather(1, wanted)
                total -= chosen.clamp_min(SMALLEST).log().masked_fill(~counted[part, None], 0.0).sum()
                shares.scatter_add_(1, wanted, -torch.ones_like(chosen))
                if not everything:
                    shares.mul_(counted[part, None])
                gradient = by_logits[start - begin : part.stop - begin].copy_(shares)
                torch.mm(gradient, weights, out=by_hidden[part])
            by_head += by_logits[: end - begin].t() @ hidden[begin:end]
        ctx.save_for_backward(by_hidden, by_head)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        by_hidden, by_head = ctx.saved_tensors
        return by_hidden * gradients[0], by_head * gradients[0], None, None
