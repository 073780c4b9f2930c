"""Which files may be alike: those that meet in a band, brought together into groups that share nothing.

Notable here:
- A search looks at one band at a time, and at no more than SLICE files' keys of it: what it holds does not grow with
  the corpus, only how often it reads. Bands are independent, so they can be searched by jobs side by side.
- Files with the same key in a band are chained, not paired each with each. Who is alike is decided later and only
  within a group, the connected files of all chains (union-find, vectorised after Shiloach and Vishkin 1982: roots that
  a pair connects are hooked onto the smaller one, all pairs at once, until no pair connects two). A group's decisions
  can be made without looking at any other file, and come out as if all had been compared at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from charmer.common.files import replacing
from charmer.corpus import dedup
from charmer.corpus.judge import DOCUMENT, Judged, load

SLICE = 4_000_000  # files whose keys of a band are sorted at once, in about 150 MB
BLOCK = 1_000_000  # pairs


def bands(near_duplicates: float) -> list[int]:
    """The bands in which candidates meet at a threshold: above 1 that of equal documents alone."""
    return [*range(dedup.BANDS), DOCUMENT] if near_duplicates <= 1 else [DOCUMENT]


def match(folders: Sequence[Path], among: Sequence[int], out: Path) -> None:
    """Search some bands.

    Args:
        folders: the judged folders of a corpus.
        among: the bands.
        out: receives pairs of neighbours in a chain, as numbers of files: int64[pairs, 2], without a head.
    """
    judged = load(folders)
    with replacing(out) as temporary, temporary.open("wb") as file:
        slices = max(1, math.ceil(sum(part.files for part in judged) / SLICE))
        for band in among:
            for number in range(slices):
                file.write(_chains(judged, band, number, slices).tobytes())


def _chains(judged: Sequence[Judged], band: int, number: int, slices: int) -> np.ndarray:
    """The neighbours among the files whose key in a band falls into one of `slices` classes."""
    keys, files = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)]
    for part in judged:
        column = np.array(part.keys()[band])
        mine = np.flatnonzero((column != 0) & (column % np.uint64(slices) == number))
        keys.append(column[mine])
        files.append(mine + part.first)
    key, file = np.concatenate(keys), np.concatenate(files)
    order = np.argsort(key, kind="stable")
    key, file = key[order], file[order]
    same = np.flatnonzero(key[1:] == key[:-1])
    return np.stack((file[same], file[same + 1]), axis=1)


def groups(matches: Sequence[Path], files: int) -> np.ndarray:
    """For each file the lowest number in its group, int64[files]; a file that meets no other is a group of its own."""
    parent = np.arange(files)
    for path in matches:
        for first, second in _pairs(path):
            connect(parent, first, second)
    return roots(parent, np.arange(files))


def connect(parent: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """Join the groups of each pair; `parent` [int64] leads from each file to a lower one of its group, or to itself."""
    while len(first):
        first, second = roots(parent, first), roots(parent, second)
        apart = first != second
        first, second = first[apart], second[apart]
        np.minimum.at(parent, np.maximum(first, second), np.minimum(first, second))


def roots(parent: np.ndarray, files: np.ndarray) -> np.ndarray:
    """The lowest file in the group of each of `files`, which then leads straight to it."""
    root = parent[files]
    while not np.array_equal(above := parent[root], root):
        root = above
    parent[files] = root
    return root


def _pairs(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for begin in range(0, path.stat().st_size, 16 * BLOCK):
        pairs = np.fromfile(path, dtype=np.int64, count=2 * BLOCK, offset=begin).reshape(-1, 2)
        yield pairs[:, 0], pairs[:, 1]
