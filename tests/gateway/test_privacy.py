"""Personal data and secrets are in no log, metric, span or error.

Every request of this file contains phone numbers, e-mail addresses, secrets or tokens, on every route and
error path. Afterwards they are searched for in everything that was logged, counted, traced or returned as an
error.
"""

import asyncio
import json
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY, generate_latest

from gateway.auth.credentials import TOKEN_HEADER, authorization
from gateway.commands.sample_data import MOBILE, PASSWORD
from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.middleware.deadline import HEADER as DEADLINE
from gateway.middleware.response_headers import CORS_HEADERS
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from loaders.store import Store
from tests.conftest import Logged, OpenGateway, Start
from tests.helpers import events
from tests.helpers.collector import Collector
from tests.helpers.events import new_sender
from tests.helpers.forged_tokens import bearer
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    Gateway,
    environment,
    free_port,
    new_tenant,
    wait_until_served,
)
from tests.helpers.graphql import field
from tests.helpers.issuer import Issuer, trusting
from tests.helpers.sockets import exchange

PHONE, EMAIL, SECRET = "447700900123", "maria.santos@example.org", "Correct-Horse-7"
TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im5vbmUifQ.eyJzdWIiOiI0NDc3MDA5MDAxMjMifQ.c2lnbmF0dXJl"
# The phone number is searched for without its first and last digit, in case it was cut.
MARKS = [PHONE[1:-1], "maria.santos", "santos%40", SECRET, TOKEN.split(".")[1]]
VALUES = [PHONE, f"+{PHONE}", EMAIL, SECRET, TOKEN]
# Every header that a page may send except the credentials, and some others.
EVERYWHERE = {
    **dict.fromkeys(CORS_HEADERS, PHONE),
    "X-CAP-REQUEST-ID": PHONE,
    "User-Agent": EMAIL,
    "Origin": f"https://{PHONE}.example",
    "Referer": f"https://shop.example/?phone={PHONE}",
    "X-Forwarded-For": PHONE,
    "Cookie": f"phone={PHONE}",
    # This header is valid; otherwise the next two would be ignored.
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": f"phone={PHONE}",
    "baggage": f"email={EMAIL}",
    "sentry-trace": PHONE,
    "apollographql-client-name": EMAIL,
    "apollographql-client-version": PHONE,
}
for header in ("Authorization", TOKEN_HEADER, DEADLINE):
    del EVERYWHERE[header]


def assert_unseen(where: str, text: str) -> None:
    for mark in MARKS:
        assert mark not in text, f"{where}: {text[max(0, text.index(mark) - 200) :][:400]}"


def rest() -> Iterator[dict[str, Any]]:
    """The original call, with a value in each parameter in turn."""
    for name in (*DOCUMENTED, "promotionIdentifier", EMAIL):
        for value in VALUES:
            yield {"method": "GET", "url": ACTION_SUMMARY_PATH, "params": {**DOCUMENTED, name: value}}
    for method in ("HEAD", "POST", "DELETE", "OPTIONS"):
        yield {"method": method, "url": ACTION_SUMMARY_PATH, "params": {"identifierValue": PHONE}}
    for path in (
        f"/{PHONE}",
        f"/v2/customers/{EMAIL}",
        f"{ACTION_SUMMARY_PATH}/{PHONE}",
        f"/graphql/{SECRET}",
    ):
        yield {"method": "GET", "url": path, "params": {"token": TOKEN}}


def credentials() -> Iterator[dict[str, Any]]:
    """Requests that are refused for their credentials."""
    for value in VALUES:
        for headers in (
            {"Authorization": authorization(value, PASSWORD)},
            {"Authorization": f"Basic {value}"},
            {"Authorization": f"Bearer {value}"},
            {"Authorization": value},
            {TOKEN_HEADER: value},
            {**DEMO_HEADER, TOKEN_HEADER: value},
        ):
            for url in (ACTION_SUMMARY_PATH, GRAPHQL_PATH, EVENTS_PATH):
                method = "GET" if url == ACTION_SUMMARY_PATH else "POST"
                yield {"method": method, "url": url, "headers": headers}


