"""A database that tests can kill, and a proxy in front of it that they can freeze or cut."""

import asyncio
import os
import socket
import struct
import threading
from asyncio import StreamReader, StreamWriter
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import bson
import uvicorn
from starlette.applications import Starlette

from gateway import server
from gateway.commands.embedded_database import embedded_database
from gateway.settings import Settings

# Options of a connection string. A busy database may respond late.
PATIENCE = "connectTimeoutMS=60000&serverSelectionTimeoutMS=60000"


class DatabaseProxy:
    """A TCP proxy in front of the database.

    It runs in a thread of its own, because a driver that closes blocks the event loop.
    """

    def __init__(self, uri: str) -> None:
        database = urlsplit(uri)
        self._host, self._port = database.hostname, database.port
        self._loop = asyncio.new_event_loop()
        self._flows = asyncio.Event()
        self._flows.set()
        self._cut_after: int | None = None
        self._closing = False
        self.cuts = 0
        self._held: list[bytes] = []
        self._replies: defaultdict[str, deque[dict[str, Any]]] = defaultdict(deque)
        self._ends: set[StreamWriter] = set()
        self.uri = self.impatient_uri = ""

    def freeze(self) -> None:
        """Let nothing through; connections stay open, and new ones are accepted."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def holds(self, text: bytes) -> bool:
        """Whether the frozen proxy holds back a message that contains `text`."""
        return any(text in data for data in self._held)

    def thaw(self) -> None:
        self._loop.call_soon_threadsafe(self._flows.set)

    def cut_answers(self, after: int | None) -> None:
        """Close each connection after this many bytes of its next answer; None closes no connection."""
        self._cut_after = after

    def reply(self, command: str, *documents: dict[str, Any]) -> None:
        """Answer the next commands of this name with these documents, without the database."""
        self._replies[command].extend(documents)

    @contextmanager
    def open(self) -> Iterator["DatabaseProxy"]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.setblocking(False)
            address = listening.getsockname()
            # Without `directConnection`, the driver would use the address that the database announces.
            self.impatient_uri = f"mongodb://127.0.0.1:{address[1]}/?directConnection=true"
            # Otherwise the driver treats a server that is silent for seconds as failed, and sends its
            # commands again.
            self.uri = f"{self.impatient_uri}&{PATIENCE}"
            thread = threading.Thread(target=self._loop.run_until_complete, args=[self._serve(listening)])
            thread.start()
            try:
                yield self
            finally:
                self._closing = True
                socket.create_connection(address).close()
                thread.join()
                self._loop.close()

    async def _serve(self, listening: socket.socket) -> None:
        """Accept connections until the proxy closes.

        `open` ends the loop with a connection of its own, because a cancelled accept can lose a socket.
        """
        async with asyncio.TaskGroup() as connections:
            while True:
                client, _ = await self._loop.sock_accept(listening)
                if self._closing:
                    break
                connections.create_task(self._connect(client))
            client.close()
            self._flows.set()
            for end in self._ends:
                end.transport.abort()

    async def _connect(self, client: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=client)
        ends = {writer}
        try:
            answers, commands = await asyncio.open_connection(self._host, self._port)
            ends.add(commands)
            self._ends |= ends
            if self._closing:
                raise EOFError
            async with asyncio.TaskGroup() as copying:
                copying.create_task(self._copy_commands(reader, commands, writer))
                copying.create_task(self._copy_answers(answers, writer))
        except* (OSError, EOFError):
            pass
        finally:
            self._ends -= ends
            for end in ends:
                end.transport.abort()

    async def _let_through(self, data: bytes) -> None:
        self._held.append(data)
        await self._flows.wait()
        self._held.remove(data)

    async def _copy_commands(
        self, reader: StreamReader, database: StreamWriter, client: StreamWriter
    ) -> None:
        while True:
            head = await reader.readexactly(_HEADER.size)
            length, request_id, _, operation = _HEADER.unpack(head)
            body = await reader.readexactly(length - _HEADER.size)
            await self._let_through(body)
            replies = self._replies.get(_command_name(body)) if operation == _OP_MSG else None
            if replies:
                answer = _NO_FLAGS + bson.encode(replies.popleft())
                client.write(_HEADER.pack(_HEADER.size + len(answer), 0, request_id, _OP_MSG) + answer)
            else:
                database.write(head + body)
                await database.drain()

    async def _copy_answers(self, reader: StreamReader, writer: StreamWriter) -> None:
        while data := await reader.read(65536):
            await self._let_through(data)
            if self._cut_after is not None:
                writer.write(data[: self._cut_after])
                self.cuts += 1
                break
            writer.write(data)
            await writer.drain()
        # The error also ends the task that copies the commands.
        raise EOFError


# MongoDB's wire protocol. A message begins with its length, its id, the id that it answers and its kind. A
# command is an OP_MSG: flags, then sections, of which the one of kind 0 is the command's document.
_HEADER = struct.Struct("<4i")
_OP_MSG = 2013
_NO_FLAGS = bytes(5)


def _command_name(message: bytes) -> str:
    at = 4
    while message[at] == 1:
        at += 1 + int.from_bytes(message[at + 1 : at + 5], "little")
    length = int.from_bytes(message[at + 1 : at + 5], "little")
    return str(next(iter(bson.decode(message[at + 1 : at + 1 + length]))))


async def until(holds: Callable[[], bool]) -> None:
    """Poll a condition until it holds, for conditions that no event announces."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """Serve the application on a real socket as `promo-gateway serve` does; yields its server and port."""
    with server.bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        running = uvicorn.Server(server.create_config(app, Settings()))
        serving = asyncio.create_task(running.serve(sockets=[listening]))
        await until(lambda: running.started)
        try:
            yield running, port
        finally:
            running.should_exit = True
            await serving


def all_children() -> set[int]:
    """The child processes of this process, whichever thread started them."""
    found: set[int] = set()
    for thread in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(FileNotFoundError):
            found |= set(map(int, (thread / "children").read_text().split()))
    return found


class Database:
    """A database that keeps its data and its port when it is killed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running = ExitStack()
        self._port = 0
        self._pid = 0
        self.uri = ""

    def start(self) -> None:
        before = all_children()
        database = embedded_database(self._directory, durable=True, port=self._port)
        self.uri = self._running.enter_context(database)
        self._port = int(self.uri.rpartition(":")[2])
        [self._pid] = all_children() - before

    def signal(self, number: int) -> None:
        os.kill(self._pid, number)

    def stop(self) -> None:
        """End the process if it still runs, and wait for it."""
        self._running.close()

    @classmethod
    @contextmanager
    def running(cls, directory: Path) -> Iterator["Database"]:
        database = cls(directory)
        try:
            database.start()
            yield database
        finally:
            database.stop()
