"""The network: a decoder-only Transformer in the Qwen3 layout, from embeddings to logits, in plain PyTorch.

Notable here:
- The modules carry the names that `transformers` gives them in `Qwen3ForCausalLM`, so a saved folder opens there.
- Weights are kept in float32 and cast to the type of the activations where they are used. One copy serves the
  optimizer, the checkpoint and the computation, whichever precision that runs in.
- A cache holds the token at position p in slot p. Prompts of different lengths are padded behind: a padded slot is
  overwritten before any query may see it, so that no mask for padding exists.

Shapes: B rows, T tokens, C width, H query heads, G key/value heads, D the size of a head, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from charmer.model.kernels import attend, rms_norm


@dataclass(frozen=True)
class ModelConfig:
    """The sizes of a network."""

    vocab_size: int
    layers: int
    width: int
    heads: int
    kv_heads: int
    hidden: int
    context_length: int
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-6

    @property
    def head_size(self) -> int:
        return self.width // self.heads

    def matrix_parameters(self) -> int:
        """Weights that take part in a matrix product for each token; the tied embedding counts once, as the head."""
        attention = self.width * self.head_size * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.width * self.hidden) + self.vocab_size * self.width

    def flops_per_token(self, context: int | None = None) -> float:
        """Matrix FLOPs to train on one token: forward once, backward twice, nothing for recomputation.

        Queries see half of the context on average; what a kernel computes above the diagonal is not counted.
        """
        attention = 2 * self.layers * self.heads * self.head_size * (context or self.context_length)
        return 3.0 * (2 * self.matrix_parameters() + attention)


class Cache:
    """Keys and values of the tokens seen so far, for `rows` prompts of up to `length` tokens."""

    def __init__(
        self, config: ModelConfig, rows: int, length: int, device: torch.device | str, dtype: torch.dtype
    ) -> None:
        shape = (config.layers, rows, length, config.kv_heads, config.head_size)
        self.keys = torch.zeros(shape, device=device, dtype=dtype)
        self.values = torch.zeros(shape, device=device, dtype=dtype)
        self.length = length

    def update(self, layer: int, keys: Tensor, values: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Store keys and values [B, T, G, D] at `positions` [B, T]; give back all slots [B, length, G, D]."""
        rows = torch.arange(len(positions), device=positions.device)[:, None]
        self.keys[layer, rows, positions] = keys
        self.values[layer, rows, positions] = values
        return self.keys[layer], self.values[layer]


class Linear(nn.Linear):
    """A matrix without bias, used in the precision of its input."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype))


class RMSNorm(nn.Module):
    """Root mean square normalisation with a learned gain (Zhang and Sennrich 2019, arXiv:1910.07467)."""

    def __init__(self, size: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return rms_norm(x, self.weight, self.epsilon)


def rotary_angles(positions: Tensor, head_size: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines [..., T, D/2] for `positions` [..., T] (rotary embedding, Su et al. 2021, arXiv:2104.09864)."""
    exponents = torch.arange(0, head_size, 2, device=positions.device, dtype=torch.float32) / head_size
    angles = positions[..., None].float() * theta**-exponents
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn each pair (x[i], x[i + D/2]) of queries or keys [B, T, H, D] by its angle."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)


def attention_bias(visible: Tensor, dtype: torch.dtype) -> Tensor:
    """0 where `visible`, -inf where not."""
    return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill_(~visible, -torch.inf)


def visible_positions(segments: Tensor) -> Tensor:
    """[B, T, T] from `segments` [B, T]: which position sees which, causally and within one document."""
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    return (segments[:, :, None] == segments[:, None, :]) & causal