def graphql() -> Iterator[dict[str, Any]]:
    """Values in literals, variables, names, and texts that are not GraphQL."""
    declared = field().replace(f'"{MOBILE}"', "$value")
    variable = f"query ($value: String!) {{ {declared} }}"
    for value in VALUES:
        literal = json.dumps(value)
        for query in (
            f"{{ {field(value=value)} }}",
            f"{{ {field(promotion=f'promotionId: {literal}')} }}",
            f"{{ {field(promotion=f'promotionIdentifier: {literal}')} }}",
            f"{{ {field(promotion=f'promotionId: [{literal}]')} }}",
            f"{{ {field(name=literal)} }}",
            f"{{ {field()} @include(if: {literal}) }}",
            f"{{ {literal} }}",
            f"{{ {value} }}",
            f"# {value}\n{{",
            f'{{ a(b: "{value}',
            f"query op_{PHONE} {{ __typename }}",
        ):
            yield {"method": "POST", "url": GRAPHQL_PATH, "json": {"query": query}}
            yield {"method": "GET", "url": GRAPHQL_PATH, "params": {"query": query}}
        for wrong in (value, [value], {value: value}, 1, None):
            body = {"query": variable, "variables": {"value": wrong}}
            yield {"method": "POST", "url": GRAPHQL_PATH, "json": body}
        wrong_bodies: list[object] = [
            {"query": "{ __typename }", "operationName": value},
            {"query": "{ __typename }", "variables": value},
            {"query": "{ __typename }", "extensions": {"persistedQuery": value}},
            {"query": {"phone": value}},
            [value],
            value,
        ]
        for wrong_body in wrong_bodies:
            yield {"method": "POST", "url": GRAPHQL_PATH, "json": wrong_body}
        yield {"method": "POST", "url": GRAPHQL_PATH, "content": value.encode()}
        yield {"method": "GET", "url": GRAPHQL_PATH, "params": {"query": "{ a }", "variables": value}}


def tokens() -> Iterator[dict[str, Any]]:
    """Values in token requests."""
    for value in VALUES:
        customer = {"source": "INSTORE", "identifierName": "mobile", "identifierValue": value}
        for body in (
            {"key": value, "secret": value},
            {"key": "demo-key", "secret": value},
            {"key": "demo-key", "secret": "demo-secret", "customer": customer},
            {"key": "demo-key", "secret": "demo-secret", "customer": {**customer, "source": value}},
            {"key": "demo-key", "secret": "demo-secret", "customer": value},
            {"key": [value]},
            {value: value},
        ):
            yield {"method": "POST", "url": TOKEN_PATH, "json": body}
        yield {"method": "POST", "url": TOKEN_PATH, "content": value.encode()}


async def send(gateway: Gateway, call: dict[str, Any]) -> None:
    """Send a request with values in all of its headers, and search for them in the response."""
    headers = {**DEMO_HEADER, **EVERYWHERE, **call.get("headers", {})}
    if "content" in call:
        headers["Content-Type"] = "application/json"
    response = await gateway.client.request(**{**call, "headers": headers})
    assert_unseen(str(call), f"{response.headers}")
    if response.status_code != 200 or '"errors":[' in response.text:
        assert_unseen(str(call), response.text)


def assert_nowhere(logged: str, collector: Collector) -> None:
    assert_unseen("logs", logged)
    assert_unseen("metrics", generate_latest(REGISTRY).decode())
    for body in collector.bodies:
        assert_unseen("spans", body.decode("latin-1"))


@pytest.mark.parametrize("requests", [rest, credentials, graphql, tokens])
async def test_values_of_requests_are_in_no_log_metric_span_or_error(
    gateway_with: OpenGateway,
    logged: Logged,
    collector: Collector,
    requests: Callable[[], Iterator[dict[str, Any]]],
) -> None:
    calls = list(requests())
    async with gateway_with(traces="otlp") as gateway:
        await gateway.warm()
        logged()
        for call in calls:
            await send(gateway, call)
    text = logged()
    lines = [json.loads(line) for line in text.splitlines()]
    routes = [line["route"] for line in lines if line["event"] == "request"]
    known = {ACTION_SUMMARY_PATH, GRAPHQL_PATH, TOKEN_PATH, EVENTS_PATH}
    assert routes == [call["url"] if call["url"] in known else "unmatched" for call in calls]
    assert all(re.fullmatch("[0-9a-f]{32}", line["request_id"]) for line in lines)
    servers = [span for span in collector.spans if span.kind == span.SPAN_KIND_SERVER]
    # One span more: the request that warmed up the gateway.
    assert len(servers) == len(calls) + 1
    assert_nowhere(text, collector)


