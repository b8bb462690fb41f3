"""Minutes of mixed load from clients that disconnect at random: `python -m bench.soak [--help]`.

The clients send ordinary requests, and requests that could leave something behind: documents with a new text,
valid or not, operations that fail in part, wide operations, wrong credentials and unknown paths.

Memory, tasks, sockets, cursors and the longest garbage collection are read while no request runs: after a
warm-up, and after each minute.
"""

import asyncio
import base64
import json
import random
import re
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import astuple, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import click
import httpx
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from bench import machine, seed
from bench.hostile_clients import wide
from bench.http_client import read_head
from bench.servers import Server, fresh_database, started
from bench.timed_gateway import METRIC
from bench.workloads import FULL, WORKLOADS, Request, SummaryRequest, graphql, random_requests
from gateway.commands.database import with_store
from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.telemetry.metrics import SAMPLE_SECONDS

WARM_UP_SECONDS = 20
MINUTE = 60
REQUESTS = 500
# Memory at the end, as a multiple of that after the third minute.
MOST_GROWTH = 1.1
MOST_COLLECTION_MS = 50
# The requests that clients send, with weights.
KINDS = {
    "ordinary": 60,
    "new text": 10,
    "invalid": 10,
    "failing alias": 10,
    "wide": 2,
    "wrong credentials": 4,
    "unknown path": 4,
}
# The behaviours of clients, with weights.
BEHAVIOURS = {
    "completed": 7,
    "left in the request": 1,
    "left before the response": 1,
    "left in the response": 1,
}


@dataclass(frozen=True)
class Resources:
    """The resources that the server holds."""

    megabytes: float
    tasks: int
    sockets: int
    pooled: int
    cursors: int
    longest_collection_ms: float


