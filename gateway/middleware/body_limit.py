"""The largest request body that an API takes; Starlette's own middleware counts the bytes."""

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send


def body_limit(max_bytes: int) -> list[Middleware]:
    """Middleware that refuses a larger body with 413."""
    return [
        Middleware(DeclaredBodyLimit, max_bytes=max_bytes),
        Middleware(RequestBodyLimitMiddleware, max_body_size=max_bytes),
    ]


class DeclaredBodyLimit:
    """Middleware that refuses a Content-Length over the limit.

    Starlette's middleware would answer it in plain text, and each API answers in a shape of its own.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        declared = Request(scope).headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared) > self._max_bytes:
            raise HTTPException(413, f"A body has at most {self._max_bytes} bytes.")
        await self._app(scope, receive, send)
