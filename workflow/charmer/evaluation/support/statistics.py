"""Intervals for what is measured: Wilson's for shares, the bootstrap over documents for ratios and other figures.

Both are 95% intervals unless told otherwise. The bootstrap resamples whole documents, because tokens of one
document are far from independent, and draws from a fixed seed, because the same model must give the same table.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

Interval = tuple[float, float]
CELLS = 4_000_000  # of the matrix of weights that one step of the bootstrap holds


def wilson(successes: int, cases: int, confidence: float = 0.95) -> Interval | None:
    """The score interval of a share (Wilson 1927): honest for few cases and for shares near 0 and 1.

    Returns None where there is no case to judge by.
    """
    if cases == 0:
        return None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / cases
    center = (share + z * z / (2 * cases)) / (1 + z * z / cases)
    margin = z / (1 + z * z / cases) * math.sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases))
    # At 0 and at 1 the bound is the share itself, and rounding must not put it beyond.
    return min(share, max(0.0, center - margin)), max(share, min(1.0, center + margin))


def bootstrap_ratio(
    numerators: np.ndarray, denominators: np.ndarray, confidence: float = 0.95, resamples: int = 1000, seed: int = 0
) -> Interval | None:
    """The percentile interval (Efron 1979) of sum(numerators) / sum(denominators).

    Args:
        numerators, denominators: [documents], such as the bits and the bytes of each document.

    Returns None where fewer than two documents, or none with a denominator, leave nothing to resample.
    """
    numerators, denominators = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    count = len(numerators)
    if count < 2 or not denominators.any():
        return None
    generator = np.random.default_rng(seed)
    ratios = []
    step = max(1, CELLS // count)
    for first in range(0, resamples, step):
        weights = generator.multinomial(count, np.full(count, 1 / count), size=min(step, resamples - first))
        sums = weights @ denominators
        ratios.append((weights @ numerators)[sums > 0] / sums[sums > 0])
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(ratios), [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_corrected(
    parts: np.ndarray, figure: Callable[[np.ndarray], np.ndarray], resamples: int = 1000, seed: int = 0
) -> Interval | None:
    """The bias-corrected percentile interval (Efron 1981), 95%, of a figure of sums over documents.

    For figures such as a sum of absolute values, which chance alone makes larger in every resample than in the sample.
    It always holds the sample's own value.

    Args:
        parts: [documents, parts], what each document adds to each sum.
        figure: takes sums [..., parts], gives the figure [...]; finite for every resample.

    Returns None where there are fewer than two documents.
    """
    count = len(parts)
    if count < 2:
        return None
    generator = np.random.default_rng(seed)
    step = max(1, CELLS // count)
    drawn = [
        figure(generator.multinomial(count, np.full(count, 1 / count), size=min(step, resamples - first)) @ parts)
        for first in range(0, resamples, step)
    ]
    found, value, normal = np.concatenate(drawn), float(figure(parts.sum(0))), NormalDist()
    below = (np.count_nonzero(found < value) + 0.5 * np.count_nonzero(found == value)) / resamples
    shift = 2 * normal.inv_cdf(min(max(below, 0.5 / resamples), 1 - 0.5 / resamples))
    low, high = np.quantile(found, [normal.cdf(shift + normal.inv_cdf(tail)) for tail in (0.025, 0.975)])
    return min(float(low), value), max(float(high), value)


def difference_of_hits(one: np.ndarray, other: np.ndarray, confidence: float = 0.95) -> Interval:
    """The interval of the change of a share from `one` to `other`, of the same cases: the hybrid of both score
    intervals, with the correlation of the cases (Newcombe 1998, Statistics in Medicine 17, pages 2635 to 2650).

    Args:
        one, other: bool or 0 and 1, [cases], of at least one case.
    """
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    intervals = [wilson(int(hits.sum()), len(hits), confidence) or (0.0, 1.0) for hits in (one, other)]
    spread = one.std() * other.std()
    correlation = float(np.mean((one - one.mean()) * (other - other.mean())) / spread) if spread else 0.0
    return difference_of_estimates((one.mean(), *intervals[0]), (other.mean(), *intervals[1]), correlation)


def difference_of_estimates(
    one: tuple[float, float, float], other: tuple[float, float, float], correlation: float = 0.0
) -> Interval:
    """The interval of other - one for two estimates given as (value, low, high): the method of variance estimates
    recovery (Zou and Donner 2008, doi:10.1002/sim.3095); independent where `correlation` is 0."""
    (first, first_low, first_high), (second, second_low, second_high) = one, other

    def reach(near: float, far: float) -> float:
        return math.sqrt(max(near * near + far * far - 2 * correlation * near * far, 0.0))

    change = second - first
    low = change - reach(second - second_low, first_high - first)
    return float(low), float(change + reach(second_high - second, first - first_low))


def bootstrap_difference(
    one: np.ndarray, other: np.ndarray, wholes: np.ndarray, resamples: int = 2000, seed: int = 0
) -> Interval | None:
    """The percentile interval, 95%, of sum(other - one) / sum(wholes), the same cases drawn for both figures.

    Args:
        one, other, wholes: [cases].

    Returns None where fewer than two cases, or cases that all changed alike, leave nothing to resample.
    """
    return None if np.ptp(other - one) == 0 else bootstrap_ratio(other - one, wholes, resamples=resamples, seed=seed)