# A sample, changes of the event and of its data, and the status of the response.
EVENTS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], int]] = {
    "customer": (events.CUSTOMER_ADDED, {}, {}, 200),
    "points": (events.POINTS_ISSUED, {}, {}, 200),
    "unknown promotion": (events.BADGE_EARNED, {}, {"promotionIdentifier": EMAIL}, 200),
    "wrong badge": (events.BADGE_EARNED, {}, {"badgeId": [PHONE]}, 200),
    "wrong time": (events.BADGE_EARNED, {"createdAt": EMAIL}, {}, 200),
    "unknown event": (events.BADGE_EARNED, {"eventName": EMAIL}, {}, 200),
    "wrong organisation": (events.BADGE_EARNED, {"orgId": EMAIL}, {}, 400),
    "other organisation": (events.BADGE_EARNED, {"orgId": int(PHONE)}, {}, 403),
    "wrong data": (events.BADGE_EARNED, {"data": PHONE}, {}, 200),
}


@pytest.mark.parametrize(("sample", "changes", "data", "status"), EVENTS.values(), ids=EVENTS)
async def test_values_of_an_event_are_in_no_log_metric_span_or_error(
    gateway_with: OpenGateway,
    store: Store,
    logged: Logged,
    collector: Collector,
    sample: dict[str, Any],
    changes: dict[str, Any],
    data: dict[str, Any],
    status: int,
) -> None:
    customer = {"customerId": 1, "instore": {"mobile": PHONE, "email": EMAIL, "externalId": SECRET}}
    async with gateway_with(traces="otlp") as gateway:
        sender = await new_sender(gateway, store, await new_tenant(store))
        body = {
            **sample,
            "orgId": sender.tenant.organization.id,
            "eventId": PHONE,
            "refId": PHONE,
            "apiRequestId": EMAIL,
            "data": {**sample["data"], "customerIdentifiers": customer, **data},
            **changes,
        }
        headers = {**sender.headers, **EVERYWHERE}
        response = await gateway.client.post(EVENTS_PATH, json=body, headers=headers)
    assert response.status_code == status
    assert_unseen("response", response.text)
    assert_nowhere(logged(), collector)


async def test_tokens_of_an_external_issuer_are_in_no_log_metric_span_or_error(
    gateway_with: OpenGateway, logged: Logged, collector: Collector
) -> None:
    issuer = Issuer()
    claims = {"sub": EMAIL, "phone_number": PHONE}
    issued = [
        issuer.token(**claims),
        issuer.token(**claims, org_id=PHONE),
        issuer.token(**claims, aud=EMAIL),
        issuer.token(**claims, exp=1),
        issuer.token(**claims)[:-4] + "AAAA",
    ]
    async with gateway_with(traces="otlp", **trusting(issuer)) as gateway:
        issuer.broken = True
        answers = [await gateway.rest(DOCUMENTED, {**bearer(issued[0]), **EVERYWHERE})]
    issuer.broken = False
    async with gateway_with(traces="otlp", **trusting(issuer)) as gateway:
        answers += [await gateway.rest(DOCUMENTED, {**bearer(token), **EVERYWHERE}) for token in issued]
    issuer.close()
    assert [answer.status_code for answer in answers] == [503, 200, 401, 401, 401, 401]
    text = logged()
    assert '"event":"issuer_keys_not_fetched"' in text
    parts = {part for token in issued for part in token.split(".")[1:]}
    seen = text + "".join(answer.text + str(answer.headers) for answer in answers)
    seen += "".join(body.decode("latin-1") for body in collector.bodies)
    assert [part for part in parts if part in seen] == []
    assert_nowhere(text, collector)


