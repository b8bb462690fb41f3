"""What is counted, and the port of its own where Prometheus reads it.

A port of its own, because it needs no credentials that a scraper would have to keep, the API's port never
shows it, and with several workers only their parent can answer for all of them. The workers then count in
files that the parent adds up.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from gateway.telemetry import UNUSABLE_DIRECTORY

SAMPLE_SECONDS = 1
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Histogram(
    "promo_gateway_request_seconds",
    "Requests, by the template of their route and by status (499: gone before the answer).",
    ["route", "status"],
    buckets=_SECONDS,
)
ERRORS = Counter("promo_gateway_errors", "Errors that callers were shown, by the API's code.", ["code"])
COMMANDS = Histogram(
    "promo_gateway_command_seconds",
    "Commands to the database, by name and by outcome (ok, failed).",
    ["command", "outcome"],
    buckets=_SECONDS,
)
BATCHES = Histogram(
    "promo_gateway_batch_loads",
    "How many loads shared a batch, by what was looked up.",
    ["kind"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
WAITING = Gauge(
    "promo_gateway_waiting_loads",
    "Loads that wait for a batch to return, by what is looked up.",
    ["kind"],
    multiprocess_mode="livesum",
)
CONNECTIONS = Gauge(
    "promo_gateway_pool_connections",
    "Connections to the database (open, and of these in_use).",
    ["state"],
    multiprocess_mode="livesum",
)
UNCONNECTED = Counter(
    "promo_gateway_pool_failures", "Commands that got no connection, by the driver's reason.", ["reason"]
)
EVENTS = Counter("promo_gateway_events", "Event notifications, by what became of them.", ["outcome"])
LOST_LINES = Counter("promo_gateway_lost_lines", "Log lines that could not be written.")
TASKS = Gauge("promo_gateway_tasks", "Tasks of the event loop.", multiprocess_mode="livesum")


class MetricsUnavailable(Exception):
    """Prometheus could not read the metrics; the message is one line."""


async def sample(waiting: Callable[[], Mapping[str, int]]) -> None:
    """Set, for as long as it runs, the gauges that are read off and not counted."""
    while True:
        TASKS.set(len(asyncio.all_tasks()))
        for kind, loads in waiting().items():
            WAITING.labels(kind).set(loads)
        await asyncio.sleep(SAMPLE_SECONDS)


@contextmanager
def exposed(host: str, port: int, workers: int) -> Iterator[None]:
    """Answer for this process, or for the `workers` it starts within the block; not at all on port 0."""
    if UNUSABLE_DIRECTORY:
        raise MetricsUnavailable(UNUSABLE_DIRECTORY)
    if not port:
        yield
        return
    with ExitStack() as stack:
        registry = REGISTRY
        if workers > 1:
            directory = stack.enter_context(TemporaryDirectory(prefix="promo-gateway-"))
            # Where prometheus_client finds it in the workers.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
            registry = CollectorRegistry()
            registry.register(Workers(Path(directory)))
        try:
            server, thread = start_http_server(port, host, registry)
        except OSError as error:
            raise MetricsUnavailable(
                f"Cannot listen on {host} port {port}: {os.strerror(error.errno or 0)}. "
                "Choose another with GATEWAY_METRICS_PORT."
            ) from error
        stack.callback(thread.join)
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        yield


class Workers(Collector):
    """Adds up what the workers count, and of gauges what those count that still run."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def collect(self) -> Iterable[Metric]:
        for pid in {path.stem.rpartition("_")[2] for path in self._directory.glob("gauge_live*.db")}:
            if not _runs(int(pid)):
                mark_process_dead(pid, self._directory)
        found: Iterable[Metric] = MultiProcessCollector(None, self._directory).collect()
        return found


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
