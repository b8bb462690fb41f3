"""The deadline of every request, and the end of work whose client has disconnected.

A request is answered by its deadline, whatever it waits for, and its body has a shorter time to arrive. Work
that other requests share continues.
"""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import DeadlineInvalid
from loaders.deadline import Deadline, until
from loaders.errors import DeadlineExceeded

HEADER = "X-CAP-DEADLINE-MS"
# The time for a body to arrive.
BODY_SECONDS = 4
# Most requests are answered sooner, without the cost of a task that watches the client and the deadline.
WATCH_AFTER_SECONDS = 0.05

_HEADER = HEADER.lower().encode()


class RequestDeadline:
    """Middleware that gives each request `milliseconds`, or fewer where X-CAP-DEADLINE-MS says so."""

    def __init__(self, app: ASGIApp, *, milliseconds: int) -> None:
        self._app = app
        self._milliseconds = milliseconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = Deadline(self._read_header(scope) / 1000)
        request = _Request(scope, receive, send, deadline)
        try:
            with until(deadline):
                await self._app(scope, request.receive, request.send)
        except asyncio.CancelledError:
            if request.ended_by is None or request.task.cancelling() > request.cancelled_before + 1:
                # Another part of the program ended it, such as a server that stops.
                raise
            raise request.ended_by from None
        finally:
            request.stop_watching()
            if request.ended_by is not None:
                request.task.uncancel()
                # Its traceback refers to this object.
                request.ended_by = None
            # Work that still runs for this request sends no more commands.
            deadline.expire()

    def _read_header(self, scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == _HEADER:
                # Ten digits are three months.
                if not (value.isdigit() and len(value) <= 10 and int(value)):
                    raise DeadlineInvalid
                return min(int(value), self._milliseconds)
        return self._milliseconds


class _Request:
    """A request that ends at its deadline, or when its client goes away."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, deadline: Deadline) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None, "a server runs each request in a task"
        self.task: asyncio.Task[object] = task
        self.cancelled_before = task.cancelling()
        self.ended_by: Exception | None = None
        self._receive = receive
        self._send = send
        self._deadline = deadline
        self._body_due = loop.time() + BODY_SECONDS
        self._body_read = asyncio.Event()
        if scope["method"] in ("GET", "HEAD"):
            self._body_read.set()
        self._watching: asyncio.Task[None] | None = None
        self._timer = loop.call_later(min(WATCH_AFTER_SECONDS, deadline.remaining), self._start_watching)

    async def receive(self) -> Message:
        if self._body_read.is_set():
            return await self._receive()
        try:
            # A part that has already arrived is read, even after the time for the body.
            async with asyncio.timeout_at(self._body_due):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"The body did not arrive within {BODY_SECONDS} seconds.") from None
        if not message.get("more_body", False):
            self._body_read.set()
        return message

    async def send(self, message: Message) -> None:
        # A response that has begun has no deadline: how long it takes depends on its reader.
        self.stop_watching()
        await self._send(message)

    def stop_watching(self) -> None:
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
            # The cancelled task refers to this object through its traceback.
            self._watching = None

    def _start_watching(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        try:
            async with asyncio.timeout(self._deadline.remaining):
                # Before the body is read, its reader receives the disconnect of the client.
                await self._body_read.wait()
                while (await self._receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            self.ended_by = DeadlineExceeded()
        else:
            self.ended_by = ClientDisconnect()
        self.task.cancel()
