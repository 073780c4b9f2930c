"""One optimizer step: micro-batches forward and backward, clipping, the update.

Notable here:
- The loss is the mean over all counted positions of the batch, whatever the cut into micro-batches.
- A step whose loss or gradient is not finite moves nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from charmer.model.network import Transformer
from charmer.tokens.windows import Batch
from charmer.training.interrupts import Interrupts
from charmer.training.optimizer import Optimizer


@dataclass(frozen=True)
class StepResult:
    """What a step saw: mean loss in nats a token, global gradient norm before clipping, whether it was left out."""

    loss: float
    gradient_norm: float
    skipped: bool


class Engine:
    """Trains a network, one batch at a time."""

    def __init__(
        self,
        model: Transformer,
        optimizer: Optimizer,
        dtype: torch.dtype,
        clip: float,
        micro_rows: int,
        interrupts: Interrupts,
    ) -> None:
        self.model, self.optimizer, self.dtype, self.clip = model, optimizer, dtype, clip
        self.micro_rows, self.interrupts = micro_rows, interrupts

    def step(self, batch: Batch, learning_rate: float) -> StepResult:
        """Train on one batch. A signal before the update leaves the weights as they were."""
        self.optimizer.clear()
        counted = int(batch.mask.sum())
        total = torch.zeros((), dtype=torch.float64)
        for part in zip(*(tensor.split(self.micro_rows) for tensor in batch), strict=True):
            loss = self._loss(*(tensor.to(self.model.device, non_blocking=True) for tensor in part)) / counted
            loss.backward()
            total += loss.detach().double().cpu()
        norm = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip))
        value = float(total)
        skipped = not (math.isfinite(value) and math.isfinite(norm))
        if not skipped:
            with self.interrupts.hold():
                self.optimizer.step(learning_rate)
        return StepResult(value, norm, skipped)

    def _loss(self, x: Tensor, y: Tensor, mask: Tensor, segments: Tensor) -> Tensor:
        """Summed cross-entropy of the counted positions."""
        logits = self.model(x, segments, dtype=self.dtype)
        return F.cross_entropy(logits.flatten(0, 1).float(), y.masked_fill(~mask, -100).flatten(), reduction="sum")
