"""The network's forward pass without modules: weights laid out once for reading prompts and for writing tokens.

Notable here:
- It computes what `model.network` computes, and a test holds it to that. What differs is where things lie: queries,
  keys and values come out of one matrix, gate and up out of another; the gains of norms are multiplied into the
  matrix behind them, those of queries and keys (and the scale of the scores) into the tables of the rotary embedding.
- With a compiler a token is written by one function instead (see `kernel`), which shares the keys and values; until it
  is there, here too.
- A row of the cache holds the token at position p in place p, so rows of any lengths lie side by side, and attention
  looks only at the part that is filled.
- Of a prompt's last layer only the newest token's output is computed: nothing else is asked for.

Shapes: B rows, T tokens, C width, H query heads, G key/value heads, R = H / G, D the size of a head, V vocabulary,
S slots (rows of the cache), W window (places in a row).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from charmer.model.network import Block, Transformer, rotary_angles

if TYPE_CHECKING:
    from charmer.inference.steps import Steps

BLOCK = 128  # tokens of a prompt that are read at once

# (layer, queries [N, H, D], keys [N, G, D], values [N, G, D]) -> [N, H * D]
Attend = Callable[[int, Tensor, Tensor, Tensor], Tensor]


def in_eight_bits(weight: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix [outputs, inputs] as whole numbers from -127 to 127, and a scale for each output in float32."""
    weight = weight.detach().float()
    scales = (weight.abs().amax(1) / 127).clamp_min(torch.finfo(torch.float32).tiny)
    return (weight / scales[:, None]).round().clamp(-127, 127).to(torch.int8), scales


class _Layer(NamedTuple):
    mix: Tensor  # [(H + 2 G) D, C]: queries, keys, values
    out: Tensor  # [C, H D]
    gate_up: Tensor  # [2 hidden, C]
    down: Tensor  # [C, hidden]


