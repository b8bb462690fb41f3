"""What the HTTP server leaves unchecked in the head of a request."""

import math
import re
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

MAX_TARGET_BYTES = 32 * 1024
MAX_HEADERS_BYTES = 32 * 1024

_CLOSE = {"Connection": "close"}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(:[0-9]*)?", re.ASCII)


class OriginForm:
    """Middleware that serves a target in absolute form, `http://host/path`, by its path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(("/", "*")):
            for key, slash in (("path", "/"), ("raw_path", b"/")):
                scope[key] = slash + scope[key].partition(slash * 2)[2].partition(slash)[2]
        await self._app(scope, receive, send)


class RequestHead:
    """Middleware that refuses an invalid Host, a long target or long headers, and a body with two lengths.

    It also refuses a Content-Length of more than `max_body_bytes`, which Starlette's own middleware would
    answer in plain text.
    """

    def __init__(self, app: ASGIApp, *, max_body_bytes: int | None) -> None:
        self._app = app
        self._max_body_bytes = math.inf if max_body_bytes is None else max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
            raise HTTPException(414, f"A request target may have at most {MAX_TARGET_BYTES} bytes.", _CLOSE)
        lengths = size = 0
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"host" and not _is_host(value):
                raise HTTPException(400, "Host must be a name or an address, with or without a port.", _CLOSE)
            lengths += name in (b"content-length", b"transfer-encoding")
            if name == b"content-length" and value.isdigit() and int(value) > self._max_body_bytes:
                raise HTTPException(413, f"A body may have at most {self._max_body_bytes} bytes.")
        if size > MAX_HEADERS_BYTES:
            raise HTTPException(431, f"Request headers may have at most {MAX_HEADERS_BYTES} bytes.", _CLOSE)
        if lengths > 1:
            # RFC 9112, section 6.3: a sign of request smuggling.
            raise HTTPException(400, "Send either Content-Length or Transfer-Encoding, once.", _CLOSE)
        await self._app(scope, receive, send)


@lru_cache(256)
def _is_host(value: bytes) -> bool:
    return _HOST.fullmatch(value.decode("latin-1")) is not None
