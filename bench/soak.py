"""Load whose senders go away at random: `python -m bench.soak [--help]`.

What a gateway holds on to is read off while nothing is asked: after a warm-up, and after each quarter of the
load. Tasks, sockets and cursors must come back to where they were, and memory must level off.
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
from bench.faces import FACES, ask
from bench.servers import Server, fresh_database, started
from gateway.commands.database import with_store
from gateway.telemetry.metrics import SAMPLE_SECONDS

WARM_UP_SECONDS = 5
QUARTERS = 4
REQUESTS = 500


@dataclass(frozen=True)
class Held:
    """What the server holds on to."""

    megabytes: float
    tasks: int
    sockets: int
    pooled: int
    cursors: int


def held(server: Server, metrics_port: int, database: MongoClient[dict[str, Any]]) -> Held:
    """Read it off once nothing is under way any more."""
    server.settle()
    time.sleep(2 * SAMPLE_SECONDS)
    text = httpx.get(f"http://127.0.0.1:{metrics_port}").text

    def value(sample: str) -> float:
        [found] = re.findall(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
        return float(found)

    descriptors = Path(f"/proc/{server.pid}/fd").iterdir()
    return Held(
        value("process_resident_memory_bytes") / 2**20,
        int(value("promo_gateway_event_loop_tasks")),
        sum(path.readlink().name.startswith("socket:") for path in descriptors),
        int(value('promo_gateway_pool_connections{state="open"}')),
        database.admin.command("serverStatus")["metrics"]["cursor"]["open"]["total"],
    )


class Sender:
    """Sends requests on one connection after the other, and goes away from some of them."""

    def __init__(self, server: Server, requests: list[bytes], seen: Counter[str]) -> None:
        self._address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        self._requests = requests
        self._seen = seen

    async def run(self, until: float) -> None:
        while time.monotonic() < until:
            reader, writer = await asyncio.open_connection(*self._address)
            while await self._send(reader, writer) and time.monotonic() < until:
                pass
            writer.transport.abort()

    async def _send(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection is still of use."""
        request = random.choice(self._requests)
        goes = random.choices(("stays", "sends half", "waits a while", "reads half"), (7, 1, 1, 1))[0]
        self._seen[goes] += 1
        writer.write(request[: len(request) // 2] if goes == "sends half" else request)
        await writer.drain()
        if goes == "sends half":
            return False
        if goes == "waits a while":
            await asyncio.sleep(random.uniform(0, 0.05))
            return False
        head = await reader.readuntil(b"\r\n\r\n")
        if goes == "reads half":
            return False
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        self._seen[head.split()[1].decode()] += 1
        return True


async def load(server: Server, requests: list[bytes], connections: int, seconds: float) -> Counter[str]:
    """What was done for so long, and the statuses of what was answered."""
    seen: Counter[str] = Counter()
    until = time.monotonic() + seconds
    await asyncio.gather(*(Sender(server, requests, seen).run(until) for _ in range(connections)))
    return seen


def table(rows: list[tuple[str, Held]]) -> Table:
    shown = Table()
    for head in ("after", "MiB", "tasks", "sockets", "of these pooled", "cursors"):
        shown.add_column(head, justify="left" if head == "after" else "right")
    for when, one in rows:
        megabytes, *counts = astuple(one)
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
    """Load `promo-gateway serve` with senders who go away; fails if it keeps anything of theirs."""
    tenant = seed.tenant(0, seed.CUSTOMERS, 12)
    requests = [
        FACES[name].request(one).text().encode()
        for name in ("rest", "graphql", "aliases")
        for one in ask(FACES[name], [tenant], REQUESTS)
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
            rows = [("warm-up", held(server, metrics_port, database))]
            seen: Counter[str] = Counter()
            for n in range(1, QUARTERS + 1):
                seen += asyncio.run(load(server, requests, connections, seconds / QUARTERS))
                rows.append((f"{n * seconds / QUARTERS:.0f} s", held(server, metrics_port, database)))
    console = Console(width=120)
    console.print(table(rows))
    console.print(", ".join(f"{what}: {times}" for what, times in sorted(seen.items())))
    console.print("; ".join(where.values()))
    first, last = rows[0][1], rows[-1][1]
    if (last.tasks, last.sockets - last.pooled, last.cursors) != (
        first.tasks,
        first.sockets - first.pooled,
        first.cursors,
    ):
        raise click.ClickException("something is left behind.")


if __name__ == "__main__":
    main()
