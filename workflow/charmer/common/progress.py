"""One way to show progress: a bar with rate and time left on a terminal, plain lines at intervals elsewhere.

The log file of a job gets the plain lines in both cases, so that it reads well afterwards.
"""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Self

from tqdm import tqdm

logger = logging.getLogger(__name__)


class Progress:
    """Progress of one stage.

    Args:
        name: what is being done, shown before the bar ("scrape stdlib").
        total: how many units there are, or None when that is not known before.
        unit: the unit's name; "B" is shown as kB, MB, GB.
        interval: seconds between two plain lines.

    Example:
        >>> with Progress("scrape stdlib", total=1_790, unit="file") as progress:
        ...     progress.advance(1, note="3 refused")
    """

    def __init__(self, name: str, total: float | None, unit: str, interval: float = 10.0) -> None:
        self.name, self.total, self.unit, self.interval = name, total, unit, interval
        self.done = 0.0
        self.note = ""
        self.started = self.last_line = time.monotonic()
        self.bar = tqdm(
            total=total,
            desc=name,
            unit=unit,
            unit_scale=unit == "B" or (total or 0) >= 1e5,
            dynamic_ncols=True,
            leave=False,
            disable=not sys.stderr.isatty(),
        )

    def advance(self, amount: float, note: str | None = None) -> None:
        """Count `amount` more units as done; `note` is shown behind the rate."""
        self.done += amount
        self.bar.update(amount)
        if note is not None:
            self.note = note
            self.bar.set_postfix_str(note, refresh=False)
        if time.monotonic() - self.last_line >= self.interval:
            self._line()

    def _line(self) -> None:
        self.last_line = time.monotonic()
        seconds = max(self.last_line - self.started, 1e-9)
        rate = self.done / seconds
        parts = [f"{self.name}: {_amount(self.done, self.unit)}"]
        if self.total:
            left = (self.total - self.done) / rate if rate else float("inf")
            parts = [f"{self.name}: {100 * self.done / self.total:.0f}%", f"{_seconds(left)} left"]
        parts.append(f"{_amount(rate, self.unit)}/s")
        if self.note:
            parts.append(self.note)
        logger.info(", ".join(parts))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
        if error is None:
            seconds = time.monotonic() - self.started
            logger.info(f"{self.name}: {_amount(self.done, self.unit)} in {_seconds(seconds)}")


def _amount(value: float, unit: str) -> str:
    scaled = tqdm.format_sizeof(value, divisor=1000) if value >= 1000 else f"{value:.3g}"
    return f"{scaled}{unit}" if unit == "B" else f"{scaled} {unit}"


def _seconds(seconds: float) -> str:
    return "unknown time" if seconds == float("inf") else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
