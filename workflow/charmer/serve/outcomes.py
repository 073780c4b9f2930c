"""What became of each request, in one line: for `--verbose`, the status page and Prometheus.

Notable here: a request ends as one of `KINDS`, and says why. Whoever handles it notes what it knows in the `Outcome`
that `Recorded`, the outermost layer, put beside it; the last requests are kept, the others only counted.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KINDS = ("served", "empty", "cancelled", "too slow", "refused", "failed")
KEPT = 200
QUIET = ("/status", "/metrics", "/health", "/v1/health")  # asked for again and again; noted only where they fail
STATE = "charmer.outcome"


@dataclass
class Outcome:
    """One request and what became of it.

    Attributes:
        client: its address.
        status: of the answer, 0 where none was sent.
        prompt_tokens: of its prompt, `cached_tokens` of them known before; `tokens`: that were written.
        seconds: from its head to the end of the answer.
    """

    method: str = ""
    path: str = ""
    client: str = ""
    kind: str = "served"
    why: str = ""
    status: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0
    at: float = field(default_factory=time.time)

    def end(self, kind: str, why: str = "") -> None:
        """Say what became of it."""
        self.kind, self.why = kind, why

    def line(self) -> str:
        """For a person to read."""
        clock = datetime.fromtimestamp(self.at).strftime("%H:%M:%S")
        tokens = (
            f"  {self.prompt_tokens}+{self.tokens} tokens, {self.cached_tokens} known" if self.prompt_tokens else ""
        )
        why = f"  {self.why}" if self.why else ""
        request = ascii(f"{self.method} {self.path}"[:200])[1:-1]  # a path may hold anything, line feeds too
        return f"{clock}  {self.kind:9}  {self.status or '-':>3}  {request}  {self.seconds * 1000:.0f} ms{tokens}{why}"


class Outcomes:
    """The last requests, and counts of all.

    Args:
        paths: of the endpoints; requests for any other count under "other".
        say: called with each request's line; None: nobody.
    """

    def __init__(self, paths: frozenset[str] = frozenset(), say: Callable[[str], None] | None = None) -> None:
        self.paths, self.say = paths, say
        self.latest: deque[Outcome] = deque(maxlen=KEPT)
        self.counts: Tally[str] = Tally()
        self.since = time.time()
        self.registry = CollectorRegistry()
        labels = ["path", "outcome"]
        self._requests = Counter("charmer_requests", "Requests by what became of them", labels, registry=self.registry)
        self._seconds = Histogram("charmer_request_seconds", "Time to the last byte", ["path"], registry=self.registry)
        self._tokens = Counter("charmer_tokens", "Tokens by what was done with them", ["kind"], registry=self.registry)

    def gauge(self, name: str, description: str, value: Callable[[], float]) -> None:
        """Show a number that is asked for when it is wanted."""
        Gauge(name, description, registry=self.registry).set_function(value)

    def record(self, outcome: Outcome) -> None:
        """Take note of a request that has ended."""
        self.counts[outcome.kind] += 1
        path = outcome.path if outcome.path in self.paths else "other"
        self._requests.labels(path, outcome.kind).inc()
        self._seconds.labels(path).observe(outcome.seconds)
        self._tokens.labels("read").inc(max(outcome.prompt_tokens - outcome.cached_tokens, 0))
        self._tokens.labels("known").inc(outcome.cached_tokens)
        self._tokens.labels("written").inc(outcome.tokens)
        if outcome.path not in QUIET or outcome.kind != "served":
            self.latest.append(outcome)
            if self.say is not None:
                self.say(outcome.line())

    def refused(self, kind: str, why: str) -> None:
        """Take note of a request that ended before it could be read."""
        self.record(Outcome(path="(unreadable)", kind=kind, why=why))


def outcome_of(scope: Scope) -> Outcome:
    """The outcome beside a request."""
    return scope.setdefault(STATE, Outcome())


class Recorded:
    """The outermost middleware: gives each request an `Outcome`, and records it at the end."""

    def __init__(self, app: ASGIApp, outcomes: Outcomes) -> None:
        self.app, self.outcomes = app, outcomes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = scope.get("client")
        outcome = Outcome(scope["method"], scope["path"], client[0] if client else "")
        scope[STATE] = outcome
        began = time.monotonic()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                outcome.status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception as error:
            outcome.end("failed", f"{type(error).__name__}: {error}")
            raise
        finally:
            if outcome.status >= 400 and outcome.kind == "served":
                outcome.end("refused")
            outcome.seconds = time.monotonic() - began
            self.outcomes.record(outcome)
