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

# (layer, queries [N, H, D], keys [N, G, D], values [N, G, D]) -> [N, H * D]
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]


class _Layer(NamedTuple):
    mix: Tensor  # [(H + 2 G) D, C]: queries, keys, values
    cosines: Tensor  # [W, H + G, D]
    sines: Tensor  # [W, H + G, D]
    out: Tensor  # [H D, C]
    gate_up: Tensor  # [2 hidden, C]
    down: Tensor  # [hidden, C]


class Forward:
    """A network's weights in `dtype`, and the keys and values of `slots` rows of at most `window` tokens."""

    def __init__(self, model: Transformer, slots: int, window: int, dtype: torch.dtype) -> None:
        config, device = model.config, model.device
        self.heads, self.groups, self.size = config.heads, config.kv_heads, config.head_size
        self.width, self.epsilon = config.width, config.norm_epsilon
        angles = rotary_angles(torch.arange(window, device=device), config.head_size, config.rope_theta)
        embedding, gain = model.embed_tokens.weight.detach(), model.norm.weight.detach()
        self.embedding, self.head = embedding.to(dtype), (embedding * gain).to(dtype)
        self.layers = [self._layer(cast(Block, block), angles, dtype) for block in model.layers]
        shape = (config.layers, slots, self.groups, window, self.size)
        self.keys = list(torch.zeros(shape, device=device, dtype=dtype))
        self.values = list(torch.zeros(shape, device=device, dtype=dtype))

    def _layer(self, block: Block, angles: tuple[Tensor, Tensor], dtype: torch.dtype) -> _Layer:
        attention, feed_forward = block.self_attn, block.mlp
        mix = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
        gate_up = torch.cat([feed_forward.gate_proj.weight, feed_forward.up_proj.weight])
        gains = torch.cat(
            [
                (attention.q_norm.weight * self.size**-0.5).expand(self.heads, -1),
                attention.k_norm.weight.expand(self.groups, -1),
            ]
        )
        cosines, sines = (table[:, None] for table in angles)
        first, second = gains.chunk(2, dim=-1)
        return _Layer(
            mix=(mix * block.input_layernorm.weight).detach().to(dtype),
            cosines=(torch.cat([cosines, cosines], -1) * gains).detach().to(dtype),
            sines=torch.cat([-sines * second, sines * first], -1).detach().to(dtype),
            out=attention.o_proj.weight.detach().t().to(dtype),
            gate_up=(gate_up * block.post_attention_layernorm.weight).detach().to(dtype),
            down=feed_forward.down_proj.weight.detach().t().to(dtype),
        )

    def read(self, tokens: Tensor, slot: int, start: int) -> Tensor:
        """Logits [1, V] behind `tokens` [T], which take the places from `start` on of a slot that is full up to it."""
        stop = start + len(tokens)
        future = torch.full((BLOCK, BLOCK), -torch.inf, device=tokens.device, dtype=self.head.dtype).triu(1)

        def attend(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            self.keys[layer][slot, :, start:stop] = keys.transpose(0, 1)
            self.values[layer][slot, :, start:stop] = values.transpose(0, 1)
            return self._causal(queries, self.keys[layer][slot, :, :stop], self.values[layer][slot, :, :stop], future)

        return self._logits(tokens, torch.arange(start, stop, device=tokens.device), attend, last_only=True)

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
        """Logits [B, V] behind one more token in each of `slots`, which takes the place `places[b]`."""
        rows, positions = (torch.tensor(numbers, device=tokens.device) for numbers in (slots, places))
        filled = max(places) + 1
        near = slice(slots[0], slots[-1] + 1) if slots == list(range(slots[0], slots[-1] + 1)) else rows
        bias = None
        if min(places) + 1 < filled:
            hidden = torch.arange(filled, device=tokens.device) > positions[:, None]
            bias = torch.zeros(hidden.shape, device=tokens.device, dtype=self.head.dtype)
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

    def _logits(self, tokens: Tensor, positions: Tensor, attend: Attend, last_only: bool = False) -> Tensor:
        """[N] -> [N, V] in float32, or [1, V] of the last token."""
        x = self.embedding[tokens]
        normed = self.heads + self.groups
        for number, layer in enumerate(self.layers):
            parts = F.linear(self._norm(x), layer.mix).view(len(x), -1, self.size)
            turned = self._norm(parts[:, :normed])
            swapped = turned.roll(self.size // 2, -1)
            turned = torch.addcmul(turned * layer.cosines[positions], swapped, layer.sines[positions])
            queries, keys = turned[:, : self.heads], turned[:, self.heads :]
            if last_only and number == len(self.layers) - 1:
                x, queries = x[-1:], queries[-1:]
            x = torch.addmm(x, attend(number, queries, keys, parts[:, normed:]), layer.out)
            gate, up = F.linear(self._norm(x), layer.gate_up).chunk(2, -1)
            x = torch.addmm(x, F.silu(gate) * up, layer.down)
        return F.linear(self._norm(x), self.head).float()

    def _norm(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], None, self.epsilon)
