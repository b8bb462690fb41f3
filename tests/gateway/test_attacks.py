"""Hostile requests: each is refused in clear words before it costs anything, and sends no command."""

import json
import socket
import threading
import time
from contextlib import suppress
from http.client import HTTPResponse
from typing import Any

import httpx
import pytest

from gateway.auth import oauth
from gateway.ingest import events
from gateway.settings import Settings
from tests.conftest import OpenGateway, Start
from tests.gateway.test_graphql_app import field
from tests.support import (
    DEMO_HEADER,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
    environment,
    free_port,
    wait_until_served,
)


async def test_a_batch_is_refused(gateway: Gateway) -> None:
    await gateway.warm()
    batch = [{"query": f"{{ {field()} }}"}] * 1_000
    response = await gateway.client.post("/graphql", json=batch, headers=DEMO_HEADER)
    message = "Batching is off: a request holds one operation, not a list of them."
    assert_graphql_refusal(response, 400, "BAD_REQUEST", 400, message)
    assert gateway.commands.names == []


@pytest.mark.parametrize("path", ["/graphql", events.PATH, oauth.PATH])
async def test_a_body_is_as_long_as_is_allowed_and_no_longer(gateway_with: OpenGateway, path: str) -> None:
    async def chunks(size: int) -> Any:
        for _ in range(size):
            yield b"x"

    async with gateway_with(max_body_bytes=10) as gateway:
        await gateway.warm()
        for content, status in ((b"x" * 10, 400), (b"x" * 11, 413), (chunks(10), 400), (chunks(11), 413)):
            headers = {**DEMO_HEADER, "Content-Type": "application/json"}
            response = await gateway.client.post(path, content=content, headers=headers)
            if path == events.PATH:
                # The demo's till may not write events, which is known before its body is read.
                assert_rest_error(response, 403, 4000, "Not authorized. Access is denied!")
            else:
                assert response.status_code == status
                assert (response.headers.get("connection") == "close") == (status == 413)
        assert gateway.commands.names == []


@pytest.fixture
def port(settings: Settings, start: Start) -> int:
    """A server of its own, which waits one second for a body."""
    port = free_port()
    start("serve", "--port", str(port), variables=environment(settings, GATEWAY_MAX_BODY_SECONDS="1"))
    wait_until_served(port)
    return port


def send(port: int, head: str, part: bytes, times: int, pause: float) -> tuple[int, Any]:
    """The answer to a request whose body is still being sent when it comes."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode())

        def send_body() -> None:
            with suppress(OSError):
                for _ in range(times):
                    connection.sendall(part)
                    time.sleep(pause)

        sending = threading.Thread(target=send_body)
        sending.start()
        answer = HTTPResponse(connection)
        answer.begin()
        body = json.loads(answer.read())
        sending.join()
    return answer.status, body


def test_a_huge_and_a_slow_body_are_refused_while_they_are_sent(port: int) -> None:
    head = (
        "POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
        f"Authorization: {DEMO_HEADER['Authorization']}\r\n"
    )
    most = Settings().max_body_bytes
    large, large_chunk = b"x" * 65_536, b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    length, chunked = f"Content-Length: {2 * most}\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"
    for framing, part, times, pause, status, code, message in (
        (length, large, 32, 0, 413, "CONTENT_TOO_LARGE", f"A body has at most {most} bytes."),
        (chunked, large_chunk, 32, 0, 413, "CONTENT_TOO_LARGE", f"A body has at most {most} bytes."),
        (length, b"x", 15, 0.1, 408, "REQUEST_TIMEOUT", "The body did not arrive within 1 seconds."),
        (
            chunked,
            b"1\r\nx\r\n",
            15,
            0.1,
            408,
            "REQUEST_TIMEOUT",
            "The body did not arrive within 1 seconds.",
        ),
    ):
        refusal = {"errors": [{"message": message, "extensions": {"code": code, "errorCode": status}}]}
        assert send(port, head + framing, part, times, pause) == (status, refusal)
    assert httpx.post(
        f"http://127.0.0.1:{port}/graphql", json={"query": "{ __typename }"}, headers=DEMO_HEADER
    ).json() == {"data": {"__typename": "Query"}}
