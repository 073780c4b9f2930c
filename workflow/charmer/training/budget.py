"""The budget of a run, and the learning rate over it.

Notable here: everything that changes during a run is a function of the share of the budget that is spent, `progress`
in [0, 1]. A budget in minutes thus anneals on the clock and ends with a finished schedule on any machine, and a run
can be replayed from the column `progress` of its metrics.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from charmer.common.failure import Failure

PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kMG]?) (minute|step|token)s?")
SCALES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}


@dataclass(frozen=True)
class Budget:
    """An amount of seconds, steps or tokens."""

    amount: float
    unit: str

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "8 minutes", "2000 steps" or "50M tokens".

        Raises:
            Failure: it is none of these, or nothing at all.
        """
        match = PATTERN.fullmatch(text.strip())
        amount = float(match[1]) * SCALES[match[2]] if match else 0.0
        if match is None or amount <= 0:
            raise Failure(f'train.budget: {text!r} is no budget; write "8 minutes", "2000 steps" or "50M tokens"')
        if match[3] == "minute":
            return cls(60 * amount, "second")
        return cls(float(math.ceil(amount)), match[3])

    @property
    def repeatable(self) -> bool:
        """Whether two runs on one machine take the same steps."""
        return self.unit != "second"

    def progress(self, steps: float, tokens: float, seconds: float) -> float:
        """The share that so many steps, tokens and seconds have spent; above 1 when more than all."""
        return {"step": steps, "token": tokens, "second": seconds}[self.unit] / self.amount


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
