"""The database is killed, frozen or cut off under load, and each request is still answered in time."""

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from gateway.commands.database import set_up
from gateway.middleware.deadline import HEADER
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from loaders.store import Store
from tests.conftest import OpenGateway, Start
from tests.helpers.faults import PATIENCE, Database, DatabaseProxy, until
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    Gateway,
    Tenant,
    changed,
    customized,
    environment,
    free_port,
    new_tenant,
    open_gateway,
    wait_until_served,
)

APIS = ("rest", "graphql")
Ask = Callable[[], Awaitable[int | None]]


def ask_in_process(gateway: Gateway, tenant: Tenant, api: str) -> Ask:
    """Request the tenant's one badge; the result is the error code, or None."""

    async def ask() -> int | None:
        answer = await gateway.ask(api, tenant.parameters, tenant.headers)
        if "error" in answer:
            return int(answer["error"])
        assert [badge["numberOfTimesIssued"] for badge in answer["badges"]] == [1]
        return None

    return ask


@asynccontextmanager
async def asking_over_the_wire(port: int, tenant: Tenant, api: str) -> AsyncIterator[Ask]:
    """The same on a new connection, with a minimal client that takes little of the measured time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    query = (
        "{ customerPromotionActionSummary("
        f'source: INSTORE, identifierName: MOBILE, identifierValue: "{tenant.mobile}", '
        f'programId: "{tenant.promotion.program_id}", promotionId: "{tenant.promotion.promotion_id}") '
        "{ badges { numberOfTimesIssued } } }"
    )
    line, body = {
        "rest": (f"GET {ACTION_SUMMARY_PATH}?{urlencode(tenant.parameters)}", ""),
        "graphql": ("POST /graphql", json.dumps({"query": query})),
    }[api]
    headers = {**tenant.headers, "Content-Type": "application/json", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    request = f"{line} HTTP/1.1\r\nHost: gateway\r\n{head}\r\n{body}".encode()

    async def ask() -> int | None:
        writer.write(request)
        answered = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answered)
        assert length
        content = await reader.readexactly(int(length[1]))
        if error := re.search(rb'"errors":\[.*?"(?:code|errorCode)":(\d+)', content):
            return int(error[1])
        assert re.findall(rb'"numberOfTimesIssued":(\d+)', content) == [b"1"]
        return None

    try:
        yield ask
    finally:
        writer.close()
        await writer.wait_closed()


@dataclass
class Clients:
    """Clients that send requests all the time, and the responses that they got."""

    asks: Sequence[Ask]
    good: int = 0
    failed: int = 0
    failures: set[int] = field(default_factory=set)
    slowest: float = 0.0

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for ask in self.asks:
                tasks.create_task(self._repeat(ask, stop))
            await self.some_good()
            yield
            stop.set()

    async def some_good(self) -> None:
        """Wait for ten more good responses."""
        enough = self.good + 10
        await until(lambda: self.good >= enough)

    async def some_failed(self) -> None:
        """Wait for another response that is an error."""
        before = self.failed
        await until(lambda: self.failed > before)

    async def _repeat(self, ask: Ask, stop: asyncio.Event) -> None:
        while not stop.is_set():
            started = time.monotonic()
            error = await ask()
            self.slowest = max(self.slowest, time.monotonic() - started)
            if error is None:
                self.good += 1
            else:
                self.failed += 1
                self.failures.add(error)
            await asyncio.sleep(0.02)


async def filled(database: Database) -> tuple[Settings, Tenant]:
    """Set up the database with a tenant that has one badge."""
    settings = Settings(mongodb_uri=SecretStr(database.uri))
    store = Store(f"{database.uri}/?{PATIENCE}", settings.database)
    await set_up(store)
    tenant = await new_tenant(store)
    await tenant.issue([tenant.badge("b", tenant.customer_id, "series")])
    await store.close()
    return settings, tenant


async def survives(
    clients: Clients, database: Database, *ends: signal.Signals, away: float, frozen: float
) -> None:
    """End and freeze the database under load; wait for failures and for good responses each time."""
    async with clients.asking():
        for number in ends:
            database.signal(number)
            await asyncio.gather(asyncio.sleep(away), clients.some_failed())
            await asyncio.to_thread(database.stop)
            await asyncio.to_thread(database.start)
            await clients.some_good()
        database.signal(signal.SIGSTOP)
        await asyncio.gather(asyncio.sleep(frozen), clients.some_failed())
        database.signal(signal.SIGCONT)
        await clients.some_good()


@pytest.mark.external
@pytest.mark.slow
async def test_requests_succeed_again_after_the_database_was_killed_or_frozen(
    tmp_path: Path,
) -> None:
    with Database.running(tmp_path) as database:
        settings, tenant = await filled(database)
        async with open_gateway(changed(settings, deadline_ms=500)) as gateway:
            clients = Clients([ask_in_process(gateway, tenant, api) for api in APIS])
            await survives(clients, database, signal.SIGKILL, away=0.2, frozen=1)
        assert clients.failures == {8105}


# Without the database, a client that is no longer remembered would get another error.
PATIENT = """
from gateway.auth import password_check
password_check.REMEMBERED_SECONDS = password_check.WAIT_SECONDS = 3600
"""


@pytest.mark.slow
async def test_under_load_every_request_is_answered_by_its_deadline(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with AsyncExitStack() as opened:
        database = opened.enter_context(Database.running(tmp_path))
        settings, tenant = await filled(database)
        port = free_port()
        served = start(
            "serve",
            *("--port", str(port)),
            variables=environment(settings, GATEWAY_DEADLINE_MS="3000", **customized(tmp_path, PATIENT)),
            stderr=opened.enter_context(log.open("w")),
        )
        await asyncio.to_thread(wait_until_served, port)
        connections = [asking_over_the_wire(port, tenant, APIS[n % 2]) for n in range(32)]
        clients = Clients([await opened.enter_async_context(connection) for connection in connections])
        await survives(clients, database, signal.SIGKILL, signal.SIGTERM, away=5, frozen=10)
        assert clients.failures == {8105}
        # Without a deadline, a request would wait as long as the database is frozen.
        assert clients.slowest < 10
        served.send_signal(signal.SIGTERM)
        await asyncio.to_thread(served.communicate, timeout=60)
    logged = log.read_text()
    assert (served.returncode, "Traceback" in logged, '"level":"error"' in logged) == (0, False, False)


async def test_a_read_whose_answer_is_cut_is_sent_again(
    gateway_with: OpenGateway, proxy: DatabaseProxy
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri) as gateway:
        await gateway.warm()
        proxy.cut_answers(10)
        answer = asyncio.create_task(gateway.ask("rest", DOCUMENTED))
        await until(lambda: proxy.cuts > 0)
        proxy.cut_answers(None)
        assert (await answer)["customerId"] == 387729100
        assert gateway.commands.names[-1] == "aggregate"


@pytest.mark.parametrize("api", ["rest", "graphql"])
async def test_a_read_whose_answers_are_always_cut_is_8105(
    gateway_with: OpenGateway, proxy: DatabaseProxy, api: str
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri) as gateway:
        await gateway.warm()
        proxy.cut_answers(10)
        assert await gateway.ask(api, DOCUMENTED, {**DEMO_HEADER, HEADER: "500"}) == {"error": 8105}
        proxy.cut_answers(None)
        # The driver looks for the server twice a second.
        async with asyncio.timeout(60):
            while (answer := await gateway.ask(api, DOCUMENTED)) == {"error": 8105}:
                pass
        assert answer["customerId"] == 387729100
