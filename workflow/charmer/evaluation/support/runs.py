"""The longest run of tokens that some texts share with a corpus, found by hashing n-grams.

The corpus is read in pieces, and each is asked only for runs longer than the longest so far, so the time grows with the
corpus alone and the memory not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PIECE = 4_000_000  # tokens of the corpus that are hashed at once
TRIED = 1000  # matches of one piece that are followed to their ends
DOUBLE, JOIN = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)  # odd, with well mixed bits


@dataclass(frozen=True)
class Run:
    """Tokens `text[start : start + length]`, which also stand at `place` in the corpus."""

    length: int
    text: int
    start: int
    place: int


def hashes(tokens: np.ndarray, length: int) -> np.ndarray:
    """A hash of each run of `length` tokens, by doubling (Karp et al. 1972): uint64[tokens - length + 1]."""
    found = (tokens.astype(np.uint64) + np.uint64(1)) * JOIN
    size = 1
    while size * 2 <= length:
        found = found[:-size] * DOUBLE + found[size:]
        size *= 2
    rest = length - size
    return found[: len(found) - rest] * JOIN + found[rest:] if rest else found


def longest(texts: Sequence[np.ndarray], corpus: np.ndarray) -> Run:
    """The longest run of tokens in any of `texts` that stands in `corpus` too; of length 0 where there is none."""
    best = Run(0, 0, 0, 0)
    reach = max((len(text) for text in texts), default=0)
    for first in range(0, len(corpus), PIECE):
        piece = np.asarray(corpus[first : first + PIECE + reach])
        while True:
            better = _longer(texts, piece, best.length)
            if better is None:
                break
            best = Run(better.length, better.text, better.start, better.place + first)
    return best


def _longer(texts: Sequence[np.ndarray], piece: np.ndarray, than: int) -> Run | None:
    """A run of `texts` in `piece` that is longer than `than`, followed to its end."""
    length = than + 1
    candidates = [(number, text) for number, text in enumerate(texts) if len(text) >= length]
    if not candidates or len(piece) < length:
        return None
    grams = [hashes(text, length) for _, text in candidates]
    values = np.concatenate(grams)
    owners = np.repeat([number for number, _ in candidates], [len(part) for part in grams])
    starts = np.concatenate([np.arange(len(part)) for part in grams])
    order = np.argsort(values, kind="stable")
    sorted_values = values[order]
    wanted = hashes(piece, length)
    at = np.minimum(np.searchsorted(sorted_values, wanted), len(values) - 1)
    found = None
    for place in np.flatnonzero(sorted_values[at] == wanted)[:TRIED]:
        source = order[at[place]]
        text, start = texts[owners[source]], int(starts[source])
        room = min(len(text) - start, len(piece) - place)
        differs = np.flatnonzero(text[start : start + room] != piece[place : place + room])
        run = Run(int(differs[0]) if len(differs) else room, int(owners[source]), start, int(place))
        if run.length > (found.length if found else than):
            found = run
    return found


def covered(texts: Sequence[np.ndarray], corpus: np.ndarray, length: int) -> float:
    """The share of all tokens of `texts` that lie in a run of at least `length` tokens that stands in `corpus` too."""
    texts = [text for text in texts if len(text)]
    grams = [hashes(text, length) for text in texts if len(text) >= length]
    if not grams:
        return 0.0
    wanted = np.unique(np.concatenate(grams))
    there = np.zeros(len(wanted), dtype=bool)
    for first in range(0, len(corpus), PIECE):
        piece = np.asarray(corpus[first : first + PIECE + length - 1])
        if len(piece) >= length:
            found = hashes(piece, length)
            at = np.minimum(np.searchsorted(wanted, found), len(wanted) - 1)
            there[at[wanted[at] == found]] = True
    inside = 0
    for begins in (there[np.searchsorted(wanted, gram)] for gram in grams):
        reach = np.convolve(begins, np.ones(length))  # how many runs lie over each token
        inside += int((reach > 0.5).sum())
    return inside / sum(map(len, texts))
