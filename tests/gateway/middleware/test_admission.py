"""The limits of concurrent requests, of bodies being received and of unread responses."""

import asyncio
import json
from asyncio import StreamReader, StreamWriter

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import server
from gateway.app import create_app
from gateway.health import LIVE, READY
from gateway.middleware import admission
from gateway.middleware.deadline import HEADER
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from tests.conftest import OpenGateway
from tests.helpers.faults import DatabaseProxy, served, until
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, assert_graphql_refusal, assert_rest_error, changed
from tests.helpers.graphql import field
from tests.helpers.health import assert_health


async def test_requests_beyond_the_limit_are_refused_at_once_on_both_apis(
    gateway_with: OpenGateway, proxy: DatabaseProxy
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri, max_concurrent_requests=2) as gateway:
        await gateway.warm()
        proxy.freeze()
        running = [asyncio.create_task(gateway.rest(DOCUMENTED)) for _ in range(2)]
        # The second look-up can need a connection, which the frozen proxy does not establish.
        await until(lambda: proxy.holds(b"find"))
        # A request that sent a command would wait for the frozen database.
        rest, graphql = await gateway.rest(DOCUMENTED), await gateway.graphql(f"{{ {field()} }}")
        assert_rest_error(rest, 503, 503, "Service Unavailable")
        assert_graphql_refusal(graphql, 503, "SERVICE_UNAVAILABLE", 503, "Service Unavailable")
        assert rest.headers["retry-after"] == graphql.headers["retry-after"] == "1"
        assert_health(await gateway.client.get(LIVE), 200, "alive")
        assert_health(await gateway.client.get(READY), 503, "overloaded")
        proxy.thaw()
        assert [(await one).json()["customerId"] for one in running] == [387729100] * 2
        assert (await gateway.rest(DOCUMENTED)).json()["customerId"] == 387729100
        assert_health(await gateway.client.get(READY), 200, "ready")


async def test_failed_and_cancelled_requests_release_their_slots(
    gateway_with: OpenGateway, proxy: DatabaseProxy
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri, max_concurrent_requests=1) as gateway:
        await gateway.warm()
        assert (await gateway.rest(DOCUMENTED, {})).status_code == 401
        proxy.freeze()
        late = await gateway.rest(DOCUMENTED, {**DEMO_HEADER, HEADER: "50"})
        assert late.json()["errors"][0]["code"] == 8105
        gone = asyncio.create_task(gateway.rest(DOCUMENTED))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        proxy.thaw()
        assert (await gateway.rest(DOCUMENTED)).json()["customerId"] == 387729100


async def test_a_request_holds_no_slot_while_its_body_arrives(settings: Settings) -> None:
    async with served(create_app(changed(settings, max_concurrent_requests=1))) as (running, port):
        head = f"POST {TOKEN_PATH} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for _, writer in slow:
            writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
        await until(lambda: len(running.server_state.tasks) == 2)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert_health(await client.get(READY), 200, "ready")
            answer = await client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER)
            assert answer.json()["customerId"] == 387729100
        for _, writer in slow:
            writer.close()


async def open_post(port: int, body: bytes, length: int) -> tuple[StreamReader, StreamWriter]:
    """A GraphQL request whose body is shorter than its Content-Length."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /graphql HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\nContent-Type: application/json\r\n"
        f"Authorization: {DEMO_HEADER['Authorization']}\r\nContent-Length: {length}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    return reader, writer


async def log_in(port: int) -> None:
    """Let the gateway remember the demo's credentials."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        await client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER)


async def test_bodies_that_complete_together_cannot_pass_the_limit(
    settings: Settings, proxy: DatabaseProxy
) -> None:
    limited = create_app(changed(settings, mongodb_uri=proxy.uri, max_concurrent_requests=3))
    body = json.dumps({"query": f"{{ {field()} }}"}).encode()
    async with served(limited) as (running, port):
        await log_in(port)
        proxy.freeze()
        posts = [await open_post(port, body[:-1], len(body)) for _ in range(12)]
        await until(lambda: len(running.server_state.tasks) == 12)
        for _, writer in posts:
            writer.write(body[-1:])
        await until(lambda: len(running.server_state.tasks) == 3)
        proxy.thaw()
        statuses = sorted([(await reader.readline()).split()[1] for reader, _ in posts])
        assert statuses == [b"200"] * 3 + [b"503"] * 9
        for _, writer in posts:
            writer.close()


async def test_all_bodies_that_are_being_received_have_one_bound(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "MAX_RECEIVED_BYTES", 1_000)
    async with served(create_app(settings)) as (running, port):
        # With remembered credentials, a request reads its body at once.
        await log_in(port)
        _, first = await open_post(port, b"x" * 900, 1_000)
        await until(lambda: len(running.server_state.tasks) == 1)
        reader, refused = await open_post(port, b"x" * 900, 1_000)
        assert await reader.readline() == b"HTTP/1.1 503 Service Unavailable\r\n"
        first.close()
        await until(lambda: not running.server_state.tasks)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            answer = await client.post("/graphql", json={"query": "{ __typename }"}, headers=DEMO_HEADER)
            assert answer.status_code == 200
        refused.close()


async def large(_: Request) -> Response:
    return Response(LARGE)


LARGE = b"x" * 20_000_000
LARGE_RESPONSES = Starlette(routes=[Route("/", large)])


async def ask_without_reading(port: int) -> tuple[StreamReader, StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    writer.write(b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")
    return reader, writer


async def test_a_response_that_the_client_does_not_read_is_aborted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READ_SECONDS", 0.1)
    async with served(LARGE_RESPONSES) as (running, port):
        _, writer = await ask_without_reading(port)
        await until(lambda: running.server_state.total_requests == 1)
        await until(lambda: not running.server_state.connections)
        writer.close()


async def test_unread_responses_have_one_bound_and_the_oldest_is_aborted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_UNREAD_BYTES", len(LARGE) + 1)
    async with served(LARGE_RESPONSES) as (running, port):
        _, oldest = await ask_without_reading(port)
        await until(lambda: running.server_state.total_requests == 1)
        assert len(running.server_state.connections) == 1
        reader, writer = await ask_without_reading(port)
        await until(lambda: running.server_state.total_requests == 2)
        await until(lambda: len(running.server_state.connections) == 1)
        assert (await reader.readexactly(len(LARGE))).startswith(b"HTTP/1.1 200 OK\r\n")
        for one in (oldest, writer):
            one.close()
