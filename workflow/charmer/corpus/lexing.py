"""Words and signs of Python text as 64-bit hashes, for many files at once, at numpy's speed.

`tokenize` reads 1 MB/s, and comparing files needs no more than equal tokens having equal hashes. A token here is a
name, a number, or an operator or other sign; white space only separates. So text that differs in layout alone has
the same tokens. What stands in strings and comments is lexed like code, so their words are tokens too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

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
DIGIT = np.zeros(256, dtype=bool)
DIGIT[ord("0") : ord("9") + 1] = True
# Signs that belong to the sign before them: operators of two or three signs, and the quotes of long strings.
JOINS = np.zeros((256, 256), dtype=bool)
for _pair in (*(f"{sign}=" for sign in "=!<>:+-*/%&|^@"), "->", "**", "//", "<<", ">>", "..", '""', "''"):
    JOINS[ord(_pair[0]), ord(_pair[1])] = True
OF_BYTE = _series(1, 256)
OF_BYTE[KIND == SPACE] = 0
OF_POSITION = _series(1 << 20, LONGEST)


@dataclass(frozen=True)
class Tokens:
    """The tokens of several files, end to end.

    Attributes:
        hashes: uint64[tokens].
        words: bool[tokens], names and numbers; False for signs.
        starts: int64[tokens], where each begins in `data`, the files' bytes, uint8[bytes], end to end.
        bounds: int64[files + 1], where each file's tokens begin and end.
    """

    hashes: np.ndarray
    words: np.ndarray
    starts: np.ndarray
    data: np.ndarray
    bounds: np.ndarray


def lex(files: Sequence[bytes]) -> Tokens:
    """Split the UTF-8 of several files into tokens."""
    # A line break behind each file keeps its last word from joining the next file's first.
    data = np.frombuffer(b"\n".join([*files, b""]), dtype=np.uint8)
    offsets = np.zeros(len(files) + 1, dtype=np.int64)
    np.cumsum([len(file) + 1 for file in files], out=offsets[1:])
    kind = KIND[data]
    points = np.flatnonzero(data[1:-1] == ord(".")) + 1
    kind[points[DIGIT[data[points - 1]] & DIGIT[data[points + 1]]]] = WORD  # of a number
    word = kind == WORD
    begins = kind == SIGN
    pairs = np.flatnonzero(begins[1:] & begins[:-1]) + 1
    begins[pairs[JOINS[data[pairs - 1], data[pairs]]]] = False
    begins[1:] |= word[1:] & ~word[:-1]
    begins[:1] |= word[:1]
    starts = np.flatnonzero(begins)
    token = np.cumsum(begins, dtype=np.int32) - 1
    position = np.arange(len(data), dtype=np.int32)
    position -= starts.astype(np.int32)[token] if len(starts) else 0
    np.clip(position, 0, LONGEST - 1, out=position)
    parts = OF_BYTE[data] * OF_POSITION[position]
    hashes = _mix(np.add.reduceat(parts, starts)) if len(starts) else parts[:0]
    return Tokens(hashes, word[starts], starts, data, bounds=np.searchsorted(starts, offsets))


def runs(hashes: np.ndarray, bounds: np.ndarray, length: int, whole: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Hash every run of `length` tokens that lies within one file.

    Args:
        hashes: of the tokens of all files, uint64[tokens].
        bounds: where each file's tokens begin and end, int64[files + 1].
        length: tokens in a run.
        whole: a file of fewer tokens, but some, counts as one run.

    Returns:
        The runs' hashes, uint64[runs], and the token that each begins with, int64[runs], in ascending order.
    """
    inside = np.ones(len(hashes), dtype=bool)
    short: list[tuple[int, int]] = []
    for begin, end in pairwise(bounds.tolist()):
        inside[max(begin, end - length + 1) : end] = False
        if whole and 0 < end - begin < length:
            inside[begin] = True
            short.append((begin, end))
    padded = np.concatenate((hashes, np.zeros(length - 1, dtype=np.uint64)))
    values = _windows(padded, length)
    for begin, end in short:
        values[begin] = (hashes[begin:end] * _powers(end - begin)).sum(dtype=np.uint64)
    first = np.flatnonzero(inside)
    return _mix(values[first]), first


FACTOR = 0x9E3779B97F4A7C15


def _powers(count: int) -> np.ndarray:
    return np.array([pow(FACTOR, exponent, 1 << 64) for exponent in range(count)], dtype=np.uint64)


def _windows(values: np.ndarray, length: int) -> np.ndarray:
    """Polynomial hashes of all windows of `length` values, in about 2 log2(length) steps instead of `length`."""
    if length == 1:
        return values
    half = length // 2
    halves = _windows(values, half)
    windows: np.ndarray = halves[: len(halves) - half] + halves[half:] * np.uint64(pow(FACTOR, half, 1 << 64))
    if length % 2:
        windows = windows[:-1] + values[length - 1 :] * np.uint64(pow(FACTOR, length - 1, 1 << 64))
    return windows
