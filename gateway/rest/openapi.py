"""The OpenAPI document of the REST API. It is written by hand: `openapi.json` beside this module."""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from gateway.http_headers import public_document

OPENAPI_PATH = "/openapi.json"
DOCUMENT = Path(__file__).with_suffix(".json").read_bytes()


async def describe(request: Request) -> Response:
    """`GET /openapi.json`, for everybody."""
    return public_document(request, DOCUMENT)
