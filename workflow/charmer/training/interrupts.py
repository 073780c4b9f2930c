"""SIGINT and SIGTERM: leave at once, but never in the middle of an update.

Notable here: a signal raises KeyboardInterrupt wherever the program is, except inside `hold`, where it waits for the
end of the block. Forward, backward and evaluation may be cut short anywhere, because they change nothing that a
checkpoint holds; the optimizer's step may not.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupts:
    """Context in which both signals raise KeyboardInterrupt, at once or at the end of a `hold` block.

    Args:
        at_once: False: they only set `pending`. Processes that must all stop at the same step agree on it there.
    """

    def __init__(self, at_once: bool = True) -> None:
        self.at_once, self.pending = at_once, False
        self._held = 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._arrived)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _arrived(self, number: int, frame: FrameType | None) -> None:
        if self._held or not self.at_once:
            self.pending = True
        else:
            raise KeyboardInterrupt

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Let no signal in until the block is left."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if self.at_once and self.pending and not self._held:
                self.pending = False
                raise KeyboardInterrupt
