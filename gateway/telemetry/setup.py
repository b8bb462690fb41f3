"""The telemetry of one application; traces are part of it only if they are switched on."""

import asyncio
import os
from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec

from starlette.middleware import Middleware

from gateway import OperatorError
from gateway.telemetry import logs
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.current_request import current_request_log
from gateway.telemetry.metrics import BATCHES, COMMANDS
from loaders.dispatcher import BatchObserver

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
    variable = next(filter(os.environ.get, _PROTOCOLS), None)
    if variable and (protocol := os.environ[variable]) != _PROTOCOL:
        raise OperatorError(f"{variable} is {protocol!r}; expected {_PROTOCOL!r}.")
    from gateway.telemetry.traces import Traces

    try:
        Traces("").close()
    except ValueError as error:
        raise OperatorError(f"OpenTelemetry cannot use its OTEL_… variables: {error}") from error


class Telemetry(BatchObserver):
    """Counts, logs and traces requests, batches and database commands."""

    def __init__(self, traces: str, database: str) -> None:
        self.middleware = [Middleware(AccessLog)]
        self.traces = None
        if traces == "otlp":
            # An optional dependency, and its import costs memory.
            from gateway.telemetry.traces import RequestTraces, Traces

            self.traces = Traces(database)
            self.middleware.append(Middleware(RequestTraces, traces=self.traces))

    def batch(self, kind: str, loads: int) -> AbstractContextManager[object]:
        BATCHES.labels(kind).observe(loads)
        return nullcontext() if self.traces is None else self.traces.batch(kind, loads)

    def answered(self, kind: str, loads: int) -> None:
        if kind == "totals":
            request_log = current_request_log()
            request_log.aggregations += 1
            request_log.batch_size = max(request_log.batch_size, loads)

    def on_command(self, name: str, collection: str, failure: str, seconds: float) -> None:
        """Note the end of a database command. A listener of the driver would cost two events a command."""
        COMMANDS.labels(name, "failed" if failure else "ok").observe(seconds)
        if self.traces is not None:
            self.traces.command(name, collection, failure, seconds)

    async def close(self) -> None:
        """Send the last spans and write the last lines."""
        if self.traces is not None:
            await asyncio.to_thread(self.traces.close)
        # A worker process is ended by a signal and runs no exit handlers.
        await asyncio.to_thread(logs.flush)
