"""Requests that are sent byte for byte, on a connection of their own."""

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
    """Send the parts one after another, and with `end` the end of the stream; returns the bytes received.

    A server that closes before it has read all resets the connection: that ends the exchange, and what came
    before counts.
    """
    loop = asyncio.get_running_loop()
    transport, received = await loop.create_connection(_Received, "127.0.0.1", port)
    for part in parts:
        transport.write(part)
        # The server reads this part by itself; what it answers does not depend on that.
        await asyncio.sleep(0.002)
    if end and not transport.is_closing():
        transport.write_eof()
    await received.closed
    return received.data
