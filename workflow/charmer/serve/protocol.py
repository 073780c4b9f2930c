"""uvicorn's HTTP/1.1 with less patience: a request's head must come in time, and one that is cut short gets an answer.

Notable here: uvicorn times connections that rest between requests, but waits for ever for one that has begun to speak.
The body's time is `charmer.serve.safety`'s matter, which reads it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def impatient(head_seconds: float, refused: Callable[[str, str], None]) -> Callable[..., asyncio.Protocol]:
    """What uvicorn takes as `http`: makes a protocol for each connection.

    Args:
        head_seconds: that a connection has for each request's line and headers.
        refused: told of each request that ended before the application saw it: the outcome and why.
    """

    def make(*arguments: Any, **named: Any) -> asyncio.Protocol:
        protocol = Impatient(*arguments, **named)
        protocol.head_seconds, protocol.refused = head_seconds, refused
        return protocol

    return make


class Impatient(H11Protocol):
    """One connection; made by `impatient`."""

    head_seconds: float
    refused: Callable[[str, str], None]
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._timer is None and self.conn.their_state is h11.IDLE:
            self._expect_head()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_is_there()

    def eof_received(self) -> None:
        """The client sends no more: an answer, if it was in the middle of something."""
        begun = self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]
        if begun or self.conn.their_state is h11.SEND_BODY:
            self.refuse(HTTPStatus.BAD_REQUEST, "the request ended before it was complete")

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what is no HTTP."""
        self.refuse(HTTPStatus.BAD_REQUEST, "this is not a valid HTTP request")

    def refuse(self, status: HTTPStatus, message: str) -> None:
        """Answer without the application, and close."""
        if self.cycle is not None:
            self.cycle.disconnected = True  # what the application still says goes nowhere
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            self.refused("too slow" if status == HTTPStatus.REQUEST_TIMEOUT else "refused", message)
            error = {"code": status.value, "message": message, "type": "invalid_request_error"}
            body = json.dumps({"error": error}).encode()
            headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
            for event in (
                h11.Response(status_code=status, headers=list(headers.items()), reason=status.phrase.encode()),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _expect_head(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        self._timer = None
        if self.conn.trailing_data[0]:
            self.refuse(HTTPStatus.REQUEST_TIMEOUT, f"the request's head took longer than {self.head_seconds:g} s")
        else:
            self.transport.close()

    def _head_is_there(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
