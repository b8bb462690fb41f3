"""How many requests a process works on at once, and how it stops without losing one.

More than a process can answer before their deadlines would only delay each other, so the rest is refused at
once. A process that was told to stop says so at `/health/ready`, goes on answering for a moment in which a
balancer can notice, ends each connection behind its answer, and then finishes what runs.
"""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# After SIGTERM, new connections are taken for this long.
LINGER_SECONDS = 1.0

_CLOSE = (b"connection", b"close")


class InFlightRequests:
    """The requests of one process."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.running = 0
        self.draining = False

    @property
    def full(self) -> bool:
        """Whether no more requests are let in."""
        return self.running >= self._most

    @contextmanager
    def drained(self) -> Iterator[None]:
        """At SIGTERM, drain first and let the server handle it then; only a server has such a handler."""
        handle = signal.getsignal(signal.SIGTERM)
        if not callable(handle):
            yield
            return
        loop = asyncio.get_running_loop()

        def drain(number: int, frame: FrameType | None) -> None:
            # Whoever asks twice does not want to wait.
            seconds = 0 if self.draining else LINGER_SECONDS
            self.draining = True
            loop.call_soon_threadsafe(loop.call_later, seconds, handle, number, frame)

        signal.signal(signal.SIGTERM, drain)
        yield


class Admission:
    """Middleware that refuses a request while too many others run."""

    def __init__(self, app: ASGIApp, *, in_flight: InFlightRequests) -> None:
        self._app = app
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._in_flight.full:
            raise HTTPException(503)
        complete = scope["method"] in ("GET", "HEAD")

        async def receive_without_a_place() -> Message:
            # Whoever sends a body slowly keeps no place from those who are worked for.
            nonlocal complete
            if complete:
                return await receive()
            self._in_flight.running -= 1
            try:
                message = await receive()
            finally:
                self._in_flight.running += 1
            complete = not message.get("more_body", False)
            return message

        self._in_flight.running += 1
        try:
            await self._app(scope, receive_without_a_place, send)
        except asyncio.CancelledError:
            if not self._in_flight.draining:
                raise
            # The server stops now, and has a moment left to say so.
            task = asyncio.current_task()
            assert task is not None, "a server runs each request in a task"
            task.uncancel()
            raise HTTPException(503) from None
        finally:
            self._in_flight.running -= 1


class CloseWhenDraining:
    """Middleware that ends each connection behind its answer while the process drains."""

    def __init__(self, app: ASGIApp, *, in_flight: InFlightRequests) -> None:
        self._app = app
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_close(message: Message) -> None:
            if self._in_flight.draining and message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], _CLOSE]
            await send(message)

        await self._app(scope, receive, send_and_close)
