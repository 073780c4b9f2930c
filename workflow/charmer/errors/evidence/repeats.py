"""Does the module write it this way elsewhere? Runs of two to four tokens across an edit, counted in the whole file.

People copy from themselves. A language model's window is shorter than a file, and a small one copies badly; counting
does neither (the cache model of Kuhn and De Mori 1990; for code Tu, Su and Devanbu 2014, "On the localness of
software").
"""

from __future__ import annotations

import bisect
import math
import re
from collections import Counter

from charmer.errors.candidates.source import Source
from charmer.errors.edits import Edit

LENGTHS = (2, 3, 4)
LOGARITHMS = [math.log1p(count) for count in range(31)]
PIECE = re.compile(r"""\w+|"[^"\n]*"|'[^'\n]*'|[-+*/%&|^<>=!]=|\*\*|//|<<|>>|->|:=|[^\w\s]""")


class Repeats:
    """Runs of tokens of one module."""

    def __init__(self, source: Source) -> None:
        self.text = source.text
        self.tokens = source.tokens
        self.strings = [token.string for token in self.tokens]
        self._starts = [token.start for token in self.tokens]
        self._ends = [token.end for token in self.tokens]
        self._written: dict[tuple[int, int], list[int]] = {}
        self.counts: dict[int, Counter[tuple[str, ...]]] = {
            length: Counter(zip(*(self.strings[at:] for at in range(length)), strict=False)) for length in LENGTHS
        }
        self._pieces: dict[str, list[str]] = {}

    def of(self, edit: Edit) -> dict[str, float]:
        """`written N`: logarithm of how often the rarest run of N tokens across the place stands elsewhere;
        `meant N`: the same with the edit made; `all N`: whether every run does once the edit is made, and not before.
        """
        low = bisect.bisect_right(self._ends, edit.start)
        high = bisect.bisect_left(self._starts, edit.end)
        if low < high:
            first, last = self._starts[low], self._ends[high - 1]
            middle = self.text[first : edit.start] + edit.replacement + self.text[edit.end : last]
        else:
            middle = edit.replacement
        new = self._pieces.get(middle)
        if new is None:
            new = self._pieces[middle] = PIECE.findall(middle)
        left, right = self.strings[max(low - 3, 0) : low], self.strings[high : high + 3]
        if (low, high) not in self._written:
            old = self.strings[low:high]
            self._written[low, high] = [self._rarest(left, old, right, length) - 1 for length in LENGTHS]
        found = {}
        for length, before in zip(LENGTHS, self._written[low, high], strict=True):
            after = self._rarest(left, new, right, length)
            found[f"written {length}"] = LOGARITHMS[min(max(before, 0), 30)]
            found[f"meant {length}"] = LOGARITHMS[min(after, 30)]
            found[f"all {length}"] = float(after > 0 >= before)
        return found

    def _rarest(self, left: list[str], middle: list[str], right: list[str], length: int) -> int:
        counts, run = self.counts[length], (*left[-(length - 1) :], *middle, *right[: length - 1])
        least = 0
        for at in range(len(run) - length + 1):
            count = counts.get(run[at : at + length])
            if count is None:
                return 0
            least = min(least, count) if at else count
        return least
