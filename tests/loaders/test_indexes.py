"""Every query uses an index, as the server explains it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo import MongoClient

from gateway.commands.database import set_up
from gateway.commands.sample_data import DEMO, MOBILE, OTHER, PROGRAM, PROMOTION, TILL, documented_issuances
from loaders import clients, ledger, pending_events
from loaders.customers import CustomerIdentifier
from loaders.driver import CODEC
from loaders.enums import IdentifierName, PayloadFormat
from loaders.organizations import find_organization
from loaders.pending_events import PendingEvent
from loaders.promotions import find_promotion_ids
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers.gateway import DOCUMENTED, Commands, data_commands

NOW = datetime.now(UTC)
WITHOUT_A_QUERY = {"insert", "getMore", "create", "collMod", "createIndexes", "listIndexes"}


def queries(commands: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The queries in `commands`: a write has the query that finds the documents that it changes."""
    for command in commands:
        name, collection = next(iter(command.items()))
        if name == "find":
            kept = ("find", "filter", "sort", "projection")
            yield {key: command[key] for key in kept if key in command}
        elif name == "aggregate" and "$collStats" not in command["pipeline"][0]:
            yield {"aggregate": collection, "pipeline": command["pipeline"], "cursor": {}}
        elif name in ("update", "delete"):
            yield from ({"find": collection, "filter": one["q"]} for one in command[f"{name}s"])
        else:
            assert name in WITHOUT_A_QUERY or "$collStats" in command["pipeline"][0], name


def stages(plan: object) -> Iterator[str]:
    """The stages of a plan, nested ones included."""
    if isinstance(plan, dict):
        if isinstance(stage := plan.get("stage"), str):
            yield stage
        for part in plan.values():
            yield from stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from stages(part)


def assert_indexed(store: Store, uri: str, commands: Commands) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        database = client.get_database(store.name, codec_options=CODEC)
        # One query of each shape. A query without a filter reads a whole collection on purpose.
        shapes = {
            (query.get("find"), tuple(query.get("filter", ()))): query
            for query in queries(commands.sent)
            if query.get("filter") != {}
        }
        assert shapes
        for query in shapes.values():
            plan = database.command({"explain": query, "verbosity": "queryPlanner"})
            found = set(stages(plan))
            assert "COLLSCAN" not in found, query
            assert found & {"IXSCAN", "IDHACK", "EXPRESS_IXSCAN", "CLUSTERED_IXSCAN"}, plan


@pytest.mark.parametrize("api", ["rest", "graphql"])
async def test_the_queries_of_a_request_use_indexes(
    gateway_with: OpenGateway, mongodb_uri: str, store: Store, api: str
) -> None:
    async with gateway_with() as gateway:
        await gateway.ask(api, DOCUMENTED)
        by_identifier = {**DOCUMENTED, "promotionIdentifier": PROMOTION.promotion_identifier}
        del by_identifier["promotionId"]
        await gateway.ask(api, by_identifier)
        read = {next(iter(command.values())) for command in gateway.commands.sent}
        assert read == {
            *("api_clients", "access_groups", "organizations"),
            *("customer_identifiers", "promotions", "issuances"),
        }
        assert_indexed(store, mongodb_uri, gateway.commands)


async def test_the_queries_of_a_page_of_a_customer_use_indexes(
    gateway_with: OpenGateway, mongodb_uri: str, store: Store
) -> None:
    query = f"""{{
        customer(source: INSTORE, identifierName: MOBILE, identifierValue: "{MOBILE}") {{
            earnedPromotions(programId: {PROGRAM}) {{ edges {{ node {{ promotion {{ name }} }} }} }}
        }}
    }}"""
    async with gateway_with() as gateway:
        assert "errors" not in (await gateway.graphql(query)).json()
        assert data_commands(gateway) == ["customer_identifiers", "promotions", "issuances", "promotions"]
        assert_indexed(store, mongodb_uri, gateway.commands)


async def test_the_queries_of_events_and_commands_use_indexes(
    watched_store: tuple[Store, Commands], mongodb_uri: str
) -> None:
    store, commands = watched_store
    await set_up(store)
    await ledger.put_organizations(store, [DEMO])
    identifier = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, "919000000009")
    await ledger.put_identifiers(store, OTHER.id, [(identifier, 9), (identifier, 9)])
    await ledger.move_identifiers(store, OTHER.id, [(identifier, 9, NOW)])
    await ledger.put_promotions(store, DEMO.id, [PROMOTION], NOW)
    assert await ledger.add_issuances(store, DEMO.id, [next(documented_issuances())]) == ([0], [])
    await find_promotion_ids(store, DEMO.id, [PROMOTION.promotion_identifier])
    await find_organization(store, DEMO.id)
    event = PendingEvent(OTHER.id, "e", PayloadFormat.EVENT, "{}", "waits", NOW, ("unknown",))
    await pending_events.keep(store, [event], 1)
    await pending_events.find(store, OTHER.id, "e", PayloadFormat.EVENT)
    assert [one.event_id async for one in pending_events.waiting(store, OTHER.id, "unknown")] == ["e"]
    assert [one.event_id async for one in pending_events.waiting(store, OTHER.id)] == ["e"]
    assert [one.event_id async for one in pending_events.with_reason(store, "waits")] == ["e"]
    await pending_events.explain(store, event, "refused", [])
    await pending_events.delete(store, [event])
    await clients.put_group(store, "default", clients.DEFAULT_GROUPS["default"])
    assert await clients.find_account(store, TILL)
    assert not await clients.disable_account(store, "nobody")
    assert_indexed(store, mongodb_uri, commands)


def test_a_query_without_an_index_fails_this_check(mongodb_uri: str, store: Store) -> None:
    commands = Commands()
    commands.sent.append({"find": "issuances", "filter": {"customerId": 1}})
    with pytest.raises(AssertionError):
        assert_indexed(store, mongodb_uri, commands)
