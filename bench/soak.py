"""Load from clients that disconnect at random: `python -m bench.soak [--help]`.

Memory, tasks, sockets and cursors are read while no request runs: after a warm-up, and after each quarter of
the load. Tasks, sockets and cursors must not be more than after the warm-up, and memory must level off.
"""

import asyncio
import random
import re
import socket
import time
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import click
import httpx
from pymongo import MongoClient
from rich.console import Console
from rich.table import Table

from bench import machine, seed
from bench.http_client import read_head
from bench.servers import Server, fresh_database, started
from bench.workloads import WORKLOADS, ask
from gateway.commands.database import with_store
from gateway.telemetry.metrics import SAMPLE_SECONDS

WARM_UP_SECONDS = 5
QUARTERS = 4
REQUESTS = 500
# What clients do with a request, with weights.
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
    )


class Client:
    """Sends requests on one connection after another, and disconnects from some of them too early."""

    def __init__(self, server: Server, requests: list[bytes], seen: Counter[str]) -> None:
        self._address = server.address
        self._requests = requests
        self._seen = seen

    async def run(self, until: float) -> None:
        while time.monotonic() < until:
            reader, writer = await asyncio.open_connection(*self._address)
            while await self._send(reader, writer) and time.monotonic() < until:
                pass
            writer.transport.abort()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send a request; returns whether the connection can be used again."""
        request = random.choice(self._requests)
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


async def load(server: Server, requests: list[bytes], connections: int, seconds: float) -> Counter[str]:
    """Send requests for `seconds`; returns how often clients did what, and the statuses of the responses."""
    seen: Counter[str] = Counter()
    until = time.monotonic() + seconds
    await asyncio.gather(*(Client(server, requests, seen).run(until) for _ in range(connections)))
    return seen


def table(rows: list[tuple[str, Resources]]) -> Table:
    shown = Table()
    for head in ("after", "MiB", "tasks", "sockets", "of these pooled", "cursors"):
        shown.add_column(head, justify="left" if head == "after" else "right")
    for when, resources in rows:
        megabytes, *counts = astuple(resources)
        shown.add_row(when, f"{megabytes:.1f}", *map(str, counts))
    return shown


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@click.command()
@click.option("--seconds", default=60, show_default=True, help="How long the load lasts.")
@click.option("--connections", default=32, show_default=True)
def main(seconds: int, connections: int) -> None:
    """Load `promo-gateway serve` with clients that disconnect; fails if tasks, sockets or cursors leak."""
    tenant = seed.tenant(0, seed.CUSTOMERS, 12)
    requests = [
        WORKLOADS[name].request(one).text().encode()
        for name in ("rest", "graphql", "aliases")
        for one in ask(WORKLOADS[name], [tenant], REQUESTS)
    ]
    metrics_port = _free_port()
    with (
        fresh_database() as settings,
        MongoClient[dict[str, Any]](settings.mongodb_uri.get_secret_value()) as database,
    ):
        where = machine.describe(settings)
        with_store(lambda store: seed.seed(store, [tenant]), settings)
        variables = {"GATEWAY_METRICS_PORT": str(metrics_port)}
        with started(settings, "gateway", "serve", "--port", "0", variables=variables) as server:
            asyncio.run(load(server, requests, connections, WARM_UP_SECONDS))
            rows = [("warm-up", read_resources(server, metrics_port, database))]
            seen: Counter[str] = Counter()
            for n in range(1, QUARTERS + 1):
                seen += asyncio.run(load(server, requests, connections, seconds / QUARTERS))
                rows.append(
                    (f"{n * seconds / QUARTERS:.0f} s", read_resources(server, metrics_port, database))
                )
    console = Console(width=120)
    console.print(table(rows))
    console.print(", ".join(f"{what}: {times}" for what, times in sorted(seen.items())))
    console.print("; ".join(where.values()))
    first, last = rows[0][1], rows[-1][1]
    if (
        last.tasks > first.tasks
        or last.sockets - last.pooled > first.sockets - first.pooled
        or last.cursors > first.cursors
    ):
        raise click.ClickException("Tasks, sockets or cursors leak.")


if __name__ == "__main__":
    main()