async def test_the_message_of_a_defect_is_in_no_log_metric_span_or_error(
    gateway_with: OpenGateway, logged: Logged, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ValueError(f"cannot read {PHONE} of {EMAIL} with {SECRET} and {TOKEN}")

    async with gateway_with(traces="otlp") as gateway:
        await gateway.warm()
        logged()
        for place in ("gateway.rest.action_summary.summarize", "resolvers.query.summarize"):
            monkeypatch.setattr(place, fail)
        await send(gateway, {"method": "GET", "url": ACTION_SUMMARY_PATH, "params": DOCUMENTED})
        await send(gateway, {"method": "POST", "url": GRAPHQL_PATH, "json": {"query": f"{{ {field()} }}"}})
    text = logged()
    assert text.count('"event":"unexpected","error":"ValueError"') == 2
    assert_nowhere(text, collector)


DATABASE_DOWN: dict[str, dict[str, Any]] = {
    "REST": {"method": "GET", "url": ACTION_SUMMARY_PATH, "params": {**DOCUMENTED, "identifierValue": PHONE}},
    "GraphQL": {"method": "POST", "url": GRAPHQL_PATH, "json": {"query": f"{{ {field(value=EMAIL)} }}"}},
    "token": {"method": "POST", "url": TOKEN_PATH, "json": {"key": PHONE, "secret": SECRET}},
    "event": {"method": "POST", "url": EVENTS_PATH, "json": {**events.CUSTOMER_ADDED, "eventId": PHONE}},
}


@pytest.mark.parametrize("call", DATABASE_DOWN.values(), ids=DATABASE_DOWN)
@pytest.mark.slow
async def test_values_are_in_no_log_metric_span_or_error_while_the_database_is_down(
    gateway_with: OpenGateway, logged: Logged, collector: Collector, call: dict[str, Any]
) -> None:
    uri = f"mongodb://maria:{SECRET}@127.0.0.1:{free_port()}/?serverSelectionTimeoutMS=50"
    async with gateway_with(traces="otlp", mongodb_uri=uri) as gateway:
        await send(gateway, call)
    text = logged()
    assert text.count('"event":"database_unavailable"') == 1
    assert_nowhere(text, collector)


RAW = [
    f"GET {ACTION_SUMMARY_PATH}?identifierValue={PHONE} HTTP/9.9\r\n\r\n",
    f"{PHONE} {EMAIL}\r\n\r\n",
    f"GET /{PHONE} HTTP/1.1\r\nHost: x\r\n{EMAIL}\r\n\r\n",
    f"GET {ACTION_SUMMARY_PATH}?identifierValue=%{PHONE} HTTP/1.1\r\nHost: {EMAIL}\r\nUpgrade: {PHONE}\r\n"
    f"Connection: upgrade\r\n\r\n",
    f"GET {ACTION_SUMMARY_PATH} HTTP/1.1\r\nHost: x\r\nX-Phone: {PHONE * 10_000}\r\n\r\n",
    f"POST {TOKEN_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{PHONE}",
    f"POST {TOKEN_PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{PHONE}\r\n{EMAIL}\r\n",
]


@pytest.mark.slow
def test_values_of_malformed_http_are_in_no_log_or_metric(start: Start, settings: Settings) -> None:
    port, metrics_port = free_port(), free_port()
    variables = environment(settings, GATEWAY_METRICS_PORT=str(metrics_port))
    served = start("serve", "--port", str(port), variables=variables)
    wait_until_served(port)
    for text in RAW:
        received = asyncio.run(exchange(port, text.encode(), end=True))
        assert_unseen(text[:100], received.decode("latin-1"))
    metrics = httpx.get(f"http://127.0.0.1:{metrics_port}", timeout=60).text
    served.send_signal(signal.SIGTERM)
    _, logged = served.communicate(timeout=60)
    assert '"event":"library"' in logged
    assert '"event":"request"' in logged
    assert 'route="/"' in metrics
    assert_unseen("logs", logged)
    assert_unseen("metrics", metrics)
