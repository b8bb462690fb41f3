"""Shutdown: at SIGTERM a process finishes its requests, and a rolling restart loses none."""

import asyncio
import os
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from gateway import OperatorError, server
from gateway.commands.main import main
from gateway.health import LIVE, READY
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from tests.conftest import Start
from tests.helpers.faults import DatabaseProxy, until
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    changed,
    children,
    customized,
    environment,
    free_port,
    wait_until_served,
)
from tests.helpers.graphql import field

QUERY = {"query": f"{{ {field()} }}"}


async def ended(process: "subprocess.Popen[str]") -> tuple[int, bool]:
    """The exit code of a process, and whether it printed a traceback."""
    _, errors = await asyncio.to_thread(process.communicate, timeout=60)
    return process.returncode, "Traceback" in errors


GOOD = (0, False)


# A busy machine may take longer to connect than a process takes connections after SIGTERM. Each worker
# creates the file `serving-PID` when it can drain, and `draining-PID` when it drains.
PATIENT = """
import os
from pathlib import Path
from gateway.middleware import admission

class InFlightRequests(admission.InFlightRequests):
    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "draining" and value:
            Path(__file__).with_name(f"draining-{os.getpid()}").touch()

    def drain_at_sigterm(self):
        super().drain_at_sigterm()
        Path(__file__).with_name(f"serving-{os.getpid()}").touch()

admission.LINGER_SECONDS, admission.InFlightRequests = 60, InFlightRequests
"""


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
async def test_sigterm_finishes_running_requests_and_closes_their_connections(
    start: Start, settings: Settings, proxy: DatabaseProxy, tmp_path: Path, workers: str
) -> None:
    port = free_port()

    def all_are(state: str) -> bool:
        return len(list(tmp_path.glob(f"{state}-*"))) == int(workers)

    own = changed(settings, mongodb_uri=proxy.uri)
    variables = environment(own, GATEWAY_PORT=str(port), **customized(tmp_path, PATIENT))
    served = start("serve", "--workers", workers, variables=variables)
    await asyncio.to_thread(wait_until_served, port)
    await until(lambda: all_are("serving"))
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, headers=DEMO_HEADER, timeout=60) as client:
        # A busy machine may take longer to send a ping than the probe waits.
        while (await client.get(READY)).json() != {"status": "ready"}:
            pass
        assert "connection" not in (await client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED)).headers
        proxy.freeze()
        running = asyncio.create_task(client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED))
        await until(lambda: proxy.holds(b"aggregate"))
        served.send_signal(signal.SIGTERM)
        # The parent passes the signal to one worker after another.
        await until(lambda: all_are("draining"))
        ready, live = await client.get(READY), await client.get(LIVE)
        assert ready.json() == {"status": "draining"}
        assert (ready.status_code, ready.headers["connection"]) == (503, "close")
        assert (live.json(), live.headers["connection"]) == ({"status": "alive"}, "close")
        proxy.thaw()
        answer = await running
        assert (answer.json()["customerId"], answer.headers["connection"]) == (387729100, "close")
    # A second signal ends the drain.
    for pid in (*children(served.pid), served.pid):
        os.kill(pid, signal.SIGTERM)
    assert await ended(served) == GOOD


@pytest.mark.slow
async def test_requests_that_exceed_the_shutdown_time_get_503(
    start: Start, settings: Settings, proxy: DatabaseProxy
) -> None:
    port = free_port()
    variables = environment(
        changed(settings, mongodb_uri=proxy.uri),
        GATEWAY_PORT=str(port),
        GATEWAY_SHUTDOWN_SECONDS="0",
    )
    served = start("serve", variables=variables)
    await asyncio.to_thread(wait_until_served, port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        await client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER)
        proxy.freeze()
        running = asyncio.create_task(client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER))
        await until(lambda: proxy.holds(b"aggregate"))
        served.send_signal(signal.SIGTERM)
        answer = await running
    proxy.thaw()
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (503, 503)
    assert await ended(served) == GOOD


class Load:
    """Clients that send one request after another, some on one connection, some on a new one each time."""

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

    async def continues(self) -> None:
        """Wait for some more responses."""
        enough = self.answered + 20
        await until(lambda: self.answered >= enough)

    async def _ask(self, n: int, stop: asyncio.Event) -> None:
        limits = httpx.Limits(max_keepalive_connections=n % 2)
        async with httpx.AsyncClient(headers=DEMO_HEADER, limits=limits, timeout=60) as client:
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
            # The connection was just being closed; HTTP lets a client send the request again.
            self.repeated += 1
            return await client.get(self._url + ACTION_SUMMARY_PATH, params=DOCUMENTED)


@pytest.mark.parametrize(("restarts", "clients"), [(1, 4), (5, 16)], ids=["once", "often"])
@pytest.mark.slow
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
                # The new process need not be ready when the old one stops: connections wait in the socket.
                new = serve()
                old.send_signal(signal.SIGTERM)
                assert await ended(old) == GOOD
                old = new
                await load.continues()
        assert load.lost == []
        assert load.repeated <= restarts * clients
        old.send_signal(signal.SIGTERM)
        assert await ended(old) == GOOD


def refuse(descriptor: int) -> None:
    message = f"File descriptor {descriptor} is not a TCP socket that listens."
    with pytest.raises(OperatorError, match=f"^{re.escape(message)}$"):
        server.inherit(descriptor)


def test_a_socket_that_does_not_listen_is_refused() -> None:
    mine, other = socket.socketpair()
    with mine, other:
        refuse(mine.fileno())


def test_a_descriptor_that_is_not_open_is_refused() -> None:
    refuse(1000)


def test_fd_excludes_host_and_port(settings: Settings) -> None:
    result = CliRunner().invoke(main, ("serve", "--fd", "3", "--port", "1"), env=environment(settings))
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: --fd replaces --host and --port; give one or the other.",
    )


@pytest.mark.slow
async def test_workers_stop_when_their_parent_is_killed(start: Start, settings: Settings) -> None:
    port = free_port()
    served = start("serve", "--workers", "2", variables=environment(settings, GATEWAY_PORT=str(port)))
    await asyncio.to_thread(wait_until_served, port)
    served.kill()
    # `communicate` also waits for the workers, which hold standard output and error open.
    await asyncio.to_thread(served.communicate, timeout=60)
    with server.bind("127.0.0.1", port):
        pass
