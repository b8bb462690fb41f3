"""Send raw bytes on a new connection."""

import asyncio


class _Received(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.closed = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, _: Exception | None) -> None:
        self.closed.set_result(None)


async def exchange(port: int, *parts: bytes, end: bool = False) -> bytes:
    """Send the parts one after another; returns the bytes received until the server closes the connection.

    With `end`, the client closes its sending side after the last part. A server that closes before it has
    read everything resets the connection; the bytes received before the reset are returned then too.
    """
    loop = asyncio.get_running_loop()
    transport, received = await loop.create_connection(_Received, "127.0.0.1", port)
    for part in parts:
        transport.write(part)
        # The server usually reads each part alone; its response does not depend on that.
        await asyncio.sleep(0.002)
    if end and not transport.is_closing():
        transport.write_eof()
    await received.closed
    return received.data
