"""The bodies of requests: none larger than the limit, whatever the request says of its own length.

A body that is refused is not read to its end, so the connection closes behind the answer.
"""

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLOSE = {"Connection": "close"}


class BodyTooLarge(HTTPException):
    """The body has more bytes than are allowed."""

    def __init__(self, most: int) -> None:
        super().__init__(413, f"A body has at most {most} bytes.", CLOSE)


class BodyTooLate(HTTPException):
    """The body was not there in the seconds that are allowed."""

    def __init__(self, seconds: float) -> None:
        super().__init__(408, f"The body did not arrive within {seconds} seconds.", CLOSE)


class BodyLimit:
    """Middleware that refuses a body of more than `most` bytes."""

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        received = 0

        async def receive_some() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._most:
                raise BodyTooLarge(self._most)
            return message

        await self._app(scope, receive_some, send)
