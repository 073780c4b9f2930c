"""The server's description of itself (OpenAPI 3.1), made from the bodies' own types.

Notable here: answers are described by their kind alone. What a client may send is what matters here: programs that try
a server's patience (schemathesis) read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

if TYPE_CHECKING:
    from charmer.serve.app import Endpoint

REFUSALS = {
    "400": "The body is not what this endpoint takes; the message names the field",
    "401": "The API key is missing or wrong",
    "403": "Another site's page asked",
    "408": "The request took too long to arrive",
    "413": "The body is too long",
    "421": "The server is not known by the name in Host",
    "429": "Too many requests wait; Retry-After says when to come again",
}
READABLE = {
    "/v1/models": "The model at work",
    "/health": "Whether the server is there",
    "/props": "What the server allows",
}


def describe(name: str, endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The description of a server that works with the model `name`."""
    schemas, definitions = models_json_schema(
        [(endpoint.body, "validation") for endpoint in endpoints], ref_template="#/components/schemas/{model}"
    )
    refused = {
        status: {"description": text, "content": _json({"$ref": "#/components/schemas/Refusal"})}
        for status, text in REFUSALS.items()
    }
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        content = _json(schemas[endpoint.body, "validation"])
        answers = _json({"type": ["object", "array"]})
        if "stream" in endpoint.body.model_fields:
            answers["text/event-stream"] = {"schema": {"type": "string"}}
        paths[endpoint.path] = {
            "post": {
                "summary": endpoint.summary,
                "requestBody": {"required": True, "content": content},
                "responses": {"200": {"description": "The answer", "content": answers}, **refused},
            }
        }
    for path, summary in READABLE.items():
        answer = {"description": "The answer", "content": _json({"type": "object"})}
        codes = {code: refused[code] for code in ("401", "403", "421")}
        paths[path] = {"get": {"summary": summary, "responses": {"200": answer, **codes}}}
    message = {"code": {"type": "integer"}, "message": {"type": "string"}, "type": {"type": "string"}}
    error = {"type": "object", "properties": message, "required": list(message)}
    refusal = {"type": "object", "properties": {"error": error}, "required": ["error"]}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Charmer: {name}", "version": version("charmer")},
        "paths": paths,
        "components": {"schemas": {**definitions.get("$defs", {}), "Refusal": refusal}},
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