def read_resources(server: Server, metrics_port: int, database: MongoClient[dict[str, Any]]) -> Resources:
    """The resources of the server when no request runs any more."""
    server.settle()
    time.sleep(2 * SAMPLE_SECONDS)
    text = httpx.get(f"http://127.0.0.1:{metrics_port}").text

    def value(sample: str) -> float:
        [found] = re.findall(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
        return float(found)

    descriptors = Path(f"/proc/{server.pid}/fd").iterdir()
    return Resources(
        value("process_resident_memory_bytes") / 2**20,
        int(value("promo_gateway_event_loop_tasks")),
        sum(path.readlink().name.startswith("socket:") for path in descriptors),
        int(value('promo_gateway_pool_connections{state="open"}')),
        database.admin.command("serverStatus")["metrics"]["cursor"]["open"]["total"],
        value(METRIC) * 1000,
    )


def requests(tenant: seed.Tenant) -> dict[str, Callable[[], Request]]:
    """For each kind of request, a function that makes one."""
    ordinary = [
        WORKLOADS[name].request(one)
        for name in ("rest", "graphql", "aliases")
        for one in random_requests(WORKLOADS[name], [tenant], REQUESTS)
    ]
    one = graphql([SummaryRequest(tenant, 0, 0)], FULL)
    # The tenant has no customer with the second number.
    failing = graphql([SummaryRequest(tenant, n, 0) for n in (0, tenant.customers)], FULL)
    widest, numbers = wide(tenant), count()
    wrong = {"Authorization": "Basic " + base64.b64encode(b"nobody:" + b"0" * 32).decode()}

    def with_new_text(request: Request, field: str) -> Request:
        body = json.loads(request.body)
        query = body["query"].replace("orgId", f"orgId n{next(numbers)}: {field}")
        return Request(request.path, request.headers, json.dumps({**body, "query": query}))

    return {
        "ordinary": lambda: random.choice(ordinary),
        "new text": lambda: with_new_text(one, "orgId"),
        "invalid": lambda: with_new_text(one, "nothing"),
        "failing alias": lambda: failing,
        "wide": lambda: widest,
        "wrong credentials": lambda: Request(GRAPHQL_PATH, wrong, one.body),
        "unknown path": lambda: Request("/nothing", tenant.headers),
    }


class Client:
    """Sends requests on one connection after another, and disconnects from some of them too early."""

    def __init__(self, server: Server, kinds: dict[str, Callable[[], Request]], seen: Counter[str]) -> None:
        self._address = server.address
        self._kinds = kinds
        self._seen = seen

    async def run(self, until: float) -> None:
        while time.monotonic() < until:
            reader, writer = await asyncio.open_connection(*self._address)
            while await self._send(reader, writer) and time.monotonic() < until:
                pass
            writer.transport.abort()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send a request; returns whether the connection can be used again."""
        request = self._kinds[random.choices(list(KINDS), list(KINDS.values()))[0]]().text().encode()
        behaviour = random.choices(list(BEHAVIOURS), list(BEHAVIOURS.values()))[0]
        self._seen[behaviour] += 1
        writer.write(request[: len(request) // 2] if behaviour == "left in the request" else request)
        await writer.drain()
        if behaviour == "left in the request":
            return False
        if behaviour == "left before the response":
            await asyncio.sleep(random.uniform(0, 0.05))
            return False
        status, length = await read_head(reader)
        if behaviour == "left in the response":
            return False
        await reader.readexactly(length)
        self._seen[str(status)] += 1
        return True


async def load(
    server: Server, kinds: dict[str, Callable[[], Request]], connections: int, seconds: float
) -> Counter[str]:
    """Send requests for `seconds`; returns the counts of behaviours and of the statuses of responses."""
    seen: Counter[str] = Counter()
    until = time.monotonic() + seconds
    await asyncio.gather(*(Client(server, kinds, seen).run(until) for _ in range(connections)))
    return seen


def table(rows: list[tuple[str, Resources]]) -> Table:
    shown = Table()
    heads = "after", "MiB", "tasks", "sockets", "of these pooled", "cursors", "longest collection, ms"
    for head in heads:
        shown.add_column(head, justify="left" if head == "after" else "right")
    for when, resources in rows:
        megabytes, *counts, collection = astuple(resources)
        shown.add_row(when, f"{megabytes:.1f}", *map(str, counts), f"{collection:.0f}")
    return shown


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@click.command()
@click.option(
    "--minutes", type=click.IntRange(4), default=10, show_default=True, help="How long the load lasts."
)
@click.option("--connections", default=32, show_default=True)
def main(minutes: int, connections: int) -> None:
    """Load the gateway with clients of all kinds; fails if it keeps anything of their requests."""
    tenant = seed.tenant(0, seed.CUSTOMERS, 12)
    kinds = requests(tenant)
    metrics_port = _free_port()
    with (
        fresh_database() as settings,
        MongoClient[dict[str, Any]](settings.mongodb_uri.get_secret_value()) as database,
    ):
        where = machine.describe(settings)
        with_store(lambda store: seed.seed(store, [tenant]), settings)
        variables = {"GATEWAY_METRICS_PORT": str(metrics_port)}
        with started(settings, "bench.timed_gateway", "serve", "--port", "0", variables=variables) as server:
            asyncio.run(load(server, kinds, connections, WARM_UP_SECONDS))
            rows = [("warm-up", read_resources(server, metrics_port, database))]
            seen: Counter[str] = Counter()
            for n in range(1, minutes + 1):
                seen += asyncio.run(load(server, kinds, connections, MINUTE))
                rows.append((f"{n} min", read_resources(server, metrics_port, database)))
    console = Console(width=120)
    console.print(table(rows))
    console.print(", ".join(f"{what}: {times}" for what, times in sorted(seen.items())))
    console.print("; ".join(where.values()))
    if failures := exceeded([resources for _, resources in rows]):
        raise click.ClickException("; ".join(failures))


def exceeded(read: list[Resources]) -> list[str]:
    """The limits that the server exceeded; `read` is its resources after the warm-up and each minute."""
    first, third, last = read[0], read[3], read[-1]
    return [
        text
        for text, failed in {
            "tasks leak": last.tasks > first.tasks,
            "sockets leak": last.sockets - last.pooled > first.sockets - first.pooled,
            "cursors leak": last.cursors > first.cursors,
            "memory grows": last.megabytes > MOST_GROWTH * third.megabytes,
            "a collection is long": last.longest_collection_ms > MOST_COLLECTION_MS,
        }.items()
        if failed
    ]


if __name__ == "__main__":
    main()
