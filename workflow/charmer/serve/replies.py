"""Errors as OpenAI's and llama.cpp's clients read them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse
from starlette.types import Scope

from charmer.serve.outcomes import outcome_of

TYPES = {
    HTTPStatus.UNAUTHORIZED: "authentication_error",
    HTTPStatus.FORBIDDEN: "permission_error",
    HTTPStatus.NOT_FOUND: "not_found_error",
    HTTPStatus.TOO_MANY_REQUESTS: "rate_limit_error",
    HTTPStatus.INTERNAL_SERVER_ERROR: "server_error",
    HTTPStatus.NOT_IMPLEMENTED: "not_supported_error",
}
KINDS = {HTTPStatus.REQUEST_TIMEOUT: "too slow", HTTPStatus.INTERNAL_SERVER_ERROR: "failed"}


def error(status: HTTPStatus, message: str) -> dict[str, dict[str, str | int]]:
    """The body of an answer that says what is wrong."""
    kind = TYPES.get(status, "invalid_request_error")
    return {"error": {"code": status.value, "message": message, "type": kind}}


def refusal(scope: Scope, status: HTTPStatus, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer to a request that is not served; notes it in the request's outcome."""
    outcome_of(scope).end(KINDS.get(status, "refused"), message)
    asked = {"WWW-Authenticate": 'Basic realm="charmer"'} if status == HTTPStatus.UNAUTHORIZED else {}
    return JSONResponse(error(status, message), status, {**asked, **(headers or {})})
