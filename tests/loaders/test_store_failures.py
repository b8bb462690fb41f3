"""The message of a database failure names the code, the collection, the index or servers, never a value."""

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from gateway.settings import Settings
from loaders.database_schema import ISSUANCES, PENDING_EVENTS, PROMOTIONS
from loaders.deadline import Deadline, until
from loaders.driver import DriverName
from loaders.errors import DeadlineExceeded, StoreUnavailable
from loaders.store import Document, Store
from tests.helpers.faults import DatabaseProxy

VALUE = "919000000007"


@pytest.fixture(params=DriverName)
def each_driver(request: pytest.FixtureRequest) -> DriverName:
    return DriverName(request.param)


@pytest.fixture
async def store_behind_proxy(
    proxy: DatabaseProxy, settings: Settings, each_driver: DriverName
) -> AsyncIterator[Store]:
    """A store, on each driver, that reaches the database through `proxy`."""
    store = Store(proxy.uri, settings.database, driver=each_driver)
    yield store
    await store.close()


def refusal(code: int, name: str) -> dict[str, Any]:
    """MongoDB's answer to a command that it refuses."""
    return {"ok": 0, "code": code, "codeName": name, "errmsg": f"the command {{ value: {VALUE!r} }} failed"}


def write_error(code: int, **details: Any) -> dict[str, Any]:
    """MongoDB's answer to a write with one refused document; it does not name the code."""
    error = {"index": 0, "code": code, "errmsg": VALUE, **details}
    return {"ok": 1, "n": 0, "nModified": 0, "writeErrors": [error]}


def write_concern_error(code: int, name: str) -> dict[str, Any]:
    """MongoDB's answer to a write that was not replicated as requested."""
    error = {"code": code, "codeName": name, "errmsg": VALUE}
    return {"ok": 1, "n": 1, "nModified": 1, "writeConcernError": error}


async def read_all(store: Store) -> list[Document]:
    return [document async for document in store.stream(PROMOTIONS.name, {}, ("_id",))]


KEY = {"keyPattern": {"orgId": 1, "promotionId": 1}, "keyValue": {"orgId": 1, "promotionId": VALUE}}
Use = Callable[[Store], Coroutine[Any, Any, object]]
USES: dict[str, Use] = {
    "find": lambda store: store.find(ISSUANCES.name, {"item": VALUE}, ("item",)),
    "aggregate": lambda store: store.aggregate(ISSUANCES.name, [{"$match": {"item": VALUE}}]),
    "insert": lambda store: store.insert(PENDING_EVENTS.name, {"_id": VALUE}),
    "update": lambda store: store.update(PROMOTIONS.name, VALUE, {"$set": {"name": VALUE}}),
    "upsert": lambda store: store.upsert(PROMOTIONS.name, [({"name": VALUE}, {"$set": {"name": VALUE}})]),
    "delete": lambda store: store.delete(PENDING_EVENTS.name, {"_id": VALUE}),
    "listCollections": lambda store: store.list_collections(),
    "listIndexes": lambda store: store.list_indexes(PROMOTIONS.name),
    "stream": read_all,
}


@pytest.mark.parametrize(
    ("use", "command", "answer", "reason"),
    [
        ("find", "find", refusal(13, "Unauthorized"), "Unauthorized, issuances"),
        ("find", "find", refusal(18, "AuthenticationFailed"), "AuthenticationFailed, issuances"),
        ("aggregate", "aggregate", refusal(13, "Unauthorized"), "Unauthorized, issuances"),
        ("aggregate", "aggregate", refusal(292, "QueryExceededMemoryLimitNoDiskUseAllowed"),
         "QueryExceededMemoryLimitNoDiskUseAllowed, issuances"),
        ("insert", "insert", refusal(13, "Unauthorized"), "Unauthorized, pending_events"),
        ("insert", "insert", write_error(121), "DocumentValidationFailure, pending_events"),
        ("insert", "insert", write_concern_error(64, "WriteConcernTimeout"),
         "WriteConcernTimeout, pending_events"),
        ("update", "update", write_error(11000, **KEY),
         "DuplicateKey, promotions, index on orgId, promotionId"),
        ("update", "update", write_error(17280), "error 17280, promotions"),
        ("upsert", "update", write_error(121), "DocumentValidationFailure, promotions"),
        ("upsert", "update", write_concern_error(100, "UnsatisfiableWriteConcern"),
         "UnsatisfiableWriteConcern, promotions"),
        ("delete", "delete", refusal(13, "Unauthorized"), "Unauthorized, pending_events"),
        ("listCollections", "listCollections", refusal(13, "Unauthorized"), "Unauthorized"),
        ("listIndexes", "aggregate", refusal(13, "Unauthorized"), "Unauthorized, promotions"),
        ("stream", "find", refusal(13, "Unauthorized"), "Unauthorized, promotions"),
    ],
)  # fmt: skip
async def test_a_refusal_names_the_server_s_code_and_the_collection(
    store_behind_proxy: Store,
    proxy: DatabaseProxy,
    use: str,
    command: str,
    answer: dict[str, Any],
    reason: str,
) -> None:
    proxy.reply(command, answer)
    with pytest.raises(StoreUnavailable) as raised:
        await USES[use](store_behind_proxy)
    assert str(raised.value) == reason


