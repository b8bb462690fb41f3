"""OpenTelemetry spans: one for each request, each batch of loads and each database command.

Names and attributes follow OpenTelemetry's semantic conventions for HTTP, GraphQL and MongoDB. Those that
could hold a value of a caller are left out: the path, the query, the document, addresses.

OpenTelemetry is an optional dependency, so this module is imported only if traces are switched on. Its
instrumentations of Starlette and PyMongo are not used, because they put queries and addresses on spans.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.telemetry.access_log import UNMATCHED, route_of
from gateway.telemetry.instrumentation import BatchMetrics, count_command
from gateway.telemetry.request_log import AD_HOC, UNNAMED, RequestLog, current_request_log

_TRACEPARENT = "traceparent"
# Other methods could be anything; the conventions call them _OTHER.
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
_propagator = TraceContextTextMapPropagator()


class Traces:
    """The spans of one application, exported as the OTEL_EXPORTER_OTLP_… variables say."""

    def __init__(self) -> None:
        name = os.environ.get("OTEL_SERVICE_NAME", "promo-gateway")
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.tracer = self._provider.get_tracer("promo-gateway")

    def close(self) -> None:
        """Export the last spans."""
        self._provider.shutdown()


class RequestTraces:
    """Middleware inside of `AccessLog`: a span for each request, in the caller's trace if it has one."""

    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_log = current_request_log()
        with self._tracer.start_as_current_span(
            "request",
            # Only `traceparent`, which has a fixed form. `tracestate` and `baggage` could hold anything.
            _propagator.extract({_TRACEPARENT: Headers(scope=scope).get(_TRACEPARENT, "")}),
            SpanKind.SERVER,
            # An exception's text may quote a customer's data.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            carrier: dict[str, str] = {}
            _propagator.inject(carrier)
            request_log.traceparent = carrier.get(_TRACEPARENT)
            try:
                await self._app(scope, receive, send)
            finally:
                _describe(span, scope["method"], route_of(scope), request_log)


class BatchTraces(BatchMetrics):
    """A span for each batch, in the trace of the first request that shares it."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def batch(self, kind: str, loads: int) -> Iterator[None]:
        with (
            super().batch(kind, loads),
            self._tracer.start_as_current_span(
                f"load {kind}",
                attributes={"promo_gateway.loads": loads},
                record_exception=False,
                set_status_on_exception=False,
            ),
        ):
            yield


class CommandTraces:
    """A span for each database command, with its name but without its arguments and its reply.

    The span is made when the command has ended. Listeners of the driver are not told of the end of a command
    that was cancelled.
    """

    def __init__(self, tracer: Tracer, database: str) -> None:
        self._tracer = tracer
        self._database = database

    def note(self, name: str, collection: str, failure: str, seconds: float) -> None:
        count_command(name, collection, failure, seconds)
        ended = time.time_ns()
        attributes = {"db.system.name": "mongodb", "db.namespace": self._database, "db.operation.name": name}
        if collection:
            attributes["db.collection.name"] = collection
        span = self._tracer.start_span(
            f"{name} {collection or self._database}",
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=ended - int(seconds * 1e9),
        )
        if failure:
            span.set_attribute("error.type", failure)
            span.set_status(StatusCode.ERROR)
        span.end(ended)


def _describe(span: Span, method: str, route: str, request_log: RequestLog) -> None:
    method = method if method in _METHODS else "_OTHER"
    failed = request_log.status >= 500
    operation = request_log.operation
    attributes: dict[str, str | int | None] = {
        "http.request.method": method,
        "http.route": None if route == UNMATCHED else route,
        "http.response.status_code": request_log.status,
        "graphql.operation.type": request_log.operation_type,
        "graphql.operation.name": None if operation in (AD_HOC, UNNAMED) else operation,
        "error.type": str(request_log.status) if failed else None,
        "promo_gateway.request_id": request_log.request_id,
        "promo_gateway.code": request_log.code,
    }
    span.update_name(f"{'HTTP' if method == '_OTHER' else method} {attributes['http.route'] or ''}".rstrip())
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})
    if failed:
        span.set_status(StatusCode.ERROR)
