"""Databases that are not set up as the gateway needs: each command says what is wrong, in one line."""

from typing import Any

import pytest
from pymongo import MongoClient

from loaders.database_setup import set_up
from loaders.driver import DRIVERS, Client, DriverName
from loaders.store import Store
from tests.helpers.commands import invoke
from tests.helpers.faults import DatabaseProxy

COMMANDS = {"serve": ["serve", "--port", "0"], "import": ["import", "-"], "init-db": ["init-db"]}
STATUSES = {"serve": 1, "import": 2, "init-db": 1}
DIFFERENT = "has unique unset instead of true: drop it with"


@pytest.fixture
async def without_unique(empty_store: Store, mongodb_uri: str) -> str:
    """Replace the unique indexes by ordinary ones of the same names; returns the problems."""
    await set_up(empty_store)
    problems = []
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        for collection, name in (("promotions", "by_id"), ("customer_identifiers", "by_identifier")):
            indexes = client[empty_store.name][collection]
            keys = indexes.index_information()[name]["key"]
            indexes.drop_index(name)
            indexes.create_index(keys, name=name)
            problems.append(f'index {collection}.{name} {DIFFERENT} db.{collection}.dropIndex("{name}")')
    return "; ".join(problems)


@pytest.mark.parametrize("command", COMMANDS)
def test_indexes_that_are_not_unique_are_refused(
    empty_store: Store, database: dict[str, str], without_unique: str, command: str
) -> None:
    completed = invoke(*COMMANDS[command], variables=database)
    assert completed.stderr == (
        f"Error: Database {empty_store.name} is not set up: {without_unique}. Run promo-gateway init-db.\n"
    )
    assert (completed.returncode, completed.stdout) == (STATUSES[command], "")


def test_init_db_builds_dropped_indexes(
    empty_store: Store, database: dict[str, str], without_unique: str, mongodb_uri: str
) -> None:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        client[empty_store.name]["promotions"].drop_index("by_id")
        client[empty_store.name]["customer_identifiers"].drop_index("by_identifier")
    completed = invoke("init-db", variables=database)
    assert completed.stderr.splitlines() == [
        "Building index promotions.by_id …",
        "Building index customer_identifiers.by_identifier …",
    ]
    assert (completed.returncode, completed.stdout) == (0, f"Database {empty_store.name} is ready.\n")


def test_init_db_names_documents_that_a_unique_index_would_refuse(
    empty_store: Store, database: dict[str, str], mongodb_uri: str
) -> None:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        secret = {"orgId": 1, "source": "LINE", "name": "mobile", "value": "919000000007"}
        client[empty_store.name]["customer_identifiers"].insert_many([{**secret}, {**secret}])
    completed = invoke("init-db", variables=database)
    assert completed.stderr.splitlines()[-1] == (
        f"Error: Database {empty_store.name} is not set up: "
        "index customer_identifiers.by_identifier cannot be built: "
        "several documents have the same orgId, source, name, value. Run promo-gateway init-db."
    )
    assert (completed.returncode, completed.stdout) == (1, "")


def test_a_user_without_privileges_is_told_the_code_and_the_collection(
    database: dict[str, str], proxy: DatabaseProxy
) -> None:
    proxy.reply("create", {"ok": 0, "code": 48, "codeName": "NamespaceExists", "errmsg": "exists"})
    proxy.reply("collMod", {"ok": 0, "code": 13, "codeName": "Unauthorized", "errmsg": "not allowed: geheim"})
    completed = invoke("init-db", variables={**database, "GATEWAY_MONGODB_URI": proxy.uri})
    assert completed.stderr == (
        "Error: The database that GATEWAY_MONGODB_URI names cannot be used (Unauthorized, organizations).\n"
    )
    assert (completed.returncode, completed.stdout) == (1, "")


def test_init_db_sets_no_limit_on_how_long_the_server_builds_an_index(
    database: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connected, usual = [], DRIVERS[DriverName.PYMONGO]

    def connect(uri: str, **options: Any) -> Client:
        connected.append(usual.connect(uri, **options))
        return connected[-1]

    monkeypatch.setitem(DRIVERS, DriverName.PYMONGO, usual._replace(connect=connect))
    assert invoke("init-db", variables=database).returncode == 0
    [options] = [client.options.pool_options for client in connected]
    # The longest wait for the answer to a command; None sets no limit.
    assert options.socket_timeout is None
