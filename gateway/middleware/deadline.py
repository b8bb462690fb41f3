"""The deadline of every request, and clients that do not wait for it.

Past its deadline a request is answered at once, whatever it waits for; for its body it waits less long. A
client that goes away ends the work that is done for it; what other requests have a part in goes on.
"""

import asyncio
from asyncio import Task
from collections.abc import Collection
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.middleware.body_limit import BodyTooLate
from loaders.deadline import Deadline, until
from loaders.store import DeadlineExceeded

HEADER = "X-CAP-DEADLINE-MS"
# Most requests are answered sooner: to watch a client costs a task, and a deadline a timer.
WATCHED_AFTER_SECONDS = 0.05

_HEADER = HEADER.lower().encode()


class DeadlineInvalid(ValueError):
    """The header says nothing that could be a deadline."""


class Deadlines:
    """Middleware that gives each request `milliseconds`, or fewer where its header says so.

    Its body has to be there in `body_seconds`. The `exempt` paths see to it themselves.
    """

    def __init__(
        self, app: ASGIApp, *, milliseconds: int, body_seconds: float, exempt: Collection[str]
    ) -> None:
        self._app = app
        self._milliseconds = milliseconds
        self._body_seconds = body_seconds
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        deadline = Deadline(self._read(scope) / 1000)
        request = _Request(scope, receive, send, deadline, self._body_seconds)
        try:
            with until(deadline):
                await self._app(scope, request.receive, request.send)
        except asyncio.CancelledError:
            if request.ended_by is None or request.task.cancelling() > request.cancelled + 1:
                # Somebody else's doing, such as a server's that stops.
                raise
            raise request.ended_by from None
        finally:
            request.leave()
            if request.ended_by is not None:
                request.task.uncancel()
            # What still runs for this request sends nothing any more.
            deadline.end()

    def _read(self, scope: Scope) -> int:
        for name, value in scope["headers"]:
            if name == _HEADER:
                # Ten digits are three months.
                if not (value.isdigit() and len(value) <= 10 and int(value)):
                    raise DeadlineInvalid
                return min(int(value), self._milliseconds)
        return self._milliseconds


class _Request:
    """A request whose work ends at its deadline, or when its client goes away.

    The client is watched when the request takes long and its body is there: until then whoever reads the
    body learns that the client is gone.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, deadline: Deadline, body_seconds: float
    ) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        assert task is not None, "a server runs each request in a task"
        self.task: Task[Any] = task
        self.cancelled = task.cancelling()
        self.ended_by: Exception | None = None
        self._receive = receive
        self._send = send
        self._deadline = deadline
        self._body_seconds = body_seconds
        self._sent_all = scope["method"] in ("GET", "HEAD")
        self._reading = self._body_late = False
        self._watching: Task[None] | None = None
        self._takes_long = False
        first = min(WATCHED_AFTER_SECONDS, deadline.left)
        self._timers: list[asyncio.Handle] = [self._loop.call_later(first, self._after_a_while)]

    async def receive(self) -> Message:
        if self._body_late:
            # What is there already is still good.
            self._timers.append(self._loop.call_soon(self._end_if_reading))
        self._reading = True
        try:
            message = await self._receive()
        finally:
            self._reading = False
        if not message.get("more_body"):
            self._sent_all = True
            self._watch()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # It is answered. How long the answer travels is between server and client.
            self.leave()
        await self._send(message)

    def leave(self) -> None:
        """Let the request take what time it takes from now on."""
        for timer in self._timers:
            timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _after_a_while(self) -> None:
        self._takes_long = True
        self._timers = [
            self._loop.call_later(self._deadline.left, self._end, DeadlineExceeded()),
            self._loop.call_later(self._body_seconds - WATCHED_AFTER_SECONDS, self._end_if_reading),
        ]
        self._watch()

    def _end_if_reading(self) -> None:
        self._body_late = not self._sent_all
        if self._reading and self._body_late:
            self._end(BodyTooLate(self._body_seconds))

    def _watch(self) -> None:
        if self._takes_long and self._sent_all and self._watching is None:
            self._watching = asyncio.create_task(self._wait_until_gone())

    async def _wait_until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end(ClientDisconnect())

    def _end(self, reason: Exception) -> None:
        self.leave()
        self.ended_by = reason
        self.task.cancel()
