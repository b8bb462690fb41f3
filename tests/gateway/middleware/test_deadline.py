"""Deadlines: a late request gets the documented error, and other requests are not affected."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from urllib.parse import urlencode

import httpx
import pytest
from pymongo import timeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from gateway.app import create_app
from gateway.auth.credentials import authorization
from gateway.commands.sample_data import OAUTH_KEY, OAUTH_SECRET
from gateway.middleware.deadline import HEADER, RequestDeadline
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from loaders.store import Store
from tests.conftest import Logged, OpenGateway
from tests.helpers.faults import DatabaseProxy, served, until
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    Commands,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
    changed,
    new_tenant,
)
from tests.helpers.graphql import field

PROMOTION_DATA = "Error fetching promotion data. Verify programs/promotionIdentifier passed."


def within(milliseconds: object) -> dict[str, str]:
    return {**DEMO_HEADER, HEADER: str(milliseconds)}


@pytest.mark.parametrize(
    "limit_of_driver",
    [
        pytest.param(lambda _: nullcontext(), id="the request notices"),
        pytest.param(lambda seconds: timeout(seconds / 2), id="the driver notices"),
    ],
)
@pytest.mark.parametrize(("rest_status", "status"), [("legacy", 200), ("semantic", 503)])
async def test_a_request_past_its_deadline_is_answered_at_once(
    gateway_with: OpenGateway,
    proxy: DatabaseProxy,
    monkeypatch: pytest.MonkeyPatch,
    rest_status: str,
    status: int,
    limit_of_driver: Callable[[float], AbstractContextManager[None]],
) -> None:
    monkeypatch.setattr("loaders.store.timeout", limit_of_driver)
    async with gateway_with(mongodb_uri=proxy.uri, rest_status=rest_status) as gateway:
        await gateway.warm()
        proxy.freeze()
        started = time.monotonic()
        rest, graphql = await asyncio.gather(
            gateway.rest(DOCUMENTED, within(200)), gateway.graphql(f"{{ {field()} }}", headers=within(200))
        )
        # Without a deadline of its own, a request would wait for a minute.
        assert time.monotonic() - started < 30
        assert_rest_error(rest, status, 8105, PROMOTION_DATA)
        assert_graphql_refusal(graphql, status, "DEADLINE_EXCEEDED", 8105, PROMOTION_DATA)
        # On a busy machine a deadline may pass before the look-ups.
        assert set(gateway.commands.names) <= {"find"}
        proxy.thaw()
        assert (await gateway.rest(DOCUMENTED)).json()["customerId"]


async def test_a_header_does_not_lengthen_the_deadline(
    gateway_with: OpenGateway, proxy: DatabaseProxy
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri, deadline_ms=200) as gateway:
        proxy.freeze()
        assert_rest_error(await gateway.rest(DOCUMENTED, within(60_000)), 200, 8105, PROMOTION_DATA)


@pytest.mark.parametrize("value", ["", "0", "-1", "1.5", "2s", "٢", "99999999999", "1,2"])
async def test_an_invalid_deadline_header_is_400(gateway: Gateway, value: str) -> None:
    await gateway.warm()
    headers = [(name.encode(), text.encode()) for name, text in within(value).items()]
    message = "X-CAP-DEADLINE-MS takes milliseconds, 1 or more."
    rest = await gateway.client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=headers)
    assert_rest_error(rest, 400, 400, message)
    graphql = await gateway.client.get("/graphql", params={"query": "{ __typename }"}, headers=headers)
    assert_graphql_refusal(graphql, 400, "BAD_REQUEST", 400, message)
    assert gateway.commands.names == []


async def test_late_events_and_token_requests_are_503(
    gateway_with: OpenGateway, proxy: DatabaseProxy
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri) as gateway:
        await gateway.warm()
        proxy.freeze()
        stranger = {**within(100), "Authorization": authorization("stranger", "")}
        event, token = await asyncio.gather(
            gateway.client.post(EVENTS_PATH, json={}, headers=stranger),
            gateway.client.post(
                TOKEN_PATH, json={"key": OAUTH_KEY, "secret": OAUTH_SECRET}, headers={HEADER: "100"}
            ),
        )
        assert_rest_error(event, 503, 503, "The deadline passed.")
        assert token.status_code == 503
        assert token.json() == {"data": None, "errors": [{"code": 503, "message": "The deadline passed."}]}
        assert event.headers["retry-after"] == token.headers["retry-after"] == "1"


async def test_a_late_request_does_not_harm_others_in_its_batch(
    gateway_with: OpenGateway, proxy: DatabaseProxy, store: Store
) -> None:
    tenant = await new_tenant(store)
    await tenant.issue([tenant.badge("b", tenant.customer_id, "series")])
    async with gateway_with(mongodb_uri=proxy.uri, max_concurrent_batches=1) as gateway:
        assert (await gateway.rest(tenant.parameters, tenant.headers)).status_code == 200
        gateway.commands.clear()
        proxy.freeze()
        first = asyncio.create_task(gateway.rest(tenant.parameters, tenant.headers))
        await until(lambda: proxy.holds(b"find"))
        late, good = (
            asyncio.create_task(gateway.rest(tenant.parameters, {**tenant.headers, **header}))
            for header in ({HEADER: "200"}, {})
        )
        assert_rest_error(await late, 200, 8105, PROMOTION_DATA)
        proxy.thaw()
        answers = [(await one).json() for one in (first, good)]
        assert [answer["badges"][0]["numberOfTimesIssued"] for answer in answers] == [1, 1]
        # The late request is looked up together with others or not at all; its totals are not read.
        assert sorted(gateway.commands.names) == ["aggregate", "aggregate", *["find"] * 4]


async def test_a_disconnected_client_ends_only_its_own_work(settings: Settings, proxy: DatabaseProxy) -> None:
    commands = Commands()
    app = create_app(changed(settings, mongodb_uri=proxy.uri, max_concurrent_batches=1), listeners=[commands])
    async with served(app) as (running, port), httpx.AsyncClient(timeout=60) as client:
        url = f"http://127.0.0.1:{port}{ACTION_SUMMARY_PATH}"
        assert (await client.get(url, params=DOCUMENTED, headers=DEMO_HEADER)).status_code == 200
        commands.clear()
        proxy.freeze()
        good = asyncio.create_task(client.get(url, params=DOCUMENTED, headers=DEMO_HEADER))
        await until(lambda: proxy.holds(b"find"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        authorization = DEMO_HEADER["Authorization"]
        writer.write(
            f"GET {ACTION_SUMMARY_PATH}?{urlencode({**DOCUMENTED, 'promotionId': '2000066'})} HTTP/1.1\r\n"
            f"Host: gateway\r\nAuthorization: {authorization}\r\n\r\n".encode()
        )
        await until(lambda: len(running.server_state.tasks) == 2)
        writer.close()
        await until(lambda: len(running.server_state.tasks) == 1)
        assert await reader.read() == b""
        proxy.thaw()
        assert (await good).json()["customerId"]
        # Neither the look-ups of the disconnected client nor an aggregation for it were sent.
        assert commands.names == ["find", "find", "aggregate"]


async def test_a_response_that_has_begun_may_exceed_the_deadline() -> None:
    async def answer_slowly(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": b"whole"})

    transport = httpx.ASGITransport(RequestDeadline(answer_slowly, milliseconds=20))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        assert (await client.get("/")).text == "whole"


@pytest.mark.parametrize(
    ("first", "rest", "becomes"),
    [
        # A body that has arrived is read, however late; a missing body is not waited for any longer.
        (True, False, "read"),
        (False, False, "refused with 408"),
        # An application that no longer reads the body gets no error about it.
        (False, True, "left"),
    ],
)
async def test_a_body_is_late_only_if_the_application_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, first: bool, rest: bool, becomes: str
) -> None:
    monkeypatch.setattr("gateway.middleware.deadline.BODY_SECONDS", 0.2)
    became = "nothing"

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        nonlocal became
        if rest:
            reading = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.sleep(0.3)
            became = "left"
        else:
            await asyncio.sleep(0.3)
            await receive()
            became = "read"

    async def receive() -> Message:
        if not first:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def send(_: Message) -> None:
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
    limited = RequestDeadline(app, milliseconds=10_000)
    try:
        await limited(scope, receive, send)
    except HTTPException as error:
        became = f"refused with {error.status_code}"
    assert became == becomes


async def test_a_disconnected_client_is_logged_with_499(
    settings: Settings, proxy: DatabaseProxy, logged: Logged
) -> None:
    async with served(create_app(changed(settings, mongodb_uri=proxy.uri))) as (running, port):
        async with httpx.AsyncClient(timeout=60) as client:
            url = f"http://127.0.0.1:{port}{ACTION_SUMMARY_PATH}"
            assert (await client.get(url, params=DOCUMENTED, headers=DEMO_HEADER)).status_code == 200
            proxy.freeze()
            logged()
            gone = asyncio.create_task(client.get(url, params=DOCUMENTED, headers=DEMO_HEADER))
            await until(lambda: proxy.holds(b"customer_identifiers"))
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        await until(lambda: not running.server_state.tasks)
        proxy.thaw()
    [written] = [json.loads(text) for text in logged().splitlines() if ACTION_SUMMARY_PATH in text]
    assert (written["event"], written["status"], written["code"]) == ("request", 499, None)


class Interrupted(Response):
    """A response that ends as Starlette's streaming responses do when the client disconnects."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        raise ClientDisconnect


async def test_a_client_that_disconnects_during_a_response_is_no_error(
    settings: Settings, logged: Logged
) -> None:
    async def answer(_: Request) -> Response:
        return Interrupted()

    app = create_app(settings)
    app.router.routes.append(Route("/interrupted", answer))
    async with served(app) as (running, port):
        logged()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /interrupted HTTP/1.1\r\nHost: gateway\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()
        await until(lambda: not running.server_state.tasks)
        [line] = [json.loads(text) for text in logged().splitlines()]
        assert (line["event"], line["route"], line["status"]) == ("request", "/interrupted", 499)
