"""One optimizer step: micro-batches forward and backward, side by side, clipping, then the update.

Notable here:
- On a processor each thread computes whole micro-batches on its own (see `model.threads`), and the gradients are added
  in the order of the batch.
- The loss is the mean over all counted positions of the batch, whatever the cut into micro-batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from charmer.model.network import Transformer
from charmer.tokens.windows import Batch
from charmer.training.interrupts import Interrupts
from charmer.training.loss import cross_entropy
from charmer.training.optimizer import Optimizer
from charmer.training.ranks import Ranks


class Engine:
    """Trains a network, one batch at a time.

    Args:
        dtype: of the activations.
        clip: global gradient norm above which the gradients are scaled down to it.
        micro_rows: windows that are computed at once, by each thread.
        pool: the threads, from `side_by_side`.
        ranks: that share each batch; what `measure` gets is this rank's share.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: Optimizer,
        dtype: torch.dtype,
        clip: float,
        micro_rows: int,
        pool: ThreadPoolExecutor,
        interrupts: Interrupts,
        ranks: Ranks,
    ) -> None:
        self.model, self.optimizer, self.dtype, self.clip = model, optimizer, dtype, clip
        self.micro_rows, self.pool, self.interrupts, self.ranks = micro_rows, pool, interrupts, ranks
        self.weights = list(model.parameters())

    def measure(self, batch: Batch) -> tuple[float, float]:
        """Mean loss of a batch in nats a token, and the global norm of its gradient before clipping.

        Leaves the clipped gradient with the weights, which stay as they are.
        """
        loss = 0.0
        for weight in self.weights:
            weight.grad = None
        for part, gradients in self.pool.map(self._gradients, self.parts(batch)):
            loss += part
            for weight, gradient in zip(self.weights, gradients, strict=True):
                weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
        gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        loss, counted = self.ranks.sum(gradients, loss, float(batch.mask.sum()))
        for gradient in gradients:
            gradient.div_(max(counted, 1.0))
        return loss / max(counted, 1.0), float(torch.nn.utils.clip_grad_norm_(self.weights, self.clip))

    def update(self, learning_rate: float) -> None:
        """Move the weights by the gradient that `measure` left."""
        self.optimizer.step(learning_rate, self.pool)

    def parts(self, batch: Batch) -> Iterator[Batch]:
        """The micro-batches of a batch, on the device."""
        for tensors in zip(*(tensor.split(self.micro_rows) for tensor in batch), strict=True):
            yield Batch(*(tensor.to(self.model.device, non_blocking=True) for tensor in tensors))

    def _gradients(self, part: Batch) -> tuple[float, tuple[Tensor, ...]]:
        """Summed loss of a micro-batch, and its gradient by each weight."""
        hidden = self.model.hidden(part.x, part.segments, dtype=self.dtype).flatten(0, 1)
        loss = cross_entropy(hidden, self.model.embed_tokens.weight, part.y.flatten(), part.mask.flatten())
        gradients = torch.autograd.grad(loss, self.weights)
        return float(loss.detach()), gradients
