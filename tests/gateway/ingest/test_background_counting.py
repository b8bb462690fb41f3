"""An event that takes too long for its request is answered, counted in the background, and never lost."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from gateway.commands.database import set_up
from gateway.ingest import background_counting, event_recorder
from gateway.ingest.event_recorder import UNFINISHED
from loaders import pending_events
from loaders.pending_events import PendingEvent
from loaders.store import Store
from tests.conftest import Logged, OpenGateway
from tests.helpers import events
from tests.helpers.events import CREATED_AT, CUSTOMER, Sender, changed, event, new_sender
from tests.helpers.gateway import Gateway, assert_rest_error, new_tenant

LATE = event(
    "promotionCreated",
    {**events.PROMOTION_CREATED["data"], "promotionId": 2, "externalIdentifier": "late"},
    "late",
)
WAITS = changed(events.BADGE_EARNED, "data", "promotionIdentifier", to="late")
MOBILE = "918000000000"


@pytest.fixture
async def sender(gateway: Gateway, store: Store) -> Sender:
    return await new_sender(gateway, store, await new_tenant(store, mobile=MOBILE))


@pytest.fixture
def too_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event takes too long to be counted in its request."""
    monkeypatch.setattr(event_recorder, "COUNTING_SHARE", 0)


async def nothing(*_: object) -> AsyncIterator[PendingEvent]:
    """Finds no pending events, so that the process counts none in the background."""
    no_events: list[PendingEvent] = []
    for one in no_events:
        yield one


def badges(answer: dict[str, Any]) -> list[int]:
    return [row["numberOfTimesIssued"] for row in answer["badges"]]


def points(answer: dict[str, Any]) -> list[Decimal]:
    return [row["totalPointsIssued"] for row in answer["points"]]


async def test_a_promotion_is_answered_before_the_events_that_wait_for_it_are_counted(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        assert await sender.status({**WAITS, "eventId": f"ev-{n}"}) == "pending"
    monkeypatch.setattr(event_recorder, "COUNTING_SHARE", 0)
    assert await sender.status(LATE) == "counting"
    assert await sender.finished() == {}
    assert badges(await sender.answer(promotionId="2")) == [3]


@pytest.mark.usefixtures("too_slow")
async def test_an_event_whose_promotion_is_unknown_is_pending_once_the_rest_of_it_is_counted(
    sender: Sender,
) -> None:
    sample = changed(
        events.POINTS_ISSUED, "data", "promotionalPointsIssued", 0, "promotionIdentifier", to="late"
    )
    assert await sender.status(sample) == "counting"
    assert await sender.finished() == {"ev-1": event_recorder.UNKNOWN_PROMOTION}
    assert points(await sender.answer()) == [Decimal("0.1"), 50, 7]
    assert await sender.status(LATE) == "counting"
    assert await sender.finished() == {}
    assert points(await sender.answer(promotionId="2")) == [Decimal("25.125")]


async def test_an_event_that_is_pending_for_another_reason_is_counted_when_it_comes_again(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def described(promotion_id: int, identifier: str, event_id: str, age: int) -> dict[str, Any]:
        data = {**LATE["data"], "promotionId": promotion_id, "externalIdentifier": identifier}
        return event("promotionUpdated", data, event_id, createdAt=CREATED_AT - age)

    assert await sender.status(described(5, "five", "p-5", 2)) == "recorded"
    assert await sender.status(described(6, "five", "p-6", 2)) == "pending"
    assert await sender.status(described(5, "other", "p-7", 1)) == "recorded"
    assert await sender.pending() == {"p-6": event_recorder.IDENTIFIER_TAKEN}
    monkeypatch.setattr(event_recorder, "COUNTING_SHARE", 0)
    assert await sender.status(described(6, "five", "p-6", 2)) == "counting"
    assert await sender.finished() == {}


async def test_a_promotion_that_arrives_meanwhile_finds_the_unfinished_event(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stopped:
        stopped.setattr(pending_events, "with_reason", nothing)
        stopped.setattr(event_recorder, "COUNTING_SHARE", 0)
        assert await sender.status(WAITS) == "counting"
    assert await sender.status(LATE) == "recorded"
    assert await sender.pending() == {}
    assert badges(await sender.answer(promotionId="2")) == [1]


async def test_an_unfinished_event_about_an_erased_customer_is_not_kept(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await sender.status(events.CUSTOMER_DELETED) == "recorded"
    monkeypatch.setattr(event_recorder, "COUNTING_SHARE", 0)
    response = await sender.send(events.BADGE_EARNED)
    assert_rest_error(response, 503, 503, "The event is not recorded; send it again.")
    assert await sender.pending() == {}


@pytest.mark.usefixtures("too_slow")
async def test_an_unfinished_event_is_counted_after_a_restart(
    empty_store: Store, gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_up(empty_store)
    tenant = await new_tenant(empty_store, mobile=MOBILE)
    with monkeypatch.context() as stopped:
        stopped.setattr(pending_events, "with_reason", nothing)
        async with gateway_with(database=empty_store.name) as gateway:
            sender = await new_sender(gateway, empty_store, tenant)
            assert await sender.status(events.BADGE_EARNED) == "counting"
    assert await sender.pending() == {"ev-1": UNFINISHED}
    monkeypatch.setattr(background_counting, "RESUME_SECONDS", 0.01)
    async with gateway_with(database=empty_store.name) as gateway:
        sender = Sender(gateway, empty_store, tenant, sender.headers)
        assert await sender.finished() == {}
        assert badges(await sender.answer()) == [1]


@pytest.mark.usefixtures("too_slow")
async def test_an_event_that_fails_holds_up_no_other_event_and_is_tried_again(
    empty_store: Store, gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    await set_up(empty_store)
    replay, failures = event_recorder.replay, 0

    async def fail_twice(store: Store, events: list[PendingEvent]) -> object:
        nonlocal failures
        if events[0].event_id == "ev-1" and failures < 2:
            failures += 1
            raise ValueError(MOBILE)
        return await replay(store, events)

    monkeypatch.setattr(event_recorder, "replay", fail_twice)
    monkeypatch.setattr(background_counting, "RESUME_SECONDS", 0.01)
    async with gateway_with(database=empty_store.name) as gateway:
        tenant = await new_tenant(empty_store, mobile=MOBILE)
        sender = await new_sender(gateway, empty_store, tenant)
        for n in (1, 2):
            assert await sender.status({**events.BADGE_EARNED, "eventId": f"ev-{n}"}) == "counting"
        assert await sender.finished() == {}
        assert badges(await sender.answer()) == [2]
    lines = logged()
    assert lines.count('"event":"event_not_counted"') == failures == 2
    assert MOBILE not in lines


@pytest.mark.usefixtures("too_slow")
async def test_remembered_look_ups_are_forgotten_when_an_event_has_been_counted(
    gateway_with: OpenGateway, store: Store
) -> None:
    async with gateway_with(lookup_cache_seconds=3600) as gateway:
        sender = await new_sender(gateway, store, await new_tenant(store, mobile="919078345795"))
        assert (await sender.answer())["customerId"] == 1
        assert await sender.status(events.CUSTOMER_ADDED) == "counting"
        async with asyncio.timeout(60):
            while True:
                if (await sender.answer())["customerId"] == CUSTOMER["customerId"]:
                    break
                await asyncio.sleep(0.01)
