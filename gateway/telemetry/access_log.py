"""A log line and a count for each request, with an id that the caller may choose and the response carries."""

import random
import re
from time import perf_counter

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.telemetry import REQUEST_ID
from gateway.telemetry.current_request import CLIENT_CLOSED_REQUEST, RequestLog, active_request_log
from gateway.telemetry.logs import log
from gateway.telemetry.metrics import REQUESTS

UNMATCHED = "unmatched"

# 32 hex digits, with or without the hyphens of a UUID: nothing personal has this form.
_REQUEST_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class AccessLog:
    """Middleware that logs and counts each request at its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        requested_id = Headers(scope=scope).get(REQUEST_ID, "")
        request_log = RequestLog(
            requested_id if _REQUEST_ID.fullmatch(requested_id) else f"{random.getrandbits(128):032x}"
        )

        async def send_with_ids(message: Message) -> None:
            if message["type"] == "http.response.start":
                request_log.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request_log.request_id
                if request_log.traceparent is not None:
                    headers["traceparent"] = request_log.traceparent
            await send(message)

        token = active_request_log.set(request_log)
        started = perf_counter()
        try:
            await self._app(scope, receive, send_with_ids)
        except ClientDisconnect:
            request_log.status = CLIENT_CLOSED_REQUEST
        finally:
            _record(request_log, route_of(scope), perf_counter() - started)
            active_request_log.reset(token)


def route_of(scope: Scope) -> str:
    """The template of the request's route. The path itself could hold anything.

    A request that was refused before routing has the route whose template is its path.
    """
    if route := scope.get("route"):
        return str(route.path)
    path: str = scope["path"]
    return path if any(route.path == path for route in scope["app"].routes) else UNMATCHED


def _record(request_log: RequestLog, route: str, seconds: float) -> None:
    REQUESTS.labels(route, request_log.status).observe(seconds)
    log.info(
        "request",
        route=route,
        operation=request_log.operation,
        status=request_log.status,
        code=request_log.code,
        milliseconds=round(seconds * 1000, 3),
        aggregations=request_log.aggregations,
        batch_size=request_log.batch_size,
        client_id=request_log.client_id,
    )
