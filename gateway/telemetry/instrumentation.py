"""Metrics of the database driver and of the dispatchers."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from gateway.telemetry.metrics import BATCHES, COMMANDS, POOL_CONNECTIONS, POOL_FAILURES
from gateway.telemetry.request_log import current_request_log
from loaders.dispatcher import BatchObserver
from loaders.store import ConnectionPoolListener

_OPEN, _IN_USE = POOL_CONNECTIONS.labels("open"), POOL_CONNECTIONS.labels("in_use")


class BatchMetrics(BatchObserver):
    """Counts batches, and the aggregations of each request."""

    def batch(self, kind: str, loads: int) -> AbstractContextManager[object]:
        BATCHES.labels(kind).observe(loads)
        return nullcontext()

    def answered(self, kind: str, loads: int) -> None:
        if kind == "totals":
            request_log = current_request_log()
            request_log.aggregations += 1
            request_log.batch_size = max(request_log.batch_size, loads)


def count_command(name: str, _: str, failure: str, seconds: float) -> None:
    """Count a database command. A listener of the driver would cost an event for each command and reply."""
    COMMANDS.labels(name, "failed" if failure else "ok").observe(seconds)


class PoolMetrics(ConnectionPoolListener):
    """Counts connections, in the driver's threads."""

    def connection_created(self, event: Any) -> None:
        _OPEN.inc()

    def connection_closed(self, event: Any) -> None:
        _OPEN.dec()

    def connection_checked_out(self, event: Any) -> None:
        _IN_USE.inc()

    def connection_checked_in(self, event: Any) -> None:
        _IN_USE.dec()

    def connection_check_out_failed(self, event: Any) -> None:
        POOL_FAILURES.labels(event.reason).inc()

    def _ignore(self, event: Any) -> None:
        """The driver requires a method for each kind of event."""

    pool_created = pool_ready = pool_cleared = pool_closed = _ignore
    connection_ready = connection_check_out_started = _ignore
