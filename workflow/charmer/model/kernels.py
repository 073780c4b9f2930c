"""Attention and normalisation for processors, with backward passes of their own.

Notable here: PyTorch's kernels for these two are made for accelerators, and FlexAttention has no backward pass on a
processor. On one core, in bfloat16, for 16 rows of 512 tokens and 4 heads of 64 (forward and backward):

    attention   scaled_dot_product_attention with a mask 211 ms, `attend` 79 ms
    RMS norm    rms_norm 12.5 ms, `rms_norm` here 4.8 ms

Attention takes queries a block at a time and leaves the keys behind the block away, so that it saves almost half of
the products and its scores stay in the cache; a matrix product does the rest. Both functions fall back to PyTorch's
own where that is better: on other devices, for many keys (the scores are kept for the backward pass), for a single
query, and the norm where no gradient is asked for.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 128
LONGEST = 2048


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
    """Attention of T queries to S keys, the T newest of them being the queries' own.

    Args:
        queries: [B, T, H, D].
        keys, values: [B, S, G, D]; H / G queries share a key.
        bias: [B or 1, T, S], added to the scores: 0 where a query sees a key, -inf where not. No query may see a key
            behind its own.

    Returns:
        [B, T, H * D].
    """
    rows, length, heads, size = queries.shape
    groups = keys.shape[2]
    known = keys.shape[1]
    if queries.device.type != "cpu" or known > LONGEST or length == 1 < known:
        queries, keys, values = (tensor.transpose(1, 2) for tensor in (queries, keys, values))
        shared = groups < heads
        if shared and queries.device.type == "cuda" and torch.is_grad_enabled():
            # Of CUDA's kernels with a mask, the one that keeps no scores takes a key for each query alone.
            keys, values = (tensor.repeat_interleave(heads // groups, dim=1) for tensor in (keys, values))
            shared = False
        seen = F.scaled_dot_product_attention(queries, keys, values, bias[:, None], enable_gqa=shared)
        return seen.transpose(1, 2).reshape(rows, length, -1)
    queries = (queries * size**-0.5).view(rows, length, groups, -1, size)
    together = (tensor.transpose(1, 2).flatten(0, 1) for tensor in (queries, keys, values))
    seen = _Attention.apply(*together, bias)
    return seen.view(rows, groups, length, -1).transpose(1, 2).reshape(rows, length, -1)


class _Attention(torch.autograd.Function):
    """Queries [N, T, R, D] (scaled), keys and values [N, S, D], bias [B, T, S] -> [N, T, R, D], where N = B * G."""

    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        seen, kept, before = torch.empty_like(queries), [], keys.shape[1] - queries.shape[1]
        for start in range(0, queries.shape[1], BLOCK):
            part, stop = queries[:, start : start + BLOCK], min(start + BLOCK, queries.shape[1])
            known = before + stop
            scores = torch.bmm(part.flatten(1, 2), keys[:, :known].transpose(1, 2))
            shape = (len(bias), -1, stop - start, queries.shape[2], known)
            scores.view(shape).add_(bias[:, None, start:stop, None, :known])
            shares = scores.softmax(-1)
            seen[:, start:stop] = torch.bmm(shares, values[:, :known]).view_as(part)
            kept.append(shares)
        ctx.save_for_backward(queries, keys, values, seen, *kept)
        return seen

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        """The formulas of FlashAttention's backward pass (Dao et al. 2022, arXiv:2205.14135, appendix B)."""
        queries, keys, values, seen, *kept = ctx.saved_tensors
        (gradient,) = gradients
        by_queries, by_keys, by_values = torch.empty_like(queries), torch.zeros_like(keys), torch.zeros_like(values)
        inner, before = (gradient * seen).sum(-1), keys.shape[1] - queries.shape[1]
        for number, shares in enumerate(kept):
            start, stop = number * BLOCK, min((number + 1) * BLOCK, queries.shape[1])
            known = before + stop
            upper, part = gradient[:, start:stop].flatten(1, 2), queries[:, start:stop].flatten(1, 2)
            by_scores = torch.bmm(upper, values[:, :known].transpose(1, 2))
            by_scores.sub_(inner[:, start:stop].flatten(1)[:, :, None]).mul_(shares)
            by_queries[:, start:stop] = torch.bmm(by_scores, keys[:, :known]).view_as(by_queries[:, start:stop])
            by_keys[:, :known].baddbmm_(by_scores.transpose(1, 2), part)
            by_values[:, :known].baddbmm_(shares.transpose(1, 2), upper)
        return by_queries, by_keys, by_values, None


def rms_norm(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """`x` [..., C] over the root of its mean square, times `weight` [C]."""
    if x.device.type == "cpu" and torch.is_grad_enabled():
        return _RMSNorm.apply(x, weight, epsilon)
    return F.rms_norm(x, weight.shape, weight.to(x.dtype), epsilon)


class _RMSNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = torch.rsqrt(norm.square_() / x.shape[-1] + epsilon).to(x.dtype)
        normed = x * scale
        ctx.save_for_backward(normed, scale, weight)
        return normed * weight.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        normed, scale, weight = ctx.saved_tensors
        (gradient,) = gradients
        gain = weight.to(gradient.dtype)
        product = (gradient * normed).flatten(0, -2)
        along = (product @ gain).view_as(scale) / len(gain)
        by_x = torch.addcmul(gradient * gain, normed, along, value=-1).mul_(scale)
        return by_x, product.sum(0, dtype=weight.dtype), None
