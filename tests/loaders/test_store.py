"""The store: validators, repeatable writes, deadlines, and the options of the connection."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.settings import Settings
from loaders import ledger
from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier, Person
from loaders.database_schema import ISSUANCES, PROMOTIONS
from loaders.deadline import Deadline, until
from loaders.driver_options import COMMAND_SERVER_SECONDS, options
from loaders.enums import IdentifierName
from loaders.errors import AlreadyExists, DeadlineExceeded, StoreMisconfigured, StoreUnavailable
from loaders.promotions import Promotion, PromotionByReferenceLoader, PromotionDispatcher, PromotionReference
from loaders.store import Document, Int64, Store, Upserted
from tests.helpers.faults import DatabaseProxy
from tests.helpers.gateway import Commands, Tenant, new_tenant

GOOD: dict[str, Any] = {
    "_id": "1:good",
    "orgId": Int64(1),
    "customerId": Int64(1),
    "promotionId": Int64(1),
    "customerPromotion": "1:1",
    "benefit": "ALTERNATE_CURRENCY",
    "item": "DocCoin",
    "type": "REGULAR",
    "amount": Decimal(1),
    "issuedOn": datetime(2026, 1, 1, tzinfo=UTC),
}
POINTS = {**GOOD, "benefit": "POINTS", "item": None}
REWARD = {**GOOD, "benefit": "REWARD", "type": None, "amount": None}

# Changes that make a good document wrong; None removes a field.
BAD = [
    {"orgId": 1},
    {"orgId": None},
    {"customerId": "1"},
    {"promotionId": None},
    {"customerPromotion": None},
    {"customerPromotion": "1:2"},
    {"benefit": "COUPON"},
    {"item": ""},
    {"item": None},
    {"type": "REGULAR_POINTS"},
    {"type": None},
    {"amount": 1.0},
    {"amount": Int64(1)},
    {"amount": Decimal(0)},
    {"amount": Decimal(-1)},
    {"amount": Decimal("NaN")},
    {"amount": Decimal("Infinity")},
    {"amount": Decimal(10**24)},
    {"amount": None},
    {"issuedOn": "2026-01-01"},
    {"issuedOn": None},
    {"issuedOn": datetime(1969, 12, 31, tzinfo=UTC)},
    {"issuedOn": datetime(9999, 1, 1, tzinfo=UTC)},
    {"more": 1},
    {**POINTS, "item": "DocCoin"},
    {**POINTS, "amount": None},
    {**REWARD, "item": None},
    {**REWARD, "amount": Decimal(1)},
    {**REWARD, "type": "REGULAR"},
    {**REWARD, "benefit": "BADGE", "type": "REGULAR"},
]


def present(document: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in document.items() if value is not None}


@pytest.mark.parametrize("amount", ["1E-7", "0", "-1", "NaN", "Infinity", "1E+24", "0.0000001"])
async def test_an_amount_whose_sums_would_not_be_exact_is_refused(store: Store, amount: str) -> None:
    tenant = await new_tenant(store)
    with pytest.raises(ValueError, match="at most 24 digits before and 6 after the point"):
        await tenant.issue([tenant.points("e", amount, datetime(2026, 1, 1, tzinfo=UTC))])


@pytest.mark.parametrize("document", [GOOD, POINTS, REWARD, {**REWARD, "benefit": "BADGE"}])
async def test_the_ledger_takes_an_issuance_of_each_benefit(store: Store, document: dict[str, Any]) -> None:
    document = present({**document, "_id": f"1:{document['benefit']}"})
    await store.insert(ISSUANCES.name, document)
    assert await store.get(ISSUANCES.name, document["_id"]) == document


@pytest.mark.parametrize("changes", BAD)
async def test_the_ledger_refuses_a_wrong_issuance(store: Store, changes: dict[str, Any]) -> None:
    event = f"1:{uuid.uuid4().hex}"
    with pytest.raises(StoreUnavailable, match=r"^DocumentValidationFailure, issuances$"):
        await store.insert(ISSUANCES.name, present({**GOOD, **changes, "_id": event}))
    assert await store.get(ISSUANCES.name, event) is None


async def test_inserting_an_existing_document_changes_nothing(store: Store) -> None:
    document = {**GOOD, "_id": "1:once"}
    await store.insert(ISSUANCES.name, document)
    with pytest.raises(AlreadyExists):
        await store.insert(ISSUANCES.name, {**document, "amount": Decimal(2)})
    assert await store.insert_missing(ISSUANCES.name, [{**document, "_id": "1:new"}, document]) == [1]
    assert await store.get(ISSUANCES.name, "1:once") == document


async def test_one_wrong_document_fails_the_insertion_of_several(store: Store) -> None:
    documents = [{**GOOD, "_id": "1:a"}, {**GOOD, "_id": "1:b", "orgId": "x"}]
    with pytest.raises(StoreUnavailable, match=r"^DocumentValidationFailure, issuances$"):
        await store.insert_missing(ISSUANCES.name, documents)


async def test_a_promotion_identifier_names_one_promotion(store: Store) -> None:
    first, second = Promotion(1, 1, "same"), Promotion(1, 2, "same")
    assert await ledger.put_promotions(store, 404, [first, second]) == (1, [1])


@pytest.fixture
async def store_behind_proxy(
    proxy: DatabaseProxy, settings: Settings
) -> AsyncIterator[tuple[Store, Commands]]:
    """A store that reaches the database through `proxy`, and the commands that it sends."""
    commands = Commands()
    store = Store(proxy.uri, settings.database, driver=settings.driver, listeners=[commands])
    yield store, commands
    await store.close()


def refusal(sent: int, *refused: int) -> dict[str, Any]:
    """MongoDB's answer to `sent` upserts: those at these indexes met a duplicate key, the others inserted."""
    errors = [{"index": n, "code": 11000, "errmsg": "E11000 duplicate key error"} for n in refused]
    upserted = [{"index": n, "_id": n} for n in range(sent) if n not in refused]
    return {"ok": 1, "n": len(upserted), "nModified": 0, "upserted": upserted, "writeErrors": errors}


