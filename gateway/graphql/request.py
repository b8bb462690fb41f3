"""Reads a GraphQL request from an HTTP request: its parameters, and the media type of its response."""

from collections.abc import Iterator
from functools import lru_cache
from types import NoneType
from typing import Any, NamedTuple

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gateway import json_format
from gateway.http_headers import require_json

GRAPHQL_RESPONSE = "application/graphql-response+json"
RESPONSE_TYPES = (json_format.MEDIA_TYPE, GRAPHQL_RESPONSE)


class GraphQLRequest(NamedTuple):
    """The parameters of a request: a document or its id, the name of an operation, and variables."""

    query: str | None
    document_id: str | None
    # Apollo's clients send the hash of a document instead of it, or with it so that it is cached.
    sha256: str | None
    operation_name: str | None
    variables: dict[str, Any]


def response_type(headers: Headers) -> str | None:
    """The media type of the response; None if the client accepts neither."""
    return negotiate(b",".join([value for name, value in headers.raw if name == b"accept"]).decode("latin-1"))


@lru_cache(maxsize=64)
def negotiate(accept: str) -> str | None:
    """The media type for the value of an Accept header: JSON's, unless the client prefers GraphQL's."""
    if not accept.strip():
        return json_format.MEDIA_TYPE
    qualities = dict(_media_ranges(accept))
    json, newer = (_quality(qualities, media_type) for media_type in RESPONSE_TYPES)
    if json[0] == newer[0] == 0:
        return None
    prefers_newer = newer > json or (newer == json and GRAPHQL_RESPONSE in qualities)
    return GRAPHQL_RESPONSE if prefers_newer else json_format.MEDIA_TYPE


async def read(request: Request) -> GraphQLRequest:
    """The parameters of a request; raises `HTTPException` if it is malformed."""
    if request.method != "POST":
        data: Any = dict(request.query_params)
        for name in ("variables", "extensions"):
            data[name] = _decode(data[name], name) if data.get(name) else None
    else:
        require_json(request)
        if not _is_utf_8(request.headers["content-type"]):
            raise HTTPException(415, "A POST to /graphql takes UTF-8.")
        data = _decode(await request.body(), "The body")
    if isinstance(data, list):
        raise HTTPException(400, "Batching is off: send one operation, not a list.")
    if not isinstance(data, dict):
        raise HTTPException(400, f"The body must be an object, not {json_kind(data)}.")
    for name, kind in _PARAMETERS.items():
        if not isinstance(data.get(name), (kind, NoneType)):
            expected = "a string" if kind is str else "an object"
            raise HTTPException(400, f"{name} must be {expected}, not {json_kind(data[name])}.")
    query, document_id = data.get("query") or None, data.get("documentId") or None
    sha256 = _persisted_query(data.get("extensions") or {})
    if query is None and document_id is None and sha256 is None:
        raise HTTPException(400, "query is missing.")
    if query is not None and document_id is not None:
        raise HTTPException(400, "query and documentId cannot be given together.")
    return GraphQLRequest(
        query, document_id, sha256, data.get("operationName") or None, data.get("variables") or {}
    )


_PARAMETERS = {"query": str, "documentId": str, "operationName": str, "variables": dict, "extensions": dict}


def _media_ranges(accept: str) -> Iterator[tuple[str, float]]:
    for item in accept.split(","):
        range_, *parameters = (part.strip().lower() for part in item.split(";"))
        named = dict(parameter.partition("=")[::2] for parameter in parameters)
        try:
            quality = float(named.get("q", "1"))
        except ValueError:
            continue
        if 0 <= quality <= 1 and named.get("charset", "utf-8").strip('"') == "utf-8":
            yield range_, quality


def _quality(qualities: dict[str, float], media_type: str) -> tuple[float, int]:
    """The quality of a media type by the most precise range that matches it, and how precise that is."""
    for imprecise, range_ in enumerate((media_type, "application/*", "*/*")):
        if range_ in qualities:
            return qualities[range_], -imprecise
    return 0, 0


@lru_cache(maxsize=64)
def _is_utf_8(content_type: str) -> bool:
    parameters = (part.strip().lower().partition("=")[::2] for part in content_type.split(";")[1:])
    return dict(parameters).get("charset", "utf-8").strip('"') in ("utf-8", "utf8")


def _persisted_query(extensions: dict[str, Any]) -> str | None:
    match extensions.get("persistedQuery"):
        case None:
            return None
        case {"version": 1, "sha256Hash": str() as sha256}:
            return sha256
    raise HTTPException(400, "extensions.persistedQuery must have the version 1 and a sha256Hash.")


def _decode(text: str | bytes, what: str) -> object:
    try:
        return json_format.decode(text)
    except json_format.NotJSON as error:
        raise HTTPException(400, f"{what} is {error}.") from error


def json_kind(value: object) -> str:
    kinds = {type(None): "null", bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")
