"""The response headers that are for browsers: what a page may load, keep and read from another origin.

The gateway reads and sets no cookie, and credentials travel in headers that a browser never adds by itself,
so a page of another site can do no more than any client without credentials. The proxy that ends TLS sends
Strict-Transport-Security.
"""

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.auth.credentials import TOKEN_HEADER
from gateway.http_headers import content_security_policy
from gateway.telemetry import REQUEST_ID

# Beside the credentials and the type of a body, what a page may send of its own accord.
_REQUEST_HEADERS = (REQUEST_ID, "X-CAP-COST", "X-CAP-DEADLINE-MS", "If-None-Match", "traceparent")
# Browsers themselves remember a preflight no longer than two hours.
PREFLIGHT_SECONDS = 7200

_DEFAULTS = [
    (b"x-content-type-options", b"nosniff"),
    # The REST call's URL names a customer.
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", content_security_policy().encode()),
    (b"cache-control", b"no-store"),
]


class SecurityHeaders:
    """Middleware that gives every answer the headers of `_DEFAULTS` that it does not have already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_defaults(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                there = {name for name, _ in headers}
                headers += [header for header in _DEFAULTS if header[0] not in there]
            await send(message)

        await self._app(scope, receive, send_with_defaults)


def cors_middleware(origins: Sequence[str]) -> list[Middleware]:
    """Middleware that lets pages of these origins call with their own credentials; none for none."""
    if not origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", TOKEN_HEADER, *_REQUEST_HEADERS],
            expose_headers=["ETag", "Retry-After", "WWW-Authenticate", REQUEST_ID],
            max_age=PREFLIGHT_SECONDS,
        )
    ]
