"""From an endpoint's plain function to an HTTP answer: computed in a thread, given up when the client leaves.

Notable here:
- An endpoint is a function that yields what it has to say: one value, or many that are sent as server-sent events. It
  knows nothing of asyncio, and asks its `Ticket` now and then whether anybody still listens.
- So many requests run or wait, and no more: the next is answered 429, with the seconds after which to come again.
- An error before the first word becomes a status, a later one an event in the stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import torch
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from charmer.common.failure import Failure
from charmer.serve import replies
from charmer.serve.outcomes import Outcome, outcome_of

logger = logging.getLogger(__name__)
RECENT = 0.1  # weight of a new duration in the mean
POLL = 0.05  # seconds between two looks at whether a client that waits is still there


class Cancelled(Exception):
    """Nobody listens any more."""


@dataclass(frozen=True)
class Ticket:
    """What an endpoint's function gets to know of its request."""

    outcome: Outcome
    gone: threading.Event = field(default_factory=threading.Event)

    def cancelled(self) -> bool:
        """Whether the client has left."""
        return self.gone.is_set()

    def go_on(self, *_: object) -> None:
        """Raise `Cancelled` where the client has left."""
        if self.gone.is_set():
            raise Cancelled


Work = Callable[[Ticket], Iterator[Any]]


@dataclass(frozen=True)
class _End:
    error: BaseException | None = None


class Desk:
    """Where requests are taken in.

    Args:
        running: requests that are computed at once.
        waiting: requests that may wait besides.
        threads: of the processor, for the operations of one request.
    """

    def __init__(self, running: int, waiting: int, threads: int = 1) -> None:
        self.running, self.waiting = running, waiting
        self.inside = 0
        self.mean_seconds = 1.0
        # OpenMP keeps the number of threads per thread: a new one would start with all cores.
        self._threads = ThreadPoolExecutor(running + waiting, "request", torch.set_num_threads, (threads,))
        self._turn = threading.Lock()
        self._current: Ticket | None = None

    def full(self) -> bool:
        """Whether the next request must be turned away."""
        return self.inside >= self.running + self.waiting

    def retry_after(self) -> int:
        """Seconds after which a place should be free."""
        return max(1, math.ceil(self.mean_seconds * self.waiting / self.running))

    @contextlib.contextmanager
    def turn(self, ticket: Ticket) -> Iterator[None]:
        """Wait until no other whole text is computed, which takes all cores; `go_on` may then be asked by anyone.

        Raises:
            Cancelled: the client has left.
        """
        while not self._turn.acquire(timeout=POLL):
            ticket.go_on()
        try:
            ticket.go_on()
            self._current = ticket
            yield
        finally:
            self._current = None
            self._turn.release()

    def go_on(self, *_: object) -> None:
        """Raise `Cancelled` where the client has left whose turn it is: for code that knows no ticket."""
        if self._current is not None:
            self._current.go_on()

    def start(self, work: Work, ticket: Ticket) -> asyncio.Queue[Any]:
        """Begin; what the work yields arrives in the queue, then an `_End`. The caller must be on the event loop."""
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[Any] = asyncio.Queue()
        self.inside += 1
        began = time.monotonic()

        def run() -> None:
            error: BaseException | None = None
            try:
                for event in work(ticket):
                    loop.call_soon_threadsafe(arrived.put_nowait, event)
            except BaseException as raised:
                error = raised
            loop.call_soon_threadsafe(end, error)

        def end(error: BaseException | None) -> None:
            self.inside -= 1
            self.mean_seconds += RECENT * (time.monotonic() - began - self.mean_seconds)
            arrived.put_nowait(_End(error))

        self._threads.submit(run)
        return arrived

    def close(self) -> None:
        """Wait for no one."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Computed(Response):
    """The answer to one request.

    Args:
        work: yields one JSON value; or where `streamed`, JSON values and strings that become server-sent events.
    """

    def __init__(self, desk: Desk, work: Work, streamed: bool = False) -> None:
        super().__init__()
        self.desk, self.work, self.streamed = desk, work, streamed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.desk.full():
            message = f"{self.desk.inside} requests run or wait already; try again later"
            headers = {"Retry-After": str(self.desk.retry_after())}
            await replies.refusal(scope, HTTPStatus.TOO_MANY_REQUESTS, message, headers)(scope, receive, send)
            return
        ticket = Ticket(outcome_of(scope))
        arrived = self.desk.start(self.work, ticket)
        left = asyncio.create_task(_tell_leaving(receive, arrived))
        try:
            if self.streamed:
                await self._stream(arrived, scope, receive, send, ticket)
            else:
                await self._whole(arrived, scope, receive, send, ticket)
        finally:
            ticket.gone.set()
            left.cancel()

    async def _whole(
        self, arrived: asyncio.Queue[Any], scope: Scope, receive: Receive, send: Send, ticket: Ticket
    ) -> None:
        value = await arrived.get()
        if isinstance(value, _End):
            if answer := _answer_to(value, scope, ticket):
                await answer(scope, receive, send)
        else:
            await JSONResponse(value)(scope, receive, send)

    async def _stream(
        self, arrived: asyncio.Queue[Any], scope: Scope, receive: Receive, send: Send, ticket: Ticket
    ) -> None:
        event = await arrived.get()
        if isinstance(event, _End) and (event.error or ticket.cancelled()):
            if answer := _answer_to(event, scope, ticket):
                await answer(scope, receive, send)
            return
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while not isinstance(event, _End):
            await send({"type": "http.response.body", "body": _event(event), "more_body": True})
            event = await arrived.get()
        last = _answer_to(event, scope, ticket)
        body = b"data: " + bytes(last.body) + b"\n\n" if last and event.error else b""
        await send({"type": "http.response.body", "body": body, "more_body": False})


def _event(value: Any) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
    return f"data: {text}\n\n".encode()


def _answer_to(end: _End, scope: Scope, ticket: Ticket) -> JSONResponse | None:
    """The answer to a request whose work ended before it had said anything; None where nobody listens."""
    error = end.error
    if isinstance(error, _Left | Cancelled):
        ticket.outcome.end("cancelled", "the client left")
        return None
    if isinstance(error, Failure):
        return replies.refusal(scope, HTTPStatus.BAD_REQUEST, str(error))
    if error is not None:
        logger.error("%s %s failed", scope["method"], scope["path"], exc_info=error)
        return replies.refusal(
            scope, HTTPStatus.INTERNAL_SERVER_ERROR, f"a defect of the server: {type(error).__name__}"
        )
    return None


class _Left(Exception):
    """The client closed the connection."""


async def _tell_leaving(receive: Receive, arrived: asyncio.Queue[Any]) -> None:
    """Put an end to the events when the client leaves."""
    while (await receive())["type"] != "http.disconnect":
        pass
    arrived.put_nowait(_End(_Left()))
