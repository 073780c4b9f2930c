"""How sure a model must be before `check` speaks: what it says of sound code, remembered beside the model.

Notable here:
- `check` reads sound code with its threshold off, and the scores of what it would have said are kept, by file. Packages
  differ: one may raise ten times the false alarms of another. So the threshold for a number of false alarms that a
  person accepts is not where these files raise as many, but where other packages and files, drawn from these with
  replacement (the bootstrap of Efron 1979, in two stages), raise no more in nine draws of ten. Where too few were
  raised to tell, the upper limit of a Poisson count decides.
- Code that the model was trained on surprises it less. Its false alarms count `SEEN` times.
- Scores come from the weights as well as from the model: to other weights a calibration says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from charmer.common.failure import Failure
from charmer.common.files import read_json, write_json
from charmer.errors import weights
from charmer.model import folder

NAME = "check.json"
KEPT = 40  # scores that are kept for each 500 lines
UNIT = 500  # lines that false alarms are counted by
CONFIDENCE = 0.9  # that other code raises no more
DRAWS = 1000
SEEN = 1.5


@dataclass(frozen=True)
class Sound:
    """A file of sound code, and the scores of what would be said of it, the highest first.

    Attributes:
        seen: whether the model was trained on its package.
    """

    package: str
    lines: int
    scores: tuple[float, ...]
    seen: bool = False


@dataclass(frozen=True)
class Calibration:
    """What was said of sound code. Without any, as a model has that was never calibrated, `default` is the threshold
    for one false alarm in 500 lines."""

    files: tuple[Sound, ...] = ()
    default: float = 3.0

    def threshold(self, false_alarms: float) -> float:
        """The score that a finding must exceed for at most `false_alarms` in 500 lines.

        Args:
            false_alarms: 0 asks for more certainty than any false alarm that was seen.
        """
        if sum(file.lines for file in self.files) < UNIT:
            return self.default - math.log(max(false_alarms, 1e-3))
        scores = sorted({score for file in self.files for score in file.scores}, reverse=True)
        if not scores:
            return -math.inf
        low, high = -1, len(scores)  # `scores[low]` is above what is asked for, `scores[high]` below
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.rate(scores[middle]) <= false_alarms else (low, middle)
        if low >= 0:
            return scores[low]
        return scores[0] + max(math.log(self.rate(scores[0]) / max(false_alarms, 1e-3)), 0.0)

    def rate(self, threshold: float) -> float:
        """How many false alarms in 500 lines other code may raise above a threshold: the upper limit."""
        counts = np.array([sum(score > threshold for score in file.scores) for file in self.files])
        weighted = counts * np.array([SEEN if file.seen else 1.0 for file in self.files])
        lines = np.array([float(file.lines) for file in self.files])
        drawn = np.quantile(self._draws @ weighted / (self._draws @ lines), CONFIDENCE)
        chance = upper(int(counts.sum())) / lines.sum() * (weighted.sum() / counts.sum() if counts.any() else 1.0)
        return UNIT * float(max(drawn, chance))

    @cached_property
    def _draws(self) -> np.ndarray:
        """[DRAWS, files]: how often each file is drawn: as many packages as there are, and of each as many files."""
        places: dict[str, list[int]] = {}
        for place, file in enumerate(self.files):
            places.setdefault(file.package, []).append(place)
        groups, random = list(places.values()), np.random.default_rng(0)
        drawn = np.zeros((DRAWS, len(self.files)))
        for row in drawn:
            for group in random.integers(len(groups), size=len(groups)):
                np.add.at(row, random.choice(groups[group], len(groups[group])), 1)
        return drawn


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


def of(files: Iterable[tuple[str, int, Sequence[float]]], seen: bool = False) -> Calibration:
    """The calibration by what was said of sound files: the package of each, its lines, all scores."""
    kept = []
    for package, lines, scores in files:
        most = math.ceil(KEPT * max(lines, UNIT // KEPT) / UNIT) + KEPT // 4
        highest = sorted((round(score, 4) for score in scores), reverse=True)[:most]
        kept.append(Sound(package, lines, tuple(highest), seen))
    return Calibration(tuple(kept))


def write(path: Path, calibration: Calibration) -> None:
    """Write a model's `check.json`."""
    files = [
        {"package": file.package, "seen": file.seen, "lines": file.lines, "scores": list(file.scores)}
        for file in calibration.files
    ]
    write_json(path, {"weights": weights.digest(), "files": files})


def read(model: Path) -> Calibration:
    """The calibration in a model's folder; where it has none, that of the model that it started from, of which it is
    near; the default where there is none, or one to other weights.

    Raises:
        Failure: the file is damaged.
    """
    path = next((one / NAME for one in folder.lineage(model) if (one / NAME).exists()), None)
    if path is None:
        return Calibration()
    content: dict[str, Any] = read_json(path)
    try:
        if content.get("weights") != weights.digest():
            return Calibration()
        files = [
            Sound(str(file["package"]), int(file["lines"]), tuple(map(float, file["scores"])), bool(file["seen"]))
            for file in content["files"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Failure(f"{path}: is damaged ({error}); delete it, and run `snakemake` again") from error
    return Calibration(tuple(files))
