"""Figures over cases: what each case adds to a figure, the figure's interval, and what stands beside it for later.

Notable here:
- Whatever is resampled is a whole case (a file, a line, a function, a problem), since what lies within one case is far
  from independent; the row says what a case is.
- Each case has an id, a hash of what was asked. Where two runs were asked the same, their difference is judged case by
  case (see `statistics.difference`), which tells far smaller changes apart than two intervals beside one another.
- The intervals speak of further cases out of the same packages. How much packages differ they cannot tell where the
  split holds a handful of them; bits per byte therefore stand for each package as well.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from charmer.evaluation.support.statistics import bootstrap_ratio, wilson
from charmer.evaluation.support.table import Row

DIGITS = 6  # of a case's parts, significant ones


@dataclass(frozen=True)
class Cases:
    """What the figure sum(parts) / sum(wholes) is made of.

    Attributes:
        ids: of the cases, in their order.
        parts, wholes: float64[cases], such as the bits and the bytes of each file.
    """

    ids: tuple[str, ...]
    parts: np.ndarray
    wholes: np.ndarray

    @classmethod
    def of(cls, detail: str | Mapping[str, Any] | None) -> Cases | None:
        """The cases that stand in a row's detail, as JSON or read from it; None where there are none."""
        found = json.loads(detail) if isinstance(detail, str) else detail
        stored = (found or {}).get("cases")
        if stored is None:
            return None
        parts, wholes = (np.array(stored[name], np.float64) for name in ("parts", "wholes"))
        return cls(tuple(stored["ids"]), parts, wholes)

    @property
    def hits(self) -> bool:
        """Whether each case is either right or wrong."""
        return bool(np.isin(self.parts, (0, 1)).all() and (self.wholes == 1).all())


def case_id(*texts: str) -> str:
    """A case's id, from all that it consists of."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def share(name: str, hits: Sequence[bool], ids: Sequence[str], over: str, **detail: Any) -> Row:
    """The share of cases that came out right, with Wilson's interval.

    Args:
        over: what a case is, in the plural ("lines").
        detail: what else the row's detail holds.
    """
    right, count = sum(map(bool, hits)), len(hits)
    kept = _kept(np.array(hits, np.float64), np.ones(count), ids, over, "Wilson")
    return Row(name, right / max(count, 1), wilson(right, count), count, "share", {**detail, **kept})


def ratio(
    name: str, parts: np.ndarray, wholes: np.ndarray, ids: Sequence[str], over: str, unit: str = "share", **detail: Any
) -> Row:
    """sum(parts) / sum(wholes), with the bootstrap's interval over cases; cases without a whole do not count.

    Args:
        parts, wholes: [cases].
        over, detail: as of `share`.
    """
    cases = int(np.count_nonzero(wholes))
    kept = _kept(parts, wholes, ids, over, "bootstrap")
    value = float(np.sum(parts) / max(np.sum(wholes), 1e-9))
    return Row(name, value, bootstrap_ratio(parts, wholes), cases, unit, {**detail, **kept})


def _kept(parts: np.ndarray, wholes: np.ndarray, ids: Sequence[str], over: str, method: str) -> dict[str, Any]:
    rounded = ([float(f"{value:.{DIGITS}g}") for value in np.asarray(values).tolist()] for values in (parts, wholes))
    stored = dict(zip(("ids", "parts", "wholes"), (list(ids), *rounded), strict=True))
    return {"over": over, "interval": method, "cases": stored}
