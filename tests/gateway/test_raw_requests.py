"""Raw requests over a real socket, each sent whole and split in two at every byte."""

import asyncio
from collections.abc import AsyncIterator
from http.client import HTTPResponse
from io import BytesIO
from typing import Any, cast

import pytest

from gateway import server
from gateway.app import create_app
from gateway.middleware.request_head import MAX_TARGET_BYTES
from gateway.settings import Settings
from tests.helpers.faults import served
from tests.helpers.gateway import DEMO_HEADER
from tests.helpers.sockets import exchange

HOST = b"Host: gateway\r\n"
LIVE = b"GET /health/live HTTP/1.1\r\n" + HOST
QUERY = b'{"query": "{ __typename }"}'
POST = (
    b"POST /graphql HTTP/1.1\r\nContent-Type: application/json\r\nAuthorization: "
    + DEMO_HEADER["Authorization"].encode()
    + b"\r\n"
    + HOST
)
LENGTH = b"Content-Length: %d\r\n" % len(QUERY)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b'B\r\n{"query": "\r\n10\r\n{ __typename }"}\r\n0\r\n'
CLOSE = b"Connection: close\r\n"
END = b"\r\n"

ALIVE = (200, b'{"status":"alive"}')
DATA = (200, b'{"data":{"__typename":"Query"}}')
NO_HTTP = (400, b"Invalid HTTP request received.")


def rest_error(status: int, phrase: str) -> tuple[int, bytes]:
    return status, b'{"errors":[{"status":false,"code":%d,"message":"%s"}]}' % (status, phrase.encode())


def graphql_error(status: int, code: str, message: str) -> tuple[int, bytes]:
    body = b'{"errors":[{"message":"%s","extensions":{"code":"%s","errorCode":%d}}]}'
    return status, body % (message.encode(), code.encode(), status)


def upgrade(value: bytes) -> bytes:
    return b"Connection: Upgrade, close\r\nUpgrade: " + value + b"\r\n"


TWO_LENGTHS = "Send either Content-Length or Transfer-Encoding, once."
REQUESTS = {
    "get": (LIVE + CLOSE + END, [ALIVE]),
    "body of a known length": (POST + LENGTH + CLOSE + END + QUERY, [DATA]),
    "chunked body": (POST + CHUNKED + CLOSE + END + CHUNKS + END, [DATA]),
    "chunked body with a trailer": (POST + CHUNKED + CLOSE + END + CHUNKS + b"X-A: b\r\n" + END, [DATA]),
    "upgrade to h2c without a body": (
        LIVE
        + b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
        + END,
        [ALIVE],
    ),
    "upgrade to h2c with a body": (POST + LENGTH + upgrade(b"h2c") + END + QUERY, [DATA]),
    "upgrade to websocket with a body": (POST + LENGTH + upgrade(b"websocket") + END + QUERY, [DATA]),
    "upgrade to anything, chunked": (POST + CHUNKED + upgrade(b"TLS/1.0, x/2") + END + CHUNKS + END, [DATA]),
    "a body that looks like a request": (
        POST + b"Content-Length: %d\r\n" % len(LIVE + END) + upgrade(b"h2c") + END + LIVE + END,
        [graphql_error(400, "BAD_REQUEST", "The body is not valid JSON at line 1, column 1.")],
    ),
    "pipelined": (LIVE + END + POST + LENGTH + END + QUERY + LIVE + CLOSE + END, [ALIVE, DATA, ALIVE]),
    "pipelined behind an upgrade": (
        POST + LENGTH + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + END + QUERY + LIVE + CLOSE + END,
        [DATA, ALIVE],
    ),
    "pipelined behind a body that is ignored": (
        LIVE + b"Content-Length: 2\r\n" + END + b"{}" + LIVE + CLOSE + END,
        [ALIVE, ALIVE],
    ),
    "absolute form": (b"GET http://gateway/health/live?x HTTP/1.1\r\n" + HOST + CLOSE + END, [ALIVE]),
    "a GET with a body": (LIVE + b"Content-Length: 3\r\n" + CLOSE + END + b"abc", [ALIVE]),
    "HTTP/1.0 without a host": (b"GET /health/live HTTP/1.0\r\n" + END, [ALIVE]),
    "no host": (b"GET /health/live HTTP/1.1\r\n" + END, [NO_HTTP]),
    "two hosts": (LIVE + HOST + END, [NO_HTTP]),
    "a host with a space": (
        b"GET /health/live HTTP/1.1\r\nHost: a b\r\n" + END,
        [rest_error(400, "Bad Request")],
    ),
    "a host with a user": (
        POST.replace(b"Host: gateway", b"Host: a@b") + LENGTH + END + QUERY,
        [graphql_error(400, "BAD_REQUEST", "Host must be a name or an address, with or without a port.")],
    ),
    "two different lengths": (POST + LENGTH + b"Content-Length: 1\r\n" + END + QUERY, [NO_HTTP]),
    "a length and chunks": (
        POST + LENGTH + CHUNKED + END + CHUNKS + END,
        [graphql_error(400, "BAD_REQUEST", TWO_LENGTHS)],
    ),
    "a negative length": (POST + b"Content-Length: -1\r\n" + END, [NO_HTTP]),
    "a space before the colon": (LIVE + b"X-A : b\r\n" + END, [NO_HTTP]),
    "an empty line only": (END, [NO_HTTP]),
    "a TLS handshake": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", [NO_HTTP]),
}
LONG = b"GET /health/live?%s HTTP/1.1\r\n" + HOST + CLOSE + END
LONG_REQUESTS = {
    "a target of the maximal length": (LONG % (b"x" * (MAX_TARGET_BYTES - 12)), [ALIVE]),
    "headers that are too long, in one piece": (
        LIVE + b"X-A: " + b"b" * 100_000 + b"\r\n" + END,
        [rest_error(431, "Request Header Fields Too Large")],
    ),
    "a target that is too long": (
        LONG % (b"x" * MAX_TARGET_BYTES),
        [rest_error(414, "URI Too Long")],
    ),
}


