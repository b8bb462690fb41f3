"""The deadline of every request, and clients that do not wait for it.

Past its deadline a request is answered at once, whatever it waits for. A client that goes away ends the work
that is done for it; what other requests have a part in goes on.
"""

import asyncio
from asyncio import Task
from collections.abc import Collection
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from loaders.deadline import Deadline, until
from loaders.store import DeadlineExceeded

HEADER = "X-CAP-DEADLINE-MS"
# Most requests are answered sooner, and to watch a client costs a task.
WATCHED_AFTER_SECONDS = 0.05

_HEADER = HEADER.lower().encode()


class DeadlineInvalid(ValueError):
    """The header says nothing that could be a deadline."""


class Deadlines:
    """Middleware that gives each request `milliseconds`, or fewer where its header says so.

    The `exempt` paths see to it themselves.
    """

    def __init__(self, app: ASGIApp, *, milliseconds: int, exempt: Collection[str]) -> None:
        self._app = app
        self._milliseconds = milliseconds
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
            return
        seconds = self._read(scope) / 1000
        deadline = Deadline(seconds)
        client = _Client(scope, receive)
        try:
            async with asyncio.timeout(seconds) as limit:

                async def send_and_be_done(message: Message) -> None:
                    if message["type"] == "http.response.start" and not limit.expired():
                        # It is answered. How long the answer travels is between server and client.
                        limit.reschedule(None)
                        client.leave()
                    await send(message)

                with until(deadline):
                    await self._app(scope, client.receive, send_and_be_done)
        except asyncio.CancelledError:
            if not client.gone:
                raise
            client.task.uncancel()
            raise ClientDisconnect from None
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise DeadlineExceeded from error
        finally:
            client.leave()
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


class _Client:
    """Whoever sent the request; watched when the request takes long and its body is there.

    Until then whoever reads the body learns that the client is gone.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        task = asyncio.current_task()
        assert task is not None, "a server runs each request in a task"
        self.task: Task[Any] = task
        self.gone = False
        self._receive = receive
        self._sent_all = scope["method"] in ("GET", "HEAD")
        self._watching: Task[None] | None = None
        self._takes_long = False
        self._timer = asyncio.get_running_loop().call_later(WATCHED_AFTER_SECONDS, self._after_a_while)

    async def receive(self) -> Message:
        message = await self._receive()
        if not message.get("more_body"):
            self._sent_all = True
            self._watch()
        return message

    def leave(self) -> None:
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _after_a_while(self) -> None:
        self._takes_long = True
        self._watch()

    def _watch(self) -> None:
        if self._takes_long and self._sent_all and self._watching is None:
            self._watching = asyncio.create_task(self._wait_until_gone())

    async def _wait_until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self.task.cancel()
