"""How many requests a process takes at once, and how it stops without losing one.

More requests than a process can answer by their deadlines would only delay each other, so it refuses the
rest at once. After SIGTERM, `/health/ready` responds with 503. The process accepts connections for one more
second, so that a load balancer can notice, and closes each connection after its response. Then the running
requests finish.
"""

import asyncio
import multiprocessing
import signal
import threading
from multiprocessing.process import BaseProcess
from types import FrameType

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# For all request bodies that are being received.
MAX_RECEIVED_BYTES = 64 * 1024 * 1024
# After SIGTERM, a process takes new connections for this long.
LINGER_SECONDS = 1.0


class InFlightRequests:
    """The requests of one process: a slot for each, and the bytes of bodies that are being received."""

    def __init__(self, max_running: int) -> None:
        self._max_running = max_running
        self.running = self.received_bytes = 0
        self.draining = False

    @property
    def full(self) -> bool:
        """Whether every slot is taken."""
        return self.running >= self._max_running

    def drain_at_sigterm(self) -> None:
        """At SIGTERM, drain first and then let the server handle the signal; only a server has a handler.

        A worker whose parent was killed stops without that delay, because a new parent waits for the port.
        """
        handle = signal.getsignal(signal.SIGTERM)
        if not callable(handle):
            return
        loop = asyncio.get_running_loop()

        def drain(number: int, frame: FrameType | None) -> None:
            # A second signal ends the drain at once.
            seconds = 0 if self.draining else LINGER_SECONDS
            self.draining = True
            loop.call_soon_threadsafe(loop.call_later, seconds, handle, number, frame)

        def stop_with(parent: BaseProcess) -> None:
            parent.join()
            self.draining = True
            loop.call_soon_threadsafe(handle, signal.SIGTERM, None)

        signal.signal(signal.SIGTERM, drain)
        if parent := multiprocessing.parent_process():
            threading.Thread(target=stop_with, args=[parent], daemon=True).start()


class Admission:
    """Middleware that refuses a request while too many others run.

    A request holds no slot while its body is being received, so a slow client takes none from the others.
    """

    def __init__(self, app: ASGIApp, *, in_flight: InFlightRequests) -> None:
        self._app = app
        self._in_flight = in_flight

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        in_flight = self._in_flight
        if in_flight.full:
            raise HTTPException(503)
        complete, size, slots = scope["method"] in ("GET", "HEAD"), 0, 1

        async def receive_without_slot() -> Message:
            nonlocal complete, size, slots
            if complete:
                return await receive()
            in_flight.running -= slots
            slots = 0
            message = await receive()
            arrived = len(message.get("body", b""))
            size += arrived
            in_flight.received_bytes += arrived
            complete = not message.get("more_body", False)
            if in_flight.received_bytes > MAX_RECEIVED_BYTES or (complete and in_flight.full):
                raise HTTPException(503)
            if complete:
                slots = 1
                in_flight.running += 1
            return message

        in_flight.running += 1
        try:
            await self._app(scope, receive_without_slot, send)
        except asyncio.CancelledError:
            if not in_flight.draining:
                raise
            # The server cancels its requests when it stops; this one still gets a response.
            task = asyncio.current_task()
            assert task is not None, "a server runs each request in a task"
            task.uncancel()
            raise HTTPException(503) from None
        finally:
            in_flight.received_bytes -= size
            in_flight.running -= slots
