"""The budget of a run, and the learning rate over it.

Notable here: everything that changes during a run is a function of the share of the budget that is spent, `progress`
in [0, 1]. A budget in minutes thus anneals on the clock and ends with a finished schedule on any machine, and such a
run can be repeated to the bit from the column `progress` of its metrics.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from charmer.common.failure import Failure
from charmer.common.files import read_table

SHORTEST_PIECE = 128  # tokens
PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kMG]?) (minute|step|token)s?")
SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}


@dataclass(frozen=True)
class Budget:
    """An amount of seconds, steps or tokens.

    Attributes:
        middles: for a run that repeats another, the progress in the middle of each of its steps.
        evaluated: and the steps after which it scored the held-out text.
    """

    amount: float
    unit: str
    middles: tuple[float, ...] = ()
    evaluated: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "8 minutes", "2000 steps", "50M tokens", or "as FOLDER", a trained model whose schedule is repeated.

        Raises:
            Failure: it is none of these, or nothing at all, or the folder lacks the tables of a run.
        """
        if text.startswith("as "):
            folder = Path(text.removeprefix("as ").strip())
            middles = read_table(folder / "metrics.parquet", ["progress"])["progress"].to_pylist()
            evaluated = [step for step in read_table(folder / "held_out.parquet", ["step"])["step"].to_pylist() if step]
            return cls(float(len(middles)), "step", tuple(middles), tuple(evaluated))
        match = PATTERN.fullmatch(text.strip())
        amount = float(match[1]) * SCALES[match[2]] if match else 0.0
        if match is None or amount <= 0:
            raise Failure(f'train.budget: {text!r} is no budget; write "8 minutes", "2000 steps" or "50M tokens"')
        if match[3] == "minute":
            return cls(60 * amount, "second")
        return cls(float(math.ceil(amount)), match[3])

    def progress(self, steps: float, tokens: float, seconds: float) -> float:
        """The share that so many steps, tokens and seconds have spent; above 1 when more than all.

        A run that repeats another knows the middle of each step alone, and gives that anywhere in it.
        """
        if self.middles:
            return self.middles[int(steps)] if steps < len(self.middles) else 1.0
        return {"step": steps, "token": tokens, "second": seconds}[self.unit] / self.amount

    def evaluations_due(self, wanted: int, step: int, progress: float, over: bool) -> int:
        """How many of `wanted` evaluations, evenly over the budget, are due after `step` at `progress`."""
        if self.middles:
            return sum(evaluated <= step for evaluated in self.evaluated)
        return wanted if over else int(progress * wanted)


def rate(progress: float, schedule: str, warmup: float, decay: float) -> float:
    """The learning rate as a share of its peak.

    Args:
        progress: share of the budget that is spent.
        schedule: "cosine" (Loshchilov and Hutter 2016, arXiv:1608.03983), or "wsd": warm-up, stable, linear decay to
            zero (Hu et al. 2024, arXiv:2404.06395; linear: Haegele et al. 2024, arXiv:2405.18392).
        warmup: share of the budget over which the rate rises from zero.
        decay: share of the budget over which a wsd schedule falls to zero.
    """
    progress = min(max(progress, 0.0), 1.0)
    if progress < warmup:
        return progress / warmup
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * (progress - warmup) / max(1.0 - warmup, 1e-9)))
    return min(1.0, (1.0 - progress) / decay) if decay > 0 else 1.0


def pieces(progress: float, context: int, share: float) -> int:
    """In how many pieces of equal length each window is read: short ones at first, later the whole.

    Short inputs first (Press et al. 2020, arXiv:2012.15832; Li et al. 2021, arXiv:2108.06084): what stands near is
    learned sooner where nothing far distracts from it, and costs less.

    Args:
        progress: share of the budget that is spent.
        context: tokens in a window.
        share: of the budget over which the pieces grow, by doubling, from 128 tokens (or the shortest length that
            doublings lead from to `context`) to the whole.
    """
    doublings = 0
    while context % (2 << doublings) == 0 and context // (2 << doublings) >= SHORTEST_PIECE:
        doublings += 1
    return 1 << max(0, doublings - int(progress / share * doublings)) if 0 <= progress < share else 1


def batch_rows(progress: float, rows: int, first: int, share: float) -> int:
    """How many windows make a batch: few at first, when their gradients agree and many small steps gain most.

    What is lost by a smaller batch is only noise, of which a model that knows little needs little taken away
    (McCandlish et al. 2018, arXiv:1812.06162; growing batches: Smith et al. 2017, arXiv:1711.00489).

    Args:
        progress: share of the budget that is spent.
        rows: windows in the largest batch.
        first: and in the first one.
        share: of the budget over which batches grow, by doubling, from `first` to `rows`.
    """
    doublings = max(0, math.ceil(math.log2(rows / first)))
    if not 0 <= progress < share:
        return rows
    return min(rows, first << int(progress / share * doublings)) if doublings else rows
