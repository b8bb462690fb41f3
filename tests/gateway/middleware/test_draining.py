"""Going down: a process that is told to stop loses no request, and two that take turns lose none either."""

import asyncio
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from click.testing import CliRunner

from gateway import server
from gateway.commands.main import main
from gateway.health import LIVE, READY
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from tests.conftest import Start
from tests.faults import Line, until
from tests.helpers.graphql import field
from tests.support import DEMO_HEADER, DOCUMENTED, changed, environment, free_port, wait_until_served

QUERY = {"query": f"{{ {field()} }}"}


async def ended(process: "subprocess.Popen[str]") -> tuple[int, bool]:
    """How a process ended, and whether it said that something had gone wrong."""
    _, said = await asyncio.to_thread(process.communicate, timeout=30)
    return process.returncode, "Traceback" in said


GOOD = (0, False)


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
async def test_at_sigterm_what_runs_is_finished_and_nobody_is_kept(
    start: Start, settings: Settings, line: Line, workers: str
) -> None:
    port = free_port()
    variables = environment(changed(settings, mongodb_uri=line.uri), GATEWAY_PORT=str(port))
    served = start("serve", "--workers", workers, variables=variables)
    await asyncio.to_thread(wait_until_served, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=DEMO_HEADER) as client:
        # Each answer below is the last on its connection, so nobody is ever on a closed one.
        assert (await client.get(READY)).json() == {"status": "ready"}
        assert "connection" not in (await client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED)).headers
        line.freeze()
        running = asyncio.create_task(client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED))
        await asyncio.sleep(0.1)
        served.send_signal(signal.SIGTERM)
        # A parent of workers looks for signals twice a second.
        await asyncio.sleep(0.1 if workers == "1" else 0.6)
        ready = await client.get(READY)
        assert ready.json() == {"status": "draining"}
        assert (ready.status_code, ready.headers["connection"]) == (503, "close")
        assert (await client.get(LIVE)).json() == {"status": "alive"}
        line.thaw()
        answer = await running
        assert (answer.json()["customerId"], answer.headers["connection"]) == (387729100, "close")
    assert await ended(served) == GOOD


async def test_what_is_not_finished_in_time_is_told_so(start: Start, settings: Settings, line: Line) -> None:
    port = free_port()
    variables = environment(
        changed(settings, mongodb_uri=line.uri),
        GATEWAY_PORT=str(port),
        GATEWAY_SHUTDOWN_SECONDS="0",
        GATEWAY_DEADLINE_MS="2000",
    )
    served = start("serve", variables=variables)
    await asyncio.to_thread(wait_until_served, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        await client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER)
        line.freeze()
        running = asyncio.create_task(client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER))
        await asyncio.sleep(0.1)
        served.send_signal(signal.SIGTERM)
        answer = await running
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, 503)
    assert await ended(served) == GOOD


class Load:
    """Clients that ask all the time, some on the connection that they have, some on a new one each time."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self.answered = 0
        self.repeated = 0
        self.lost: list[str] = []

    @asynccontextmanager
    async def running(self, clients: int) -> AsyncIterator[None]:
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self._ask(n, stop)) for n in range(clients)]
        yield
        stop.set()
        await asyncio.gather(*tasks)

    async def goes_on(self) -> None:
        """Wait until some more requests are answered."""
        enough = self.answered + 20
        await until(lambda: self.answered >= enough)

    async def _ask(self, n: int, stop: asyncio.Event) -> None:
        limits = httpx.Limits(max_keepalive_connections=n % 2)
        async with httpx.AsyncClient(headers=DEMO_HEADER, limits=limits, timeout=20) as client:
            while not stop.is_set():
                try:
                    answer = await self._send(client, n)
                except httpx.TransportError as error:
                    self.lost.append(repr(error))
                    continue
                if answer.status_code == 200 and "errors" not in answer.json():
                    self.answered += 1
                else:
                    self.lost.append(answer.text)

    async def _send(self, client: httpx.AsyncClient, n: int) -> httpx.Response:
        if n % 4 < 2:
            return await client.post(f"{self._url}/graphql", json=QUERY)
        try:
            return await client.get(self._url + ACTION_SUMMARY_PATH, params=DOCUMENTED)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            # It met a connection that was just closing; HTTP lets it be sent again.
            self.repeated += 1
            return await client.get(self._url + ACTION_SUMMARY_PATH, params=DOCUMENTED)


@pytest.mark.parametrize(
    ("restarts", "clients"), [(1, 4), pytest.param(5, 16, marks=pytest.mark.slow)], ids=["once", "often"]
)
async def test_a_rolling_restart_loses_no_request(
    start: Start, settings: Settings, restarts: int, clients: int
) -> None:
    with server.bind("127.0.0.1", 0) as listening:
        port, descriptor = listening.getsockname()[1], listening.fileno()

        def serve() -> "subprocess.Popen[str]":
            arguments = ("serve", "--fd", str(descriptor))
            return start(*arguments, variables=environment(settings), pass_fds=[descriptor])

        load, old = Load(port), serve()
        await asyncio.to_thread(wait_until_served, port)
        async with load.running(clients):
            for _ in range(restarts):
                # It need not be ready when the other goes: connections wait in the socket.
                new = serve()
                await asyncio.sleep(1)
                old.send_signal(signal.SIGTERM)
                assert await ended(old) == GOOD
                old = new
                await load.goes_on()
        assert load.lost == []
        assert load.repeated <= restarts * clients
        old.send_signal(signal.SIGTERM)
        assert await ended(old) == GOOD


def test_a_descriptor_that_is_no_listening_socket_is_refused() -> None:
    mine, other = socket.socketpair()
    with mine, other:
        for descriptor in (mine.fileno(), 1000):
            message = f"File descriptor {descriptor} is not a TCP socket that listens."
            with pytest.raises(server.AddressUnusable, match=f"^{re.escape(message)}$"):
                server.inherit(descriptor)


def test_an_inherited_socket_takes_the_place_of_an_address(settings: Settings) -> None:
    result = CliRunner().invoke(main, ("serve", "--fd", "3", "--port", "1"), env=environment(settings))
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: --fd replaces --host and --port; give one or the other.",
    )
