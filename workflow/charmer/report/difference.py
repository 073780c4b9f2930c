"""How far two runs differ in a figure, with an interval: case by case where both were asked the same.

Notable here: two runs are mostly measured on the same files. What makes a file hard is hard for both, so the interval
of their difference is far narrower than two intervals side by side suggest. The ids of the cases say whether they are
the same; where they are not, the two figures count as independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from charmer.evaluation.support.cases import Cases
from charmer.evaluation.support.statistics import bootstrap_difference, difference_of_estimates, difference_of_hits
from charmer.report.grid_table import Measured


@dataclass(frozen=True)
class Difference:
    """The second figure less the first.

    Attributes:
        low, high: the 95% interval; None where one of the figures has none.
        paired: whether the cases were the same, and were compared one by one.
    """

    value: float
    low: float | None
    high: float | None
    paired: bool

    @property
    def apart(self) -> bool:
        """Whether the interval leaves out no difference at all."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def difference(one: Measured, other: Measured) -> Difference:
    """The difference of two figures of one name."""
    value = other.value - one.value
    paired = _paired(one.cases, other.cases)
    if paired is not None:
        return Difference(value, *paired, True)
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Difference(value, None, None, False)
    low, high = difference_of_estimates((one.value, one.low, one.high), (other.value, other.low, other.high))
    return Difference(value, low, high, False)


def _paired(one: Cases | None, other: Cases | None) -> tuple[float, float] | None:
    if one is None or other is None or sorted(one.ids) != sorted(other.ids) or len(set(one.ids)) < len(one.ids):
        return None
    places = {id_: place for place, id_ in enumerate(other.ids)}
    order = [places[id_] for id_ in one.ids]
    parts, wholes = other.parts[order], other.wholes[order]
    if not np.array_equal(wholes, one.wholes):
        return None
    if one.hits and other.hits:
        return difference_of_hits(one.parts, parts)
    return bootstrap_difference(one.parts, parts, wholes)
