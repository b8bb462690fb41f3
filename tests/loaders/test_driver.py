"""Both drivers send the same commands and return the same documents."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import bson
import pytest
from bson.decimal128 import Decimal128
from hypothesis import example, given
from hypothesis import strategies as st
from motor.frameworks import asyncio as threads

from loaders.database_schema import ISSUANCES
from loaders.database_setup import find_problems, set_up
from loaders.driver import CODEC, DriverName
from loaders.driver_options import POOL_SIZE
from loaders.errors import AlreadyExists, StoreMisconfigured, StoreUnavailable
from loaders.store import Int64, Store, Upserted
from tests.conftest import OpenGateway, drop
from tests.helpers.gateway import DOCUMENTED, Commands

ISSUANCE: dict[str, Any] = {
    "_id": "1:a",
    "orgId": Int64(1),
    "customerId": Int64(2),
    "promotionId": Int64(3),
    "customerPromotion": "2:3",
    "benefit": "POINTS",
    "type": "REGULAR",
    "amount": Decimal("123456789012345678901234.567890"),
    "issuedOn": datetime(2026, 1, 1, tzinfo=UTC),
}
TOTAL = {"$group": {"_id": "$customerPromotion", "total": {"$sum": "$amount"}}}


@pytest.mark.parametrize("driver", DriverName)
async def test_every_operation_sends_one_command_and_returns_documents(
    mongodb_uri: str, driver: DriverName
) -> None:
    commands = Commands()
    store = Store(mongodb_uri, f"test_{uuid.uuid4().hex}", driver=driver, listeners=[commands])
    assert await set_up(store) == []
    assert await find_problems(store) == []
    commands.clear()

    await store.insert(ISSUANCES.name, ISSUANCE)
    with pytest.raises(AlreadyExists):
        await store.insert(ISSUANCES.name, ISSUANCE)
    assert await store.insert_missing(ISSUANCES.name, [ISSUANCE, {**ISSUANCE, "_id": "1:b"}]) == [0]
    assert await store.get(ISSUANCES.name, "1:a") == ISSUANCE
    assert await store.find(ISSUANCES.name, {"orgId": 1}, ["amount"]) == [{"amount": ISSUANCE["amount"]}] * 2
    [total] = await store.aggregate(ISSUANCES.name, [{"$match": {"orgId": 1}}, TOTAL])
    assert total == {"_id": "2:3", "total": Decimal("246913578024691357802469.135780")}
    assert [one["_id"] async for one in store.stream(ISSUANCES.name, {}, ["_id"], batch=1)] == ["1:a", "1:b"]
    assert await store.upsert("changed", [({"_id": "c"}, {"$set": {"n": 1}})]) == Upserted(1, [])
    assert await store.update("changed", "c", {"$set": {"n": 2}})
    await store.delete("changed", {"_id": "c"})
    assert await store.get("changed", "c") is None

    # A server may send an empty last batch.
    more = commands.names.count("getMore")
    assert 1 <= more <= 2
    assert commands.names == [
        *["insert"] * 3,
        *["find"] * 2,
        "aggregate",
        *["find", *["getMore"] * more],
        *["update"] * 2,
        "delete",
        "find",
    ]
    await store.close()
    drop(mongodb_uri, store.name)


@pytest.mark.parametrize("driver", DriverName)
async def test_misuse_is_a_failure_of_the_store(mongodb_uri: str, driver: DriverName) -> None:
    with pytest.raises(StoreMisconfigured, match=r"^InvalidURI$"):
        Store("mongodb://user:ge%heim@host", "x", driver=driver)
    store = Store(mongodb_uri, "x", driver=driver)
    with pytest.raises(StoreUnavailable, match=r"^Location40324, issuances$"):
        await store.aggregate(ISSUANCES.name, [{"$unknown": 1}])
    await store.close()
    with pytest.raises(StoreUnavailable, match=r"^InvalidOperation, issuances$"):
        await store.aggregate(ISSUANCES.name, [TOTAL])


def test_motor_has_a_thread_for_each_connection() -> None:
    assert threads._EXECUTOR._max_workers == POOL_SIZE


@pytest.mark.parametrize("api", ["rest", "graphql"])
async def test_a_request_sends_the_same_commands_on_both_drivers(gateway_with: OpenGateway, api: str) -> None:
    answers = []
    for driver in DriverName:
        async with gateway_with(driver=driver) as gateway:
            await gateway.warm()
            answers.append(await gateway.ask(api, DOCUMENTED))
            assert gateway.commands.names == ["find", "find", "aggregate"]
    assert answers[0] == answers[1]


@given(st.binary(min_size=16, max_size=16))
@example(Decimal128("9999999999999999999999999999999999E+6111").bid)
@example(Decimal128("1E-6176").bid)
@example(Decimal128("0.000000").bid)
@example(Decimal128("-0.000").bid)
@example(Decimal128("-123456789012345678901234.567890").bid)
@example(Decimal128("Infinity").bid)
@example(Decimal128("NaN").bid)
def test_a_decimal128_is_read_with_every_digit(bid: bytes) -> None:
    stored = Decimal128.from_bid(bid)
    read = bson.decode(bson.encode({"amount": stored}), CODEC)["amount"]
    assert read.as_tuple() == stored.to_decimal().as_tuple()
