"""The telemetry of one application; traces are part of it only if they are switched on."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec

from starlette.middleware import Middleware

from gateway import OperatorError
from gateway.telemetry import logs
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.instrumentation import BatchMetrics, PoolMetrics, count_command
from gateway.telemetry.metrics import sample
from loaders.dispatcher import BatchObserver
from loaders.store import Listener, OnCommand

# The variable for traces wins over the one for all telemetry.
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"


def check_traces(traces: str) -> None:
    """Raise `OperatorError` if `traces`, the value of GATEWAY_TRACES, cannot be obeyed."""
    if traces == "off":
        return
    if not (find_spec("opentelemetry") and find_spec("opentelemetry.sdk")):
        raise OperatorError(
            "GATEWAY_TRACES is otlp, but OpenTelemetry is not installed: pip install 'promo-gateway[otel]'."
        )
    for variable in _PROTOCOLS:
        if protocol := os.environ.get(variable):
            if protocol != _PROTOCOL:
                raise OperatorError(f"{variable} is {protocol!r}; expected {_PROTOCOL!r}.")
            break
    from gateway.telemetry.traces import Traces

    try:
        Traces().close()
    except ValueError as error:
        raise OperatorError(f"OpenTelemetry cannot use its OTEL_… variables: {error}") from error


class Telemetry:
    """The middleware, listeners and callbacks that an application is built with."""

    def __init__(self, traces: str, database: str) -> None:
        self.middleware = [Middleware(AccessLog)]
        self.listeners: list[Listener] = [PoolMetrics()]
        self.on_command: OnCommand = count_command
        self.batch_observer: BatchObserver = BatchMetrics()
        self._close: Callable[[], None] = lambda: None
        if traces == "otlp":
            # An optional dependency, and its import costs memory.
            from gateway.telemetry.traces import BatchTraces, CommandTraces, RequestTraces, Traces

            spans = Traces()
            self.middleware.append(Middleware(RequestTraces, tracer=spans.tracer))
            self.on_command = CommandTraces(spans.tracer, database).note
            self.batch_observer = BatchTraces(spans.tracer)
            self._close = spans.close

    @asynccontextmanager
    async def open(self, queued_loads: Callable[[], Mapping[str, int]]) -> AsyncIterator[None]:
        """Sample the gauges until the block ends; then send the last spans and write the last lines."""
        sampling = asyncio.create_task(sample(queued_loads))
        try:
            yield
        finally:
            sampling.cancel()
            await asyncio.to_thread(self._close)
            # A worker process is ended by a signal and runs no exit handlers.
            await asyncio.to_thread(logs.flush)