class _ReceivedBytes(BytesIO):
    """Stands in for the socket from which `http.client` reads a response."""

    def makefile(self, *_: object) -> "_ReceivedBytes":
        return self

    def close(self) -> None:
        """Stay open, because the next response is read from the same bytes."""


def responses(text: bytes) -> list[tuple[int, bytes]]:
    stream, found = _ReceivedBytes(text), []
    while stream.tell() < len(text):
        response = HTTPResponse(cast(Any, stream))
        response.begin()
        found.append((response.status, response.read()))
    return found


@pytest.fixture(scope="module")
async def port(settings: Settings) -> AsyncIterator[int]:
    async with served(create_app(settings)) as (_, port):
        yield port


@pytest.mark.parametrize(
    "step", [29, pytest.param(1, marks=pytest.mark.slow)], ids=["at every 29th byte", "at every byte"]
)
@pytest.mark.parametrize(("request_", "expected"), REQUESTS.values(), ids=REQUESTS)
async def test_a_request_is_answered_the_same_wherever_it_is_split(
    port: int, request_: bytes, expected: list[tuple[int, bytes]], step: int
) -> None:
    splits = [(request_[:n], request_[n:]) for n in range(0, len(request_), step)]
    for some in (splits[n : n + 50] for n in range(0, len(splits), 50)):
        received = await asyncio.gather(*(exchange(port, *parts) for parts in some))
        assert [responses(text) for text in received] == [expected] * len(some)


@pytest.mark.parametrize(("request_", "expected"), LONG_REQUESTS.values(), ids=LONG_REQUESTS)
async def test_too_long_targets_and_headers_are_refused(
    port: int, request_: bytes, expected: list[tuple[int, bytes]]
) -> None:
    assert responses(await exchange(port, request_)) == expected


async def test_a_connection_with_half_a_request_head_is_closed(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(POST + LENGTH + END + QUERY + LIVE)
    head = await reader.readuntil(END + END)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    # Until another byte arrives, the server treats the connection as idle.
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.1)
    writer.write(b"X")
    assert await reader.read() == DATA[1]
    writer.close()


async def test_a_client_that_closes_its_sending_side_early_gets_no_response(port: int) -> None:
    assert await exchange(port, POST + LENGTH + END + QUERY[:-1], end=True) == b""
