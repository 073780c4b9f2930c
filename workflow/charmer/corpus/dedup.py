"""Exact and near duplicates: MinHash finds candidates, the real Jaccard index decides.

Notable here:
- Files are sets of shingles, runs of a few words (Broder 1997). rensa computes MinHash signatures of them; banding
  (locality-sensitive hashing, Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*, ch. 3) proposes pairs.
- Signatures only propose. Shingle sets lie on disk, and each proposed pair is compared exactly, so nothing is
  removed that is less alike than the threshold.
- Files are visited in the order of their units' numbers (splits.py), held out first. Each is kept unless it is like
  one that was kept before it. So a cluster keeps one file, what is held out is never like what trains, and the
  ledger can name the kept file and the similarity.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

# A worker process is one core, so rensa's thread pool would only multiply threads; it reads this when first used.
os.environ.setdefault("RAYON_NUM_THREADS", "1")

from rensa import RMinHash

from charmer.corpus.lexing import Tokens, runs

BANDS, ROWS = 21, 6  # a pair with Jaccard index 0.8 is proposed with probability 1 - (1 - 0.8**6)**21 = 0.998
SLOTS = 128
SEED = 20_260_101


@dataclass(frozen=True)
class Shingles:
    """Sets of shingles of several files: sorted and unique within each, uint32[shingles] and int64[files + 1]."""

    values: np.ndarray
    bounds: np.ndarray


def shingle(tokens: Tokens, length: int) -> Shingles:
    """The set of runs of `length` words of each file; signs and white space do not count."""
    words = np.concatenate(([0], np.cumsum(tokens.words, dtype=np.int64)))
    in_words = words[tokens.bounds]
    values, first = runs(tokens.hashes[tokens.words], in_words, length, whole=True)
    bounds = np.searchsorted(first, in_words)
    values = (values >> np.uint64(32)).astype(np.uint32)
    sets = [_unique(values[begin:end]) for begin, end in pairwise(bounds)]
    sizes = np.array([len(one) for one in sets], dtype=np.int64)
    return Shingles(
        np.concatenate(sets) if sets else np.zeros(0, dtype=np.uint32), np.concatenate(([0], np.cumsum(sizes)))
    )


def _unique(values: np.ndarray) -> np.ndarray:
    """Sorted and unique; numpy's own `unique` hashes, which is slower for these sizes."""
    values = np.sort(values)
    return values[np.diff(values, prepend=~values[:1]) != 0]


def bands(shingles: Shingles) -> np.ndarray:
    """The keys under which files meet that may be alike, uint64[files, BANDS]; 0 where a file has no shingles."""
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        shingles.values.astype(np.uint64), shingles.bounds.astype(np.uint64), SLOTS, SEED
    )
    signature = np.array(matrix.to_rows(), dtype=np.uint64).reshape(-1, SLOTS)[:, : BANDS * ROWS]
    factors = np.arange(1, 2 * ROWS, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    keys = ((signature + np.uint64(1)).reshape(-1, BANDS, ROWS) * factors).sum(axis=2, dtype=np.uint64)
    keys ^= keys >> np.uint64(29)
    keys[np.diff(shingles.bounds) == 0] = 0
    return keys


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """The size of the intersection over the size of the union of two sets, given as sorted unique arrays."""
    if not len(first) or not len(second):
        return 0.0
    merged = np.concatenate((first, second))
    merged.sort()
    shared = int(np.count_nonzero(merged[1:] == merged[:-1]))
    return shared / (len(merged) - shared)


@dataclass(frozen=True)
class Matches:
    """For each file the index of the kept file that it repeats, or -1 (int64), and how alike they are (float64)."""

    kept: np.ndarray
    similarity: np.ndarray


def repeats(
    order: Sequence[int],
    documents: Sequence[bytes],
    keys: np.ndarray,
    load: Callable[[int], np.ndarray],
    threshold: float,
) -> Matches:
    """Decide which files repeat one that is kept.

    Args:
        order: indices of the files, in the order in which they are to be kept; others are left out.
        documents: a digest of each file's text.
        keys: band keys of each file, uint64[files, BANDS].
        load: gives the shingle set of a file as a sorted unique array.
        threshold: Jaccard index from which two files count as near duplicates; above 1: only exact ones.
    """
    kept = np.full(len(documents), -1, dtype=np.int64)
    similarity = np.zeros(len(documents))
    by_document: dict[bytes, int] = {}
    tables: dict[int, list[int]] = {}
    shared = _shared(keys, order) if threshold <= 1 else np.zeros(keys.shape, dtype=bool)
    for index in order:
        first = by_document.setdefault(documents[index], index)
        if first != index:
            kept[index], similarity[index] = first if kept[first] < 0 else kept[first], 1.0
            if kept[first] >= 0:
                similarity[index] = similarity[first]
            continue
        mine = [(band, key) for band, key in zip(*_keys(keys, shared, index), strict=True)]
        slots = [hash_ * BANDS + band for band, hash_ in mine]
        candidates = sorted({other for slot in slots for other in tables.get(slot, ())})
        best, most = -1, 0.0
        if candidates:
            shingles = load(index)
            for other in candidates:
                alike = jaccard(shingles, load(other))
                if alike >= threshold and alike > most:
                    best, most = other, alike
        if best >= 0:
            kept[index], similarity[index] = best, most
        else:
            for slot in slots:
                tables.setdefault(slot, []).append(index)
    return Matches(kept, similarity)


def _keys(keys: np.ndarray, shared: np.ndarray, index: int) -> tuple[list[int], list[int]]:
    at = np.flatnonzero(shared[index])
    return at.tolist(), keys[index, at].tolist()


def _shared(keys: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Which keys more than one file has: the others propose nothing and need no memory in the tables."""
    shared = np.zeros(keys.shape, dtype=bool)
    rows = np.asarray(order, dtype=np.int64)
    for band in range(keys.shape[1]):
        column = keys[rows, band]
        _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
        shared[rows, band] = (counts[inverse] > 1) & (column != 0)
    return shared
