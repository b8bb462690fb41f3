"""Upserts that the server refuses, because of a lost race or because another promotion has the identifier.

The tests add a unique index and a document with the key of the upsert, so that the server refuses it. A test
ends the race by deleting that document after the first refusal.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from loaders import ledger
from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier, Person
from loaders.database_schema import CUSTOMER_IDENTIFIERS, PROMOTIONS
from loaders.database_setup import set_up
from loaders.driver import DriverName
from loaders.enums import IdentifierName
from loaders.errors import StoreUnavailable
from loaders.promotions import Promotion
from loaders.store import Store

ORGANIZATION = 1
NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOBILE = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, "919000000001")


class EndOfRace(CommandListener):
    """Counts updates, and empties a collection after the first update that was refused."""

    def __init__(self, client: "MongoClient[dict[str, Any]]", collection: str) -> None:
        self.updates = 0
        self.ends = True
        self._client, self.collection = client, collection

    def started(self, event: CommandStartedEvent) -> None:
        self.updates += event.command_name == "update"

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if self.ends and event.reply.get("writeErrors"):
            self._client[event.database_name][self.collection].delete_many({})

    def failed(self, event: CommandFailedEvent) -> None:
        """No command of these tests fails as a whole."""


@pytest.fixture
def client(mongodb_uri: str) -> "Iterator[MongoClient[dict[str, Any]]]":
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client


@pytest.fixture(params=[PROMOTIONS.name, CUSTOMER_IDENTIFIERS.name])
async def race(
    request: pytest.FixtureRequest,
    empty_store: Store,
    mongodb_uri: str,
    driver: DriverName,
    client: "MongoClient[dict[str, Any]]",
) -> AsyncIterator[tuple[Store, EndOfRace]]:
    """A store in which the next upsert to a collection is refused."""
    await set_up(empty_store)
    collection = client[empty_store.name][request.param]
    if request.param == PROMOTIONS.name:
        await ledger.put_promotions(empty_store, ORGANIZATION, [Promotion(1, 1, "one")])
    else:
        other = MOBILE._replace(value="919000000002")
        await ledger.put_identifiers(empty_store, ORGANIZATION, [(other, 5)])
    collection.create_index("programId" if request.param == PROMOTIONS.name else "customerId", unique=True)
    listener = EndOfRace(client, request.param)
    store = Store(mongodb_uri, empty_store.name, driver=driver, listeners=[listener])
    yield store, listener
    await store.close()


async def put(store: Store, collection: str) -> None:
    if collection == PROMOTIONS.name:
        await ledger.put_promotions(store, ORGANIZATION, [Promotion(1, 2, "two")], NOW)
    else:
        await ledger.move_identifiers(store, ORGANIZATION, [(MOBILE, 5, NOW)])


async def test_an_upsert_that_lost_a_race_is_sent_once_more(
    race: tuple[Store, EndOfRace], client: "MongoClient[dict[str, Any]]"
) -> None:
    store, listener = race
    collection = listener.collection
    await put(store, collection)
    assert listener.updates == 2
    [written] = client[store.name][collection].find()
    expected = {"promotionId": 2} if collection == PROMOTIONS.name else {"customerId": 5}
    assert expected.items() <= written.items()


async def test_an_upsert_that_loses_twice_is_an_error(race: tuple[Store, EndOfRace]) -> None:
    store, listener = race
    listener.ends = False
    with pytest.raises(StoreUnavailable, match=r" lost a race twice$"):
        await put(store, listener.collection)
    assert listener.updates == 2


@pytest.mark.parametrize("as_of", [None, NOW])
async def test_an_identifier_of_another_promotion_is_refused(
    empty_store: Store, as_of: datetime | None
) -> None:
    await set_up(empty_store)
    await ledger.put_promotions(empty_store, ORGANIZATION, [Promotion(1, 1, "one")], as_of)
    described = [Promotion(1, n, identifier) for n, identifier in enumerate(("", "one", "", "four"), 1)]
    upserted = await ledger.put_promotions(empty_store, ORGANIZATION, described[1:], as_of)
    assert upserted == (2, [0])
    assert await ledger.put_promotions(empty_store, ORGANIZATION, described[:1]) == (0, [])
    assert await ledger.put_promotions(empty_store, ORGANIZATION, described[1:], as_of) == (1, [])


@pytest.mark.parametrize("round_", range(5))
async def test_the_newest_of_concurrent_moves_of_an_identifier_wins(store: Store, round_: int) -> None:
    organization_id = random.Random().getrandbits(60)
    ages = random.Random(round_).sample(range(12), 12)
    await asyncio.gather(
        *(
            ledger.move_identifiers(store, organization_id, [(MOBILE, age, NOW - timedelta(days=age))])
            for age in ages
        )
    )
    loader = CustomerByIdentifierLoader(CustomerDispatcher(store), organization_id)
    assert await loader.load(MOBILE) == Person(0)
