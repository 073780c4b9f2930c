"""A short look into a finished model: what its logits depend on, and how its loss falls along the window.

Notable here: the windows are those that training read, through the same reader, so a mistake in it shows here too; and
training text and held-out text are measured in the same way, so that a difference between them is one of the text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from charmer.model.network import Transformer
from charmer.tokens.windows import Windows

BATCH_TOKENS = 2048  # positions whose logits exist at once


@dataclass(frozen=True)
class Look:
    """Some windows of a split, scored.

    Attributes:
        bits: float64[windows, T], -log2 of the probability of each target.
        lengths: int64[windows, T], bytes of each target; 0 for marks, which do not count.
        leading: bool[windows, T], in the document with which the window begins, of which the model sees nothing more.
    """

    bits: np.ndarray
    lengths: np.ndarray
    leading: np.ndarray

    @property
    def bits_per_byte(self) -> float:
        counted = self.lengths > 0
        return float(self.bits[counted].sum() / max(self.lengths.sum(), 1))


def evenly(windows: Windows, count: int) -> np.ndarray:
    """Up to `count` window numbers, evenly over the split."""
    return np.unique(np.linspace(0, len(windows) - 1, min(count, len(windows))).astype(np.int64))


@torch.inference_mode()
def look(network: Transformer, windows: Windows, numbers: Sequence[int] | np.ndarray, lengths: np.ndarray) -> Look:
    """Score windows.

    Args:
        numbers: of the windows.
        lengths: bytes of each entry of the vocabulary.
    """
    rows = max(BATCH_TOKENS // windows.context_length, 1)
    bits, sizes, leading = [], [], []
    for first in range(0, len(numbers), rows):
        batch = windows.batch(numbers[first : first + rows])
        logits = network(batch.x.to(network.device), batch.segments.to(network.device)).float()
        nats = F.cross_entropy(logits.flatten(0, 1), batch.y.flatten().to(logits.device), reduction="none")
        bits.append(nats.view(batch.y.shape).double().cpu().numpy() / math.log(2))
        sizes.append(lengths[batch.y.numpy()])
        leading.append(((batch.segments == 0) & (batch.x[:, :1] != windows.eof)).numpy())
    return Look(np.concatenate(bits), np.concatenate(sizes), np.concatenate(leading))


def gain(looks: Sequence[Look]) -> float:
    """The share of a token's bits that half a window of context takes away; NaN where no document is that long.

    The tokens with which a window begins in the middle of a document, and those of its second half, are bits of the
    same texts: they differ in what the model has seen before them alone.
    """
    bits, counted = (np.concatenate([getattr(part, name) for part in looks]) for name in ("bits", "leading"))
    counted = counted & (np.concatenate([part.lengths for part in looks]) > 0)
    length = bits.shape[1]
    first, last = slice(0, max(length // 32, 1)), slice(length // 2, length)
    if not (counted[:, first].any() and counted[:, last].any()):
        return math.nan
    return 1.0 - float(bits[:, last][counted[:, last]].mean() / bits[:, first][counted[:, first]].mean())


def shifted_wrongly(windows: Windows, numbers: Sequence[int] | np.ndarray) -> float:
    """The share of places whose target is not the token that stands next in the input."""
    batch = windows.batch(numbers)
    return float((batch.y[:, :-1] != batch.x[:, 1:]).double().mean())


@torch.inference_mode()
def moved_by_the_future(network: Transformer, rows: Tensor) -> float:
    """The largest change of a logit in the first half of `rows` [B, T] when the tokens of the second half change."""
    half = rows.shape[1] // 2
    changed = rows.clone()
    changed[:, half:] = (rows[:, half:] + 1) % network.config.vocab_size
    return float((network(rows) - network(changed))[:, :half].abs().max())


@torch.inference_mode()
def moved_by_the_neighbour(network: Transformer, rows: Tensor) -> float:
    """The largest change of a logit of the second document when the first one in its window changes."""
    half = rows.shape[1] // 2
    segments = (torch.arange(rows.shape[1], device=rows.device) >= half).int().expand_as(rows)
    changed = rows.clone()
    changed[:, :half] = (rows[:, :half] + 1) % network.config.vocab_size
    return float((network(rows, segments) - network(changed, segments))[:, half:].abs().max())
