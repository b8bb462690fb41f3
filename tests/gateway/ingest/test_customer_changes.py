"""Pending events lose the identifiers of erased customers, and are counted once their promotion is known."""

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.ingest import event_recorder, notifications
from loaders.database_schema import ISSUANCES, PENDING_EVENTS
from loaders.driver import DriverName
from loaders.store import Document, Int64, Store
from tests.helpers import events
from tests.helpers.events import event
from tests.helpers.stepped_store import SteppedStore, steps

ERASED, OTHER = 387729100, 387729101


def named(customer_id: int) -> dict[str, Any]:
    return {"customerId": customer_id, "instore": {"mobile": f"91{customer_id}", "externalId": "E"}}


COUPONS = [
    {"id": 1, "worth": 25.1250, "customerIdentifiers": named(ERASED)},
    {"id": 2, "worth": 1, "customerIdentifiers": named(OTHER)},
]
WAITS = event(
    "CouponIssue", {"series_info": {"id": 4711}, "coupons": COUPONS, "promotionIdentifier": "one"}, "ev-1"
)
# The event as a platform may write it: an id as a string, an amount with more digits than a float has.
AS_IT_CAME = (
    json.dumps(WAITS).replace(str(ERASED), f'"{ERASED}"', 1).replace("25.125", "25.12500000000000000001")
)
STRIPPED = json.dumps({**WAITS, "data": {**WAITS["data"], "coupons": "?"}}, separators=(",", ":")).replace(
    '"?"',
    f'[{{"id":1,"worth":25.12500000000000000001,"customerIdentifiers":{{"customerId":"{ERASED}"}}}},'
    f'{{"id":2,"worth":1,"customerIdentifiers":{{"customerId":{OTHER},'
    f'"instore":{{"mobile":"91{OTHER}","externalId":"E"}}}}}}]',
)
DELETED = {
    customer_id: event(
        "customerUpdated",
        {"customerIdentifiers": named(customer_id), "customerStatus": {"currentLabel": "Deleted"}},
        f"deleted-{customer_id}",
    )
    for customer_id in (ERASED, OTHER)
}


@pytest.fixture
def organization_id() -> int:
    return uuid.uuid4().int >> 65


async def record(store: Store, organization_id: int, payload: str | dict[str, Any]) -> str:
    text = payload if isinstance(payload, str) else json.dumps(payload)
    text = text.replace('"orgId": 51135', f'"orgId": {organization_id}')
    return await event_recorder.record(store, notifications.read(text, datetime.now(UTC)), text, 30)


async def pending(store: Store, organization_id: int) -> list[Document]:
    """The documents of pending events, without their times."""
    found = store.stream(PENDING_EVENTS.name, {"orgId": organization_id}, ("_id",))
    return [
        {name: one[name] for name in one if name not in ("receivedOn", "expireOn")} async for one in found
    ]


def stored(organization_id: int, payload: str, **changes: Any) -> Document:
    return {
        "_id": f"event:{organization_id}:ev-1",
        "orgId": organization_id,
        "eventId": "ev-1",
        "format": "event",
        "payload": payload.replace('"orgId":51135', f'"orgId":{organization_id}'),
        "reason": "its promotion is not known yet",
        "promotionIdentifiers": ["one"],
        "customerIds": [OTHER],
        **changes,
    }


async def issued(store: Store, organization_id: int) -> list[tuple[str, int]]:
    """The ids of the issuances within the organisation, and their customers."""
    found = store.stream(ISSUANCES.name, {"orgId": organization_id}, ("_id",))
    return [(one["_id"].partition(":")[2], one["customerId"]) async for one in found]


@pytest.mark.parametrize(
    "order",
    [(AS_IT_CAME, DELETED[ERASED]), (DELETED[ERASED], AS_IT_CAME)],
    ids=["event before erasure", "erasure before event"],
)
async def test_an_event_that_names_others_keeps_only_the_id_of_an_erased_customer(
    store: Store, organization_id: int, order: tuple[str | dict[str, Any], ...]
) -> None:
    for one in (*order, *order):
        await record(store, organization_id, one)
    assert await pending(store, organization_id) == [stored(organization_id, STRIPPED)]
    assert await record(store, organization_id, events.PROMOTION_CREATED) == "recorded"
    assert await pending(store, organization_id) == []
    assert await issued(store, organization_id) == [("ev-1#0", ERASED), ("ev-1#1", OTHER)]