def promotion_change(tenant: Tenant, promotion_id: int, identifier: str) -> tuple[Document, Document]:
    """An upsert as `ledger.put_promotions` sends it."""
    query = {"orgId": Int64(tenant.organization.id), "promotionId": Int64(promotion_id)}
    fields = {"programId": Int64(1), "promotionIdentifier": identifier, "name": ""}
    return query, {"$set": fields}


@pytest.mark.parametrize(
    ("refusals", "result", "sent"),
    [
        ([refusal(3, 0)], Upserted(3, []), [3, 1]),
        ([refusal(3, 1)], Upserted(3, []), [3, 1]),
        ([refusal(3, 0, 2)], Upserted(3, []), [3, 2]),
        ([refusal(3, 0, 1, 2)], Upserted(3, []), [3, 3]),
        ([refusal(3, 0, 1, 2), refusal(3, 1)], Upserted(2, [1]), [3, 3]),
        ([refusal(3, 1, 2), refusal(2, 0, 1)], Upserted(1, [1, 2]), [3, 2]),
    ],
)
async def test_a_refused_upsert_is_sent_once_more(
    store_behind_proxy: tuple[Store, Commands],
    proxy: DatabaseProxy,
    store: Store,
    refusals: list[dict[str, Any]],
    result: Upserted,
    sent: list[int],
) -> None:
    tenant = await new_tenant(store)
    proxy.reply("update", *refusals)
    changes = [promotion_change(tenant, n, f"identifier {n}") for n in (10, 11, 12)]
    behind_proxy, commands = store_behind_proxy
    assert await behind_proxy.upsert(PROMOTIONS.name, changes) == result
    assert [len(command["updates"]) for command in commands.sent] == sent


async def test_an_upsert_that_a_unique_index_refuses_twice_is_reported(
    watched_store: tuple[Store, Commands], store: Store
) -> None:
    watched, commands = watched_store
    tenant = await new_tenant(store)
    changes = [promotion_change(tenant, 10, "first"), promotion_change(tenant, 11, "first")]
    assert await watched.upsert(PROMOTIONS.name, changes) == Upserted(1, [1])
    assert [len(command["updates"]) for command in commands.sent] == [2, 1]


async def test_an_older_event_never_overwrites_a_newer_one(store: Store) -> None:
    tenant = await new_tenant(store)
    organization_id, day = tenant.organization.id, timedelta(days=1)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    identifier = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, tenant.mobile)
    for as_of, customer_id, owner in ((now, 2, 2), (now - day, 3, 2), (now, 4, 2), (now + day, 5, 5)):
        await ledger.move_identifiers(store, organization_id, [(identifier, customer_id, as_of)])
        found = CustomerByIdentifierLoader(CustomerDispatcher(store), organization_id)
        assert await found.load(identifier) == Person(owner)
        promotion = Promotion(customer_id, tenant.promotion.promotion_id, "one")
        await ledger.put_promotions(store, organization_id, [promotion], as_of)
        promotions = PromotionByReferenceLoader(PromotionDispatcher(store), organization_id)
        loaded = await promotions.load(PromotionReference("promotionId", tenant.promotion.promotion_id))
        assert loaded == Promotion(owner, tenant.promotion.promotion_id, "one")


async def test_issuances_are_added_in_batches_and_their_positions_are_those_of_the_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "BATCH_ISSUANCES", 2)
    tenant = await new_tenant(store)
    all_of_them = [tenant.badge(f"e-{n}", 1, "gold") for n in range(5)]
    await tenant.issue([all_of_them[3], tenant.badge("e-4", 1, "silver")])
    added = await ledger.add_issuances(store, tenant.organization.id, all_of_them)
    assert added == ([3, 4], [4])
    assert await ledger.add_issuances(store, tenant.organization.id, all_of_them) == ([0, 1, 2, 3, 4], [4])


