"""HTTP over plain connections, for clients that misbehave."""

from asyncio import StreamReader

Address = tuple[str, int]


async def read_head(reader: StreamReader) -> tuple[int, int]:
    """The status of a response, and the length of its body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    return int(head.split()[1]), length


async def read_response(reader: StreamReader) -> tuple[int, bytes]:
    """The status of a response, and its body."""
    status, length = await read_head(reader)
    return status, await reader.readexactly(length)
