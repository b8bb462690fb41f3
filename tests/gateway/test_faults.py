"""The database fails in every way that it can, under load: each request is answered in time all the same."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from gateway.database import set_up
from gateway.embedded import embedded_database
from gateway.settings import Settings
from loaders.store import Store
from tests.conftest import OpenGateway, Start
from tests.faults import Line, until
from tests.support import (
    DOCUMENTED,
    Commands,
    Gateway,
    Tenant,
    environment,
    free_port,
    new_tenant,
    open_gateway,
    wait_until_served,
)


def all_children() -> set[int]:
    """Of this process; each thread has its own."""
    found: set[int] = set()
    for thread in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(FileNotFoundError):
            found |= set(map(int, (thread / "children").read_text().split()))
    return found


class Database:
    """A database that keeps its data and its port when it is killed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running = ExitStack()
        self._port = 0
        self._pid = 0
        self.uri = ""

    def start(self) -> None:
        before = all_children()
        database = embedded_database(self._directory, durable=True, port=self._port)
        self.uri = self._running.enter_context(database)
        self._port = int(self.uri.rpartition(":")[2])
        [self._pid] = all_children() - before

    def signal(self, number: int) -> None:
        os.kill(self._pid, number)

    def stop(self) -> None:
        """Reap it, and end it first if it still runs."""
        self._running.close()

    @classmethod
    @contextmanager
    def running(cls, directory: Path) -> Iterator["Database"]:
        database = cls(directory)
        try:
            database.start()
            yield database
        finally:
            database.stop()


@dataclass
class Clients:
    """Clients that ask both faces all the time, and what they got."""

    gateway: Gateway
    tenant: Tenant
    good: int = 0
    failures: set[int] = field(default_factory=set)
    slowest: float = 0.0

    @asynccontextmanager
    async def asking(self, clients: int) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for n in range(clients):
                tasks.create_task(self._ask(("rest", "graphql")[n % 2], stop))
            await self.some_good()
            yield
            stop.set()

    async def some_good(self) -> None:
        """Wait for good answers."""
        enough = self.good + 10
        await until(lambda: self.good >= enough)

    async def _ask(self, face: str, stop: asyncio.Event) -> None:
        while not stop.is_set():
            started = time.monotonic()
            answer = await self.gateway.ask(face, self.tenant.parameters, self.tenant.headers)
            self.slowest = max(self.slowest, time.monotonic() - started)
            if "error" in answer:
                self.failures.add(answer["error"])
            else:
                assert [badge["numberOfTimesIssued"] for badge in answer["badges"]] == [1]
                self.good += 1
            await asyncio.sleep(0.02)


async def filled(database: Database) -> tuple[Settings, Tenant]:
    """A tenant in the database, with a badge."""
    settings = Settings(mongodb_uri=database.uri)
    store = Store(settings.mongodb_uri, settings.database)
    await set_up(store)
    tenant = await new_tenant(store)
    await tenant.issue([tenant.badge("b", tenant.customer_id, "series")])
    await store.close()
    return settings, tenant


async def survives(
    clients: Clients, database: Database, *, away: float, frozen: float, most: int
) -> list[float]:
    """Kill, restart and freeze the database under load; how long good answers took to come back each time."""
    took = []

    async def recovers() -> None:
        back = time.monotonic()
        await clients.some_good()
        took.append(time.monotonic() - back)

    async with clients.asking(most):
        for number in (signal.SIGKILL, signal.SIGTERM):
            database.signal(number)
            await asyncio.sleep(away)
            await asyncio.to_thread(database.stop)
            await asyncio.to_thread(database.start)
            await recovers()
        database.signal(signal.SIGSTOP)
        await asyncio.sleep(frozen)
        database.signal(signal.SIGCONT)
        await recovers()
    return took


async def test_a_database_that_is_killed_restarted_and_frozen_is_survived(tmp_path: Path) -> None:
    with Database.running(tmp_path) as database:
        settings, tenant = await filled(database)
        async with open_gateway(replace(settings, deadline_ms=500)) as gateway:
            clients = Clients(gateway, tenant)
            await survives(clients, database, away=0.2, frozen=1, most=4)
        assert clients.failures == {8105}


@pytest.mark.slow
async def test_under_load_every_request_is_answered_by_its_deadline(start: Start, tmp_path: Path) -> None:
    with Database.running(tmp_path) as database:
        settings, tenant = await filled(database)
        port = free_port()
        served = start("serve", "--port", str(port), variables=environment(settings))
        await asyncio.to_thread(wait_until_served, port)
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, limits=limits) as http:
            clients = Clients(Gateway(http, Commands()), tenant)
            took = await survives(clients, database, away=5, frozen=10, most=32)
        assert clients.failures == {8105}
        assert clients.slowest < settings.deadline_ms / 1000 + 0.25
        assert max(took) < 5
        served.send_signal(signal.SIGTERM)
        _, said = await asyncio.to_thread(served.communicate, timeout=30)
        assert (served.returncode, "Traceback" in said) == (0, False)


async def test_a_read_that_is_cut_in_mid_answer_is_sent_again(gateway_with: OpenGateway, line: Line) -> None:
    async with gateway_with(mongodb_uri=line.uri, deadline_ms=60_000) as gateway:
        await gateway.warm()
        line.cut_answers(10)
        answer = asyncio.create_task(gateway.ask("rest", DOCUMENTED))
        await until(lambda: line.cuts > 0)
        line.cut_answers(None)
        assert (await answer)["customerId"] == 387729100
        assert gateway.commands.names[-1] == "aggregate"


@pytest.mark.parametrize("face", ["rest", "graphql"])
async def test_answers_that_are_always_cut_are_no_data(
    gateway_with: OpenGateway, line: Line, face: str
) -> None:
    async with gateway_with(mongodb_uri=line.uri, deadline_ms=500) as gateway:
        await gateway.warm()
        line.cut_answers(10)
        assert await gateway.ask(face, DOCUMENTED) == {"error": 8105}
        line.cut_answers(None)
        assert (await gateway.ask(face, DOCUMENTED))["customerId"] == 387729100
