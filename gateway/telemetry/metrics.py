"""The metrics, and the port that Prometheus reads.

The metrics have a port of their own. The API's port never serves them, and a scraper needs no credentials.
Several workers write their counts to files, and the parent process adds them up and serves the sums.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from gateway import OperatorError
from loaders.store import ConnectionPoolListener

SAMPLE_SECONDS = 1
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Histogram(
    "promo_gateway_request_duration_seconds",
    "Requests, by the template of their route and by HTTP status (499: the client closed the connection "
    "before the response).",
    ["route", "status"],
    buckets=_SECONDS,
)
ERRORS = Counter("promo_gateway_errors", "Errors in responses, by the API's code.", ["code"])
COMMANDS = Histogram(
    "promo_gateway_command_duration_seconds",
    "Commands to the database, by name and outcome (ok, failed).",
    ["command", "outcome"],
    buckets=_SECONDS,
)
BATCHES = Histogram(
    "promo_gateway_batch_loads",
    "Loads that shared a batch, by kind of look-up.",
    ["kind"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
QUEUED_LOADS = Gauge(
    "promo_gateway_queued_loads",
    "Loads that wait for the next batch, by kind of look-up.",
    ["kind"],
    multiprocess_mode="livesum",
)
POOL_CONNECTIONS = Gauge(
    "promo_gateway_pool_connections",
    "Connections to the database, by state (open: all of them; in_use).",
    ["state"],
    multiprocess_mode="livesum",
)
_OPEN, _IN_USE = POOL_CONNECTIONS.labels("open"), POOL_CONNECTIONS.labels("in_use")
POOL_FAILURES = Counter(
    "promo_gateway_pool_failures",
    "Commands that got no connection from the pool, by the driver's reason.",
    ["reason"],
)
EVENTS = Counter(
    "promo_gateway_events",
    "Event notifications, by outcome (recorded, counting, pending, ignored).",
    ["outcome"],
)
LOST_LINES = Counter("promo_gateway_lost_log_lines", "Log lines that standard error did not take.")
TASKS = Gauge("promo_gateway_event_loop_tasks", "Tasks of the event loop.", multiprocess_mode="livesum")


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


async def sample(queued_loads: Callable[[], Mapping[str, int]]) -> None:
    """Set the gauges that are sampled, once a second, until cancelled."""
    while True:
        TASKS.set(len(asyncio.all_tasks()))
        for kind, loads in queued_loads().items():
            QUEUED_LOADS.labels(kind).set(loads)
        await asyncio.sleep(SAMPLE_SECONDS)


@contextmanager
def exposed(host: str, port: int, workers: int) -> Iterator[None]:
    """Serve the metrics of this process, or of the `workers` that it starts; port 0 serves none."""
    if not port:
        yield
        return
    with ExitStack() as stack:
        registry = REGISTRY
        if workers > 1:
            directory = stack.enter_context(TemporaryDirectory(prefix="promo-gateway-"))
            # prometheus_client reads it in the workers.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
            registry = CollectorRegistry()
            registry.register(WorkerMetrics(Path(directory)))
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise OperatorError(
                f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}. "
                "Choose another with GATEWAY_METRICS_PORT."
            ) from error
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        yield


class WorkerMetrics(Collector):
    """The sums of all workers' metrics; gauges of workers that have ended are left out."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        for pid in {path.stem.rpartition("_")[2] for path in self._directory.glob("gauge_live*.db")}:
            try:
                os.kill(int(pid), 0)
            except ProcessLookupError:
                mark_process_dead(pid, self._directory)
        found: Iterable[Metric] = MultiProcessCollector(None, self._directory).collect()
        return found
