"""Windows in training order, the next batch on its way while the last one is computed.

Notable here: the order is a function of the seed and the epoch, and the position in it one number, so a run goes on
from a checkpoint with exactly the batches that it would have seen. What rearranges windows is made anew for each epoch,
so an epoch may cut the same window in other places; it runs in the thread that reads ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import torch

from charmer.tokens.windows import Batch, Rearrange, Windows


class Batches:
    """Endless batches of `size` windows, from window number `position` of the endless order on.

    Each epoch has an order of its own; a batch may begin in one and end in the next.

    Args:
        share: which windows of each batch are read: this rank's, where several share a batch.
        rearranging: gives for an epoch what its windows are put through; None: they stay as they are.
    """

    def __init__(
        self,
        windows: Windows,
        size: int,
        seed: int,
        position: int = 0,
        rearranging: Callable[[int], Rearrange] | None = None,
        share: slice = slice(None),
    ) -> None:
        self.windows, self.size, self.seed, self.position = windows, size, seed, position
        self._rearranging, self._share = rearranging, share
        self._epoch, self._order = -1, np.zeros(0, np.int64)
        self._worker = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
        self._next: Future[Batch] = self._worker.submit(self._read, position)

    def next(self) -> Batch:
        """The next batch; the one after it is read meanwhile."""
        batch = self._next.result()
        self.position += self.size
        self._next = self._worker.submit(self._read, self.position)
        return batch

    def close(self) -> None:
        """Stop reading ahead."""
        self._worker.shutdown(cancel_futures=True)

    def _read(self, position: int) -> Batch:
        epochs, places = np.divmod(np.arange(position, position + self.size)[self._share], len(self.windows))
        parts = [self._part(epoch, places[epochs == epoch]) for epoch in np.unique(epochs).tolist()]
        return Batch(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def _part(self, epoch: int, places: np.ndarray) -> Batch:
        rearrange = self._rearranging(epoch) if self._rearranging else None
        return self.windows.batch(self._permutation(epoch)[places], rearrange)

    def _permutation(self, epoch: int) -> np.ndarray:
        if self._epoch != epoch:
            self._epoch, self._order = epoch, np.random.default_rng([self.seed, epoch]).permutation(len(self.windows))
        return self._order
