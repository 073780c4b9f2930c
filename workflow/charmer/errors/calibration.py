"""How sure a model must be before `check` speaks: what it says of sound code, remembered beside the model.

Notable here: `check` reads sound code of the validation split with its threshold off, and the scores of what it would
have said are kept. For a number of false alarms that a person accepts, the threshold is the score that so many of these
exceed, less what chance may have hidden: the upper limit of a Poisson count stays below that number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from charmer.common.failure import Failure
from charmer.common.files import read_json, write_json

NAME = "check.json"
KEPT = 40  # scores that are kept for each 500 lines
UNIT = 500  # lines that false alarms are counted by
CONFIDENCE = 0.8  # that code of the same kind raises no more


@dataclass(frozen=True)
class Calibration:
    """Scores of false alarms, the highest first, in `lines` lines of sound code.

    Without any, as a model has that was never calibrated, `default` is the threshold for one in 500 lines.
    """

    lines: int = 0
    scores: Sequence[float] = ()
    default: float = 3.0

    def threshold(self, false_alarms: float) -> float:
        """The score that a finding must exceed for at most `false_alarms` in 500 lines.

        Args:
            false_alarms: 0 asks for more certainty than any false alarm that was seen.
        """
        if self.lines < UNIT:
            return self.default - math.log(max(false_alarms, 1e-3))
        expected = false_alarms * self.lines / UNIT
        allowed = 0
        while upper(allowed + 1) <= expected:
            allowed += 1
        if upper(allowed) > expected:  # too few lines were read to promise so little
            return max(self.scores, default=self.default) + max(math.log(upper(0) / max(expected, 1e-3)), 0.0)
        return self.scores[allowed] if allowed < len(self.scores) else -math.inf


def upper(count: int, confidence: float = CONFIDENCE) -> float:
    """The mean of a Poisson distribution that gives more than `count` with probability `confidence` (Garwood 1936).

    >>> round(upper(0, 0.95), 3)
    2.996
    """
    low, high = 0.0, 10.0 + 3.0 * count
    for _ in range(60):
        mean = (low + high) / 2
        term = total = math.exp(-mean)
        for number in range(1, count + 1):
            term *= mean / number
            total += term
        low, high = (mean, high) if total > 1 - confidence else (low, mean)
    return high


def of(scores: Iterable[float], lines: int) -> Calibration:
    """The calibration by what was said of `lines` lines of sound code."""
    most = math.ceil(KEPT * max(lines, UNIT) / UNIT)
    return Calibration(lines, tuple(sorted(scores, reverse=True)[:most]))


def write(path: Path, calibration: Calibration) -> None:
    """Write a model's `check.json`."""
    write_json(path, {"lines": calibration.lines, "scores": [round(score, 4) for score in calibration.scores]})


def read(model: Path) -> Calibration:
    """The calibration in a model's folder; the default where it has none.

    Raises:
        Failure: the file is damaged.
    """
    path = model / NAME
    if not path.exists():
        return Calibration()
    content: dict[str, Any] = read_json(path)
    try:
        return Calibration(int(content["lines"]), tuple(float(score) for score in content["scores"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Failure(f"{path}: is damaged ({error}); delete it, and run `snakemake` again") from error
