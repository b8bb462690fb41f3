"""Runs the application under uvicorn: on a socket that is bound first, with logs that name no customer."""

import os
import socket
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.supervisors import Multiprocess


class AddressUnusable(Exception):
    """Nothing can listen on this address and port; the message is one line."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises `AddressUnusable`."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        # To the text of other errors, `create_server` adds the address once more.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise AddressUnusable(
            f"Cannot listen on {host} port {port}: {why}. Choose another with --host or --port."
        ) from error


def run(app: Starlette, listening: socket.socket, started: Callable[[], None]) -> None:
    """Serve `app` in this process until a signal; calls `started` when it answers."""
    _Server(_config(app), started).run(sockets=[listening])


def run_workers(factory: str, listening: socket.socket, workers: int) -> None:
    """Serve the application that `factory` ("module:function") makes, in `workers` processes."""
    config = _config(factory, workers=workers, factory=True)
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listening])
    else:
        Multiprocess(config, sockets=[listening]).run()


def _config(app: Starlette | str, **options: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
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