async def test_the_error_about_wrong_credentials_does_not_contain_them(
    proxy: DatabaseProxy, each_driver: DriverName
) -> None:
    uri = proxy.uri.replace("mongodb://", "mongodb://user:geheim@")
    store = Store(uri, "x", driver=each_driver)
    with pytest.raises(StoreUnavailable) as raised:
        await store.find(ISSUANCES.name, {}, ("item",))
    assert str(raised.value) == "AuthenticationFailed, issuances"
    await store.close()


@pytest.mark.parametrize(
    ("driver", "hosts", "shown"),
    [
        (DriverName.MOTOR, "127.0.0.1:1", "127.0.0.1:1"),
        (DriverName.MOTOR, "127.0.0.1:1,127.0.0.1:2", "127.0.0.1:1, 127.0.0.1:2"),
        (DriverName.MOTOR, "[::1]:1", "[::1]:1"),
        (DriverName.MOTOR, "nowhere.invalid", "nowhere.invalid:27017"),
        (DriverName.MOTOR, "user:geheim@127.0.0.1:1", "127.0.0.1:1"),
        (DriverName.PYMONGO, "user:geheim@127.0.0.1:1,[::1]:2", "127.0.0.1:1, [::1]:2"),
    ],
)
async def test_servers_that_cannot_be_reached_are_named(driver: DriverName, hosts: str, shown: str) -> None:
    store = Store(f"mongodb://{hosts}/?serverSelectionTimeoutMS=100", "x", driver=driver)
    with pytest.raises(StoreUnavailable) as raised:
        await store.ping()
    assert str(raised.value) == f"ServerSelectionTimeoutError, {shown}"
    await store.close()


@pytest.mark.slow
async def test_a_connection_that_breaks_names_the_server(
    proxy: DatabaseProxy, settings: Settings, each_driver: DriverName
) -> None:
    store = Store(proxy.impatient_uri, settings.database, driver=each_driver)
    await store.ping()
    proxy.cut_answers(10)
    with pytest.raises(StoreUnavailable) as raised:
        await store.insert(PENDING_EVENTS.name, {"_id": VALUE})
    await store.close()
    address = proxy.uri.removeprefix("mongodb://").partition("/")[0]
    assert str(raised.value) in {
        f"{kind}, {address}" for kind in ("AutoReconnect", "ServerSelectionTimeoutError")
    }


@pytest.mark.slow
async def test_a_server_that_falls_silent_ends_a_command_without_a_deadline(
    proxy: DatabaseProxy, settings: Settings, each_driver: DriverName
) -> None:
    store = Store(proxy.impatient_uri, settings.database, driver=each_driver)
    await store.ping()
    proxy.freeze()
    with pytest.raises(StoreUnavailable):
        await store.find(ISSUANCES.name, {}, ("item",))
    await store.close()


async def test_an_answer_after_the_deadline_is_deadline_exceeded(
    store_behind_proxy: Store, proxy: DatabaseProxy
) -> None:
    await store_behind_proxy.ping()
    proxy.freeze()
    with until(Deadline(0.1)), pytest.raises(DeadlineExceeded, match=r"^the deadline passed$"):
        await store_behind_proxy.find(ISSUANCES.name, {}, ("item",))
    proxy.thaw()
