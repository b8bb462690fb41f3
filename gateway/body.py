"""The bodies of requests: none larger than the limit, and none that never ends.

Both hold whatever the request says of its own length, and for every route. A body that is refused is not read
to its end, so the connection closes behind the answer.
"""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_CLOSE = {"Connection": "close"}


class BodyTooLarge(HTTPException):
    """The body has more bytes than are allowed."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"A body has at most {most} bytes.", _CLOSE)


class BodyLimit:
    """Middleware that refuses a body of more than `most` bytes (413), or one that takes too long (408)."""

    def __init__(self, app: ASGIApp, *, most: int, seconds: float) -> None:
        self._app = app
        self._most = most
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        until = asyncio.get_running_loop().time() + self._seconds
        received = 0
        complete = False

        async def receive_some() -> Message:
            nonlocal received, complete
            if complete:
                # What comes now is news of the connection, for which anybody may wait as long as they like.
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError as error:
                detail = f"The body did not arrive within {self._seconds} seconds."
                raise HTTPException(408, detail, _CLOSE) from error
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > self._most:
                raise BodyTooLarge(self._most)
            return message

        await self._app(scope, receive_some, send)
