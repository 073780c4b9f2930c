"""What a text says of itself: an n-gram cache beside the network.

A file repeats itself far more than it repeats other files (Tu, Su and Devanbu 2014, "On the localness of software"). A
network sees no more than its window, and a small one copies badly; counting does neither. So the network's distribution
is refined by what followed in the same text behind the last token, the last two, and so on (cache model: Kuhn and De
Mori 1990; for code beside a network: Hellendoorn and Devanbu 2017):

    p_n(w) = (count_n(w) + s_n p_{n-1}(w)) / (total_n + s_n),    p_0(w): the network's

This is what a hierarchical Dirichlet prior predicts (MacKay and Peto 1995, "A hierarchical Dirichlet language model").
Its strength s_n = exp(a_n) distinct_n ** b_n grows with the number of different tokens that followed so far, as the
share for what is new does in PPM (Moffat 1990). The a and b of each order are fitted to held-out text
(`training.ngrams`) and lie beside the weights.

Notable here:
- A token's count needs no table: equal runs of a text get equal numbers by sorting, all positions at once. And behind
  one place, as a decoder asks, the earlier places are those of the order before that match one token more.
- Whoever decodes hands in the text that was given. What the model wrote itself is no evidence of how the text goes on,
  and counting it would draw the model into circles.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from charmer.common.failure import Failure
from charmer.common.files import read_json, write_json
from charmer.model import folder

NAME = "ngram_cache.json"


class Counts(NamedTuple):
    """For each token of a text and each order n, what stood earlier in the text behind the n tokens before it.

    Attributes:
        total: float64[tokens, orders], how often they stood there and were followed.
        same: how often by this token.
        distinct: by how many different tokens.
    """

    total: np.ndarray
    same: np.ndarray
    distinct: np.ndarray


class Refinement(NamedTuple):
    """How a distribution p changes: `kept` * p, and `added` more for `tokens`.

    Attributes:
        tokens: int64[n], ascending.
        added: float64[n]; with `kept` it sums to 1.
    """

    kept: float
    tokens: np.ndarray
    added: np.ndarray


@dataclass(frozen=True)
class NgramCache:
    """The strengths of the prior.

    Attributes:
        scales: the a of each order, from 1 on.
        exponents: the b of each order.
    """

    scales: tuple[float, ...]
    exponents: tuple[float, ...]

    @property
    def order(self) -> int:
        """Tokens before another one that are looked at, at most."""
        return len(self.scales)

    @functools.cached_property
    def _strengths(self) -> tuple[np.ndarray, np.ndarray]:
        return np.exp(self.scales), np.array(self.exponents)

    def refined(self, tokens: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """What each token of a text costs with the cache, which fills as the text goes on.

        Args:
            tokens: int[n].
            bits: float[n], what each costs by the network, -log2 of its probability.

        Returns:
            float64[n].
        """
        (scales, exponents), counts = self._strengths, counted(tokens, self.order)
        share = np.exp2(-np.asarray(bits, np.float64))
        for place in range(self.order):
            total, same, distinct = (part[:, place] for part in counts)
            strength = scales[place] * np.maximum(distinct, 1.0) ** exponents[place]
            share = np.where(total > 0, (same + strength * share) / (total + strength), share)
        return -np.log2(share)

    def behind(self, given: np.ndarray, last: Sequence[int]) -> Refinement:
        """What a text says of the token behind `last`.

        Args:
            given: int64[n], the text.
            last: the tokens before the one that is asked for, the newest last; `order` of them are looked at.
        """
        found = np.flatnonzero(given[:-1] == last[-1]) + 1 if len(last) else np.zeros(0, np.int64)
        if not len(found):
            return Refinement(1.0, np.zeros(0, np.int64), np.zeros(0))
        lengths, longer = np.ones(len(found), np.int64), np.arange(len(found))
        for place in range(1, min(self.order, len(last))):
            longer = longer[found[longer] > place]
            longer = longer[given[found[longer] - 1 - place] == last[-1 - place]]
            if not len(longer):
                break
            lengths[longer] = place + 1  # tokens that match before each of `found`
        tokens = np.flatnonzero(np.bincount(given[found]))
        orders = np.arange(lengths.max())
        cells = (lengths - 1) * len(tokens) + np.searchsorted(tokens, given[found])
        counts = np.bincount(cells, minlength=len(orders) * len(tokens)).reshape(len(orders), -1)
        counts = counts[::-1].cumsum(0)[::-1]  # [orders, tokens]: a longer match is one of each lower order as well
        total, distinct = counts.sum(1), np.count_nonzero(counts, axis=1)
        scales, exponents = (part[orders] for part in self._strengths)
        strength = scales * distinct**exponents
        left = np.cumprod((strength / (total + strength))[::-1])[::-1]  # by each order and those above it
        return Refinement(float(left[0]), tokens, (np.append(left[1:], 1.0) / (total + strength)) @ counts)


def counted(tokens: np.ndarray, order: int) -> Counts:
    """Count behind each token of a text, int[n], what came before it, up to `order` tokens back."""
    size = len(tokens)
    counts = Counts(*(np.zeros((size, order)) for _ in Counts._fields))
    runs = numbers = np.unique(tokens, return_inverse=True)[1].astype(np.int64)  # of the runs that end at each place
    for length in range(1, min(order, size - 1) + 1):
        before = runs[: size - length]
        runs = np.unique(before * size + numbers[length:], return_inverse=True)[1].astype(np.int64)
        counts.total[length:, length - 1] = _earlier(before, np.ones(len(before)))
        counts.same[length:, length - 1] = same = _earlier(runs, np.ones(len(runs)))
        counts.distinct[length:, length - 1] = _earlier(before, same == 0)
    return counts


def _earlier(groups: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each place the sum of `values` at the earlier places of its group."""
    order = np.argsort(groups, kind="stable")
    ordered, sums = groups[order], np.cumsum(values[order], dtype=np.float64) - values[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    found = np.empty(len(groups))
    found[order] = sums - sums[np.maximum.accumulate(np.where(first, np.arange(len(groups)), 0))]
    return found


def write(path: Path, cache: NgramCache) -> None:
    """Write a model's `ngram_cache.json`."""
    write_json(path, {"scales": list(cache.scales), "exponents": list(cache.exponents)})


def read(model: Path) -> NgramCache | None:
    """The cache in a model's folder; where it has none, that of the model that it started from; or None.

    Raises:
        Failure: the file, or the model's settings, are damaged.
    """
    path = next((one / NAME for one in folder.lineage(model) if (one / NAME).exists()), None)
    if path is None:
        return None
    content = read_json(path)
    try:
        scales, exponents = (tuple(map(float, content[name])) for name in ("scales", "exponents"))
        if len(scales) != len(exponents) or not all(map(math.isfinite, scales + exponents)):
            raise ValueError("scales and exponents must be as many finite numbers each")
    except (KeyError, TypeError, ValueError) as error:
        raise Failure(f"{path}: is damaged ({error}); delete it, and run `snakemake` again") from error
    return NgramCache(scales, exponents)
