"""What is written and counted of a request: its one line, exactly, and the metrics beside it."""

import asyncio
import json
from typing import Any

import pytest
from prometheus_client import REGISTRY

from gateway.commands.sample_data import DEMO, OAUTH_KEY, OAUTH_SECRET, PROMOTION, TILL
from gateway.middleware.deadline import HEADER as DEADLINE
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from gateway.telemetry.instrumentation import BatchMetrics, PoolMetrics, note_command
from gateway.telemetry.request_log import RequestLog, running
from loaders.enums import Benefit
from loaders.store import Store, StoreUnavailable
from loaders.totals import CustomerPromotion, TotalsDispatcher, TotalsScope
from tests.conftest import Logged
from tests.helpers.events import BADGE_EARNED, POINTS_ISSUED, event, new_sender
from tests.helpers.graphql import field
from tests.support import DEMO_HEADER, DOCUMENTED, Gateway, new_tenant

REQUEST_ID = "0123456789abcdef0123456789abcdef"
POINTS = "points { totalPointsIssued }"
UNKNOWN = {**DOCUMENTED, "identifierValue": "919000000000"}


def requests(text: str) -> list[dict[str, Any]]:
    """The lines of requests, without what differs from run to run."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert line.pop("time")[-6:] == "+00:00"
        assert isinstance(line.pop("milliseconds", 0.0), float)
    return [line for line in lines if line["event"] == "request"]


def line(**fields: object) -> dict[str, object]:
    """The line of a plain answer to the demo's till, but for these fields."""
    return {
        "level": "info",
        "event": "request",
        "route": ACTION_SUMMARY_PATH,
        "operation": None,
        "status": 200,
        "code": None,
        "aggregations": 1,
        "batch_size": 1,
        "client_id": TILL,
        "request_id": REQUEST_ID,
        **fields,
    }


def nothing_read(**fields: object) -> dict[str, object]:
    return line(aggregations=0, batch_size=0, **fields)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"promo_gateway_{name}", labels) or 0


GRAPHQL = {"route": "/graphql", "operation": "ad hoc"}
BOTH = f"{{ {field('a', POINTS)} {field('b', POINTS)} }}"
CASES: list[tuple[str, str, dict[str, Any], dict[str, object]]] = [
    ("GET", ACTION_SUMMARY_PATH, {"params": DOCUMENTED}, line()),
    ("GET", ACTION_SUMMARY_PATH, {"params": UNKNOWN}, nothing_read(code=8015)),
    (
        "GET",
        ACTION_SUMMARY_PATH,
        {"headers": {"Authorization": ""}},
        nothing_read(status=401, code=401, client_id=None),
    ),
    ("DELETE", ACTION_SUMMARY_PATH, {}, nothing_read(status=405, code=405, client_id=None)),
    ("GET", "/919078345795", {}, nothing_read(route="unmatched", status=404, code=404, client_id=None)),
    # Refused before they are routed.
    (
        "GET",
        ACTION_SUMMARY_PATH,
        {"headers": {DEADLINE: "x"}},
        nothing_read(status=400, code=400, client_id=None),
    ),
    (
        "GET",
        "/919078345795",
        {"headers": {DEADLINE: "x"}},
        nothing_read(route="unmatched", status=404, code=404, client_id=None),
    ),
    ("POST", "/graphql", {"json": {"query": BOTH}}, line(**GRAPHQL)),
    ("POST", "/graphql", {"json": {"query": "query Mine { nothing }"}}, nothing_read(**GRAPHQL, code=400)),
    ("POST", "/graphql", {"content": b"{}"}, nothing_read(**GRAPHQL, status=415, code=415)),
    (
        "POST",
        TOKEN_PATH,
        {"json": {"key": OAUTH_KEY, "secret": OAUTH_SECRET}},
        nothing_read(route=TOKEN_PATH, client_id=OAUTH_KEY),
    ),
    (
        "POST",
        TOKEN_PATH,
        {"json": {"key": "919078345795", "secret": ""}},
        nothing_read(route=TOKEN_PATH, status=401, code=320001, client_id=None),
    ),
    ("POST", EVENTS_PATH, {"json": {}}, nothing_read(route=EVENTS_PATH, status=403, code=4000)),
]


