"""Threads that compute side by side, each operation on one thread.

Notable here: PyTorch by itself spreads every operation over all threads, which then wait for one another thousands of
times a second. Whole pieces of work side by side need no waiting, so another program on one of the cores costs its
share and no more, and results do not depend on the number of threads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch


@contextlib.contextmanager
def side_by_side(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of `threads`; meanwhile PyTorch's operations use one thread each, here and in the pool."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # OpenMP keeps the number per thread: a new one would start with all cores until PyTorch happens to tell it.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)
