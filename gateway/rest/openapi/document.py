"""The routes as OpenAPI 3.1 describes them, and the endpoint that serves the description."""

from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from graphql import GraphQLSchema
from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.auth.credentials import TOKEN_HEADER
from gateway.health import LIVE, NOT_READY, READY
from gateway.http_headers import public_document
from gateway.ingest import recorder
from gateway.middleware.deadline import HEADER
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.openapi import refusals, shapes
from gateway.rest.openapi.refusals import ANY, CALLER, SUMMARY, TOKEN, Refusals, plain, rest_body, token_body
from gateway.rest.openapi.shapes import TEXT, Schema, record, reference
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH
from gateway.telemetry import REQUEST_ID

OPENAPI_PATH = "/openapi.json"

_ABOUT = """\
What a customer earned from a loyalty promotion, over the original REST call. GraphQL at `/graphql` answers
the same field by field, and describes itself. [More about this gateway](/).

Browsers find pages at `/` and `/docs`, whose files are below `/assets/`. Any other path that is not listed
here is answered with 404, another method than those listed with 405, both with the body that errors of the
summary have. `HEAD` is answered as `GET`, without a body. Every answer carries
`X-CAP-REQUEST-ID`; a client may send its own."""

_HEADERS = {
    "ETag": "The answer's tag; in `If-None-Match`, it asks whether the answer is still the same.",
    "Retry-After": "After how many seconds to try again.",
    "WWW-Authenticate": "How to authenticate; there may be several of them.",
    REQUEST_ID: "The request's id: the client's own, if that is 32 hex digits or a UUID.",
}
_HEADERS_OF_STATUS = {
    304: ("ETag",),
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}

_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "The `ETag` of an earlier answer; if that is still right, this one is 304.",
    "schema": TEXT,
}
_DEADLINE = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Milliseconds until the answer is of no use; the gateway's own limit if that is less.",
    "schema": {"type": "integer", "minimum": 1},
}
_CREDENTIALS = {
    "till": {
        "type": "http",
        "scheme": "basic",
        "description": "A till's name, and the MD5 hex of its password in the place of the password.",
    },
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": TOKEN_HEADER,
        "description": f"A token of `{TOKEN_PATH}`, as it is.",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The same token, or one of the operator's own issuer.",
    },
}

_BODY = (
    plain(408, "The body did not arrive in time.")
    | plain(413, "The body is too long.")
    | plain(415, "The body is not JSON.")
)


class OpenAPIEndpoint:
    """`GET /openapi.json`, for everybody."""

    def __init__(self, schema: GraphQLSchema, *, always_200: bool) -> None:
        self._body = json_format.encode(document(schema, always_200=always_200))

    async def get(self, request: Request) -> Response:
        return public_document(request, self._body)


