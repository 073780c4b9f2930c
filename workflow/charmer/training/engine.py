"""One optimizer step: micro-batches forward and backward, side by side, clipping, then the update.

Notable here:
- On a processor each thread computes whole micro-batches on its own (see `model.threads`), and the gradients are added
  in the order of the batch.
- The loss is the mean over all counted positions of the batch, whatever the cut into micro-batches.
- On CUDA the network is compiled; where that fails, it runs as it is, and the log says why. On a processor it runs as
  it is: compiling takes longer there than it wins back in a run of minutes (resources/speedrun.md has the figures).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from charmer.common.failure import Failure
from charmer.model.network import Transformer
from charmer.tokens.windows import Batch
from charmer.training.interrupts import Interrupts
from charmer.training.loss import cross_entropy
from charmer.training.optimizer import Optimizer
from charmer.training.ranks import Ranks

logger = logging.getLogger(__name__)


class Engine:
    """Trains a network, one batch at a time.

    Args:
        dtype: of the activations.
        clip: global gradient norm above which the gradients are scaled down to it.
        micro_tokens: computed at once, by each thread.
        pool: the threads, from `side_by_side`.
        threads: in the pool; a batch is cut into at least as many micro-batches, if it has the windows.
        ranks: that share each batch; what `measure` gets is this rank's share.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: Optimizer,
        dtype: torch.dtype,
        clip: float,
        micro_tokens: int,
        pool: ThreadPoolExecutor,
        threads: int,
        interrupts: Interrupts,
        ranks: Ranks,
    ) -> None:
        self.model, self.optimizer, self.dtype, self.clip = model, optimizer, dtype, clip
        self.micro_tokens, self.pool, self.threads = micro_tokens, pool, threads
        self.interrupts, self.ranks = interrupts, ranks
        self.weights = list(model.parameters())
        self.compiled = model.device.type == "cuda"
        self.hidden = torch.compile(model.hidden) if self.compiled else model.hidden

    def measure(self, batch: Batch) -> tuple[float, float]:
        """Mean loss of a batch in nats a token, and the global norm of its gradient before clipping.

        Leaves the clipped gradient with the weights, which stay as they are.
        """
        losses: list[Tensor] = []
        for weight in self.weights:
            weight.grad = None
        for part, gradients in self.pool.map(self._gradients, self.parts(batch)):
            losses.append(part)
            for weight, gradient in zip(self.weights, gradients, strict=True):
                weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
        summed = [weight.grad for weight in self.weights if weight.grad is not None]
        # Only here is a number asked of the device, when all of the batch has been given to it.
        loss, counted = self.ranks.sum(summed, sum(map(float, losses)), float(batch.mask.sum()))
        for gradient in summed:
            gradient.div_(max(counted, 1.0))
        return loss / max(counted, 1.0), float(torch.nn.utils.clip_grad_norm_(self.weights, self.clip))

    def update(self, learning_rate: float) -> None:
        """Move the weights by the gradient that `measure` left."""
        self.optimizer.step(learning_rate, self.pool)

    def parts(self, batch: Batch) -> Iterator[Batch]:
        """The micro-batches of a batch, on the device."""
        if self.model.device.type == "cuda":  # only from pinned memory does a copy run beside the computation
            batch = Batch(*(tensor.pin_memory() for tensor in batch))
        count, length = batch.x.shape
        rows = max(1, min(self.micro_tokens // length, -(-count // self.threads)))
        for tensors in zip(*(tensor.split(rows) for tensor in batch), strict=True):
            yield Batch(*(tensor.to(self.model.device, non_blocking=True) for tensor in tensors))

    def _gradients(self, part: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Summed loss of a micro-batch, and its gradient by each weight.

        Raises:
            Failure: the device's memory is full.
        """
        try:
            hidden = self.hidden(part.x, part.segments, dtype=self.dtype).flatten(0, 1)
            loss = cross_entropy(hidden, self.model.embed_tokens.weight, part.y.flatten(), part.mask.flatten())
            return loss.detach(), torch.autograd.grad(loss, self.weights)
        except torch.OutOfMemoryError:
            raise Failure("train.micro_batch_tokens: the device's memory is full; lower it") from None
        except Exception as error:
            if not self.compiled:
                raise
            logger.warning(f"torch.compile: {str(error).strip().splitlines()[0]}; the network runs without it")
            self.compiled, self.hidden = False, self.model.hidden
            return self._gradients(part)
