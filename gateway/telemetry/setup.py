"""Everything that watches one application; traces are part of it only where they are switched on."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec

from starlette.middleware import Middleware

from gateway.telemetry import logs
from gateway.telemetry.access_log import Access
from gateway.telemetry.instrumentation import BatchMetrics, PoolMetrics, note_command
from gateway.telemetry.metrics import sample
from loaders.dispatcher import BatchObserver
from loaders.store import Listener, Note

# The one for traces comes before the one for all kinds of telemetry.
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL = "http/protobuf"


class TracesUnavailable(Exception):
    """Traces are on and cannot be exported; the message is one line."""


def check_traces(traces: str) -> None:
    """Raises `TracesUnavailable` if this setting of `GATEWAY_TRACES` cannot be obeyed."""
    if traces == "off":
        return
    if not (find_spec("opentelemetry") and find_spec("opentelemetry.sdk")):
        raise TracesUnavailable(
            "GATEWAY_TRACES is otlp and OpenTelemetry is not installed: pip install 'promo-gateway[otel]'."
        )
    for variable in _PROTOCOLS:
        if protocol := os.environ.get(variable):
            if protocol != _PROTOCOL:
                raise TracesUnavailable(f"{variable} is {protocol!r}; expected {_PROTOCOL!r}.")
            break
    from gateway.telemetry.traces import Traces

    try:
        Traces().close()
    except ValueError as error:
        raise TracesUnavailable(f"OpenTelemetry cannot use its OTEL_… variables: {error}") from error


class Telemetry:
    """What the parts of an application are given to be watched by."""

    def __init__(self, traces: str) -> None:
        self.middleware = [Middleware(Access)]
        self.listeners: list[Listener] = [PoolMetrics()]
        self.command: Note = note_command
        self.batches: BatchObserver = BatchMetrics()
        self._close: Callable[[], None] = lambda: None
        if traces == "otlp":
            # The extra may not be installed, and what is imported costs memory.
            from gateway.telemetry.traces import BatchTraces, TracedCommands, TracedRequests, Traces

            spans = Traces()
            self.middleware.append(Middleware(TracedRequests, tracer=spans.tracer))
            self.command = TracedCommands(spans.tracer).note
            self.batches = BatchTraces(spans.tracer)
            self._close = spans.close

    @asynccontextmanager
    async def open(self, waiting: Callable[[], Mapping[str, int]]) -> AsyncIterator[None]:
        """Sample the gauges until the block ends; then send the last spans and write the last lines."""
        sampling = asyncio.create_task(sample(waiting))
        try:
            yield
        finally:
            sampling.cancel()
            await asyncio.to_thread(self._close)
            # A worker process is ended by a signal and runs no exit handlers.
            await asyncio.to_thread(logs.flush)