class Forward:
    """A network's weights in `dtype`, and the keys and values of `slots` rows of at most `window` tokens.

    Args:
        compiled: whether tokens are written by `inference.kernel`; else by PyTorch, which any device can.
        eight_bits: whether the kernel's matrices are in 8 bits; prompts are read with the same values in `dtype`.
        block: tokens of a prompt that are read at once.
    """

    def __init__(
        self,
        model: Transformer,
        slots: int,
        window: int,
        dtype: torch.dtype,
        compiled: bool = False,
        eight_bits: bool = False,
        block: int = BLOCK,
    ) -> None:
        config, device = model.config, model.device
        self.width, self.heads, self.groups, self.size = config.width, config.heads, config.kv_heads, config.head_size
        self.dtype, self.block = dtype, block
        self.least = {n: torch.tensor((n * config.norm_epsilon) ** 0.5) for n in (self.width, self.size)}
        blocks = [cast(Block, block) for block in model.layers]
        angles = rotary_angles(torch.arange(window, device=device), config.head_size, config.rope_theta)
        gains = torch.stack([self._gains(block) for block in blocks])
        tables = [self._tables(gain, *angles) for gain in gains]
        self.cosines, self.sines = (torch.stack(table, 1).to(dtype) for table in zip(*tables, strict=True))
        self.embedding = model.embed_tokens.weight.detach().to(dtype)
        shape = (config.layers, slots, self.groups, window, self.size)
        self.keys, self.values = (torch.zeros(shape, device=device, dtype=dtype) for _ in range(2))
        head = (model.embed_tokens.weight * model.norm.weight * self.width**0.5).detach()
        matrices = [head, *(weight.detach() for block in blocks for weight in self._weights(block))]
        self.steps: Steps | None = None
        if compiled:
            from charmer.inference.steps import Steps

            whole = [in_eight_bits(weight) for weight in matrices] if eight_bits else None
            if whole is not None:
                matrices = [numbers * scales[:, None] for numbers, scales in whole]
            plain = [(weight.to(dtype), torch.ones(len(weight))) for weight in matrices]
            self.steps = Steps(
                self.embedding, whole or plain, gains, angles, self.keys, self.values, config.norm_epsilon
            )
        matrices = [weight.to(dtype) for weight in matrices]
        if dtype == torch.float32:
            matrices = [weight.t().contiguous().t() for weight in matrices]  # half of the time for a product with a row
        self.head = matrices[0]
        self.layers = [_Layer(*matrices[first : first + 4]) for first in range(1, len(matrices), 4)]

    def _weights(self, block: Block) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of a `_Layer`."""
        attention, feed_forward = block.self_attn, block.mlp
        mix = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
        gate_up = torch.cat([feed_forward.gate_proj.weight, feed_forward.up_proj.weight])
        gain, later_gain = (
            norm.weight * self.width**0.5 for norm in (block.input_layernorm, block.post_attention_layernorm)
        )
        return mix * gain, attention.o_proj.weight, gate_up * later_gain, feed_forward.down_proj.weight

    def _gains(self, block: Block) -> Tensor:
        """[H + G, D], of normalised queries and keys: with the root of D that the norm leaves away for both, and over
        that root once for the scores."""
        queries = block.self_attn.q_norm.weight.expand(self.heads, -1)
        keys = block.self_attn.k_norm.weight.expand(self.groups, -1) * self.size**0.5
        return torch.cat([queries, keys]).detach().float()

    def _tables(self, gains: Tensor, cosines: Tensor, sines: Tensor) -> tuple[Tensor, Tensor]:
        """[W, H + G, D] twice: what queries and keys, and they with swapped halves, are multiplied by."""
        first, second = gains.chunk(2, dim=-1)
        cosines, sines = cosines[:, None], sines[:, None]
        return torch.cat([cosines, cosines], -1) * gains, torch.cat([-sines * second, sines * first], -1)

    def read(self, tokens: Tensor, slot: int, start: int) -> Tensor:
        """Logits [1, V] behind `tokens` [T], which take the places from `start` on of a slot that is full up to it.

        `start` is a multiple of `block`. So what is computed for a block depends on the text up to its end alone, not
        on how much of it was known: asked twice, a prompt gives the same logits to the last bit.
        """
        logits = torch.empty(0)
        for first in range(0, len(tokens), self.block):
            part = tokens[first : first + self.block]
            logits = self._read_block(part, slot, start + first)
        return logits

    def _read_block(self, tokens: Tensor, slot: int, start: int) -> Tensor:
        stop = start + len(tokens)
        future = torch.full((len(tokens), len(tokens)), -torch.inf, device=tokens.device, dtype=self.dtype).triu(1)

        def attend(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            own_keys, own_values = self.keys[layer, slot, :, :stop], self.values[layer, slot, :, :stop]
            own_keys[:, start:] = keys.transpose(0, 1)
            own_values[:, start:] = values.transpose(0, 1)
            count = len(queries)
            grouped = queries.view(count, self.groups, -1, self.size).transpose(0, 1)
            scores = torch.bmm(grouped.flatten(1, 2), own_keys.transpose(1, 2))
            if count > 1:
                scores.view(self.groups, count, -1, stop)[..., start:].add_(future[:, None])
            seen = torch.bmm(scores.softmax(-1), own_values).view(self.groups, count, -1)
            return seen.transpose(0, 1).reshape(count, -1)

        return self._logits(tokens, slice(start, stop), attend, last_only=True)

    def extend(self, tokens: Tensor, slots: list[int], places: list[int]) -> Tensor:
        """Logits [B, V] behind one more token in each of `slots` (ascending), which takes the place `places[b]`."""
        if self.steps is not None and self.steps.ready:
            return self.steps.extend(tokens, slots, places)
        rows, positions = (torch.tensor(numbers, device=tokens.device) for numbers in (slots, places))
        filled = max(places) + 1
        near = slice(slots[0], slots[-1] + 1) if slots[-1] - slots[0] < len(slots) else rows
        bias = None
        if min(places) + 1 < filled:
            hidden = torch.arange(filled, device=tokens.device) > positions[:, None]
            bias = torch.zeros(hidden.shape, device=tokens.device, dtype=self.dtype)
            bias = bias.masked_fill_(hidden, -torch.inf)[:, None, None]

        def attend(layer: int, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
            self.keys[layer, rows, :, positions] = keys
            self.values[layer, rows, :, positions] = values
            seen = F.scaled_dot_product_attention(
                queries.view(len(slots), self.groups, -1, self.size),
                self.keys[layer, near, :, :filled],
                self.values[layer, near, :, :filled],
                attn_mask=bias,
                scale=1.0,
            )
            return seen.reshape(len(slots), -1)

        return self._logits(tokens, positions, attend)

    def prepare(self) -> None:
        """Compile the kernel, where there is one, while PyTorch writes."""
        if self.steps is not None:
            self.steps.prepare()

    def copy(self, source: int, target: int, length: int) -> None:
        """Take over the first `length` places of one slot into another."""
        for kept in (self.keys, self.values):
            kept[:, target, :, :length] = kept[:, source, :, :length]

    def _logits(self, tokens: Tensor, positions: Tensor | slice, attend: Attend, last_only: bool = False) -> Tensor:
        """[N] -> [N, V] in float32, or [1, V] of the last token."""
        x = self.embedding[tokens]
        turning = self.heads + self.groups
        cosines, sines = self.cosines[positions].unbind(1), self.sines[positions].unbind(1)
        for number, layer in enumerate(self.layers):
            parts = F.linear(self._norm(x), layer.mix).view(len(x), -1, self.size)
            turned = self._norm(parts[:, :turning])
            swapped = turned.roll(self.size // 2, -1)
            turned = torch.addcmul(turned * cosines[number], swapped, sines[number])
            queries, keys = turned[:, : self.heads], turned[:, self.heads :]
            if last_only and number == len(self.layers) - 1:
                x, queries = x[-1:], queries[-1:]
            x = x + F.linear(attend(number, queries, keys, parts[:, turning:]), layer.out)
            gate, up = F.linear(self._norm(x), layer.gate_up).chunk(2, -1)
            x = x + F.linear(F.silu(gate) * up, layer.down)
        return F.linear(self._norm(x), self.head).float()

    def _norm(self, x: Tensor) -> Tensor:
        """`x` [..., n] over the root of its sum of squares, n * epsilon added to that.

        It is `rms_norm` over the root of n, which the matrix or table behind it holds. 4 us on a row instead of 11:
        PyTorch's consists of eight operations on a processor.
        """
        return x / torch.hypot(torch.linalg.vector_norm(x, dim=-1, keepdim=True), self.least[x.shape[-1]])
