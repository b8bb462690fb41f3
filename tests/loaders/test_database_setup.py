"""Missing collections and indexes are created, and existing indexes are compared by keys and options."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.collection import Collection as DriverCollection

from gateway.settings import Settings
from loaders.database_schema import COLLECTIONS, ORGANIZATIONS, Collection
from loaders.database_setup import find_problems, set_up
from loaders.errors import StoreUnavailable
from loaders.store import Int64, Store
from tests.helpers.faults import DatabaseProxy
from tests.helpers.gateway import Commands

Indexes = DriverCollection[dict[str, Any]]

ORGANIZATION = {"_id": Int64(1), "name": "One", "timeZone": "UTC"}
ALL_INDEXES = [f"{one.name}.{index.name}" for one in COLLECTIONS for index in one.indexes]
KEYS = [("orgId", 1), ("promotionId", 1)]


@pytest.fixture
def raw_collection(empty_store: Store, mongodb_uri: str) -> Iterator[Callable[[str], Indexes]]:
    """Returns the driver's collection of this name, for changes that the gateway does not make."""
    client: MongoClient[dict[str, Any]] = MongoClient(mongodb_uri)
    yield client[empty_store.name].__getitem__
    client.close()


async def test_set_up_creates_everything(empty_store: Store) -> None:
    names = ", ".join(collection.name for collection in COLLECTIONS)
    assert await find_problems(empty_store) == [f"it lacks the collections {names}"]
    assert await set_up(empty_store) == []
    assert await find_problems(empty_store) == []


async def test_a_collection_that_is_dropped_while_the_check_runs_is_missing(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch, raw_collection: Callable[[str], Indexes]
) -> None:
    await set_up(empty_store)
    names = await empty_store.list_collections()

    async def earlier_names() -> list[str]:
        return names

    monkeypatch.setattr(empty_store, "list_collections", earlier_names)
    raw_collection("issuances").drop()
    assert await find_problems(empty_store) == ["it lacks the collections issuances"]


async def test_set_up_keeps_the_documents_of_a_database_that_is_set_up(empty_store: Store) -> None:
    await set_up(empty_store)
    await empty_store.insert(ORGANIZATIONS.name, ORGANIZATION)
    assert await set_up(empty_store) == []
    assert await empty_store.get(ORGANIZATIONS.name, 1) == ORGANIZATION


async def test_set_up_names_each_missing_index_before_it_is_built(
    empty_store: Store, raw_collection: Callable[[str], Indexes]
) -> None:
    announced: list[str] = []
    await set_up(empty_store, announced.append)
    assert announced == ALL_INDEXES
    announced.clear()
    await set_up(empty_store, announced.append)
    assert announced == []
    raw_collection("promotions").drop_index("by_id")
    await set_up(empty_store, announced.append)
    assert announced == ["promotions.by_id"]


