"""One line and one count per request, under an id that every answer carries and a caller may choose."""

import random
import re
from time import perf_counter

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from gateway.telemetry import REQUEST_ID
from gateway.telemetry.metrics import REQUESTS
from gateway.telemetry.request_log import UNANSWERED, RequestLog, running

UNMATCHED = "unmatched"

# Nothing but 32 hex digits, with or without a UUID's hyphens: an id is no place for anything personal.
_ACCEPTABLE = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

log: FilteringBoundLogger = structlog.get_logger()


class Access:
    """Middleware that opens a request's entry, and closes it when the request is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        entry = RequestLog(given if _ACCEPTABLE.fullmatch(given) else f"{random.getrandbits(128):032x}")

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = entry.request_id
                if entry.traceparent is not None:
                    headers["traceparent"] = entry.traceparent
            await send(message)

        before = running.set(entry)
        started = perf_counter()
        try:
            await self._app(scope, receive, send_with_ids)
        except ClientDisconnect:
            entry.status = UNANSWERED
        finally:
            _close(entry, route_of(scope), perf_counter() - started)
            running.reset(before)


def route_of(scope: Scope) -> str:
    """The template of the route that took this request; a path itself could hold anything.

    What was refused before it was routed has the route that it asked for: the templates are plain paths.
    """
    if route := scope.get("route"):
        return str(route.path)
    path: str = scope["path"]
    return path if any(route.path == path for route in scope["app"].routes) else UNMATCHED


def _close(entry: RequestLog, route: str, seconds: float) -> None:
    REQUESTS.labels(route, entry.status).observe(seconds)
    log.info(
        "request",
        route=route,
        operation=entry.operation,
        status=entry.status,
        code=entry.code,
        milliseconds=round(seconds * 1000, 3),
        aggregations=entry.aggregations,
        batch_size=entry.batch_size,
        client_id=entry.client_id,
    )
