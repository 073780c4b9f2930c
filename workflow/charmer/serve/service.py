"""What all endpoints share: the model at work, and what the server allows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from charmer.errors.calibration import Calibration
from charmer.serve.batching import Scheduler
from charmer.serve.outcomes import Outcomes
from charmer.serve.running import Desk


@dataclass(frozen=True)
class Service:
    """The model at work.

    Attributes:
        name: the model's.
        infill: whether the model was trained to write a middle.
        markers: whether the names of special tokens in a prompt are read as these tokens.
        most_tokens: that one completion may have.
        metrics: whether `/metrics` answers.
        calibration: of the model, for `/check`; None: the one that ships.
    """

    scheduler: Scheduler
    desk: Desk
    outcomes: Outcomes
    name: str
    infill: bool = True
    markers: bool = True
    most_tokens: int = 2048
    metrics: bool = False
    calibration: Calibration | None = None
    created: int = field(default_factory=lambda: int(time.time()))

    def room(self, wanted: int) -> int:
        """Tokens of a prompt that are read where `wanted` are to be written: all fit into the window together, unless
        that leaves less than half of it for the prompt."""
        window = self.scheduler.window
        return max(window - wanted, window // 2, 1)
