"""The cost of attacks for the server and the other clients: `python -m bench.attacks [--help]`.

Hostile documents cost CPU. Hostile clients cost memory and the time of other clients. While they attack,
small requests of another organisation, requests with a deadline and liveness probes are sent.
"""

import asyncio
import json
import time
from collections import Counter
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench import hostile_documents, machine, seed
from bench.hostile_clients import Attack, attacks, connected, wide
from bench.http_client import Address, read_response
from bench.servers import Server, fresh_database, started
from bench.workloads import FULL, Request, SummaryRequest, graphql
from gateway.auth.tokens import SigningKey
from gateway.commands.database import with_store
from gateway.health import LIVE
from gateway.middleware.deadline import HEADER
from gateway.settings import Settings

# A hostile document must not take more CPU than the widest legal one. The other bounds: the p99 of the small
# request as a multiple of its p99 alone, the time after a deadline, the time of a liveness probe, and the
# memory after an attack as a multiple of the memory before the attack.
MOST_P99 = 5
MOST_LATE_MS = 250
MOST_LIVE_MS = 1_000
MOST_SETTLED = 1.3
SETTLE_SECONDS = 60

DEADLINE_MS = 1_000
ATTACKER, OTHER = (seed.tenant(n, 100, 1) for n in range(2))
SMALL = graphql([SummaryRequest(OTHER, 0, 0)], FULL)
WITH_DEADLINE = replace(wide(ATTACKER), headers={**ATTACKER.headers, HEADER: str(DEADLINE_MS)})


@dataclass(frozen=True)
class Result:
    """The cost of an attack: memory in MiB, latencies in milliseconds, and the answers to its clients.

    `late` is the longest time that a response came after its deadline, and `live` the longest time of a
    liveness probe. `refused` counts small requests that were not answered with data.
    """

    before: float
    peak: float
    settled: float
    p99_alone: float
    p99: float
    p99_ratio: float
    late: float
    live: float
    refused: int
    seen: dict[str, int]

    def misses(self, attack: str) -> list[str]:
        """The bounds that the server exceeded; the bound of p99 is for 16 connections of known documents."""
        kept = {
            "memory": self.settled <= self.before * MOST_SETTLED,
            "p99": self.p99_ratio <= MOST_P99
            or not attack.startswith("16 ")
            or attack.endswith("new documents"),
            "deadline": self.late <= MOST_LATE_MS,
            "liveness": self.live <= MOST_LIVE_MS,
        }
        return [what for what, is_kept in kept.items() if not is_kept]


@dataclass(frozen=True)
class Sent:
    """Requests of one kind: the milliseconds that each took, and how many had another status than 200."""

    milliseconds: list[float]
    refused: int

    @property
    def p99(self) -> float:
        return quantiles(self.milliseconds, n=100)[-1]


async def _send(address: Address, request: Request, seconds: float, pause: float) -> Sent:
    """Send a request again and again, each on a connection of its own."""
    milliseconds, refused, until = [], 0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        async with connected(address) as (reader, writer):
            writer.write(request.text().encode())
            status, _ = await read_response(reader)
        milliseconds.append((time.perf_counter() - began) * 1000)
        refused += status != 200
        await asyncio.sleep(pause)
    return Sent(milliseconds, refused)


async def _send_small(address: Address, seconds: float) -> Sent:
    return await _send(address, SMALL, seconds, 0.005)


async def _send_beside(
    address: Address, attack: Attack, seconds: float
) -> tuple[Sent, Sent, Sent, Counter[str]]:
    """Send small requests, requests with a deadline and liveness probes during an attack."""
    seen: Counter[str] = Counter()
    attacking = asyncio.ensure_future(attack(address, seen))
    sent = await asyncio.gather(
        _send_small(address, seconds),
        _send(address, WITH_DEADLINE, seconds, 1),
        _send(address, Request(LIVE, {}), seconds, 0.1),
    )
    attacking.cancel()
    with suppress(asyncio.CancelledError):
        await attacking
    return *sent, seen


