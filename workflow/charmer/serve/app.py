"""The server's application: a table of endpoints, and the layers around them.

Notable here:
- `ENDPOINTS` is the one list: routes and the OpenAPI description are made from it.
- From the outside in: `Recorded` (what became of a request), `Guard` (who may ask, and how much), routes, `Computed`
  (threads and streams). No endpoint opens a file; the playground's are read once, when the server starts.
"""

from __future__ import annotations

import contextlib
import mimetypes
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as PROMETHEUS
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from charmer.common.failure import Failure
from charmer.serve import analysis, fields, llama, openai, openapi, status
from charmer.serve.outcomes import Recorded
from charmer.serve.replies import refusal
from charmer.serve.running import Computed, Ticket, Work
from charmer.serve.safety import Access, Guard, Limits
from charmer.serve.service import Service

PLAYGROUND = Path(__file__).with_name("playground")
DESCRIPTION = "/openapi.json"

Asks = Callable[[Service, Any, Ticket], Iterator[Any]]


@dataclass(frozen=True)
class Endpoint:
    """Something that takes a body and computes.

    Attributes:
        work: yields the answer; one value, or where the body says `stream`, events.
    """

    path: str
    body: type[fields.Body]
    work: Asks
    summary: str


def _at_once(answer: Callable[[Service, Any], dict[str, Any]]) -> Asks:
    def work(service: Service, body: Any, ticket: Ticket) -> Iterator[Any]:
        yield answer(service, body)

    return work


ENDPOINTS = (
    Endpoint("/v1/completions", fields.Completions, openai.complete, "Continue a text, or fill in before a suffix"),
    Endpoint("/infill", fields.Infill, llama.infill, "Suggest what stands between two texts"),
    Endpoint("/completion", fields.Completion, llama.completion, "Continue a text"),
    Endpoint("/tokenize", fields.Tokenize, _at_once(llama.tokenize), "A text's tokens"),
    Endpoint("/detokenize", fields.Detokenize, _at_once(llama.detokenize), "The text of tokens"),
    Endpoint("/check", fields.Check, analysis.check, "What is wrong with a text, or looks it"),
    Endpoint("/charmer/surprise", fields.Surprise, analysis.surprise, "Bits for each piece of a text"),
    Endpoint("/charmer/alternatives", fields.Alternatives, analysis.alternatives, "The likeliest tokens at a place"),
    Endpoint("/charmer/attention", fields.AttentionView, analysis.attention, "Who looks at whom"),
)
ALIASES = {"/completion": ("/completions",)}


def build(service: Service, access: Access, limits: Limits) -> Starlette:
    """The application; `service.scheduler` runs while it does."""

    @contextlib.asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        watching = analysis.watch(service)
        service.scheduler.start()
        yield
        watching.remove()
        service.scheduler.close()
        service.desk.close()

    routes = [
        Route(path, partial(_compute, service, endpoint), methods=["POST"])
        for endpoint in ENDPOINTS
        for path in (endpoint.path, *ALIASES.get(endpoint.path, ()))
    ]
    described = openapi.describe(service.name, ENDPOINTS)
    plain: dict[str, Callable[[], Response]] = {
        "/v1/models": lambda: JSONResponse(openai.models(service)),
        "/models": lambda: JSONResponse(openai.models(service)),
        "/health": lambda: JSONResponse({"status": "ok"}),
        "/v1/health": lambda: JSONResponse({"status": "ok"}),
        "/props": lambda: JSONResponse(llama.props(service)),
        "/status": lambda: HTMLResponse(status.page(service), headers=status.HEADERS),
        DESCRIPTION: lambda: JSONResponse(described),
        **_playground(),
    }
    load = service.scheduler.load
    service.outcomes.gauge("charmer_running", "Completions that are computed now", lambda: load.running)
    service.outcomes.gauge("charmer_waiting", "Completions that wait for a slot", lambda: load.waiting)
    if service.metrics:
        plain["/metrics"] = lambda: PlainTextResponse(
            generate_latest(service.outcomes.registry), headers={"Content-Type": PROMETHEUS}
        )
    if "/" not in plain:
        plain["/"] = plain["/status"]
    routes += [Route(path, partial(_plain, answer), methods=["GET"]) for path, answer in plain.items()]
    service.outcomes.paths |= {route.path for route in routes}
    return Starlette(
        routes=routes,
        middleware=[Middleware(Recorded, service.outcomes), Middleware(Guard, access, limits)],
        exception_handlers={HTTPException: _refused, fields.Unreadable: _unreadable, Failure: _failed},
        lifespan=running,
    )


async def _compute(service: Service, endpoint: Endpoint, request: Request) -> Response:
    body = fields.read(endpoint.body, await request.body())
    work: Work = partial(endpoint.work, service, body)
    return Computed(service.desk, work, streamed=bool(getattr(body, "stream", False)))


async def _plain(answer: Callable[[], Response], request: Request) -> Response:
    return answer()


def _playground() -> dict[str, Callable[[], Response]]:
    """The files of the page at the root, where it is there."""
    found: dict[str, Callable[[], Response]] = {}
    for file in sorted(PLAYGROUND.rglob("*")) if (PLAYGROUND / "index.html").is_file() else []:
        if file.is_file() and not file.name.startswith((".", "__")):
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            answer = partial(Response, file.read_bytes(), media_type=kind, headers={"Cache-Control": "no-cache"})
            found[f"/{file.relative_to(PLAYGROUND).as_posix()}"] = answer
    if found:
        found["/"] = found["/index.html"]
    return found


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reasons = {
        404: f"there is no {request.url.path[:100]!r} here; see {DESCRIPTION}",
        405: f"{request.method} is not the way to ask {request.url.path[:100]}",
    }
    message = reasons.get(error.status_code, error.detail)
    return refusal(request.scope, HTTPStatus(error.status_code), message, error.headers)


async def _unreadable(request: Request, error: Exception) -> Response:
    assert isinstance(error, fields.Unreadable)
    return refusal(request.scope, error.status, error.args[1])


async def _failed(request: Request, error: Exception) -> Response:
    return refusal(request.scope, HTTPStatus.BAD_REQUEST, str(error))
