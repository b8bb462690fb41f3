"""The headers of all responses: what a page in a browser may load, keep, and read from another origin.

The gateway reads and sets no cookies, and a browser never adds the headers that carry credentials. So a page
of another site can do no more than any other client without credentials. The proxy that terminates TLS sends
Strict-Transport-Security.
"""

from collections.abc import Collection

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.auth.credentials import TOKEN_HEADER
from gateway.http_headers import content_security_policy
from gateway.middleware.admission import InFlightRequests
from gateway.telemetry import REQUEST_ID

# The request headers that a page of an allowed origin may send.
CORS_HEADERS = (
    *("Authorization", TOKEN_HEADER, REQUEST_ID, "X-CAP-COST", "X-CAP-DEADLINE-MS"),
    *("Cache-Control", "If-Modified-Since", "If-None-Match", "Pragma", "X-Requested-With"),
    # GraphQL clients name themselves and the operation, or ask for a preflight.
    *("apollographql-client-name", "apollographql-client-version", "apollo-require-preflight"),
    *("X-Apollo-Operation-Id", "X-Apollo-Operation-Name", "X-Apollo-Operation-Type"),
    *("graphql-client-name", "graphql-client-version", "GraphQL-Preflight", "GraphQL-Require-Preflight"),
    # Tracing libraries add these to every request of a page.
    *("traceparent", "tracestate", "baggage", "sentry-trace", "elastic-apm-traceparent", "newrelic"),
    *("b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "uber-trace-id"),
    *("x-datadog-trace-id", "x-datadog-parent-id", "x-datadog-origin", "x-datadog-sampling-priority"),
    *("Request-Id", "Request-Context", "X-Request-Id", "X-Correlation-Id"),
)
# Browsers remember a preflight for at most two hours.
PREFLIGHT_SECONDS = 7200

_DEFAULTS = [
    (b"x-content-type-options", b"nosniff"),
    # The URL of the original REST call identifies a customer.
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", content_security_policy().encode()),
    (b"cache-control", b"no-store"),
]
_CLOSE = (b"connection", b"close")


class ResponseHeaders:
    """Middleware that adds the headers of `_DEFAULTS` to every response that does not have them.

    While the process drains, it also closes each connection behind its response.
    """

    def __init__(self, app: ASGIApp, *, in_flight: InFlightRequests) -> None:
        self._app = app
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                present = {name for name, _ in headers}
                headers += [header for header in _DEFAULTS if header[0] not in present]
                if self._in_flight.draining:
                    message["headers"] = [*headers, _CLOSE]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def cors_middleware(
    origins: Collection[str], headers: Collection[str], origin_pattern: str | None
) -> list[Middleware]:
    """Middleware that allows pages of these origins to call, with `headers` beside the usual ones."""
    if not origins and origin_pattern is None:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_origin_regex=origin_pattern,
            allow_methods=["GET", "HEAD", "POST"],
            allow_headers=[*CORS_HEADERS, *headers],
            expose_headers=["ETag", "Retry-After", "WWW-Authenticate", REQUEST_ID],
            max_age=PREFLIGHT_SECONDS,
        )
    ]
