"""A window of a text before a model: read once, its keys and values kept, so that many continuations see it cheaply.

Notable here: what is not asked for is not computed. The head, a third of a small network's work, sees only those places
at which some token is judged, and each of them once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from charmer.model.network import Transformer, attention_bias, rotary_angles

PACK = 128  # new tokens that are computed at once: the more, the more of what stands behind their places is in the way
CHUNK = 256  # states whose logits are in memory at once


@dataclass
class Window:
    """The tokens from `start` to `stop` of a text, and what a model made of them and of those before.

    Attributes:
        place: what the first of them is counted as, by the model.
        hidden: [stop - start + 1, C] (less one where that fills the context); entry i predicts token start + i.
        keys, values: one [1, P + len(hidden), G, D] a layer, where P inputs of the window before stand ahead.
    """

    start: int
    stop: int
    place: int
    hidden: Tensor
    keys: list[Tensor]
    values: list[Tensor]

    @property
    def ahead(self) -> int:
        """P."""
        return self.keys[0].shape[1] - len(self.hidden)


@dataclass
class _Behind:
    """As `network.Cache`, for a window behind another, of whose inputs those from `low` to `high` stand ahead."""

    window: Window | None
    low: int
    high: int
    keys: list[Tensor] = field(default_factory=list)
    values: list[Tensor] = field(default_factory=list)

    def update(self, layer: int, keys: Tensor, values: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        if self.window is not None:
            before, known = self.window.keys[layer], self.window.values[layer]
            keys = torch.cat((before[:, self.low : self.high], keys), 1)
            values = torch.cat((known[:, self.low : self.high], values), 1)
        self.keys.append(keys)
        self.values.append(values)
        return keys, values


@dataclass(frozen=True)
class _Beside:
    """As `network.Cache`, for rows packed side by side: the first `length` inputs of a window stand before them."""

    window: Window
    length: int

    def update(self, layer: int, keys: Tensor, values: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        before, known = self.window.keys[layer], self.window.values[layer]
        return torch.cat((before[:, : self.length], keys), 1), torch.cat((known[:, : self.length], values), 1)


def read(
    model: Transformer, tokens: np.ndarray, start: int, stop: int, eof: int, before: Window | None = None, seen: int = 0
) -> Window:
    """Read `tokens[start:stop]`; what comes behind the last is asked for, too, where the context has room.

    Args:
        before: a window in which `start` lies; what it made of its inputs is not computed again.
        seen: how many of its inputs are looked back at, at most.
    """
    high = before.ahead + start - before.start if before is not None else 0
    low = max(high - seen, 0)
    place = before.place + start - before.start if before is not None else 0
    behind = min(stop + 1, start + model.config.context_length - (high - low))
    inputs = np.concatenate(([tokens[start - 1] if start else eof], tokens[start : behind - 1]))
    count = len(inputs)
    visible = torch.ones(count, high - low + count, dtype=torch.bool, device=model.device).tril(high - low)[None]
    cache = _Behind(before, low, high)
    hidden = _hidden(model, inputs, place + np.arange(count), visible, cache)
    return Window(start, stop, place, hidden, cache.keys, cache.values)


class Row(NamedTuple):
    """Tokens that continue a window behind `place` of its own."""

    place: int
    tokens: Sequence[int]


def packs(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Neighbours in packs of at most `PACK` tokens, at least one in each."""
    pack: list[Row] = []
    size = 0
    for row in rows:
        if pack and size + len(row.tokens) > PACK:
            yield pack
            pack, size = [], 0
        pack.append(row)
        size += len(row.tokens)
    if pack:
        yield pack


def continued(model: Transformer, window: Window, rows: Sequence[Row]) -> list[float]:
    """Log-probabilities of what continues a window, each row by itself, without its first token."""
    ids = np.array([token for row in rows for token in row.tokens[:-1]], np.int64)
    sizes = [max(len(row.tokens) - 1, 0) for row in rows]
    if not len(ids):
        return [0.0] * len(rows)
    lengths = [window.ahead + row.place + 1 for row in rows]  # inputs that stand before a row's own
    known = max(lengths)
    owner = np.repeat(np.arange(len(rows)), sizes)
    within = np.concatenate([np.arange(size) for size in sizes])
    before = np.array(lengths)[owner]
    sees = np.arange(known)[None] < before[:, None]
    beside = (owner[:, None] == owner[None]) & (within[:, None] >= within[None])
    visible = torch.from_numpy(np.concatenate((sees, beside), 1)).to(model.device)[None]
    hidden = _hidden(model, ids, window.place - window.ahead + before + within, visible, _Beside(window, known))
    costs = log_probabilities(model, hidden, np.array([token for row in rows for token in row.tokens[1:]], np.int64))
    return [float(part.sum()) for part in costs.split(sizes)]


def _hidden(
    model: Transformer, ids: np.ndarray, places: np.ndarray, visible: Tensor, cache: _Behind | _Beside
) -> Tensor:
    """The last state [T, C] of one packed row."""
    positions = torch.from_numpy(places).to(model.device)[None]
    cosines, sines = rotary_angles(positions, model.config.head_size, model.config.rope_theta)
    angles = cosines[..., None, :], sines[..., None, :]
    bias = attention_bias(visible, torch.float32)
    x = model.embed_tokens(torch.from_numpy(ids).to(model.device)[None])
    for layer, block in enumerate(model.layers):
        x = block(x, angles, bias, layer, cache, positions)
    return model.norm(x)[0]


def log_probabilities(model: Transformer, hidden: Tensor, wanted: np.ndarray) -> Tensor:
    """For states [T, C] the log-probability [T] of the token `wanted[i]` behind state i."""
    tokens = torch.from_numpy(wanted).to(hidden.device)[:, None]
    found = [torch.empty(0)]
    for states, next_ones in zip(hidden.split(CHUNK), tokens.split(CHUNK), strict=True):
        logits = model.logits(states).float()
        logits -= logits.amax(-1, keepdim=True)
        likely = logits.gather(1, next_ones)[:, 0]
        found.append((likely - logits.exp_().sum(-1).log()).cpu())  # half the time of `logsumexp`
    return torch.cat(found)


@dataclass(frozen=True)
class Outlook:
    """What may follow some states.

    Attributes:
        costs: log-probabilities of the tokens that were asked for.
        best: of each state, the log-probability of the likeliest token.
        doubt: of each state, the entropy in nats.
    """

    costs: list[float]
    best: list[float]
    doubt: list[float]


def outlook(model: Transformer, hidden: Tensor, rows: np.ndarray, wanted: np.ndarray) -> Outlook:
    """For states [T, C] what may follow each, and how likely token `wanted[i]` is behind state `rows[i]`."""
    costs = torch.empty(len(rows))
    best: list[float] = []
    doubt: list[float] = []
    for start in range(0, len(hidden), CHUNK):
        logits = model.logits(hidden[start : start + CHUNK]).float()
        logits -= logits.amax(-1, keepdim=True)
        shares = logits.exp()
        total = shares.sum(-1)
        scale = total.log()
        inside = np.flatnonzero((rows >= start) & (rows < start + CHUNK))
        local, tokens = (torch.from_numpy(part[inside]).to(hidden.device) for part in (rows - start, wanted))
        costs[torch.from_numpy(inside)] = (logits[local, tokens] - scale[local]).cpu()
        best += (-scale).tolist()
        doubt += (scale - torch.linalg.vecdot(shares, logits) / total).tolist()
    return Outlook(costs.tolist(), best, doubt)
