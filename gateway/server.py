"""Runs the application under uvicorn, on a socket that is bound first, with logs that name no customer."""

import asyncio
import ctypes
import gc
import os
import socket
from operator import attrgetter
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from gateway import OperatorError
from gateway.settings import Settings

# At shutdown an idle connection is kept for this long: a request may be on its way.
IDLE_GRACE_SECONDS = 0.5
# The limits of a request's head: the request line and the headers.
HEAD_BYTES, HEAD_SECONDS = 64 * 1024, 10
# The time for a client to read what was written. Then the connection is aborted and its buffer dropped.
READ_SECONDS = 30
# For all responses that wait for their readers; if they need more, the oldest are aborted.
MAX_UNREAD_BYTES = 64 * 1024 * 1024
# New objects before a collection of the youngest generation; collections of a generation before one of the
# next.
_COLLECTION_THRESHOLDS = 20_000, 20, 100
# How often a server returns unused memory to the system.
RELEASE_SECONDS = 30
# The time for one of several workers to start or to answer its parent. Then the parent replaces the worker.
WORKER_SECONDS = 30
# The C library of this process; only glibc has the functions that are called here.
_C_LIBRARY = ctypes.CDLL(None)
# A parameter of glibc's mallopt, and its value in bytes.
_M_MMAP_THRESHOLD, _LARGE_BLOCK = -3, 32 * 1024


class _Connection(H11Protocol):
    """uvicorn's protocol, with time limits for a head to arrive and for a response to be read.

    A client that sends half a request or reads half a response would otherwise hold its connection for ever.
    At shutdown a request that is on its way is still answered.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None
    unread_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        if self._read_timer is not None:
            self._read_timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is None or (self.cycle.response_complete and self.timeout_keep_alive_task is None):
            self._watch_head()
        else:
            self._stop_watching()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.unread_since = self.loop.time()
        self._read_timer = self.loop.call_later(READ_SECONDS, self.transport.abort)
        unread = [one for one in self.connections if isinstance(one, _Connection) and one.unread_since]
        size = sum(one.transport.get_write_buffer_size() for one in unread)
        for one in sorted(unread, key=attrgetter("unread_since")):
            if size <= MAX_UNREAD_BYTES:
                break
            size -= one.transport.get_write_buffer_size()
            one.transport.abort()

    def resume_writing(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
        self.unread_since = None
        super().resume_writing()

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(IDLE_GRACE_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def _watch_head(self) -> None:
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def tune_memory() -> None:
    """Collect garbage rarely, and return large blocks to the system when they are freed.

    Requests leave few cycles behind: with Python's own thresholds, collections took a sixth of a request.
    glibc would keep most of the memory of large bodies and responses for ever, because it lies between small
    blocks. `release_memory` returns what small blocks leave behind.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTION_THRESHOLDS)
    if mallopt := getattr(_C_LIBRARY, "mallopt", None):
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK)


async def release_memory() -> None:
    """Return the pages that nothing uses to the system; takes about two milliseconds."""
    if malloc_trim := getattr(_C_LIBRARY, "malloc_trim", None):
        malloc_trim(0)


def bind(host: str, port: int, advice: str = "") -> socket.socket:
    """A listening socket; raises `OperatorError`, whose message ends with the advice."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # So that `::` is every address, those of IPv4 too.
        both = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
        return socket.create_server(address, family=family, backlog=2048, dualstack_ipv6=both)
    except UnicodeError as error:
        raise OperatorError(f"Cannot listen on {host!r}: it is not a host name. {advice}".rstrip()) from error
    except OSError as error:
        # `create_server` adds the address to the text of other errors, where it would be shown twice.
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise OperatorError(f"Cannot listen on {host} port {port}: {why}. {advice}".rstrip()) from error


def inherit(descriptor: int) -> socket.socket:
    """The listening socket that the parent process left open; raises `OperatorError`."""
    try:
        inherited = socket.socket(fileno=descriptor)
        if inherited.family in (socket.AF_INET, socket.AF_INET6) and inherited.getsockopt(
            socket.SOL_SOCKET, socket.SO_ACCEPTCONN
        ):
            return inherited
        inherited.detach()
    except OSError:
        pass
    raise OperatorError(f"File descriptor {descriptor} is not a TCP socket that listens.")


def run(app: Starlette | str, listening: socket.socket, settings: Settings, workers: int = 1) -> None:
    """Serve `app` until a signal; for several `workers` it names a factory, "module:function"."""
    config = create_config(app, settings, workers=workers, factory=isinstance(app, str))
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listening])
    else:
        Multiprocess(config, sockets=[listening]).run()


def create_config(app: Starlette | str, settings: Settings, **options: Any) -> uvicorn.Config:
    """How uvicorn serves `app`; each option is set on purpose."""
    return uvicorn.Config(
        app,
        http=_Connection,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        # On a busy machine a start takes longer than uvicorn's five seconds: no worker would ever be ready.
        timeout_worker_healthcheck=WORKER_SECONDS,
        # uvicorn's access line holds the query string, and with it the customer's identifier.
        access_log=False,
        # `telemetry.logs` takes what uvicorn logs, like the records of every library.
        log_config=None,
        server_header=False,
        # The application has a list of trusted proxies of its own.
        proxy_headers=False,
        ws="none",
        callback_notify=release_memory,
        timeout_notify=RELEASE_SECONDS,
        **options,
    )
