"""Runs the application under uvicorn: on a socket that is bound first, with logs that name no customer."""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.supervisors import Multiprocess

# When the server stops, an idle connection is kept for this long: a request may be on its way.
IDLE_SECONDS = 0.5
# The longest request line with its headers, and the longest time for it to arrive.
HEAD_BYTES, HEAD_SECONDS = 64 * 1024, 10
_HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class AddressUnusable(Exception):
    """Nothing can listen on this address, port or socket; the message is one line."""


class _Protocol(HttpToolsProtocol):
    """Refuses a head that is too long or takes too long: no middleware would ever see it."""

    # The bytes of a head that is not complete; -1 while there is none.
    _head = 0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting = self.loop.call_later(HEAD_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head >= 0:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self.transport.write(_HEAD_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        if self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        self._head = -1
        self._stop_waiting()
        super().on_headers_complete()

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(IDLE_SECONDS, super().shutdown)
        else:
            super().shutdown()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()


def bind(host: str, port: int, advice: str = "") -> socket.socket:
    """A listening socket; raises `AddressUnusable`, whose message ends with the advice."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        # To the text of other errors, `create_server` adds the address once more.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise AddressUnusable(f"Cannot listen on {host} port {port}: {why}. {advice}".rstrip()) from error


def inherit(descriptor: int) -> socket.socket:
    """The listening socket that the parent process left open; raises `AddressUnusable`."""
    try:
        inherited = socket.socket(fileno=descriptor)
        if inherited.family in (socket.AF_INET, socket.AF_INET6) and inherited.getsockopt(
            socket.SOL_SOCKET, socket.SO_ACCEPTCONN
        ):
            return inherited
        inherited.detach()
    except OSError:
        pass
    raise AddressUnusable(f"File descriptor {descriptor} is not a TCP socket that listens.")


def run(app: Starlette, listening: socket.socket, shutdown_seconds: int, started: Callable[[], None]) -> None:
    """Serve `app` in this process until a signal; calls `started` when it answers."""
    _Server(_config(app, shutdown_seconds), started).run(sockets=[listening])


def run_workers(factory: str, listening: socket.socket, workers: int, shutdown_seconds: int) -> None:
    """Serve the application that `factory` ("module:function") makes, in `workers` processes."""
    config = _config(factory, shutdown_seconds, workers=workers, factory=True)
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listening])
    else:
        Multiprocess(config, sockets=[listening]).run()


def _config(app: Starlette | str, shutdown_seconds: int, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        timeout_graceful_shutdown=shutdown_seconds,
        # uvicorn's access line holds the query string, and with it the customer's identifier.
        access_log=False,
        # What it logs comes to `telemetry.logs`, like all that libraries log.
        log_config=None,
        server_header=False,
        # The application has a list of trusted proxies of its own.
        proxy_headers=False,
        ws="none",
        **options,
    )
