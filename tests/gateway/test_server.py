"""The server: its addresses, idle connections, the client's address behind proxies, and its memory."""

import asyncio
import platform
import socket
import subprocess
import sys
import time

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from gateway import OperatorError, server
from gateway.app import trusted_proxies
from gateway.settings import Settings


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("::", "127.0.0.1"),
        ("::", "::1"),
        ("::1", "::1"),
        ("0.0.0.0", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
    ],
)
def test_a_client_reaches_the_address(host: str, address: str) -> None:
    with server.bind(host, 0) as listening:
        socket.create_connection((address, listening.getsockname()[1]), timeout=60).close()


@pytest.mark.parametrize(
    ("host", "address"),
    [("::1", "127.0.0.1"), ("0.0.0.0", "::1"), ("127.0.0.1", "::1"), ("::ffff:127.0.0.1", "::1")],
)
def test_a_client_reaches_no_other_address(host: str, address: str) -> None:
    with server.bind(host, 0) as listening, pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, listening.getsockname()[1]), timeout=60)


@pytest.mark.parametrize("host", ["a..b", "x" * 64, ".", "ä" * 64])
def test_an_invalid_host_name_is_refused(host: str) -> None:
    with pytest.raises(OperatorError, match=r"^Cannot listen on .*Choose another\.$"):
        server.bind(host, 0, "Choose another.")


@pytest.mark.parametrize(
    ("chosen", "seconds"), [(Settings(), 75), (Settings(keep_alive_seconds=620), 620)], ids=["75", "620"]
)
def test_the_time_of_an_idle_connection_is_a_setting(chosen: Settings, seconds: int) -> None:
    assert server.create_config(Starlette(), chosen).timeout_keep_alive == seconds


def test_a_worker_has_half_a_minute_to_start() -> None:
    assert server.create_config(Starlette(), Settings()).timeout_worker_healthcheck == 30


@pytest.mark.slow
async def test_an_idle_connection_is_closed_after_its_time_and_not_before() -> None:
    app = Starlette(routes=[Route("/", _show_client)])
    running = uvicorn.Server(server.create_config(app, Settings(keep_alive_seconds=1)))
    with server.bind("127.0.0.1", 0) as listening:
        serving = asyncio.create_task(running.serve([listening]))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        sent_at = time.monotonic()
        writer.write(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")
        assert (await reader.readuntil(b"127.0.0.1")).startswith(b"HTTP/1.1 200 OK\r\n")
        assert await reader.read() == b""
        assert time.monotonic() - sent_at >= 1
        writer.close()
        running.should_exit = True
        await serving


async def _show_client(request: Request) -> PlainTextResponse:
    assert request.client
    return PlainTextResponse(request.client.host)


@pytest.mark.parametrize(
    ("proxies", "sender", "client"),
    [
        (["10.0.0.0/8"], "10.1.2.3", "203.0.113.7"),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", "203.0.113.7"),
        (["10.1.2.3"], "::ffff:10.1.2.3", "203.0.113.7"),
        (["fd00::/8"], "fd00::1", "203.0.113.7"),
        (["10.0.0.0/8"], "::ffff:11.1.2.3", "::ffff:11.1.2.3"),
        (["10.1.2.3"], "::ffff:10.1.2.4", "::ffff:10.1.2.4"),
        (["fd00::/8"], "fe80::1", "fe80::1"),
    ],
)
async def test_only_trusted_proxies_name_the_client(proxies: list[str], sender: str, client: str) -> None:
    app = Starlette(routes=[Route("/", _show_client)], middleware=trusted_proxies(proxies))
    transport = httpx.ASGITransport(app, client=(sender, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        response = await http.get("/", headers={"X-Forwarded-For": "203.0.113.7"})
    assert response.text == client


HOLD_AND_FREE = """
import asyncio, sys
from pathlib import Path
from gateway.server import release_memory, tune_memory

def resident():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) // 1024

tune_memory()
before, freed, kept = resident(), [], []
for _ in range(120_000_000 // int(sys.argv[1])):
    freed.append(b"x" * int(sys.argv[1]) + bytes(1))
    kept.append(b"x" * 1_000 + bytes(1))
held = resident()
freed.clear()
at_once = resident()
asyncio.run(release_memory())
print(held - before, at_once - before, resident() - before)
"""


def hold_and_free(size: int) -> list[int]:
    """The MiB of blocks of this size between small ones: held, freed, and after `release_memory`."""
    command = [sys.executable, "-c", HOLD_AND_FREE, str(size)]
    return list(map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))


glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="Other C libraries have no mallopt.")


@glibc
@pytest.mark.external
def test_the_memory_of_large_blocks_is_returned_at_once() -> None:
    held, at_once, _ = hold_and_free(60_000)
    assert held > 110
    assert at_once < 10


@glibc
@pytest.mark.external
def test_the_memory_of_other_blocks_is_returned_regularly(settings: Settings) -> None:
    held, _, released = hold_and_free(20_000)
    assert held > 110
    assert released < 60
    config = server.create_config(Starlette(), settings)
    assert config.callback_notify is server.release_memory
    assert config.timeout_notify == 30
