"""OpenTelemetry spans: one for each request, each batch of loads and each database command.

Names and attributes follow OpenTelemetry's semantic conventions for HTTP, GraphQL and MongoDB. Those that
could hold a value of a caller are left out: the path, the query, the document, addresses.

OpenTelemetry is an optional dependency, so this module is imported only if traces are switched on. Its
instrumentations of Starlette and PyMongo are not used, because they put queries and addresses on spans.
"""

import os
import time
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPMethod

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.telemetry.access_log import UNMATCHED, route_of
from gateway.telemetry.current_request import AD_HOC, UNNAMED, RequestLog, current_request_log

_TRACEPARENT = "traceparent"
_propagator = TraceContextTextMapPropagator()


class Traces:
    """The spans of one application, exported as the OTEL_EXPORTER_OTLP_… variables say."""

    def __init__(self, database: str) -> None:
        self._database = database
        name = os.environ.get("OTEL_SERVICE_NAME", "promo-gateway")
        self._provider = TracerProvider(resource=Resource.create({SERVICE_NAME: name}))
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("promo-gateway")
        # An exception's text may quote a customer's data.
        self.start_span = partial(
            self._tracer.start_as_current_span, record_exception=False, set_status_on_exception=False
        )

    def batch(self, kind: str, loads: int) -> AbstractContextManager[Span]:
        """A span for a batch, in the trace of the first request that shares it."""
        return self.start_span(f"load {kind}", attributes={"promo_gateway.loads": loads})

    def command(self, name: str, collection: str, failure: str, seconds: float) -> None:
        """Make the span of a database command that has ended, without its arguments and its reply.

        Listeners of the driver are not told of the end of a command that was cancelled.
        """
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

    def close(self) -> None:
        """Export the last spans."""
        self._provider.shutdown()


class RequestTraces:
    """Middleware inside of `AccessLog`: a span for each request, in the caller's trace if it has one."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app = app
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_log = current_request_log()
        # Only `traceparent`, which has a fixed form. `tracestate` and `baggage` could hold anything.
        context = _propagator.extract({_TRACEPARENT: Headers(scope=scope).get(_TRACEPARENT, "")})
        with self._traces.start_span("request", context, SpanKind.SERVER) as span:
            carrier: dict[str, str] = {}
            _propagator.inject(carrier)
            request_log.traceparent = carrier.get(_TRACEPARENT)
            try:
                await self._app(scope, receive, send)
            finally:
                _describe(span, scope["method"], route_of(scope), request_log)


def _describe(span: Span, method: str, route: str, request_log: RequestLog) -> None:
    # Other methods could be anything; the conventions call them _OTHER.
    method = method if method in HTTPMethod.__members__ else "_OTHER"
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