@pytest.mark.parametrize(("method", "path", "given", "expected"), CASES)
async def test_each_request_has_one_line_and_is_counted_under_its_route(
    gateway: Gateway,
    logged: Logged,
    method: str,
    path: str,
    given: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    await gateway.warm()
    logged()
    labels = {"route": expected["route"], "status": str(expected["status"])}
    before = counted("request_seconds_count", **labels)
    errors = counted("errors_total", code=str(expected["code"]))
    headers = {**DEMO_HEADER, "X-CAP-REQUEST-ID": REQUEST_ID, **given.get("headers", {})}
    await gateway.client.request(method, path, **{**given, "headers": headers})
    assert requests(logged()) == [expected]
    assert counted("request_seconds_count", **labels) == before + 1
    assert counted("errors_total", code=str(expected["code"])) == errors + (expected["code"] is not None)


async def test_each_error_of_an_operation_is_counted_and_the_first_is_on_the_line(
    gateway: Gateway, logged: Logged
) -> None:
    await gateway.warm()
    logged()
    before = [counted("errors_total", code=code) for code in ("8015", "8874")]
    another = field("c", promotion='promotionId: "1"')
    query = f"{{ {field('a', value='919000000000')} {field('b')} {another} }}"
    await gateway.graphql(query)
    [written] = requests(logged())
    assert written["code"] == 8015
    assert [counted("errors_total", code=code) for code in ("8015", "8874")] == [n + 1 for n in before]


async def test_requests_that_share_an_aggregation_say_so(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine too, the others wait for the first.
    monkeypatch.setattr(TotalsDispatcher, "late_after", 3600)
    totals = TotalsDispatcher(store, in_flight=1, watcher=BatchMetrics())
    ledger = TotalsScope(DEMO.id, DEMO.midnight(Settings().benefits_since), frozenset(Benefit))

    async def ask(customer_id: int) -> RequestLog:
        entry = RequestLog(REQUEST_ID)
        running.set(entry)
        await totals.load(ledger, {CustomerPromotion(customer_id, PROMOTION.promotion_id)})
        return entry

    batches = [counted(f"batch_loads_{what}", kind="totals") for what in ("count", "sum")]
    entries = await asyncio.gather(*map(ask, range(4)))
    assert [(entry.aggregations, entry.batch_size) for entry in entries] == [(1, 1), (1, 3), (1, 3), (1, 3)]
    assert [counted(f"batch_loads_{what}", kind="totals") for what in ("count", "sum")] == [
        batches[0] + 2,
        batches[1] + 4,
    ]


async def test_commands_and_connections_are_counted(settings: Settings) -> None:
    store = Store(
        settings.mongodb_uri.get_secret_value(),
        settings.database,
        listeners=[PoolMetrics()],
        note=note_command,
    )
    names = [
        ("command_seconds_count", {"command": "aggregate", "outcome": "ok"}),
        ("command_seconds_count", {"command": "aggregate", "outcome": "failed"}),
        ("pool_connections", {"state": "open"}),
        ("pool_connections", {"state": "in_use"}),
    ]
    before = [counted(name, **labels) for name, labels in names]

    def more() -> list[float]:
        return [counted(name, **labels) - then for (name, labels), then in zip(names, before, strict=True)]

    await store.aggregate("issuances", [{"$limit": 1}])
    with pytest.raises(StoreUnavailable):
        await store.aggregate("issuances", [{"$nonsense": 1}])
    assert more() == [1, 1, 1, 0]
    await store.close()
    assert more() == [1, 1, 0, 0]


async def test_commands_that_get_no_connection_are_counted(settings: Settings) -> None:
    uri = f"{settings.mongodb_uri.get_secret_value()}/?maxPoolSize=1&waitQueueTimeoutMS=1&retryReads=false"
    store = Store(uri, settings.database, listeners=[PoolMetrics()], note=note_command)
    before = counted("pool_failures_total", reason="timeout")
    asked = (store.aggregate("issuances", [{"$limit": 1}]) for _ in range(20))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    await store.close()
    failed = sum(isinstance(answer, StoreUnavailable) for answer in answers)
    assert 0 < failed < 20
    assert counted("pool_failures_total", reason="timeout") == before + failed


async def test_what_becomes_of_events_is_counted(gateway: Gateway, store: Store) -> None:
    sender = await new_sender(gateway, store, await new_tenant(store))
    outcomes = "recorded", "pending", "ignored"
    before = [counted("events_total", outcome=outcome) for outcome in outcomes]
    await sender.send(POINTS_ISSUED)
    unknown = {**BADGE_EARNED["data"], "promotionIdentifier": "unknown"}
    await sender.send(event("badgeEarned", unknown))
    await sender.send(event("somethingElse", {}))
    # Refused, and so without an outcome.
    await sender.send(event("pointsIssued", {}))
    assert [counted("events_total", outcome=outcome) for outcome in outcomes] == [
        n + more for n, more in zip(before, (1, 1, 1), strict=True)
    ]
