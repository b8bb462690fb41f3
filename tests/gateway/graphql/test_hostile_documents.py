"""Hostile requests are refused with a clear message before they cost much, and send no command."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from http.client import HTTPResponse
from typing import Any

import httpx
import pytest

from gateway import server
from gateway.app import create_app
from gateway.commands.sample_data import MOBILE, PROMOTION
from gateway.graphql.endpoint import MAX_MESSAGE, MAX_RESPONSE_BYTES
from gateway.graphql.validation import MAX_ERRORS
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from tests.conftest import OpenGateway
from tests.helpers.faults import served
from tests.helpers.gateway import (
    DEMO_HEADER,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
    changed,
    open_gateway,
)
from tests.helpers.graphql import field
from tests.helpers.sockets import exchange

SUMMARY = "CustomerPromotionActionSummary"


def summary(selection: str) -> str:
    return f"{{ {field(selection=selection)} }}"


def nested(fragments: int, spread: str) -> str:
    """A summary of nested fragments. The body of each is `spread`, with the next fragment for NEXT."""
    bodies = [spread.replace("NEXT", f"...F{n + 1}") for n in range(fragments - 1)]
    return summary("...F0") + "".join(
        f" fragment F{n} on {SUMMARY} {{ {body} }}" for n, body in enumerate([*bodies, "orgId"])
    )


def introspection(levels: int) -> str:
    return "{ __schema { types " + "{ fields { type " * levels + "{ name }" + " } }" * levels + " } }"


ALIASES = f"{{ {' '.join(field(f'a{n}') for n in range(101))} }}"
INTROSPECTED_ARGUMENTS = "types { fields { args { name } } }"
VARIABLES = " ".join(f"$v{n}: Int" for n in range(10_000))

# A document, and the code and the message of its refusal.
ATTACKS: dict[str, tuple[str, str, str]] = {
    "aliases": (ALIASES, "LIMIT_EXCEEDED", "The limit of aliases is 100; this request has 101."),
    "aliases in fragments": (
        summary("...A ...A")
        + f" fragment A on {SUMMARY} {{ {' '.join(f'a{n}: orgId' for n in range(51))} }}",
        "LIMIT_EXCEEDED",
        "The limit of aliases is 100; this request has 103.",
    ),
    "root fields": (
        f"{{ {' '.join(f'f{n}' for n in range(101))} }}",
        "LIMIT_EXCEEDED",
        "The limit of root fields is 100; this request has 101.",
    ),
    "depth": (
        summary("a { " * 8 + "b" + " }" * 8),
        "LIMIT_EXCEEDED",
        "The limit of depth is 8; this request has 10.",
    ),
    "depth in fragments": (
        nested(9, "a { NEXT }"),
        "LIMIT_EXCEEDED",
        "The limit of depth is 8; this request has 10.",
    ),
    "depth beyond the parser": (
        "{ a " * 1_000,
        "GRAPHQL_PARSE_FAILED",
        "Syntax Error: Document is nested too deeply. Parsing aborted.",
    ),
    "tokens": (
        f"{{ {'a ' * 10_000} }}",
        "LIMIT_EXCEEDED",
        "The limit of tokens is 8000; this request has more.",
    ),
    "tokens of no document": (
        "[" * 90_000,
        "GRAPHQL_PARSE_FAILED",
        "Syntax Error: Unexpected '['.",
    ),
    "comments": (
        f"{'#' * 1_001}{{ __typename }}".replace("#", "#\n"),
        "LIMIT_EXCEEDED",
        "The limit of comments is 1000; this request has more.",
    ),
    "number signs in a comment": (
        "#" * 99_000,
        "GRAPHQL_PARSE_FAILED",
        "Syntax Error: Unexpected <EOF>.",
    ),
    "names": (
        f"{{ {'a ' * 5_001} }}",
        "LIMIT_EXCEEDED",
        "The limit of names is 5000; this request has 5001.",
    ),
    "characters": (
        f"# {'x' * 500_000}\n{{ __typename }}",
        "LIMIT_EXCEEDED",
        "The limit of characters is 100000; this request has 500017.",
    ),
    "directives": (
        summary(f"orgId {'@include(if: true) ' * 101}"),
        "LIMIT_EXCEEDED",
        "The limit of directives is 100; this request has 101.",
    ),
    "repeated fields": (
        summary("orgId " * 102),
        "LIMIT_EXCEEDED",
        "The limit of repeated fields is 100; this request has 101.",
    ),
    "repeated lists": (
        summary("points { totalPointsIssued lastIssuedOn } " * 35),
        "LIMIT_EXCEEDED",
        "The limit of repeated fields is 100; this request has 102.",
    ),
    "fragments": (
        summary("... { orgId } " * 101),
        "LIMIT_EXCEEDED",
        "The limit of fragments is 100; this request has 101.",
    ),
    "fragment cycle": (
        summary("...A") + f" fragment A on {SUMMARY} {{ ...B }} fragment B on {SUMMARY} {{ ...A }}",
        "GRAPHQL_VALIDATION_FAILED",
        "Cannot spread fragment 'A' within itself.",
    ),
    "50 nested fragments": (
        nested(50, "NEXT NEXT"),
        "LIMIT_EXCEEDED",
        "The limit of repeated fields is 100; this request has 562949953421311.",
    ),
    "circular introspection": (
        introspection(3),
        "GRAPHQL_VALIDATION_FAILED",
        "Maximum introspection depth exceeded",
    ),
    "introspection, many times": (
        f"{{ __schema {{ {' '.join(f'a{n}: {INTROSPECTED_ARGUMENTS}' for n in range(50))} }} }}",
        "LIMIT_EXCEEDED",
        "The limit of introspection fields is 20000; this request has 20851.",
    ),
    "declared variables": (
        f"query ({VARIABLES}) {{ __typename }}",
        "LIMIT_EXCEEDED",
        "The limit of characters is 100000; this request has 118912.",
    ),
    "declared variables, briefly": (
        f"query ({'$v:A' * 1_001}) {{ __typename }}",
        "LIMIT_EXCEEDED",
        "The limit of variables is 1000; this request has 1001.",
    ),
}


@pytest.fixture(scope="module")
async def introspection_gateway(settings: Settings) -> AsyncIterator[Gateway]:
    async with open_gateway(changed(settings, introspection="on")) as gateway:
        yield gateway


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_hostile_document_is_refused(introspection_gateway: Gateway, attack: str) -> None:
    document, code, message = ATTACKS[attack]
    await introspection_gateway.warm()
    response = await introspection_gateway.graphql(document)
    assert introspection_gateway.commands.names == []
    assert response.status_code == 200
    assert response.json().keys() == {"errors"}
    [error] = response.json()["errors"]
    assert (error["message"], error["extensions"]) == (message, {"code": code, "errorCode": 400})


async def test_10_000_values_are_refused(gateway: Gateway) -> None:
    await gateway.warm()
    values = {f"v{n}": n for n in range(10_000)}
    response = await gateway.graphql(f"{{ {field()} }}", values)
    message = "The limit of variables is 1000; this request has 10000."
    assert_graphql_refusal(response, 200, "LIMIT_EXCEEDED", 400, message)
    assert gateway.commands.names == []


async def test_errors_that_quote_a_long_name_are_cut_and_counted(gateway: Gateway) -> None:
    name = "n" * 90_000
    variables = " ".join(f"$a{n}: Int" for n in range(120))
    response = await gateway.graphql(f"query {name}({variables}) {{ __typename }}")
    *quoting, last = response.json()["errors"]
    assert [len(error["message"]) for error in quoting] == [MAX_MESSAGE + 1] * MAX_ERRORS
    assert last["message"] == "Too many validation errors, error limit reached. Validation aborted."
    assert len(response.content) < 1_000 * MAX_ERRORS


async def test_a_response_over_the_limit_is_refused(gateway: Gateway) -> None:
    ids = json.dumps([str(PROMOTION.promotion_id)] * 100)
    customer = f'customer(source: INSTORE, identifierName: MOBILE, identifierValue: "{MOBILE}")'

    async def ask(key: str) -> httpx.Response:
        entries = f"promotionActionSummaries(promotionIds: {ids}) {{ {key}: orgId }}"
        return await gateway.graphql(f"{{ {customer} {{ {entries} }} }}")

    entry = len('{"":"51135"},')
    rest = len('{"data":{"customer":{"promotionActionSummaries":[]}}}') - 1
    longest = (MAX_RESPONSE_BYTES - rest) // 100 - entry
    allowed, refused = await ask("k" * longest), await ask("k" * (longest + 1))
    assert len(allowed.content) == 100 * (entry + longest) + rest
    message = f"The limit of bytes in the response is 2097152; this request has {len(allowed.content) + 100}."
    assert refused.json() == {
        "errors": [{"message": message, "extensions": {"code": "LIMIT_EXCEEDED", "errorCode": 400}}]
    }


async def test_a_batch_is_refused(gateway: Gateway) -> None:
    await gateway.warm()
    batch = [{"query": f"{{ {field()} }}"}] * 1_000
    response = await gateway.client.post("/graphql", json=batch, headers=DEMO_HEADER)
    message = "Batching is off: send one operation, not a list."
    assert_graphql_refusal(response, 400, "BAD_REQUEST", 400, message)
    assert gateway.commands.names == []


@pytest.mark.parametrize("compiled", ["on", "off"])
async def test_more_summaries_than_allowed_are_refused_before_one_is_read(
    gateway_with: OpenGateway, compiled: str
) -> None:
    async with gateway_with(max_summaries=2, compiled=compiled) as gateway:
        await gateway.warm()
        same = " ".join(field(f"a{n}") for n in range(3))
        distinct = " ".join(field(f"b{n}", value=str(n)) for n in range(3))
        for query in (distinct, f"... {{ {distinct} }}", f"... @include(if: true) {{ {distinct} }}"):
            response = await gateway.graphql(f"{{ {query} }}")
            message = "The limit of summaries is 2; this request has 3."
            assert_graphql_refusal(response, 200, "LIMIT_EXCEEDED", 400, message)
            assert gateway.commands.names == []
        skipped = f"... @include(if: false) {{ {distinct} }}"
        for query, sent in ((f"{same} {skipped}", ["find", "find"]), (f"__typename {skipped}", [])):
            gateway.commands.clear()
            assert "errors" not in (await gateway.graphql(f"{{ {query} }}")).json()
            assert gateway.commands.names == sent


@pytest.mark.parametrize("path", ["/graphql", EVENTS_PATH, TOKEN_PATH])
async def test_a_body_over_the_limit_is_413(gateway_with: OpenGateway, path: str) -> None:
    async def chunks(size: int) -> Any:
        for _ in range(size):
            yield b"x"

    async with gateway_with(max_body_bytes=10) as gateway:
        await gateway.warm()
        for content, status in ((b"x" * 10, 400), (b"x" * 11, 413), (chunks(10), 400), (chunks(11), 413)):
            headers = {**DEMO_HEADER, "Content-Type": "application/json"}
            response = await gateway.client.post(path, content=content, headers=headers)
            if path == EVENTS_PATH and (status == 400 or "content-length" not in response.request.headers):
                # The demo's client may not write events, which is known before its body is read.
                assert_rest_error(response, 403, 4000, "Not authorized. Access is denied!")
            else:
                assert response.status_code == status
                assert (response.headers.get("connection") == "close") == (status == 413)
        assert gateway.commands.names == []


@pytest.fixture
async def port(settings: Settings) -> AsyncIterator[int]:
    async with served(create_app(settings)) as (_, port):
        yield port


def send(port: int, head: str, part: bytes, times: int, pause: float) -> tuple[int, Any]:
    """Send a request whose body is still being sent when the response arrives; returns status and body."""
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


MOST = Settings().max_body_bytes
CHUNKED = "Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("framing", "part", "times", "pause", "status", "code", "message"),
    [
        pytest.param(
            *(f"Content-Length: {2 * MOST}", b"x" * 65_536, 32, 0),
            *(413, "CONTENT_TOO_LARGE", f"A body may have at most {MOST} bytes."),
            id="huge, with a length",
        ),
        pytest.param(
            *(CHUNKED, b"10000\r\n" + b"x" * 65_536 + b"\r\n", 32, 0),
            *(413, "CONTENT_TOO_LARGE", "Content Too Large"),
            id="huge, chunked",
        ),
        pytest.param(
            *(f"Content-Length: {MOST}", b"x", 15, 0.05),
            *(408, "REQUEST_TIMEOUT", "The body did not arrive within 0.3 seconds."),
            id="slow, with a length",
        ),
        pytest.param(
            *(CHUNKED, b"1\r\nx\r\n", 15, 0.05),
            *(408, "REQUEST_TIMEOUT", "The body did not arrive within 0.3 seconds."),
            id="slow, chunked",
        ),
    ],
)
async def test_a_huge_or_slow_body_is_refused_while_it_is_sent(
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    framing: str,
    part: bytes,
    times: int,
    pause: float,
    status: int,
    code: str,
    message: str,
) -> None:
    head = (
        "POST /graphql HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
        f"Authorization: {DEMO_HEADER['Authorization']}\r\n{framing}\r\n\r\n"
    )
    refusal = {"errors": [{"message": message, "extensions": {"code": code, "errorCode": status}}]}
    with monkeypatch.context() as impatient:
        if pause:
            impatient.setattr("gateway.middleware.deadline.BODY_SECONDS", 0.3)
        assert await asyncio.to_thread(send, port, head, part, times, pause) == (status, refusal)
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(
            f"http://127.0.0.1:{port}/graphql", json={"query": "{ __typename }"}, headers=DEMO_HEADER
        )
    assert answer.json() == {"data": {"__typename": "Query"}}


@pytest.mark.parametrize("field", [b"X-A: b\r\n" * 8_192, b"X-A: " + b"b" * 65_536])
async def test_a_huge_head_is_refused_while_it_is_sent(settings: Settings, field: bytes) -> None:
    async with served(create_app(settings)) as (_, port):
        received = await exchange(port, b"GET / HTTP/1.1\r\nHost: gateway\r\n" + field)
    assert received.startswith(b"HTTP/1.1 400 ")


async def live_status(client: httpx.AsyncClient, port: int) -> int:
    """The status of the probe, sent again if its head arrived too late on a busy machine."""
    async with asyncio.timeout(60):
        while True:
            with suppress(httpx.TransportError):
                return (await client.get(f"http://127.0.0.1:{port}/health/live")).status_code


async def test_a_connection_without_a_complete_request_head_is_closed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.1)
    async with served(create_app(settings)) as (running, port):
        for text in (b"", b"GET / HTTP/1.1\r\nHost: gateway\r\n"):
            assert await exchange(port, text) == b""
        monkeypatch.setattr(server, "HEAD_SECONDS", 0.5)
        async with httpx.AsyncClient(timeout=60) as client:
            assert await live_status(client, port) == 200
            idle = set(running.server_state.connections)
            await asyncio.sleep(0.7)
            # This time limit does not apply to idle connections, which uvicorn closes.
            assert running.server_state.connections == idle != set()