async def test_an_event_without_an_id_is_counted_once_although_its_text_changed(
    store: Store, organization_id: int
) -> None:
    nameless = AS_IT_CAME
    for name in ("eventId", "eventLogId", "refId"):
        nameless = nameless.replace(f'"{name}"', f'"{name}Of"', 1)
    assert await record(store, organization_id, nameless) == "pending"
    later: list[str | dict[str, Any]] = [DELETED[ERASED], events.PROMOTION_CREATED, nameless]
    for one in later:
        assert await record(store, organization_id, one) == "recorded"
    assert [customer_id for _, customer_id in await issued(store, organization_id)] == [ERASED, OTHER]


async def test_an_event_is_deleted_when_all_customers_that_it_names_are_erased(
    store: Store, organization_id: int
) -> None:
    assert await record(store, organization_id, AS_IT_CAME) == "pending"
    for one in DELETED.values():
        assert await record(store, organization_id, one) == "recorded"
    assert await pending(store, organization_id) == []
    assert await record(store, organization_id, AS_IT_CAME) == "ignored"


@pytest.fixture
async def stepped(store: Store, mongodb_uri: str, driver: DriverName) -> AsyncIterator[SteppedStore]:
    stepped = SteppedStore(mongodb_uri, store.name, driver=driver)
    yield stepped
    await stepped.close()


@pytest.mark.parametrize(
    "at", range(3), ids=["before the status", "before the identifiers", "before the event"]
)
async def test_concurrent_erasures_leave_no_data_of_either_customer(
    store: Store, organization_id: int, stepped: SteppedStore, at: int
) -> None:
    assert await record(store, organization_id, AS_IT_CAME) == "pending"
    async for number in steps(stepped, lambda one: record(one, organization_id, DELETED[ERASED])):
        if number == at:
            assert await record(store, organization_id, DELETED[OTHER]) == "recorded"
    assert await pending(store, organization_id) == []


@pytest.mark.parametrize(
    ("erased", "left"),
    [((ERASED,), [STRIPPED]), ((ERASED, OTHER), [])],
    ids=["one of two customers", "both"],
)
async def test_an_event_that_is_kept_while_its_customers_are_erased_has_no_data_of_them(
    store: Store,
    organization_id: int,
    stepped: SteppedStore,
    erased: tuple[int, ...],
    left: list[str],
) -> None:
    async for number in steps(stepped, lambda one: record(one, organization_id, AS_IT_CAME)):
        # The identifiers are written, and the event is not kept yet.
        if number == 1:
            for one in erased:
                assert await record(store, organization_id, DELETED[one]) == "recorded"
            assert await pending(store, organization_id) == []
    assert await pending(store, organization_id) == [stored(organization_id, one) for one in left]


@pytest.mark.parametrize(
    ("payload", "left"),
    [
        ({"customerId": ERASED, "mobile": f"91{ERASED}"}, []),
        ({"a": {"customerId": ERASED}, "b": [{"customerId": f"0{ERASED}", "mobile": f"91{ERASED}"}]}, []),
        (
            {"a": named(ERASED), "b": named(OTHER)},
            [({"a": {"customerId": ERASED}, "b": named(OTHER)}, [OTHER])],
        ),
        ({"b": named(OTHER)}, [({"b": named(OTHER)}, None)]),
        ({"mobile": str(ERASED)}, [({"mobile": str(ERASED)}, None)]),
    ],
    ids=["one customer", "twice the same", "two customers", "another customer", "no customer"],
)
async def test_an_erasure_finds_events_that_an_earlier_version_kept(
    store: Store, organization_id: int, payload: dict[str, Any], left: list[tuple[dict[str, Any], Any]]
) -> None:
    now = datetime.now(UTC)
    # The database deletes an expired event at any time.
    kept = {"receivedOn": now, "expireOn": now + timedelta(days=30)}
    old = stored(organization_id, json.dumps(payload), **kept)
    old["orgId"] = Int64(organization_id)
    del old["customerIds"]
    await store.insert(PENDING_EVENTS.name, old)
    assert await record(store, organization_id, DELETED[ERASED]) == "recorded"
    assert [
        (json.loads(one["payload"]), one.get("customerIds")) for one in await pending(store, organization_id)
    ] == left
