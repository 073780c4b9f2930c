"""Windows in training order, the next batch on its way while the last one is computed.

Notable here: the order is a function of the seed and the epoch, and the position in it one number, so a run goes on
from a checkpoint with exactly the batches that it would have seen. What rearranges windows is made anew for each epoch,
so an epoch may cut the same window in other places; it runs in the thread that reads ahead. Windows that are read in
pieces are mixed by the piece within a block of windows: a batch then shows as many places of the text as it has pieces,
and an epoch still shows each piece once, whenever the number of pieces changes.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from charmer.tokens.windows import Batch, Rearrange, Windows

BLOCK = 64  # batches in whose windows pieces are mixed


class Batches:
    """Endless batches of up to `size` windows, from window number `position` of the endless order on.

    Each epoch has an order of its own; a batch may begin in one and end in the next.

    Args:
        share: gives for a batch of so many windows which of them are read: this rank's, where several share a batch.
        rearranging: gives for an epoch what its windows are put through; None: they stay as they are.
    """

    def __init__(
        self,
        windows: Windows,
        size: int,
        seed: int,
        position: int = 0,
        rearranging: Callable[[int], Rearrange] | None = None,
        share: Callable[[int], slice] = lambda size: slice(size),
    ) -> None:
        self.windows, self.size, self.seed, self.position = windows, size, seed, position
        self._rearranging, self._share = rearranging, share
        self._ordered, self._order = (-1, 0), np.zeros(0, np.int64)
        self._worker = ThreadPoolExecutor(1, initializer=torch.set_num_threads, initargs=(1,))
        self._form, self._next = (1, size), self._worker.submit(self._read, position, 1, size)

    def next(self, pieces: int = 1, size: int | None = None) -> Batch:
        """The next batch, of `size` windows read in so many pieces; the one after it is read meanwhile, in that form.

        Args:
            pieces: that each window is read in.
            size: windows in this batch, at most `self.size`, which is the default.
        """
        form = pieces, size or self.size
        if form != self._form:
            self._next.cancel()
            self._form, self._next = form, self._worker.submit(self._read, self.position, *form)
        batch = self._next.result()
        self.position += form[1]
        self._next = self._worker.submit(self._read, self.position, *form)
        return batch

    def close(self) -> None:
        """Stop reading ahead."""
        self._worker.shutdown(cancel_futures=True)

    def _read(self, position: int, pieces: int, size: int) -> Batch:
        windows = np.arange(position, position + size)[self._share(size)]
        numbers = (windows[:, None] * pieces + np.arange(pieces)).ravel()
        epochs, places = np.divmod(numbers, len(self.windows) * pieces)
        parts = [self._part(epoch, places[epochs == epoch], pieces) for epoch in np.unique(epochs).tolist()]
        return Batch(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))

    def _part(self, epoch: int, places: np.ndarray, pieces: int) -> Batch:
        rearrange = self._rearranging(epoch) if self._rearranging else None
        return self.windows.batch(self._permutation(epoch, pieces)[places], rearrange, pieces)

    def _permutation(self, epoch: int, pieces: int) -> np.ndarray:
        if self._ordered != (epoch, pieces):
            random = np.random.default_rng([self.seed, epoch])
            windows = random.permutation(len(self.windows))
            numbers = (windows[:, None] * pieces + np.arange(pieces)).ravel()
            if pieces > 1:
                blocks = np.arange(len(numbers)) // (BLOCK * self.size * pieces)
                numbers = numbers[np.argsort(blocks + random.random(len(numbers)))]
            self._ordered, self._order = (epoch, pieces), numbers
        return self._order
