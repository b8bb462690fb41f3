"""The cache of look-ups: a warm request sends one command, and changes in this process count at once."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.commands.sample_data import CUSTOMER, MOBILE, MOBILE_WITHOUT_BENEFITS
from loaders import lookup_cache
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers.clock import Clock
from tests.helpers.events import CUSTOMER_ADDED, PROMOTION_CREATED, Sender, event, new_sender
from tests.helpers.gateway import DOCUMENTED, FULL_SUMMARY, Gateway, new_tenant
from tests.helpers.graphql import field

THREE, ONE = ["find", "find", "aggregate"], ["aggregate"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(lookup_cache, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
async def remembering(gateway_with: OpenGateway, clock: Clock) -> AsyncIterator[Gateway]:
    async with gateway_with(lookup_cache_seconds=60) as gateway:
        await gateway.warm()
        clock.advance(60)
        yield gateway


@pytest.fixture
async def sender(remembering: Gateway, store: Store) -> Sender:
    sender = await new_sender(remembering, store, await new_tenant(store))
    # The gateway remembers the callers, so that later requests send only commands for data.
    assert (await sender.answer())["error"] == 8015
    return sender


@pytest.mark.parametrize("api", ["rest", "graphql"])
async def test_a_warm_request_sends_the_aggregation_alone(remembering: Gateway, api: str) -> None:
    cold = await remembering.ask(api, DOCUMENTED)
    assert remembering.commands.names == THREE
    remembering.commands.clear()
    assert await remembering.ask(api, DOCUMENTED) == cold
    assert remembering.commands.names == ONE


async def test_a_warm_request_without_benefits_sends_no_command(remembering: Gateway) -> None:
    query = f"{{ {field()} }}"
    cold = (await remembering.graphql(query)).json()
    assert remembering.commands.names == ["find", "find"]
    remembering.commands.clear()
    assert (await remembering.graphql(query)).json() == cold
    assert remembering.commands.names == []


async def test_only_the_missing_look_up_is_sent(remembering: Gateway) -> None:
    await remembering.rest(DOCUMENTED)
    remembering.commands.clear()
    await remembering.rest({**DOCUMENTED, "identifierValue": MOBILE_WITHOUT_BENEFITS})
    assert remembering.commands.names == ["find", "aggregate"]


async def test_twenty_aliases_send_three_commands_cold_and_one_warm(remembering: Gateway) -> None:
    query = f"{{ {' '.join(field(f'a{n}', FULL_SUMMARY) for n in range(20))} }}"
    cold = (await remembering.graphql(query)).content
    assert remembering.commands.names == THREE
    remembering.commands.clear()
    assert (await remembering.graphql(query)).content == cold
    assert remembering.commands.names == ONE


async def test_an_expired_entry_is_looked_up_again(remembering: Gateway, clock: Clock) -> None:
    await remembering.rest(DOCUMENTED)
    clock.advance(60)
    remembering.commands.clear()
    await remembering.rest(DOCUMENTED)
    assert remembering.commands.names == THREE


async def test_with_0_seconds_every_request_sends_three_commands(gateway_with: OpenGateway) -> None:
    async with gateway_with(lookup_cache_seconds=0) as gateway:
        await gateway.warm()
        await gateway.rest(DOCUMENTED)
        await gateway.rest(DOCUMENTED)
        assert gateway.commands.names == THREE * 2


async def test_a_customer_that_was_not_found_is_not_remembered(sender: Sender) -> None:
    commands = sender.gateway.commands
    for _ in range(2):
        commands.clear()
        assert await sender.answer() == {"error": 8015}
        assert commands.names[0] == "find"
    assert (await sender.send(CUSTOMER_ADDED)).json() == {"status": "recorded"}
    assert (await sender.answer())["customerId"] == CUSTOMER


def moved(mobile: str, customer_id: int) -> dict[str, Any]:
    identifiers = {"customerId": customer_id, "instore": {"mobile": mobile}}
    return event("customerUpdated", {"customerIdentifiers": identifiers}, f"moved-{customer_id}")


async def test_an_event_that_moves_an_identifier_counts_at_once(sender: Sender) -> None:
    await sender.send(CUSTOMER_ADDED)
    assert (await sender.answer())["customerId"] == CUSTOMER
    newer = {**moved(MOBILE, 7), "createdAt": CUSTOMER_ADDED["createdAt"] + 1}
    assert (await sender.send(newer)).json() == {"status": "recorded"}
    assert (await sender.answer())["customerId"] == 7


async def test_an_event_that_moves_a_promotion_counts_at_once(sender: Sender) -> None:
    await sender.send(CUSTOMER_ADDED)
    await sender.send(PROMOTION_CREATED)
    data = PROMOTION_CREATED["data"]
    parameters = {"promotionId": str(data["promotionId"]), "programId": str(data["loyaltyProgramId"])}
    assert (await sender.answer(**parameters))["promotionId"] == data["promotionId"]
    elsewhere = {**PROMOTION_CREATED, "eventName": "promotionUpdated", "eventId": "ev-2"}
    elsewhere["createdAt"] += 1
    elsewhere["data"] = {**data, "loyaltyProgramId": 77}
    assert (await sender.send(elsewhere)).json() == {"status": "recorded"}
    assert await sender.answer(**parameters) == {"error": 8105}
    assert (await sender.answer(**{**parameters, "programId": "77"}))["programId"] == 77


async def test_another_process_notices_a_moved_identifier_within_the_time(
    sender: Sender, gateway_with: OpenGateway, clock: Clock
) -> None:
    await sender.send(CUSTOMER_ADDED)
    async with gateway_with(lookup_cache_seconds=60) as other:
        parameters = {**sender.tenant.parameters, "identifierValue": MOBILE}
        headers = sender.tenant.headers
        assert (await other.ask("rest", parameters, headers))["customerId"] == CUSTOMER
        newer = {**moved(MOBILE, 7), "createdAt": CUSTOMER_ADDED["createdAt"] + 1}
        await sender.send(newer)
        clock.advance(59)
        assert (await other.ask("rest", parameters, headers))["customerId"] == CUSTOMER
        clock.advance(1)
        assert (await other.ask("rest", parameters, headers))["customerId"] == 7


async def test_a_customer_token_does_not_see_customers_that_others_looked_up(remembering: Gateway) -> None:
    token = await remembering.token(source="INSTORE", identifierName="mobile", identifierValue=MOBILE)
    headers = {"Authorization": f"Bearer {token}"}
    stranger = {**DOCUMENTED, "identifierValue": MOBILE_WITHOUT_BENEFITS}
    assert "error" not in await remembering.ask("rest", stranger)
    assert await remembering.ask("rest", stranger, headers) == {"error": 8015}
    assert (await remembering.ask("rest", DOCUMENTED, headers))["customerId"] == CUSTOMER


async def test_an_organisation_with_the_same_ids_has_its_own_entries(
    remembering: Gateway, store: Store
) -> None:
    await remembering.rest(DOCUMENTED)
    tenant = await new_tenant(store, customer_id=9, mobile=MOBILE)
    parameters = {**tenant.parameters, "identifierValue": MOBILE}
    assert (await remembering.ask("rest", parameters, tenant.headers))["customerId"] == 9
    assert (await remembering.ask("rest", DOCUMENTED))["customerId"] == CUSTOMER