class Attention(nn.Module):
    """Causal attention with grouped queries (Ainslie et al. 2023, arXiv:2305.13245) and normalised queries and keys
    (Henry et al. 2020, arXiv:2010.04245)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        size = config.head_size
        self.q_proj = Linear(config.width, config.heads * size)
        self.k_proj = Linear(config.width, config.kv_heads * size)
        self.v_proj = Linear(config.width, config.kv_heads * size)
        self.o_proj = Linear(config.heads * size, config.width)
        self.q_norm = RMSNorm(size, config.norm_epsilon)
        self.k_norm = RMSNorm(size, config.norm_epsilon)

    def forward(
        self,
        x: Tensor,
        angles: tuple[Tensor, Tensor],
        bias: Tensor,
        layer: int,
        cache: Cache | None,
        positions: Tensor | None,
    ) -> Tensor:
        """[B, T, C] -> [B, T, C]."""
        split = (*x.shape[:2], -1, self.config.head_size)
        queries = rotate(self.q_norm(self.q_proj(x).view(split)), *angles)
        keys = rotate(self.k_norm(self.k_proj(x).view(split)), *angles)
        values = self.v_proj(x).view(split)
        if cache is not None and positions is not None:
            keys, values = cache.update(layer, keys, values, positions)
        return self.o_proj(attend(queries, keys, values, bias))


class FeedForward(nn.Module):
    """SwiGLU (Shazeer 2020, arXiv:2002.05202)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate_proj = Linear(config.width, config.hidden)
        self.up_proj = Linear(config.width, config.hidden)
        self.down_proj = Linear(config.hidden, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C] -> [B, T, C]."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """Attention and feed-forward, each normalised before and added to the residual stream
    (Xiong et al. 2020, arXiv:2002.04745)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.width, config.norm_epsilon)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = RMSNorm(config.width, config.norm_epsilon)
        self.mlp = FeedForward(config)

    def forward(
        self,
        x: Tensor,
        angles: tuple[Tensor, Tensor],
        bias: Tensor,
        layer: int,
        cache: Cache | None,
        positions: Tensor | None,
    ) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), angles, bias, layer, cache, positions)
        return x + self.mlp(self.post_attention_layernorm(x))


class Transformer(nn.Module):
    """The whole network. The head shares its matrix with the embedding (Press and Wolf 2017, arXiv:1608.05859)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.width)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.width, config.norm_epsilon)

    def initialise(self, seed: int) -> None:
        """Draw the first weights. A block starts as the identity: what it adds to the stream is zero at first."""
        generator = torch.Generator().manual_seed(seed)
        for name, weight in self.named_parameters():
            if weight.ndim < 2:
                nn.init.ones_(weight)
            elif "o_proj" in name or "down_proj" in name:
                nn.init.zeros_(weight)
            else:
                spread = 0.02 if "embed" in name else weight.shape[1] ** -0.5
                weight.data.copy_(torch.randn(weight.shape, generator=generator) * spread)

    @property
    def device(self) -> torch.device:
        return self.embed_tokens.weight.device

    def hidden(
        self,
        tokens: Tensor,
        segments: Tensor | None = None,
        cache: Cache | None = None,
        positions: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """The normalised last state [B, T, C] in `dtype`, which the head turns into logits.

        Args:
            tokens: [B, T], integers.
            segments: [B, T], the document of each token; None: a row is one document.
            cache: read and extended with these tokens; excludes `segments`.
            positions: [B, T], the place of each token in its row; needed with a cache, else 0 .. T-1.
            dtype: of the computation.
        """
        places = torch.arange(tokens.shape[1], device=tokens.device) if positions is None else positions
        if cache is not None:
            assert positions is not None, "a cache needs the positions of its tokens"
            visible = torch.arange(cache.length, device=tokens.device) <= positions[:, :, None]
        else:
            visible = visible_positions(torch.zeros_like(tokens[:1]) if segments is None else segments)
        bias = attention_bias(visible, dtype)
        cosines, sines = rotary_angles(places, self.config.head_size, self.config.rope_theta)
        angles = cosines[..., None, :].to(dtype), sines[..., None, :].to(dtype)  # the same for all heads
        x = self.embed_tokens(tokens).to(dtype)
        for layer, block in enumerate(self.layers):
            x = block(x, angles, bias, layer, cache, positions)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., C] -> [..., V]."""
        return F.linear(hidden, self.embed_tokens.weight.to(hidden.dtype))

    def forward(
        self,
        tokens: Tensor,
        segments: Tensor | None = None,
        cache: Cache | None = None,
        positions: Tensor | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Logits [B, T, V] for the token after each position; arguments as in `hidden`."""
        return self.logits(self.hidden(tokens, segments, cache, positions, dtype))
