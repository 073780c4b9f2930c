"""The network's forward pass without modules: weights laid out once for reading prompts and for writing tokens.

Notable here:
- It computes what `model.network` computes, and a test holds it to that. What differs is where things lie: queries,
  keys and values come out of one matrix, gate and up out of another; the gains of norms are multiplied into the
  matrix behind them, those of queries and keys (and the scale of the scores) into the tables of the rotary embedding.
- A row of the cache holds the token at position p in place p, so rows of any lengths lie side by side, and attention
  looks only at the part that is filled.
- Of a prompt's last layer only the newest token's output is computed: nothing else is asked for.

Shapes: B rows, T tokens, C width, H query heads, G key/value heads, R = H / G, D the size of a head, V vocabulary,
S slots (rows of the cache), W window (places in a row).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from charmer.model.network import Block, Transformer, rotary_angles

BLOCK = 128  # queries of a prompt that are computed at once: their scores stay in the processor's cache

FEW = 8  # rows up to which a product with weights in 8 bits is faster: of one row by 5 times, of 8 by 1.4

# (layer, queries [N, H, D], keys [N, G, D], values [N, G, D]) -> [N, H * D]
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class Matrix:
    """A matrix [outputs, inputs] for products with rows: in `dtype`, and with `eight_bits` in 8 bits as well.

    8 bits are whole numbers from -127 to 127 and a scale for each output. The matrix in `dtype` holds their values, so
    both kinds of product are of the same network.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype, eight_bits: bool) -> None:
        weight = weight.detach().float()
        self.whole: Tensor | None = None
        if eight_bits:
            scales = (weight.abs().amax(1) / 127).clamp_min(torch.finfo(torch.float32).tiny).to(dtype)
            self.whole, self.scales = (weight / scales.float()[:, None]).round().clamp(-127, 127).to(torch.int8), scales
            weight = self.whole * scales.float()[:, None]
        self.weight = weight.to(dtype)
        if dtype == torch.float32:
            self.weight = self.weight.t().contiguous().t()  # a product with one row takes half of the time

    def __call__(self, x: Tensor) -> Tensor:
        """[N, inputs] -> [N, outputs]."""
        if self.whole is not None and len(x) <= FEW:
            return torch._weight_int8pack_mm(x, self.whole, self.scales)
        return F.linear(x, self.weight)


class _Layer(NamedTuple):
    mix: Matrix  # [(H + 2 G) D, C]: queries, keys, values
    out: Matrix  # [C, H D]
    gate_up: Matrix  # [2 hidden, C]
    down: Matrix  # [C, hidden]


