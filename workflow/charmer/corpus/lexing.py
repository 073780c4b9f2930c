"""Words and signs of Python text as 64-bit hashes, for many files at once, at numpy's speed.

`tokenize` reads 1 MB/s, and comparing files needs no more than equal tokens having equal hashes. A token here is a
run of letters, digits, underscores and bytes beyond ASCII ("word"), or one other visible byte ("sign"); white space
only separates. So text that differs in layout alone has the same tokens, comments and strings included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LONGEST = 1 << 14  # positions in a token that count for its hash; far more than any name has


def _mix(value: np.ndarray) -> np.ndarray:
    """splitmix64's finalizer: every bit of the result depends on every bit of the value."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def _series(start: int, length: int) -> np.ndarray:
    with np.errstate(over="ignore"):
        return _mix(np.arange(start, start + length, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)


SPACE, WORD, SIGN = 0, 1, 2
KIND = np.full(256, SIGN, dtype=np.uint8)
KIND[[*range(0x21), 0x7F]] = SPACE
KIND[[*range(ord("0"), ord("9") + 1), *range(ord("A"), ord("Z") + 1), *range(ord("a"), ord("z") + 1), ord("_")]] = WORD
KIND[0x80:] = WORD
OF_BYTE = _series(1, 256)
OF_BYTE[KIND == SPACE] = 0
OF_POSITION = _series(1 << 20, LONGEST)
OF_PLACE = _series(1 << 21, 64)  # of a token in a run of tokens


@dataclass(frozen=True)
class Tokens:
    """The tokens of several files, end to end.

    Attributes:
        hashes: uint64[tokens].
        words: bool[tokens], False for signs.
        numbers: bool[tokens], words that begin with a digit.
        bounds: int64[files + 1], where each file's tokens begin and end.
    """

    hashes: np.ndarray
    words: np.ndarray
    numbers: np.ndarray
    bounds: np.ndarray


def lex(files: Sequence[bytes]) -> Tokens:
    """Split the UTF-8 of several files into tokens."""
    # A line break behind each file keeps its last word from joining the next file's first.
    data = np.frombuffer(b"\n".join([*files, b""]), dtype=np.uint8)
    offsets = np.zeros(len(files) + 1, dtype=np.int64)
    np.cumsum([len(file) + 1 for file in files], out=offsets[1:])
    kind = KIND[data]
    word = kind == WORD
    begins = kind == SIGN
    begins[1:] |= word[1:] & ~word[:-1]
    begins[:1] |= word[:1]
    starts = np.flatnonzero(begins)
    if not len(starts):
        nothing = np.zeros(0, dtype=bool)
        return Tokens(np.zeros(0, dtype=np.uint64), nothing, nothing, np.zeros(len(files) + 1, dtype=np.int64))
    token = np.cumsum(begins, dtype=np.int32) - 1
    position = np.arange(len(data), dtype=np.int32) - starts.astype(np.int32)[token]
    np.clip(position, 0, LONGEST - 1, out=position)
    hashes = _mix(np.add.reduceat(OF_BYTE[data] * OF_POSITION[position], starts))
    first = data[starts]
    return Tokens(
        hashes=hashes,
        words=word[starts],
        numbers=(first >= ord("0")) & (first <= ord("9")),
        bounds=np.searchsorted(starts, offsets),
    )


def runs(hashes: np.ndarray, bounds: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Hash every run of `length` tokens that lies within one file.

    Returns:
        The runs' hashes, uint64[runs], and where each file's runs begin and end, int64[files + 1]. A file with
        fewer than `length` tokens, but some, has one run: all of them.
    """
    counts = np.diff(bounds)
    total = int(bounds[-1] - bounds[0])
    padded = np.zeros(total + length - 1, dtype=np.uint64)
    padded[:total] = hashes[bounds[0] : bounds[-1]]
    of_file = np.zeros(len(padded), dtype=np.int32)
    of_file[:total] = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    of_file[total:] = -1
    first = of_file[:total]
    value = np.zeros(total, dtype=np.uint64)
    for place in range(length):
        inside = of_file[place : place + total] == first
        value += np.where(inside, padded[place : place + total] * OF_PLACE[place], np.uint64(0))
    begins = np.zeros(total, dtype=bool)
    begins[: total - length + 1] = of_file[length - 1 : total] == first[: total - length + 1]
    relative = bounds - bounds[0]
    begins[relative[:-1][(counts > 0) & (counts < length)]] = True
    ends = np.zeros(total + 1, dtype=np.int64)
    np.cumsum(begins, out=ends[1:])
    return _mix(value[begins]), ends[relative]
