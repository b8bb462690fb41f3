"""Clients that cost the server and its other clients as much as they can.

An attack runs until it is cancelled. It is bounded in its connections, and a refused client waits a moment.
"""

import asyncio
import json
import socket
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count, cycle, product

from bench.http_client import Address, read_response
from bench.seed import Tenant
from bench.workloads import FULL, Request, SummaryRequest, graphql
from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.rest.tokens import TOKEN_PATH, TOKEN_REQUEST_BYTES

WIDTH = 100
# The pause of a refused client, as in the header Retry-After.
REFUSED_SECONDS = 1
# Longer than the time limits of the server for a head and for a body.
HELD_SECONDS = 30
# The first fields of a full summary.
_CONDITIONS = "orgId", "programId", "customerId", "promotionId"

Attack = Callable[[Address, Counter[str]], Awaitable[None]]


def wide(tenant: Tenant) -> Request:
    """The widest legal operation: a hundred full summaries of different customers."""
    return graphql([SummaryRequest(tenant, n, 0) for n in range(WIDTH)], FULL)


def _conditional(tenant: Tenant) -> list[Request]:
    """The widest operation with every combination of four conditions; most of them have no plan."""
    request = wide(tenant)
    body = json.loads(request.body)
    fields = " ".join(f"{name} @include(if: ${name})" for name in _CONDITIONS)
    declared = ", ".join(f"${name}: Boolean!" for name in _CONDITIONS)
    query = body["query"].replace("query (", f"query ({declared}, ").replace(" ".join(_CONDITIONS), fields)
    return [
        _post(tenant, query, {**body["variables"], **dict(zip(_CONDITIONS, values, strict=True))})
        for values in product((True, False), repeat=len(_CONDITIONS))
    ]


def _never_sent_before(tenant: Tenant) -> Iterator[bytes]:
    """The widest operation under a new name each time; without its fragment, the document is longest."""
    body = json.loads(wide(tenant).body)
    query = body["query"].partition(" fragment ")[0].replace("...Full", FULL)
    for n in count():
        yield _text(_post(tenant, query.replace("query (", f"query New{n} ("), body["variables"]))


def _post(tenant: Tenant, query: str, variables: dict[str, object]) -> Request:
    return Request(GRAPHQL_PATH, tenant.headers, json.dumps({"query": query, "variables": variables}))


def amplified_errors(tenant: Tenant) -> Request:
    """Each error of a variable quotes a long name."""
    declared = " ".join(f"$a{n}: Int" for n in range(120))
    given: dict[str, object] = {f"a{n}": "x" for n in range(120)}
    return _post(tenant, f"query {'x' * 90_000} ({declared}) {{ __typename }}", given)


def amplified_keys(tenant: Tenant) -> Request:
    """Each entry of a list has a long key."""
    ids = json.dumps([str(tenant.promotion(0).promotion_id)] * WIDTH)
    arguments = f'source: INSTORE, identifierName: MOBILE, identifierValue: "{tenant.mobile(0)}"'
    entries = f"promotionActionSummaries(promotionIds: {ids}) {{ {'x' * 90_000}: orgId }}"
    return _post(tenant, f"{{ customer({arguments}) {{ {entries} }} }}", {})


def attacks(tenant: Tenant) -> dict[str, Attack]:
    """The attacks by name; those that need credentials have those of `tenant`."""
    widest = _text(wide(tenant))
    conditional = cycle([_text(one) for one in _conditional(tenant)])
    token = f"POST {TOKEN_PATH} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
    token_body = b" " * (TOKEN_REQUEST_BYTES - 1)
    large = _text(Request(GRAPHQL_PATH, tenant.headers, " " * 1_000_000))
    return {
        "60 unread responses of errors": _crowd(60, _unread(_text(amplified_errors(tenant)))),
        "60 unread responses with long keys": _crowd(60, _unread(_text(amplified_keys(tenant)))),
        "800 token requests without their last byte": _crowd(
            800, _held(f"{token}Content-Length: {TOKEN_REQUEST_BYTES}\r\n\r\n".encode() + token_body)
        ),
        "100 bodies of 1 MB without their last byte": _crowd(100, _held(large[:-1])),
        "120 bodies whose last bytes arrive together": _burst(120, widest),
        "16 connections of the widest operation": _crowd(16, _repeat(cycle([widest]))),
        "16 connections of the widest operation in new documents": _crowd(
            16, _repeat(_never_sent_before(tenant))
        ),
        "16 connections of the widest operation with conditions": _crowd(16, _repeat(conditional)),
        "100 connections of the widest operation with conditions": _crowd(100, _repeat(conditional)),
        "500 connections with one line end": _crowd(500, _held(b"\r\n")),
        "500 connections with half a head": _crowd(500, _held(large[:100])),
    }


def _text(request: Request) -> bytes:
    return request.text().encode()


def _crowd(connections: int, client: Attack) -> Attack:
    """Many of these clients at once, each on a connection of its own."""

    async def attack(address: Address, seen: Counter[str]) -> None:
        async def again_and_again() -> None:
            while True:
                with suppress(OSError, EOFError):
                    await client(address, seen)
                await asyncio.sleep(REFUSED_SECONDS)

        await asyncio.gather(*(again_and_again() for _ in range(connections)))

    return attack


def _repeat(requests: Iterator[bytes]) -> Attack:
    """Sends these endless requests, each when the request before it is answered."""

    async def client(address: Address, seen: Counter[str]) -> None:
        async with connected(address) as (reader, writer):
            for request in requests:
                writer.write(request)
                status, _ = await read_response(reader)
                seen[str(status)] += 1
                if status != 200:
                    await asyncio.sleep(REFUSED_SECONDS)

    return client


def _unread(request: bytes) -> Attack:
    """Sends a request, and does not read the response."""

    async def client(address: Address, seen: Counter[str]) -> None:
        async with connected(address, window=4_096) as (_, writer):
            writer.write(request)
            await writer.drain()
            seen["sent"] += 1
            await asyncio.sleep(HELD_SECONDS)

    return client


def _held(start: bytes) -> Attack:
    """Sends the start of a request, and waits until the server closes the connection."""

    async def client(address: Address, seen: Counter[str]) -> None:
        async with connected(address) as (reader, writer):
            writer.write(start)
            seen["opened"] += 1
            try:
                status, _ = await read_response(reader)
                seen[str(status)] += 1
            except EOFError:
                seen["closed"] += 1

    return client


def _burst(connections: int, request: bytes) -> Attack:
    """Opens requests without their last byte, and then sends all the last bytes together."""

    async def one(address: Address, all_open: asyncio.Barrier, seen: Counter[str]) -> None:
        async with connected(address) as (reader, writer):
            writer.write(request[:-1])
            await writer.drain()
            await all_open.wait()
            writer.write(request[-1:])
            status, _ = await read_response(reader)
            seen[str(status)] += 1

    async def attack(address: Address, seen: Counter[str]) -> None:
        while True:
            all_open = asyncio.Barrier(connections)
            await asyncio.gather(*(one(address, all_open, seen) for _ in range(connections)))

    return attack


@asynccontextmanager
async def connected(
    address: Address, window: int | None = None
) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """A connection that is aborted at the end; `window` limits the bytes that it receives unread."""
    plain = socket.socket()
    plain.setblocking(False)
    if window is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(plain, address)
    except BaseException:
        plain.close()
        raise
    reader, writer = await asyncio.open_connection(sock=plain, limit=window or 2**16)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
