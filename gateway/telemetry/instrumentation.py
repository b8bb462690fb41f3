"""What the database's driver and the dispatchers tell, as metrics."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from gateway.telemetry.metrics import BATCHES, COMMANDS, CONNECTIONS, UNCONNECTED
from gateway.telemetry.request_log import current_request_log
from loaders.dispatcher import BatchObserver
from loaders.store import ConnectionPoolListener

_OPEN, _IN_USE = CONNECTIONS.labels("open"), CONNECTIONS.labels("in_use")


class BatchMetrics(BatchObserver):
    """Counts batches, and notes the aggregations of a request in its entry."""

    def batch(self, kind: str, loads: int) -> AbstractContextManager[object]:
        BATCHES.labels(kind).observe(loads)
        return nullcontext()

    def answered(self, kind: str, loads: int) -> None:
        if kind == "totals":
            entry = current_request_log()
            entry.aggregations += 1
            entry.batch_size = max(entry.batch_size, loads)


def note_command(name: str, good: bool, seconds: float) -> None:
    """Count a command. Told by the store, because the driver builds an event of each command and answer."""
    COMMANDS.labels(name, "ok" if good else "failed").observe(seconds)


class PoolMetrics(ConnectionPoolListener):
    """Counts connections. It runs in the driver's threads."""

    def connection_created(self, event: Any) -> None:
        _OPEN.inc()

    def connection_closed(self, event: Any) -> None:
        _OPEN.dec()

    def connection_checked_out(self, event: Any) -> None:
        _IN_USE.inc()

    def connection_checked_in(self, event: Any) -> None:
        _IN_USE.dec()

    def connection_check_out_failed(self, event: Any) -> None:
        UNCONNECTED.labels(event.reason).inc()

    def _ignored(self, event: Any) -> None:
        """Nothing to count: the pool's own life, and what comes before a check-out is known to work."""

    pool_created = pool_ready = pool_cleared = pool_closed = _ignored
    connection_ready = connection_check_out_started = _ignored
