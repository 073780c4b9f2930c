"""One decoder for many threads: the scheduler lets in new requests between steps, and computes them all in one batch.

Notable here:
- A decoder belongs to one thread, the scheduler's. Any other thread hands it requests and iterates over their tokens,
  as if it had the decoder to itself (`Scheduler.stream` has the signature of `Decoder.stream`).
- Continuous batching (Yu et al. 2022, "Orca"): a request joins the running ones at the next step and leaves at its own
  end. At most one prompt is read between two steps, so that running rows never wait for more than one.
- Whether a request is cancelled is asked before every step, for waiting ones too: nothing is computed for a client that
  has gone.
- A defect in one step ends the requests that ran, with the error; the scheduler goes on.
"""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

import torch

from charmer.inference.decoder import Decoder, Request, Step
from charmer.model.network import Transformer
from charmer.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class Ended:
    """The last event of a row. `error`: what went wrong, if anything."""

    error: BaseException | None = None


@dataclass(eq=False)
class Row:
    """A request on its way through the scheduler.

    Attributes:
        run: the requests with which it came.
        index: its place among them.
        cached, read: tokens of its prompt that were known, and that were read; 0 before it is admitted.
        began, ready: `time.monotonic()` when its prompt began to be read, and when it was; None before.
        late: whether it ended because its time was over.
    """

    run: Run
    request: Request
    index: int
    cached: int = 0
    read: int = 0
    began: float | None = None
    ready: float | None = None
    stopped: bool = False
    late: bool = False

    def stop(self) -> None:
        """Let this row end before its next step; the others of its request go on."""
        self.stopped = True

    def over(self) -> bool:
        """Whether nobody wants more of it."""
        return self.stopped or self.run.gone or self.run.cancelled()

    def tell(self, event: Step | Ended) -> None:
        """Hand an event to the thread that waits for it."""
        self.run.arrived.put((self, event))


class Run:
    """Requests that were submitted together.

    Attributes:
        rows: one a request, in their order.
    """

    def __init__(self, requests: Sequence[Request], cancelled: Callable[[], bool]) -> None:
        self.cancelled, self.gone = cancelled, False
        self.arrived: queue.SimpleQueue[tuple[Row, Step | Ended]] = queue.SimpleQueue()
        self.rows = [Row(self, request, index) for index, request in enumerate(requests)]

    def events(self, limit: float = math.inf) -> Generator[tuple[Row, Step | None], None, None]:
        """The tokens of all rows as they are written, each with its row; None where a row has ended.

        Closing the iterator cancels what still runs.

        Args:
            limit: seconds from the end of its prompt's reading after which a row ends with what was written by then,
                whatever the scheduler computes meanwhile.

        Raises:
            Failure: a value of a request is out of its range.
        """
        going = list(self.rows)
        try:
            while going:
                row, event = self._next(going, limit)
                if row not in going:  # written when its time was over
                    continue
                if isinstance(event, Step):
                    yield row, event
                    continue
                if event.error is not None:
                    raise event.error
                going.remove(row)
                yield row, None
        finally:
            self.gone = True

    def _next(self, going: Sequence[Row], limit: float) -> tuple[Row, Step | Ended]:
        """The next event; the end of a row whose time is over, once all that was written for it is taken."""
        ends = [(row.ready + limit, row.index) for row in going if row.ready is not None]
        end, index = min(ends, default=(math.inf, 0))
        if end == math.inf:
            return self.arrived.get()
        if (left := end - time.monotonic()) > 0:
            with contextlib.suppress(queue.Empty):
                return self.arrived.get(timeout=left)
        late = self.rows[index]
        late.late = True
        late.stop()
        with contextlib.suppress(queue.Empty):
            return self.arrived.get_nowait()
        return late, Ended()


@dataclass
class Load:
    """How busy the scheduler is."""

    running: int = 0
    waiting: int = 0
    steps: int = 0
    tokens: int = 0


@dataclass
class Scheduler:
    """Runs `decoder` in a thread of its own from `start` to `close`.

    Args:
        threads: of the processor, for that thread's operations.
    """

    decoder: Decoder
    threads: int = 1
    load: Load = field(default_factory=Load)

    def __post_init__(self) -> None:
        self._waiting: deque[Row] = deque()
        self._running: dict[int, Row] = {}
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="scheduler", daemon=True)

    @property
    def model(self) -> Transformer:
        return self.decoder.model

    @property
    def tokenizer(self) -> Tokenizer:
        return self.decoder.tokenizer

    @property
    def window(self) -> int:
        return self.decoder.window

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """End all requests as cancelled, and the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._thread.join()

    def stream(self, request: Request, cancelled: Callable[[], bool] | None = None) -> Iterator[Step]:
        """The tokens of one request, as they are written, until it ends or `cancelled` says so."""
        with contextlib.closing(self.submit([request], cancelled).events()) as events:
            for _, step in events:
                if step is not None:
                    yield step

    def submit(self, requests: Sequence[Request], cancelled: Callable[[], bool] | None = None) -> Run:
        """Ask for the continuations of several prompts, side by side; this does not wait."""
        run = Run(requests, cancelled or (lambda: False))
        with self._wake:
            if self._closed:
                for row in run.rows:
                    row.tell(Ended())
            else:
                self._waiting.extend(run.rows)
            self._wake.notify_all()
        return run

    def _work(self) -> None:
        torch.set_num_threads(self.threads)  # OpenMP keeps the number per thread
        while True:
            with self._wake:
                self.load.running = len(self._running)
                while not (self._waiting or self._running or self._closed):
                    self._wake.wait()
                self._leave()
                if self._closed:
                    return
                free = self._waiting and len(self._running) < self.decoder.slots
                arrived = self._waiting.popleft() if free else None
                self.load.running, self.load.waiting = len(self._running), len(self._waiting)
            if arrived is not None:
                self._admit(arrived)
            if self._running:
                self._step()

    def _leave(self) -> None:
        """Let go of rows that were cancelled, all of them where the scheduler closes."""
        for slot, row in list(self._running.items()):
            if self._closed or row.over():
                self.decoder.release(slot)
                del self._running[slot]
                row.tell(Ended())
        for row in [row for row in self._waiting if self._closed or row.over()]:
            self._waiting.remove(row)
            row.tell(Ended())

    def _admit(self, row: Row) -> None:
        row.began = time.monotonic()
        try:
            slot = self.decoder.admit(row.request)
        except Exception as error:
            row.tell(Ended(error))
            return
        row.ready = time.monotonic()
        row.cached, row.read = self.decoder.cached(slot), self.decoder.read(slot)
        self._running[slot] = row

    def _step(self) -> None:
        try:
            steps = self.decoder.step()
        except Exception as error:
            for slot, row in self._running.items():
                self.decoder.release(slot)
                row.tell(Ended(error))
            self._running.clear()
            return
        self.load.steps += 1
        for slot, step in steps.items():
            row = self._running[slot]
            if step is None:
                del self._running[slot]
                row.tell(Ended())
            else:
                self.load.tokens += 1
                row.tell(step)
