"""Who may use the server, and how much of it: what stands between the network and the endpoints.

Notable here:
- Another site's page in the person's browser must not reach a server on loopback. A browser tells the truth in Origin
  and Sec-Fetch-Site, so a request from any other origin is refused; and in Host, so that a foreign name that its owner
  points at 127.0.0.1 (DNS rebinding) is refused too.
- A body is read here, whole, within a number of bytes and of seconds; the endpoints see none that is late or too long.
- Nothing that a page of ours loads may come from elsewhere, and no other page may frame it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from charmer.serve.outcomes import outcome_of
from charmer.serve.replies import refusal

POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
OPEN = ("/health", "/v1/health")  # say no more than that the server is there
METHODS_WITHOUT_BODY = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Limits:
    """What a client may ask for.

    Attributes:
        body_bytes: of a request's body.
        drained_bytes: of a body that is too long, which are read and thrown away: most clients read an answer only when
            they have sent everything.
        body_seconds: in which it must have arrived.
        head_seconds: the same for a request's line and headers.
        connections: open at once; further ones are answered 503.
    """

    body_bytes: int = 2_000_000
    drained_bytes: int = 64_000_000
    body_seconds: float = 20.0
    head_seconds: float = 10.0
    connections: int = 512


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        hosts: names under which the server may be addressed, besides those of loopback; in lower case, without port.
        origins: other origins whose pages may use it, such as "http://localhost:3000".
        any_address: whether it may be addressed by any IP address; a name is what DNS rebinding needs.
        key: what a client must know; None: nothing.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    any_address: bool = False
    key: str | None = None

    def refuses(self, scope: Scope, headers: Mapping[str, str]) -> tuple[HTTPStatus, str] | None:
        """Why a request is refused, if it is."""
        host = headers.get("host", "")
        if not self._addressed(host):
            return HTTPStatus.MISDIRECTED_REQUEST, f"Host: {shown(host)} is not a name of this server; see --allow-host"
        origin = headers.get("origin")
        if origin is not None and origin not in self.origins and origin not in (f"http://{host}", f"https://{host}"):
            return HTTPStatus.FORBIDDEN, f"Origin: {shown(origin)} may not use this server; see --allow-origin"
        from_elsewhere = headers.get("sec-fetch-site") in ("cross-site", "same-site") and origin not in self.origins
        if from_elsewhere and headers.get("sec-fetch-mode") != "navigate":
            return HTTPStatus.FORBIDDEN, "Sec-Fetch-Site: another site's page may not use this server"
        if self.key is not None and scope["path"] not in OPEN and not self._knows(headers):
            return HTTPStatus.UNAUTHORIZED, "the API key is missing or wrong; send it as Authorization: Bearer KEY"
        return None

    def _addressed(self, host: str) -> bool:
        name = host_name(host)
        if name in self.hosts or name == "localhost":
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self.any_address or address.is_loopback

    def _knows(self, headers: Mapping[str, str]) -> bool:
        kind, _, said = headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":  # a browser that asked its user: any name, the key as password
            try:
                said = base64.b64decode(said, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif kind.lower() != "bearer":
            said = headers.get("x-api-key", "")
        return hmac.compare_digest(said.encode(), str(self.key).encode())


def host_name(host: str) -> str:
    """The name or address in a Host header, in lower case, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().removesuffix(".")


def shown(value: str) -> str:
    """A header's value as a message may show it."""
    return ascii(value[:80])


class Guard:
    """The middleware: checks who asks, reads the body, and adds the headers that bind a browser."""

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self.app, self.access, self.limits = app, access, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in POLICY.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        refused = self.access.refuses(scope, headers)
        if refused:
            await refusal(scope, *refused)(scope, receive, guarded)
            return
        if scope["method"] in METHODS_WITHOUT_BODY:
            await self.app(scope, receive, guarded)
            return
        body, problem = await self._body(headers, receive)
        if problem:
            answer = refusal(scope, *problem)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, guarded)
        elif body is None:
            outcome_of(scope).end("cancelled", "the client left while it sent its request")
        else:
            await self.app(scope, _replayed(body, receive), guarded)

    async def _body(self, headers: Headers, receive: Receive) -> tuple[bytes | None, tuple[HTTPStatus, str] | None]:
        """The body, or what is wrong with it; neither where the client left."""
        limits = self.limits
        too_long = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {limits.body_bytes:,} bytes"
        length = int(headers.get("content-length", 0))
        if length > limits.drained_bytes or (length > limits.body_bytes and "expect" in headers):
            return None, too_long
        body, size = bytearray(), 0
        try:
            async with asyncio.timeout(limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None, None
                    size += len(message.get("body", b""))
                    if size <= limits.body_bytes:
                        body += message.get("body", b"")
                    elif size > limits.drained_bytes or not message.get("more_body", False):
                        return None, too_long
                    if not message.get("more_body", False):
                        return bytes(body), None
        except TimeoutError:
            if size > limits.body_bytes:
                return None, too_long
            return None, (HTTPStatus.REQUEST_TIMEOUT, f"the body took longer than {limits.body_seconds:g} s")


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once, and then waits for the client to leave."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
