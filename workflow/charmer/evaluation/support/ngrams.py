"""An n-gram model with interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999, section 4.1.6): the best that
counting alone does, beside which a network's bits per byte mean something.

Notable here:
- It runs over the network's own tokens, and spreads the last of its probability evenly over them, so that it needs a
  finite number of bits for any text, and both are asked about the same bytes.
- An n-gram is a number: that of the n-gram without its last token, times the vocabulary, plus that token. Counting is
  sorting, looking up is a binary search, and both take all places of a text at once.
- KenLM, the usual program, can't be had through pip alone: its package only asks models that a compiled program made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

FALLBACK = (0.5, 1.0, 1.5)  # discounts where a text is too small to estimate them
UNSEEN = -1


@dataclass(frozen=True)
class _Level:
    """The n-grams of one length.

    Attributes:
        keys: int64[n-grams], sorted: number of the context, times the vocabulary, plus the last token.
        discounted: float64[n-grams], counts less the discount.
        totals: float64[contexts], the sum of a context's counts before the discount.
        left: float64[contexts], the share that the discounts leave to the next shorter context.
    """

    keys: np.ndarray
    discounted: np.ndarray
    totals: np.ndarray
    left: np.ndarray


class KneserNey:
    """An n-gram model of `documents`.

    Args:
        documents: integer arrays of token ids, none of them `eof`.
        vocab_size: every id is below it.
        choices: how many tokens can follow, `eof` among them: the vocabulary without the tokens that no text holds.
        eof: the token that stands behind a document, and before its beginning as often as contexts are long.
        order: the length of the longest n-grams.
    """

    def __init__(
        self, documents: Sequence[np.ndarray], vocab_size: int, choices: int, eof: int, order: int = 5
    ) -> None:
        self.vocab_size, self.choices, self.eof, self.order = vocab_size, choices, eof, order
        tokens, counted = self._stream(documents)
        contexts = np.zeros(len(tokens), np.int32)
        found = []
        for _ in range(order):
            keys, somewhere, ids = _distinct(self._keys(contexts, tokens))
            found.append((keys, somewhere, ids, np.bincount(ids[counted], minlength=len(keys))))
            contexts = np.concatenate((np.array([UNSEEN], np.int32), ids[:-1]))
        self._levels = []
        for length, (keys, somewhere, ids, counts) in enumerate(found, start=1):
            if length < order:
                _, longer_somewhere, _, longer_counts = found[length]
                different = np.bincount(ids[longer_somewhere[longer_counts > 0]], minlength=len(keys))
                # Nothing stands before a document: what begins there keeps its count, as the longest n-grams do.
                begins = (tokens[somewhere - (length - 1)] == eof) & (length > 1)
                counts = np.where(begins, counts, different)
            self._levels.append(
                _level(keys, counts, keys // vocab_size, len(found[length - 2][0]) if length > 1 else 1)
            )

    def bits(self, documents: Sequence[np.ndarray]) -> list[np.ndarray]:
        """-log2 of the probability of each token of each document, its end left out: float64 arrays [n]."""
        tokens, counted = self._stream(documents)
        bits = -np.log2(self._probabilities(tokens))[counted]
        ends = np.cumsum([len(document) + 1 for document in documents])
        return [part[:-1] for part in np.split(bits, ends[:-1])] if len(documents) else []

    def _stream(self, documents: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """All documents behind one another, each after order - 1 times `eof`; and the places that count, which are
        those of its tokens and of one `eof` behind them."""
        before = np.full(self.order - 1, self.eof, np.int64)
        parts, counted = [], []
        for document in documents:
            parts += [before, document.astype(np.int64), np.array([self.eof])]
            counted += [np.zeros(len(before), bool), np.ones(len(document) + 1, bool)]
        return np.concatenate(parts), np.flatnonzero(np.concatenate(counted))

    def _keys(self, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        return np.where(contexts == UNSEEN, UNSEEN, contexts.astype(np.int64) * self.vocab_size + tokens)

    def _probabilities(self, tokens: np.ndarray) -> np.ndarray:
        """Of each token of a stream, given those before it: float64[tokens]."""
        probabilities = np.full(len(tokens), 1 / self.choices)
        contexts = np.zeros(len(tokens), np.int64)
        for level in self._levels:
            keys = self._keys(contexts, tokens)
            ids = np.minimum(np.searchsorted(level.keys, keys), len(level.keys) - 1)
            known = (level.keys[ids] == keys) & (keys != UNSEEN)
            totals = np.where(contexts == UNSEEN, 0, level.totals[contexts])
            here = np.where(known, level.discounted[ids], 0) / np.maximum(totals, 1)
            probabilities = np.where(totals > 0, here + level.left[contexts] * probabilities, probabilities)
            contexts = np.concatenate(([UNSEEN], np.where(known, ids, UNSEEN)[:-1]))
        return probabilities


def _distinct(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct keys in order, for each a place where it stands, and for each place the number of its key.

    As np.unique, which sorts stably and so takes twice the time.
    """
    order = np.argsort(keys)
    ordered = keys[order]
    new = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    ids = np.empty(len(keys), np.int32)  # half of what the sorting takes: there is one a place and length
    ids[order] = np.cumsum(new, dtype=np.int32) - 1
    return ordered[new], order[new].astype(np.int32), ids


def _level(keys: np.ndarray, counts: np.ndarray, contexts: np.ndarray, size: int) -> _Level:
    """Smooth the counts of one level, whose contexts are numbered below `size`."""
    discounts = np.array([0.0, *_discounts(counts)])[np.minimum(counts, 3)]
    contexts = np.maximum(contexts, 0)  # that of a text's first places, which never count, is none
    totals = np.bincount(contexts, counts, minlength=size)
    left = np.bincount(contexts, discounts, minlength=size) / np.maximum(totals, 1)
    return _Level(keys, counts - discounts, totals, left)


def _discounts(counts: np.ndarray) -> tuple[float, float, float]:
    """What is taken off counts of one, two, and three or more (Chen and Goodman's equation 17)."""
    once, twice, thrice, four = (float(np.count_nonzero(counts == times)) for times in (1, 2, 3, 4))
    if not once or not twice or not thrice:
        return FALLBACK
    share = once / (once + 2 * twice)
    found = 1 - 2 * share * twice / once, 2 - 3 * share * thrice / twice, 3 - 4 * share * four / thrice
    inside = all(0 <= discount <= count for count, discount in enumerate(found, start=1))
    return found if inside else FALLBACK