async def test_writing_nothing_sends_nothing(store: Store) -> None:
    assert await ledger.add_issuances(store, 404, []) == ([], [])
    assert await ledger.put_promotions(store, 404, []) == (0, [])
    assert await ledger.put_identifiers(store, 404, []) == ([], [])
    await ledger.put_organizations(store, [])


@pytest.mark.parametrize(
    ("uri", "database"),
    [
        ("mongodb://user:geheim@", "x"),
        ("mongodb://user:ge%heim@host", "x"),
        ("mongodb://host:port", "x"),
    ],
)
async def test_a_wrong_connection_string_is_not_quoted(uri: str, database: str) -> None:
    with pytest.raises(StoreMisconfigured) as raised:
        Store(uri, database)
    assert "geheim" not in str(raised.value)


@pytest.mark.slow
async def test_without_a_server_a_request_fails_before_its_deadline() -> None:
    store = Store("mongodb://127.0.0.1:1", "x")
    with until(Deadline(60)):
        failures = await asyncio.gather(store.list_collections(), store.ping(), return_exceptions=True)
    assert list(map(repr, failures)) == ["StoreUnavailable('ServerSelectionTimeoutError, 127.0.0.1:1')"] * 2
    await store.close()


async def test_a_command_of_the_command_line_waits_longer_for_a_server(proxy: DatabaseProxy) -> None:
    proxy.freeze()
    patient = Store(proxy.impatient_uri, "x", server_seconds=COMMAND_SERVER_SECONDS)
    store = Store(f"{proxy.impatient_uri}&serverSelectionTimeoutMS=100", "x")
    ping = asyncio.create_task(patient.ping())
    with pytest.raises(StoreUnavailable, match=r"^ServerSelectionTimeoutError, "):
        await store.ping()
    proxy.thaw()
    await ping
    await asyncio.gather(patient.close(), store.close())


async def test_each_command_tells_the_server_the_remaining_time(
    watched_store: tuple[Store, Commands],
) -> None:
    store, commands = watched_store
    await store.ping()
    with until(Deadline(3600)):
        await store.find(ISSUANCES.name, {"_id": "1:nothing"}, ("item",))
        await store.get(ISSUANCES.name, "1:nothing")
        await store.aggregate(ISSUANCES.name, [{"$match": {"_id": "1:nothing"}}])
        await store.upsert(ISSUANCES.name, [({"_id": "1:deadline"}, {"$set": GOOD | {"_id": "1:deadline"}})])
        await store.delete(ISSUANCES.name, {"_id": "1:deadline"})
    assert commands.names == ["ping", "find", "find", "aggregate", "update", "delete"]
    ping, *others = [command.get("maxTimeMS", 0) for command in commands.sent]
    assert ping == 0
    assert all(3_000_000 < limit <= 3_600_000 for limit in others)


async def test_no_command_is_sent_after_the_deadline(watched_store: tuple[Store, Commands]) -> None:
    store, commands = watched_store
    deadline = Deadline(60)
    deadline.expire()
    with until(deadline), pytest.raises(DeadlineExceeded):
        await store.ping()
    assert commands.names == []


async def test_a_slow_command_ends_at_the_deadline(store: Store) -> None:
    await store.insert_missing(ISSUANCES.name, [{**GOOD, "_id": f"1:slow-{n}"} for n in range(200)])
    # A product of the collection with itself.
    slow = {"$lookup": {"from": ISSUANCES.name, "pipeline": [{"$match": {"_id": "1:nothing"}}], "as": "all"}}
    with until(Deadline(0.1)), pytest.raises(DeadlineExceeded, match=r"^the deadline passed$"):
        await store.aggregate(ISSUANCES.name, [slow, slow, slow])


@pytest.mark.parametrize(
    ("uri", "name", "value"),
    [
        ("mongodb://host", "maxPoolSize", 50),
        ("mongodb://host", "serverSelectionTimeoutMS", 2_000),
        ("mongodb://host", "connectTimeoutMS", 2_000),
        ("mongodb://host/?serverSelectionTimeoutMS=5", "serverSelectionTimeoutMS", None),
        # A socket timeout would interrupt the building of an index.
        ("mongodb://host", "socketTimeoutMS", None),
        ("mongodb://host/?maxpoolsize=7", "maxPoolSize", None),
        ("mongodb://host/?w=1", "w", "majority"),
    ],
)
def test_the_connection_string_sets_any_option_but_the_write_concern(
    uri: str, name: str, value: object
) -> None:
    assert options(uri, 2).get(name) == value


async def test_a_command_that_is_too_long_to_send_is_a_failure(store: Store) -> None:
    with pytest.raises(StoreUnavailable, match=r"^DocumentTooLarge, issuances$"):
        await store.find(ISSUANCES.name, {"_id": "x" * 17_000_000}, ("_id",))
