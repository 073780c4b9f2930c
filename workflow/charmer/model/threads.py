"""Threads that compute side by side, each operation on one thread.

Notable here: PyTorch by itself spreads every operation over all threads, which then wait for one another thousands of
times a second. Whole pieces of work side by side need no waiting, so another program on one of the cores costs its
share and no more, and results do not depend on the number of threads.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's names for mallopt(3)
LARGEST_MMAP_THRESHOLD = 32 << 20  # bytes


@contextlib.contextmanager
def side_by_side(threads: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of `threads`; meanwhile PyTorch's operations use one thread each, here and in the pool."""
    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        # OpenMP keeps the number per thread: a new one would start with all cores until PyTorch happens to tell it.
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)


def keep_freed_memory() -> None:
    """Let this process keep freed memory for itself, where the C library is glibc."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        library.mallopt(TRIM_THRESHOLD, 2**31 - 1)