async def test_a_second_set_up_replaces_a_changed_validator(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(Collection, "validator", {})
        await set_up(empty_store)
    wrong = {**ORGANIZATION, "name": 1}
    await empty_store.insert(ORGANIZATIONS.name, wrong)
    await set_up(empty_store)
    with pytest.raises(StoreUnavailable, match=r"^DocumentValidationFailure, organizations$"):
        await empty_store.insert(ORGANIZATIONS.name, {**wrong, "_id": Int64(2)})


# An index that differs from the gateway's, and the difference that is reported.
DIFFERENT = {
    "not unique": ("promotions", "by_id", KEYS, {}, "unique unset instead of true"),
    "other keys": (
        "promotions",
        "by_id",
        [("orgId", 1)],
        {"unique": True},
        'key {"orgId": 1} instead of {"orgId": 1, "promotionId": 1}',
    ),
    "more keys": (
        "promotions",
        "by_id",
        [*KEYS, ("name", 1)],
        {"unique": True},
        'key {"orgId": 1, "promotionId": 1, "name": 1} instead of {"orgId": 1, "promotionId": 1}',
    ),
    "keys in another order": (
        "promotions",
        "by_id",
        KEYS[::-1],
        {"unique": True},
        'key {"promotionId": 1, "orgId": 1} instead of {"orgId": 1, "promotionId": 1}',
    ),
    "descending": (
        "promotions",
        "by_id",
        [("orgId", -1), ("promotionId", 1)],
        {"unique": True},
        'key {"orgId": -1, "promotionId": 1} instead of {"orgId": 1, "promotionId": 1}',
    ),
    "sparse": ("promotions", "by_id", KEYS, {"unique": True, "sparse": True}, "sparse true instead of unset"),
    "hidden": ("promotions", "by_id", KEYS, {"unique": True, "hidden": True}, "hidden true instead of unset"),
    "partial": (
        "promotions",
        "by_id",
        KEYS,
        {"unique": True, "partialFilterExpression": {"programId": {"$gt": 5}}},
        'partialFilterExpression {"programId": {"$gt": 5}} instead of unset',
    ),
    "unique, unlike the gateway's": (
        "pending_events",
        "by_promotion",
        [("orgId", 1), ("promotionIdentifiers", 1)],
        {"unique": True},
        "unique true instead of unset",
    ),
    "another expiry": (
        "pending_events",
        "expiry",
        [("expireOn", 1)],
        {"expireAfterSeconds": 60},
        "expireAfterSeconds 60 instead of 0",
    ),
    "no expiry": ("pending_events", "expiry", [("expireOn", 1)], {}, "expireAfterSeconds unset instead of 0"),
    "two differences": (
        "promotions",
        "by_id",
        [("orgId", 1)],
        {},
        'key {"orgId": 1} instead of {"orgId": 1, "promotionId": 1} and unique unset instead of true',
    ),
}


@pytest.mark.parametrize(
    ("collection", "name", "keys", "options", "difference"), DIFFERENT.values(), ids=DIFFERENT
)
async def test_an_index_with_other_keys_or_options_has_to_be_dropped(
    empty_store: Store,
    raw_collection: Callable[[str], Indexes],
    collection: str,
    name: str,
    keys: list[tuple[str, int]],
    options: dict[str, Any],
    difference: str,
) -> None:
    await set_up(empty_store)
    indexes = raw_collection(collection)
    indexes.drop_index(name)
    indexes.create_index(keys, name=name, **options)
    problem = f'index {collection}.{name} has {difference}: drop it with db.{collection}.dropIndex("{name}")'
    assert await find_problems(empty_store) == [problem]
    assert await set_up(empty_store) == [problem]
    indexes.drop_index(name)
    assert await set_up(empty_store) == []
    assert await find_problems(empty_store) == []


@pytest.mark.parametrize(
    ("collection", "name", "options"),
    [
        ("promotions", "by_id", {"unique": True}),
        ("customer_identifiers", "by_identifier", {"unique": True}),
        ("issuances", "by_customer_promotion", {}),
        ("pending_events", "expiry", {"expireAfterSeconds": 0}),
    ],
)
async def test_an_index_with_our_keys_and_options_may_have_any_name(
    empty_store: Store,
    raw_collection: Callable[[str], Indexes],
    collection: str,
    name: str,
    options: dict[str, Any],
) -> None:
    await set_up(empty_store)
    indexes = raw_collection(collection)
    keys = indexes.index_information()[name]["key"]
    indexes.drop_index(name)
    indexes.create_index(keys, name="another", **options)
    assert await find_problems(empty_store) == []
    assert await set_up(empty_store) == []
    assert name not in indexes.index_information()


@pytest.mark.parametrize(
    ("collection", "name", "options", "difference"),
    [
        ("promotions", "by_id", {}, "unique unset instead of true"),
        ("customer_identifiers", "by_identifier", {}, "unique unset instead of true"),
        ("issuances", "by_customer_promotion", {"sparse": True}, "sparse true instead of unset"),
        ("pending_events", "expiry", {"expireAfterSeconds": 60}, "expireAfterSeconds 60 instead of 0"),
    ],
)
async def test_an_index_with_our_keys_under_another_name_needs_our_options(
    empty_store: Store,
    raw_collection: Callable[[str], Indexes],
    collection: str,
    name: str,
    options: dict[str, Any],
    difference: str,
) -> None:
    await set_up(empty_store)
    indexes = raw_collection(collection)
    keys = indexes.index_information()[name]["key"]
    indexes.drop_index(name)
    indexes.create_index(keys, name="another", **options)
    problem = (
        f'index {collection}.another has {difference}: drop it with db.{collection}.dropIndex("another")'
    )
    assert await find_problems(empty_store) == [problem]
    assert await set_up(empty_store) == [problem]


@pytest.mark.parametrize(
    ("collection", "name", "fields", "document"),
    [
        ("promotions", "by_id", "orgId, promotionId", {"orgId": 1, "promotionId": 1}),
        (
            "promotions",
            "by_identifier",
            "orgId, promotionIdentifier",
            {"orgId": 1, "promotionIdentifier": "p"},
        ),
        (
            "customer_identifiers",
            "by_identifier",
            "orgId, source, name, value",
            {"orgId": 1, "source": "LINE", "name": "mobile", "value": "919"},
        ),
    ],
)
async def test_documents_that_a_unique_index_would_refuse_have_to_be_deleted(
    empty_store: Store,
    raw_collection: Callable[[str], Indexes],
    collection: str,
    name: str,
    fields: str,
    document: dict[str, Any],
) -> None:
    # Two documents that differ in all but these fields, in a collection without validator and indexes.
    others = {"promotionId", "promotionIdentifier", "customerId"} - document.keys()
    raw_collection(collection).insert_many([{**document, **dict.fromkeys(others, n)} for n in range(2)])
    assert await set_up(empty_store) == [
        f"index {collection}.{name} cannot be built: several documents have the same {fields}"
    ]
    assert await find_problems(empty_store) == [f"index {collection}.{name} is missing"]
    raw_collection(collection).delete_one({})
    assert await set_up(empty_store) == []


def index_builds(*names: str) -> dict[str, Any]:
    """A shard's report about the indexes that it is building, as in MongoDB's manual of `collStats`."""
    return {"storageStats": {"indexBuilds": list(names)}}


@pytest.mark.parametrize(
    ("shards", "building"),
    [
        ([index_builds("by_id")], ["by_id"]),
        ([index_builds("by_identifier", "by_id")], ["by_id", "by_identifier"]),
        ([index_builds(), index_builds("by_identifier")], ["by_identifier"]),
        ([index_builds("another")], []),
        ([index_builds()], []),
        ([{"storageStats": {}}], []),
    ],
)
async def test_an_index_that_is_being_built_does_not_count_yet(
    proxy: DatabaseProxy,
    settings: Settings,
    shards: list[dict[str, Any]],
    building: list[str],
) -> None:
    commands = Commands()
    store = Store(proxy.uri, settings.database, driver=settings.driver, listeners=[commands])
    # `promotions` is the second collection.
    answers = [
        {"ok": 1, "cursor": {"id": Int64(0), "ns": f"x.{collection.name}", "firstBatch": batch}}
        for collection, batch in zip(COLLECTIONS, ([], shards), strict=False)
    ]
    proxy.reply("aggregate", *answers)
    problems = [f"index promotions.{name} is still being built" for name in building]
    assert await find_problems(store) == problems
    commands.clear()
    proxy.reply("aggregate", *answers)
    assert await set_up(store) == []
    waited = [command["indexes"][0]["name"] for command in commands.sent if "createIndexes" in command]
    assert waited == building
    await store.close()


async def test_an_index_counts_as_built_on_a_server_that_cannot_say_so(
    proxy: DatabaseProxy, settings: Settings
) -> None:
    store = Store(proxy.uri, settings.database, driver=settings.driver)
    refusal = {"ok": 0, "code": 40324, "errmsg": "Unrecognized pipeline stage name: '$collStats'"}
    proxy.reply("aggregate", *[refusal] * len(COLLECTIONS))
    assert await find_problems(store) == []
    await store.close()


async def test_the_indexes_are_those_that_the_queries_need(
    empty_store: Store, raw_collection: Callable[[str], Indexes]
) -> None:
    await set_up(empty_store)
    indexes = {
        name: {
            tuple(field for field, _ in index["key"]): index.get("unique", False) for index in found.values()
        }
        for name in ("promotions", "customer_identifiers", "issuances")
        for found in [raw_collection(name).index_information()]
    }
    covering = ("orgId", "customerPromotion", "benefit", "item", "type", "issuedOn", "amount")
    assert indexes == {
        "promotions": {
            ("_id",): False,
            ("orgId", "promotionId"): True,
            ("orgId", "programId", "promotionId"): False,
            ("orgId", "promotionIdentifier"): True,
        },
        "customer_identifiers": {
            ("_id",): False,
            ("orgId", "source", "name", "value"): True,
            ("orgId", "customerId"): False,
        },
        "issuances": {("_id",): False, covering: False},
    }
