"""The database goes away under a running gateway: the documented errors on each API, with both statuses."""

import asyncio
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.commands.database import set_up
from gateway.commands.embedded_database import embedded_database
from gateway.settings import Settings
from loaders.store import Store
from tests.helpers.graphql import field
from tests.support import (
    DEMO_HEADER,
    DOCUMENTED,
    Gateway,
    Tenant,
    assert_graphql_refusal,
    assert_rest_error,
    new_tenant,
    open_gateway,
)

PROMOTION_DATA = "Error fetching promotion data. Verify programs/promotionIdentifier passed."
UNCHECKED = "Authorization status unavailable!"


@pytest.mark.external
async def test_without_a_database_known_callers_get_8105_and_others_4001(tmp_path: Path) -> None:
    async with AsyncExitStack() as gateways:
        with ExitStack() as database:
            uri = database.enter_context(embedded_database(tmp_path, durable=False))
            uri += "/?serverSelectionTimeoutMS=500"
            store = Store(uri, "promo_gateway")
            await set_up(store)
            tenant = await new_tenant(store)
            await store.close()
            legacy, semantic = [
                await gateways.enter_async_context(
                    open_gateway(Settings(mongodb_uri=SecretStr(uri), rest_status=rest_status))
                )
                for rest_status in ("legacy", "semantic")
            ]
            for gateway in (legacy, semantic):
                assert (await gateway.rest(tenant.parameters, tenant.headers)).status_code == 200
        await asyncio.gather(
            _known(legacy, tenant, 200), _known(semantic, tenant, 503), _unknown(legacy), _unknown(semantic)
        )


async def _known(gateway: Gateway, tenant: Tenant, status: int) -> None:
    rest, graphql = await asyncio.gather(
        gateway.rest(tenant.parameters, tenant.headers),
        gateway.graphql(f"{{ {field('a')} {field('b')} }}", headers=tenant.headers),
    )
    assert_rest_error(rest, status, 8105, PROMOTION_DATA)
    assert rest.headers.get("retry-after") == "1"
    assert graphql.status_code == 200
    assert graphql.json() == {
        "data": {"a": None, "b": None},
        "errors": [
            {
                "message": PROMOTION_DATA,
                "locations": [{"line": 1, "column": column}],
                "path": [alias],
                "extensions": {"code": "DATA_UNAVAILABLE", "errorCode": 8105},
            }
            for alias, column in (("a", 3), ("b", 3 + len(field("a")) + 1))
        ],
    }


async def _unknown(gateway: Gateway) -> None:
    stranger = {"Authorization": DEMO_HEADER["Authorization"].replace("Basic ZG", "Basic ZW")}
    rest, graphql = await asyncio.gather(
        gateway.rest(DOCUMENTED, stranger), gateway.graphql("{ __typename }", headers=stranger)
    )
    assert_rest_error(rest, 503, 4001, UNCHECKED)
    assert rest.headers["retry-after"] == "1"
    assert_graphql_refusal(graphql, 503, "AUTHORIZATION_UNAVAILABLE", 4001, UNCHECKED)


@pytest.mark.parametrize("lists", ["points { totalPointsIssued }", "warnings { code }"])
async def test_a_failing_aggregation_is_8105_at_its_summary(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, lists: str
) -> None:
    await gateway.warm()
    # The server itself refuses to aggregate a collection of this name.
    monkeypatch.setattr("loaders.totals.ISSUANCES", type("Collection", (), {"name": "$invalid"}))
    body = (await gateway.graphql(f"{{ {field(selection='customerId ' + lists)} }}")).json()
    assert body["data"] == {"summary": None}
    [error] = body["errors"]
    assert error["extensions"] == {"code": "DATA_UNAVAILABLE", "errorCode": 8105}
    assert error["path"] == ["summary"]