class Forward:
    """A network's weights in `dtype`, and the keys and values of `slots` rows of at most `window` tokens."""

    def __init__(self, model: Transformer, slots: int, window: int, dtype: torch.dtype, eight_bits: bool) -> None:
        config, device = model.config, model.device
        self.width, self.heads, self.groups, self.size = config.width, config.heads, config.kv_heads, config.head_size
        self.dtype = dtype
        self.least = {n: torch.tensor((n * config.norm_epsilon) ** 0.5) for n in (self.width, self.size)}
        blocks = [cast(Block, block) for block in model.layers]
        angles = rotary_angles(torch.arange(window, device=device), config.head_size, config.rope_theta)
        tables = [self._tables(block, *angles) for block in blocks]
        self.cosines, self.sines = (torch.stack(table, 1).to(dtype) for table in zip(*tables, strict=True))
        self.embedding = model.embed_tokens.weight.detach().to(dtype)
        self.head = Matrix(model.embed_tokens.weight * model.norm.weight * self.width**0.5, dtype, eight_bits)
        self.layers = [
            _Layer(*(Matrix(weight, dtype, eight_bits) for weight in self._weights(block))) for block in blocks
        ]
        shape = (config.layers, slots, self.groups, window, self.size)
        self.keys = list(torch.zeros(shape, device=device, dtype=dtype))
        self.values = list(torch.zeros(shape, device=device, dtype=dtype))

    def _weights(self, block: Block) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of a `_Layer`."""
        attention, feed_forward = block.self_attn, block.mlp
        mix = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
        gate_up = torch.cat([feed_forward.gate_proj.weight, feed_forward.up_proj.weight])
        gain, later_gain = (
            norm.weight * self.width**0.5 for norm in (block.input_layernorm, block.post_attention_layernorm)
        )
        return mix * gain, attention.o_proj.weight, gate_up * later_gain, feed_forward.down_proj.weight

    def _tables(self, block: Block, cosines: Tensor, sines: Tensor) -> tuple[Tensor, Tensor]:
        """[W, H + G, D] twice: what queries and keys, and they with swapped halves, are multiplied by."""
        queries = block.self_attn.q_norm.weight.expand(self.heads, -1)  # root of D from the norm, over that of scores
        keys = block.self_attn.k_norm.weight.expand(self.groups, -1) * self.size**0.5
        gains = torch.cat([queries, keys]).detach()
        first, second = gains.chunk(2, dim=-1)
        cosines, sines = cosines[:, None], sines[:, None]
        return torch.cat([cosines, cosines], -1) * gains, torch.cat([-sines * second, sines * first], -1)

    def read(self, tokens: Tensor, slot: int, start: int) -> Tensor:
        """Logits [1, V] behind `tokens` [T], which take the places from `start` on of a slot that is full up to it."""
        stop = start + len(tokens)
        future = torch.full((BLOCK, BLOCK), -torch.inf, device=tokens.device, dtype=self.dtype).triu(1)

        def attend(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            self.keys[layer][slot, :, start:stop] = keys.transpose(0, 1)
            self.values[layer][slot, :, start:stop] = values.transpose(0, 1)
            return self._causal(queries, self.keys[layer][slot, :, :stop], self.values[layer][slot, :, :stop], future)

        return self._logits(tokens, slice(start, stop), attend, last_only=True)

    def _causal(self, queries: Tensor, keys: Tensor, values: Tensor, future: Tensor) -> Tensor:
        """[N, H, D], the newest tokens, to all [G, S, D] up to their own -> [N, H D]."""
        count, length = len(queries), keys.shape[1]
        grouped = queries.view(count, self.groups, -1, self.size).transpose(0, 1)
        seen = torch.empty_like(grouped)
        for first in range(0, count, BLOCK):
            part = grouped[:, first : first + BLOCK]
            size, stop = part.shape[1], length - count + min(first + BLOCK, count)
            scores = torch.bmm(part.flatten(1, 2), keys[:, :stop].transpose(1, 2))
            scores.view(self.groups, size, -1, stop)[..., stop - size :].add_(future[:size, None, :size])
            seen[:, first : first + BLOCK] = torch.bmm(scores.softmax(-1), values[:, :stop]).view_as(part)
        return seen.transpose(0, 1).reshape(count, -1)

    def extend(self, tokens: Tensor, slots: list[int], places: list[int]) -> Tensor:
        """Logits [B, V] behind one more token in each of `slots` (ascending), which takes the place `places[b]`."""
        rows, positions = (torch.tensor(numbers, device=tokens.device) for numbers in (slots, places))
        filled = max(places) + 1
        near = slice(slots[0], slots[-1] + 1) if slots[-1] - slots[0] < len(slots) else rows
        bias = None
        if min(places) + 1 < filled:
            hidden = torch.arange(filled, device=tokens.device) > positions[:, None]
            bias = torch.zeros(hidden.shape, device=tokens.device, dtype=self.dtype)
            bias = bias.masked_fill_(hidden, -torch.inf)[:, None, None]

        def attend(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            self.keys[layer][rows, :, positions] = keys
            self.values[layer][rows, :, positions] = values
            seen = F.scaled_dot_product_attention(
                queries.view(len(slots), self.groups, -1, self.size),
                self.keys[layer][near, :, :filled],
                self.values[layer][near, :, :filled],
                attn_mask=bias,
                scale=1.0,
            )
            return seen.reshape(len(slots), -1)

        return self._logits(tokens, positions, attend)

    def copy(self, source: int, target: int, length: int) -> None:
        """Take over the first `length` places of one slot into another."""
        for kept in (*self.keys, *self.values):
            kept[target, :, :length] = kept[source, :, :length]

    def _logits(self, tokens: Tensor, positions: Tensor | slice, attend: Attend, last_only: bool = False) -> Tensor:
        """[N] -> [N, V] in float32, or [1, V] of the last token."""
        x = self.embedding[tokens]
        turning = self.heads + self.groups
        cosines, sines = self.cosines[positions].unbind(1), self.sines[positions].unbind(1)
        for number, layer in enumerate(self.layers):
            parts = layer.mix(self._norm(x)).view(len(x), -1, self.size)
            turned = self._norm(parts[:, :turning])
            swapped = turned.roll(self.size // 2, -1)
            turned = torch.addcmul(turned * cosines[number], swapped, sines[number])
            queries, keys = turned[:, : self.heads], turned[:, self.heads :]
            if last_only and number == len(self.layers) - 1:
                x, queries = x[-1:], queries[-1:]
            x = x + layer.out(attend(number, queries, keys, parts[:, turning:]))
            gate, up = layer.gate_up(self._norm(x)).chunk(2, -1)
            x = x + layer.down(F.silu(gate) * up)
        return self.head(self._norm(x)).float()

    def _norm(self, x: Tensor) -> Tensor:
        """`x` [..., n] over the root of its sum of squares, n * epsilon added to that.

        It is `rms_norm` over the root of n, which the matrix or table behind it holds. 4 us on a row instead of 11:
        PyTorch's consists of eight operations on a processor.
        """
        return x / torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), self.least[x.shape[-1]])
