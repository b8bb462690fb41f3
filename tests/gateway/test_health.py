"""The probes `/health/live` and `/health/ready`."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from gateway import health
from gateway.commands.database import set_up
from gateway.health import LIVE, READY
from gateway.rest.events import EVENTS_PATH
from loaders.store import Store
from tests.conftest import Logged, OpenGateway
from tests.helpers.events import POINTS_ISSUED
from tests.helpers.faults import DatabaseProxy
from tests.helpers.gateway import Gateway, assert_rest_error
from tests.helpers.health import assert_health


async def test_liveness_sends_no_command(gateway: Gateway) -> None:
    assert_health(await gateway.client.get(LIVE), 200, "alive")
    assert gateway.commands.names == []


async def test_readiness_pings_the_database(gateway: Gateway) -> None:
    assert_health(await gateway.client.get(READY), 200, "ready")
    assert gateway.commands.names == ["ping"]


async def test_concurrent_probes_share_a_ping(gateway: Gateway) -> None:
    for response in await asyncio.gather(*(gateway.client.get(READY) for _ in range(20))):
        assert_health(response, 200, "ready")
    assert gateway.commands.names == ["ping"]


async def test_a_process_whose_database_does_not_answer_is_alive_but_not_ready(
    gateway_with: OpenGateway, proxy: DatabaseProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri) as gateway:
        proxy.freeze()
        with monkeypatch.context() as patch:
            patch.setattr(health, "PING_SECONDS", 0.1)
            assert_health(await gateway.client.get(READY), 503, "database unavailable")
        assert_health(await gateway.client.get(LIVE), 200, "alive")
        proxy.thaw()
        assert_health(await gateway.client.get(READY), 200, "ready")


@pytest.mark.parametrize("path", [LIVE, READY])
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("POST", 405)])
async def test_a_probe_accepts_only_reading_methods(
    gateway: Gateway, path: str, method: str, status: int
) -> None:
    assert (await gateway.client.request(method, path)).status_code == status


async def wait_for_readiness(gateway: Gateway, code: int, status: str) -> None:
    async with asyncio.timeout(60):
        while (response := await gateway.client.get(READY)).json() != {"status": status}:
            pass
    assert_health(response, code, status)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        pytest.param(
            lambda database: database["issuances"].drop(),
            "it lacks the collections issuances",
            id="collection dropped",
        ),
        pytest.param(
            lambda database: database["promotions"].drop_index("by_id"),
            "index promotions.by_id is missing",
            id="index dropped",
        ),
        pytest.param(
            lambda database: database.client.drop_database(database.name), None, id="database dropped"
        ),
    ],
)
async def test_a_database_that_loses_its_collections_or_indexes_while_serving_takes_no_events(
    gateway_with: OpenGateway,
    empty_store: Store,
    mongodb_uri: str,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Database[dict[str, Any]]], None],
    problem: str | None,
) -> None:
    await set_up(empty_store)
    monkeypatch.setattr(health, "SCHEMA_CHECK_SECONDS", 0.01)
    async with gateway_with(database=empty_store.name) as gateway:
        assert_health(await gateway.client.get(READY), 200, "ready")
        with MongoClient[dict[str, Any]](mongodb_uri) as client:
            damage(client[empty_store.name])
        await wait_for_readiness(gateway, 503, "database not set up")
        # The sender's account may be gone too, so the event is refused before the sender is authenticated.
        refused = await gateway.client.post(EVENTS_PATH, json=POINTS_ISSUED)
        assert_rest_error(refused, 503, 503, "The event is not recorded; send it again.")
        assert refused.headers["retry-after"] == "1"
        await set_up(empty_store)
        await wait_for_readiness(gateway, 200, "ready")
    lines = [json.loads(line) for line in logged().splitlines()]
    [line] = [line for line in lines if line["event"] == "database_not_set_up"]
    assert problem is None or line["problems"] == [problem]
