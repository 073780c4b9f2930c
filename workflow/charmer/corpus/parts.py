"""A source in parts, each read by a job of its own: stretches of about equal size in the order of its files.

Notable here: a part is found by going through the whole listing once more, sizes alone, and nothing is kept of it.
So no job's memory grows with its source, and the parts one after the other are the source, file by file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, TypeVar


class Sized(Protocol):
    @property
    def bytes(self) -> int: ...


Item = TypeVar("Item", bound=Sized)


class Part(NamedTuple):
    """Part number `at`, counted from 0, of `of`."""

    at: int = 0
    of: int = 1

    def choose(self, listing: Callable[[], Iterator[Item]]) -> Iterator[Item]:
        """The items that begin in this part's stretch of all bytes; sizes below 0 are unknown ones, and count as 0."""
        if self.of == 1:
            yield from listing()
            return
        total = max(1, sum(max(item.bytes, 0) for item in listing()))
        before = 0
        for item in listing():
            if min(before * self.of // total, self.of - 1) == self.at:
                yield item
            before += max(item.bytes, 0)


WHOLE = Part()


def count(size: int, part_mb: float) -> int:
    """In how many parts a source of `size` bytes is read: as many as hold `part_mb` MB each, and at least one."""
    return max(1, math.ceil(size / (part_mb * 1e6)))