def measure(server: Server, attack: Attack, seconds: float) -> Result:
    """Attack the server once."""
    # The server remembers the callers and the operations.
    for request in (SMALL, wide(ATTACKER)):
        asyncio.run(_send(server.address, request, 1, 0))
    alone = asyncio.run(_send_small(server.address, seconds / 2))
    before = server.memory("VmRSS")
    small, late, live, seen = asyncio.run(_send_beside(server.address, attack, seconds))
    settled_by = time.monotonic() + SETTLE_SECONDS
    while (settled := server.memory("VmRSS")) > before * MOST_SETTLED and time.monotonic() < settled_by:
        time.sleep(1)
    return Result(
        before,
        server.memory("VmHWM"),
        settled,
        alone.p99,
        small.p99,
        small.p99 / alone.p99,
        max(0, max(late.milliseconds) - DEADLINE_MS),
        max(live.milliseconds),
        small.refused,
        dict(seen),
    )


def table(results: dict[str, Result]) -> Table:
    shown = Table()
    heads = "MiB before", "peak", "settled", "p99 alone", "p99", "ratio", "late ms", "live ms", "refused"
    for head in ("attack", *heads, "its clients saw", "misses"):
        shown.add_column(head, justify="right" if head in heads else "left")
    for name, one in results.items():
        *figures, _ = astuple(one)
        seen = ", ".join(f"{what}: {times}" for what, times in sorted(one.seen.items()))
        shown.add_row(name, *(f"{figure:.1f}" for figure in figures), seen, ", ".join(one.misses(name)))
    return shown


def document_table(hostile: dict[str, float], compared: dict[str, float]) -> Table:
    shown = Table("document", "CPU ms")
    for costs in (dict(sorted(hostile.items(), key=lambda one: -one[1])), compared):
        for name, milliseconds in costs.items():
            shown.add_row(name, f"{milliseconds:.1f}")
        shown.add_section()
    return shown


@click.command()
@click.option("--seconds", default=12, show_default=True, help="How long each attack of clients lasts.")
@click.option("--only", default="", help="Only the attacks of clients whose names contain this text.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the results here as JSON."
)
def main(seconds: int, only: str, out: Path | None) -> None:
    """Measure what attacks cost; fail if a bound does not hold."""
    console = Console(width=170)
    with fresh_database() as settings, TemporaryDirectory(prefix="bench-") as directory:
        where = machine.describe(settings)
        with_store(lambda store: seed.seed(store, [ATTACKER, OTHER]), settings)

        signing_key = Path(directory) / "key.pem"
        SigningKey.write_new(signing_key)

        def serving(**variables: str) -> AbstractContextManager[Server]:
            variables["GATEWAY_SIGNING_KEYS"] = str(signing_key)
            return started(settings, "gateway", "serve", "--port", "0", variables=variables)

        results = {}
        for name, attack in track(attacks(ATTACKER).items(), "Attacking", transient=True):
            if only in name:
                with serving(GATEWAY_DEADLINE_MS=str(Settings().deadline_ms)) as server:
                    results[name] = measure(server, attack, seconds)
        console.print(table(results))
        hostile: dict[str, float] = {}
        compared: dict[str, float] = {}
        if not only:
            with serving(GATEWAY_INTROSPECTION="on") as server:
                hostile, compared = hostile_documents.measure(server, ATTACKER.authorization)
            console.print(document_table(hostile, compared))
    console.print("; ".join(where.values()))
    if out:
        measured = {
            "where": where,
            "clients": {name: _rounded(one) for name, one in results.items()},
            "documents": {name: round(one, 1) for name, one in (hostile | compared).items()},
        }
        out.write_text(json.dumps(measured, indent=1) + "\n")
    misses = [f"{what} beside {name}" for name, one in results.items() for what in one.misses(name)]
    misses += [f"CPU of {name}" for name, one in hostile.items() if one > compared[hostile_documents.WIDEST]]
    if misses:
        raise click.ClickException(f"Not kept: {', '.join(misses)}.")


def _rounded(result: Result) -> dict[str, object]:
    return {
        name: round(value, 2) if isinstance(value, float) else value for name, value in asdict(result).items()
    }


if __name__ == "__main__":
    main()
