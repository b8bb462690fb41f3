"""The metrics of batches, database commands, connections and events."""

import asyncio

import pytest

from gateway.commands.sample_data import DEMO, PROMOTION
from gateway.settings import Settings
from gateway.telemetry.current_request import RequestLog, active_request_log
from gateway.telemetry.metrics import PoolMetrics
from gateway.telemetry.setup import Telemetry
from loaders.dispatcher import Batching
from loaders.enums import Benefit
from loaders.errors import StoreUnavailable
from loaders.store import Store
from loaders.totals import CustomerPromotion, TotalsDispatcher, TotalsScope
from tests.helpers.events import BADGE_EARNED, POINTS_ISSUED, event, new_sender
from tests.helpers.faults import DatabaseProxy, until
from tests.helpers.gateway import Commands, Gateway, new_tenant
from tests.helpers.metrics import metric


async def test_a_request_log_has_the_size_of_a_shared_aggregation(store: Store) -> None:
    totals = TotalsDispatcher(store, Batching(max_concurrent=1, observer=Telemetry("off", "loyalty")))
    scope = TotalsScope(DEMO.id, DEMO.midnight(Settings().benefits_since), frozenset(Benefit))

    async def load(customer_id: int) -> RequestLog:
        request_log = RequestLog("0" * 32)
        active_request_log.set(request_log)
        await totals.load(scope, {CustomerPromotion(customer_id, PROMOTION.promotion_id)})
        return request_log

    before = [metric(f"batch_loads_{what}", kind="totals") for what in ("count", "sum")]
    found = await asyncio.gather(*map(load, range(4)))
    after = [metric(f"batch_loads_{what}", kind="totals") for what in ("count", "sum")]
    assert [(one.aggregations, one.batch_size) for one in found] == [(1, 1), (1, 3), (1, 3), (1, 3)]
    assert after == [before[0] + 2, before[1] + 4]


async def test_commands_and_connections_are_counted(settings: Settings) -> None:
    store = Store(
        settings.mongodb_uri.get_secret_value(),
        settings.database,
        listeners=[PoolMetrics()],
        on_command=Telemetry("off", "loyalty").on_command,
    )
    names = [
        ("command_duration_seconds_count", {"command": "aggregate", "outcome": "ok"}),
        ("command_duration_seconds_count", {"command": "aggregate", "outcome": "failed"}),
        ("pool_connections", {"state": "open"}),
        ("pool_connections", {"state": "in_use"}),
    ]
    before = [metric(name, **labels) for name, labels in names]

    def more() -> list[float]:
        return [metric(name, **labels) - then for (name, labels), then in zip(names, before, strict=True)]

    await store.aggregate("issuances", [{"$limit": 1}])
    with pytest.raises(StoreUnavailable):
        await store.aggregate("issuances", [{"$nonsense": 1}])
    assert more() == [1, 1, 1, 0]
    await store.close()
    assert more() == [1, 1, 0, 0]


async def test_commands_that_get_no_connection_are_counted(settings: Settings, proxy: DatabaseProxy) -> None:
    uri, commands = f"{proxy.uri}&maxPoolSize=1&waitQueueTimeoutMS=1&retryReads=false", Commands()
    store = Store(
        uri,
        settings.database,
        listeners=[PoolMetrics(), commands],
        on_command=Telemetry("off", "loyalty").on_command,
    )
    await store.ping()
    before = metric("pool_failures_total", reason="timeout")
    proxy.freeze()
    first = asyncio.create_task(store.get("organizations", DEMO.id))
    await until(lambda: commands.names == ["ping", "find"])
    others = await asyncio.gather(
        *(store.get("organizations", DEMO.id) for _ in range(5)), return_exceptions=True
    )
    proxy.thaw()
    assert (await first or {})["_id"] == DEMO.id
    await store.close()
    assert [type(error) for error in others] == [StoreUnavailable] * 5
    assert metric("pool_failures_total", reason="timeout") == before + 5


async def test_recorded_pending_and_ignored_events_are_counted_but_refused_events_are_not(
    gateway: Gateway, store: Store
) -> None:
    sender = await new_sender(gateway, store, await new_tenant(store))
    outcomes = "recorded", "pending", "ignored"
    before = [metric("events_total", outcome=outcome) for outcome in outcomes]
    await sender.send(POINTS_ISSUED)
    await sender.send(event("badgeEarned", {**BADGE_EARNED["data"], "promotionIdentifier": "unknown"}))
    await sender.send(event("somethingElse", {}))
    await sender.send(event("pointsIssued", {}), orgId="")
    after = [metric("events_total", outcome=outcome) for outcome in outcomes]
    assert after == [count + 1 for count in before]
