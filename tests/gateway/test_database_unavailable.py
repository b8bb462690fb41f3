"""The database of a running gateway becomes unavailable: the documented errors of both APIs."""

import asyncio
import json
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.commands.database import set_up
from gateway.commands.embedded_database import embedded_database
from gateway.health import DATABASE_UNAVAILABLE, READY
from gateway.settings import Settings
from loaders.store import Store
from tests.conftest import Logged, OpenGateway
from tests.helpers.faults import PATIENCE, DatabaseProxy
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    Gateway,
    Tenant,
    assert_graphql_refusal,
    assert_rest_error,
    changed,
    new_tenant,
    open_gateway,
)
from tests.helpers.graphql import field

PROMOTION_DATA = "Error fetching promotion data. Verify programs/promotionIdentifier passed."
UNCHECKED = "Authorization status unavailable!"


@pytest.mark.external
@pytest.mark.slow
async def test_without_a_database_known_callers_get_8105_and_others_4001(tmp_path: Path) -> None:
    async with AsyncExitStack() as gateways:
        with ExitStack() as database:
            uri = database.enter_context(embedded_database(tmp_path, durable=False))
            store = Store(f"{uri}/?{PATIENCE}", "promo_gateway")
            await set_up(store)
            tenant = await new_tenant(store)
            await store.close()
            settings = Settings(
                mongodb_uri=SecretStr(f"{uri}/?serverSelectionTimeoutMS=500"), deadline_ms=60_000
            )
            legacy, semantic = [
                await gateways.enter_async_context(open_gateway(changed(settings, rest_status=rest_status)))
                for rest_status in ("legacy", "semantic")
            ]
            for gateway in (legacy, semantic):
                # A busy database may need longer than the driver waits for it.
                async with asyncio.timeout(60):
                    while "error" in await gateway.ask("rest", tenant.parameters, tenant.headers):
                        pass
        # A command that was sent before its driver noticed would wait for the database until its deadline.
        for gateway in (legacy, semantic):
            assert (await gateway.client.get(READY)).json() == {"status": DATABASE_UNAVAILABLE}
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


SECRET = "919000000007"


def refusal(code: int, name: str) -> dict[str, Any]:
    """MongoDB's answer to an aggregation that it refuses."""
    return {"ok": 0, "code": code, "codeName": name, "errmsg": f"aggregate issuances: {SECRET}"}


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(refusal(code, name), id=name)
        for code, name in (
            (13, "Unauthorized"),
            (18, "AuthenticationFailed"),
            (26, "NamespaceNotFound"),
            (292, "QueryExceededMemoryLimitNoDiskUseAllowed"),
        )
    ],
)
@pytest.mark.parametrize("lists", ["points { totalPointsIssued }", "warnings { code }"])
async def test_a_refused_aggregation_is_8105_at_its_summary_and_named_in_the_log(
    gateway_with: OpenGateway, proxy: DatabaseProxy, logged: Logged, refusal: dict[str, Any], lists: str
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri) as gateway:
        await gateway.warm()
        logged()
        proxy.reply("aggregate", refusal)
        response = await gateway.graphql(f"{{ {field(selection='customerId ' + lists)} }}")
    assert response.json() == {
        "data": {"summary": None},
        "errors": [
            {
                "message": PROMOTION_DATA,
                "locations": [{"line": 1, "column": 3}],
                "path": ["summary"],
                "extensions": {"code": "DATA_UNAVAILABLE", "errorCode": 8105},
            }
        ],
    }
    lines = logged()
    [failure] = [one for one in map(json.loads, lines.splitlines()) if one["event"] == "database_unavailable"]
    assert (failure["code"], failure["reason"]) == (8105, f"{refusal['codeName']}, issuances")
    assert SECRET not in lines
