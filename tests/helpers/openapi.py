"""The responses that the OpenAPI document describes, and a check of real responses against them."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import jsonschema

from gateway.rest import openapi

OPENAPI: dict[str, Any] = json.loads(openapi.DOCUMENT)


class Described(NamedTuple):
    """A response that the document describes; `code` is that of an error."""

    method: str
    path: str
    status: int
    code: int | None


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """The component that a reference names; a node that is no reference comes back unchanged."""
    while "$ref" in node:
        _, _, kind, name = node["$ref"].split("/")
        node = OPENAPI["components"][kind][name]
    return node


def examples(content: dict[str, Any]) -> list[Any]:
    """The values of a media type's examples."""
    return [resolve(example)["value"] for example in content["application/json"].get("examples", {}).values()]


def error_code(body: Any) -> int | None:
    """The code of an error's body; None for any other body."""
    errors = body.get("errors") if isinstance(body, dict) else None
    return errors[0]["code"] if errors else None


def _described_responses() -> Iterator[Described]:
    for path, item in OPENAPI["paths"].items():
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                content = resolve(response).get("content")
                bodies = (content and examples(content)) or [{}]
                for body in bodies:
                    yield Described(method, path, int(status), error_code(body))


DESCRIBED = frozenset(_described_responses())


def check(response: httpx.Response) -> Described:
    """Find the description of a response; fails if its headers or its body differ from the description."""
    method, path = response.request.method.lower(), response.request.url.path
    described = resolve(OPENAPI["paths"][path][method]["responses"][str(response.status_code)])
    body = None
    for name in described["headers"]:
        assert name in response.headers
    if "content" in described:
        assert response.headers["content-type"] == "application/json"
        schema = {**described["content"]["application/json"]["schema"], "components": OPENAPI["components"]}
        body = json.loads(response.content, parse_float=Decimal)
        jsonschema.Draft202012Validator(schema).validate(body)
    else:
        assert response.content == b""
    found = Described(method, path, response.status_code, error_code(body))
    assert found in DESCRIBED
    return found