def document(schema: GraphQLSchema, *, always_200: bool) -> dict[str, Any]:
    """The document; `always_200` if the REST call's 8xxx errors come with status 200."""

    def responses(
        good: Schema, refused: Refusals, error_body: Callable[[Refusals], Schema] = rest_body
    ) -> Schema:
        found = refusals.by_status(refused, always_200=always_200)
        also_200 = found.pop(200, {})
        if also_200:
            good = {"oneOf": [good, error_body(also_200)]}
        described = {200: _response("\n".join(["The answer.", *refusals.lines(also_200)]), good)}
        for status, these in found.items():
            described[status] = _response(
                "\n".join(refusals.lines(these)), error_body(these), _HEADERS_OF_STATUS.get(status, ())
            )
        return {str(status): described[status] for status in sorted(described)}

    return {
        "openapi": "3.1.1",
        "info": {"title": "promo-gateway", "version": version("promo-gateway"), "description": _ABOUT},
        "security": [{name: []} for name in _CREDENTIALS],
        "paths": {
            ACTION_SUMMARY_PATH: {
                "get": {
                    "operationId": "getActionSummary",
                    "summary": "What a customer earned from a promotion",
                    "description": "One of promotionId and promotionIdentifier is required. The values of "
                    "source and identifierName are read without regard to case, unknown parameters are "
                    "ignored, and of one that is given twice the last counts.",
                    "parameters": [*shapes.parameters(schema), _DEADLINE],
                    "responses": responses(reference(shapes.SUMMARY), ANY | CALLER | SUMMARY),
                }
            },
            TOKEN_PATH: {
                "post": {
                    "operationId": "generateToken",
                    "summary": "A token for a client's key and secret",
                    "security": [],
                    "parameters": [_DEADLINE],
                    "requestBody": _request(reference("TokenRequest")),
                    "responses": responses(
                        reference("TokenAnswer"),
                        ANY
                        | TOKEN
                        | plain(400, "The body is not a token request.")
                        | _BODY
                        | plain(503, "The gateway has no key to sign tokens with."),
                        token_body,
                    ),
                }
            },
            JWKS_PATH: {
                "get": _cacheable(
                    operationId="getPublicKeys",
                    summary="The keys with which anybody can check tokens",
                    security=[],
                    responses=responses(reference("PublicKeys"), {}),
                )
            },
            EVENTS_PATH: {
                "post": {
                    "operationId": "receiveEvent",
                    "summary": "Take an event notification; a repeated one changes nothing",
                    "parameters": [_DEADLINE],
                    "requestBody": _request(reference("Notification")),
                    "responses": responses(
                        record({"status": {"enum": list(recorder.OUTCOMES)}}),
                        ANY
                        | CALLER
                        | plain(400, "The event can never be taken; do not send it again.")
                        | _BODY
                        | plain(503, "The event is not recorded; send it again."),
                    ),
                }
            },
            LIVE: {
                "get": {
                    "operationId": "getLiveness",
                    "summary": "Whether this process lives",
                    "security": [],
                    "responses": {"200": _response("It does.", record({"status": {"const": "alive"}}))},
                }
            },
            READY: {
                "get": {
                    "operationId": "getReadiness",
                    "summary": "Whether to send this process requests",
                    "security": [],
                    "responses": {
                        "200": _response("Do.", record({"status": {"const": "ready"}})),
                        "503": _response("Send them elsewhere.", record({"status": {"enum": [*NOT_READY]}})),
                    },
                }
            },
            OPENAPI_PATH: {
                "get": _cacheable(
                    operationId="getDescription",
                    summary="This document",
                    security=[],
                    responses=responses({"type": "object"}, {}),
                )
            },
        },
        "components": {
            "securitySchemes": _CREDENTIALS,
            "headers": {
                # An error that comes with status 200 has no ETag.
                name: {"description": description, "required": name != "ETag", "schema": TEXT}
                for name, description in _HEADERS.items()
            },
            "schemas": {
                **shapes.summary_schemas(schema),
                **shapes.request_schemas(),
                **shapes.TOKEN_SCHEMAS,
            },
        },
    }


def _request(schema: Schema) -> Schema:
    return {"required": True, "content": {json_format.MEDIA_TYPE: {"schema": schema}}}


def _response(description: str, schema: Schema | None, headers: Iterable[str] = ()) -> Schema:
    response: Schema = {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in (REQUEST_ID, *headers)},
    }
    if schema is not None:
        response["content"] = {json_format.MEDIA_TYPE: {"schema": schema}}
    return response


def _cacheable(*, parameters: Iterable[Schema] = (), responses: Schema, **more: Any) -> Schema:
    """A GET whose good answers can be asked for again by their tag."""
    responses["200"]["headers"]["ETag"] = {"$ref": "#/components/headers/ETag"}
    responses["304"] = _response("The earlier answer is still right.", None, ["ETag"])
    return {**more, "parameters": [*parameters, _IF_NONE_MATCH], "responses": responses}
