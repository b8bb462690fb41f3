"""No kind of request leaves reference cycles, which would wait for the garbage collector."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Callable
from itertools import count
from typing import Any, NamedTuple

import pytest
from pymongo import timeout
from starlette.applications import Starlette
from starlette.types import Message, Scope

from gateway.app import create_app
from gateway.middleware import deadline
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, FULL_SUMMARY, changed
from tests.helpers.graphql import field

TIMES = 10
MOST_OBJECTS = 5
NUMBERS = count()


class Request(NamedTuple):
    method: str
    path: str
    body: bytes = b""
    query: str = ""
    authorization: str = DEMO_HEADER["Authorization"]


def graphql(query: str, **more: object) -> Request:
    return Request("POST", "/graphql", json.dumps({"query": query, **more}).encode())


def new(query: str) -> str:
    """A document that was not sent before."""
    return f"{query} # {next(NUMBERS)}"


SUMMARY = field("a", "points { totalPointsIssued }")
UNKNOWN = field("b", value="0")
KINDS: dict[str, Callable[[], Request]] = {
    "a known document": lambda: graphql(f"{{ {SUMMARY} }}"),
    "a new document": lambda: graphql(new(f"{{ {SUMMARY} }}")),
    "a new document of a known shape": lambda: graphql(
        f"{{ {field(value=str(next(NUMBERS)))} {SUMMARY} {UNKNOWN} }}"
    ),
    "a document that cannot be parsed": lambda: graphql(new("{ a { b c d")),
    "a document of too many tokens": lambda: graphql(f"{{ {'a ' * 9_000} }}"),
    "a document beyond a limit": lambda: graphql(new("{ a" * 9 + "}" * 9)),
    "an invalid document": lambda: graphql(new("{ nothing }")),
    "an invalid argument": lambda: graphql(new(f"{{ {SUMMARY.replace('INSTORE', 'SHOP')} }}")),
    "an invalid variable": lambda: graphql(
        "query ($v: Boolean!) { a: __typename @skip(if: $v) }", variables={}
    ),
    "an unknown operation": lambda: graphql("query A { __typename }", operationName="B"),
    "a persisted query that is not found": lambda: Request("POST", "/graphql", b'{"documentId": "x"}'),
    "an operation of the executor": lambda: graphql(f"{{ {SUMMARY} b: __typename @skip(if: false) }}"),
    "an introspection": lambda: graphql("{ __schema { types { name } } }"),
    "a failing alias": lambda: graphql(f"{{ {SUMMARY} {UNKNOWN} }}"),
    "a failing alias of the executor": lambda: graphql(
        f"{{ {SUMMARY} {UNKNOWN} c: __typename @skip(if: false) }}"
    ),
    "twenty aliases": lambda: graphql(f"{{ {' '.join(field(f'a{n}', FULL_SUMMARY) for n in range(20))} }}"),
    "a body that is not JSON": lambda: Request("POST", "/graphql", b"{"),
    "no credentials": lambda: Request("POST", "/graphql", b"{}", authorization=""),
    "an unknown path": lambda: Request("GET", "/nowhere"),
    "a wrong method": lambda: Request("PUT", "/graphql"),
    "REST": lambda: Request("GET", ACTION_SUMMARY_PATH, query=rest()),
    "a REST error": lambda: Request("GET", ACTION_SUMMARY_PATH, query=rest(identifierValue="0")),
}


def rest(**changes: str) -> str:
    return "&".join(f"{name}={value}" for name, value in {**DOCUMENTED, **changes}.items())


async def send(
    app: Starlette, request: Request, *, leaves: bool = False, deadline_ms: int | None = None
) -> int:
    """Send a request; returns the status. Unlike an HTTP client, this function makes no reference cycles.

    With `leaves`, the client disconnects as soon as it has sent its request.
    """
    body: Message = {"type": "http.request", "body": request.body, "more_body": False}
    messages: list[Message] = [{"type": "http.disconnect"}, body] if leaves else [body]
    statuses: list[int] = []

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop()

    async def keep_status(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    headers = [(b"host", b"gateway"), (b"content-type", b"application/json")]
    if request.authorization:
        headers.append((b"authorization", request.authorization.encode()))
    if deadline_ms is not None:
        headers.append((b"x-cap-deadline-ms", b"%d" % deadline_ms))
    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    await app(scope, receive, keep_status)
    return statuses[0]


@pytest.fixture(scope="module")
async def app(settings: Settings) -> AsyncIterator[Starlette]:
    app = create_app(changed(settings, introspection="on"))
    async with app.router.lifespan_context(app):
        yield app


async def unreachable(app: Starlette, make: Callable[[], Request], **options: Any) -> int:
    """The number of unreachable objects that only a garbage collection frees after some requests."""
    await send(app, make())
    before = asyncio.all_tasks()
    gc.collect()
    # Frozen, the objects that are older than the requests cost the last collection no time.
    gc.freeze()
    gc.disable()
    try:
        for _ in range(TIMES):
            await send(app, make(), **options)
        if others := asyncio.all_tasks() - before:
            await asyncio.wait(others)
        return gc.collect()
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_leaves_no_garbage(app: Starlette, kind: str) -> None:
    assert await unreachable(app, KINDS[kind]) <= TIMES * MOST_OBJECTS


@pytest.mark.parametrize("kind", ["a known document", "REST", "a failing alias"])
async def test_a_request_that_waits_leaves_no_garbage(
    app: Starlette, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "WATCH_AFTER_SECONDS", 0)
    assert await unreachable(app, KINDS[kind]) <= TIMES * MOST_OBJECTS


ABANDONED = ["a known document", "a failing alias", "an operation of the executor", "REST", "twenty aliases"]


@pytest.mark.parametrize("kind", ABANDONED)
async def test_a_request_whose_client_leaves_leaves_no_garbage(
    app: Starlette, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "WATCH_AFTER_SECONDS", 0)
    assert await unreachable(app, KINDS[kind], leaves=True) <= TIMES * MOST_OBJECTS


@pytest.mark.parametrize("kind", ABANDONED)
async def test_a_request_whose_deadline_passes_leaves_no_garbage(app: Starlette, kind: str) -> None:
    assert await unreachable(app, KINDS[kind], deadline_ms=1) <= TIMES * MOST_OBJECTS


@pytest.mark.parametrize("kind", ABANDONED)
async def test_a_request_whose_driver_notices_the_deadline_leaves_no_garbage(
    app: Starlette, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(app, KINDS[kind]())
    monkeypatch.setattr("loaders.store.timeout", lambda _: timeout(0.000001))
    assert await unreachable(app, KINDS[kind]) <= TIMES * MOST_OBJECTS
