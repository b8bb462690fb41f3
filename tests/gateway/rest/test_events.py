"""`POST /v3/events`: each event counts once in the totals, or is kept pending with a reason."""

import asyncio
import copy
import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from gateway.ingest import event_recorder, importer, notifications
from gateway.ingest.importer import Line
from gateway.settings import Settings
from loaders import pending_events
from loaders.driver import DriverName
from loaders.enums import PayloadFormat
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers import events
from tests.helpers.events import CREATED_AT, CUSTOMER, Sender, changed, event, new_sender, wrapped
from tests.helpers.gateway import (
    Commands,
    Gateway,
    assert_rest_error,
    data_commands,
    new_tenant,
)
from tests.helpers.records import ISSUANCE
from tests.helpers.stepped_store import SteppedStore, steps


@pytest.fixture
async def sender(gateway: Gateway, store: Store) -> Sender:
    tenant = await new_tenant(store, time_zone="Asia/Kolkata", mobile="918000000000")
    return await new_sender(gateway, store, tenant)


AT = "2025-07-22T18:06:21+05:30"
PROMOTED = ("data", "promotionalPointsIssued", 0)


def points(category: str, total: str, times: int = 1) -> dict[str, Any]:
    amount = Decimal(total)
    return {
        "pointsCategory": f"{category}_POINTS",
        "totalPointsIssued": amount,
        "numberOfTimesIssued": times,
        "lastIssuedOn": AT,
    }


def currency(type_: str, total: str) -> dict[str, Any]:
    return {
        "alternateCurrencyType": type_,
        "totalIssued": Decimal(total),
        "numberOfTimesIssued": 1,
        "lastIssuedOn": AT,
    }


MAPPED: list[tuple[dict[str, Any], str, list[dict[str, Any]]]] = [
    (
        events.POINTS_ISSUED,
        "points",
        [points("REGULAR", "25.225", 2), points("PROMISED", "50"), points("EXTERNAL_TRIGGER_BASED", "7")],
    ),
    (
        events.ALTERNATE_CURRENCIES_ISSUED,
        "alternateCurrencies",
        [
            {
                "alternateCurrencyName": "DocCoin",
                "alternateCurrencySubDetails": [
                    currency("REGULAR", "700"),
                    currency("EXTERNAL_TRIGGER_BASED", "5"),
                ],
            },
            {
                "alternateCurrencyName": "StarCoin",
                "alternateCurrencySubDetails": [currency("PROMISED", "0.5")],
            },
        ],
    ),
    (
        events.BADGE_EARNED,
        "badges",
        [
            {
                "badgeSeriesId": "67ce697296dcfc6386c64f8a",
                "numberOfTimesIssued": 1,
                "lastIssuedOn": "2025-07-22T18:05:21+05:30",
            }
        ],
    ),
    (
        events.REWARD_ISSUED,
        "rewards",
        [{"rewardSeriesId": "113336", "numberOfTimesIssued": 1, "lastIssuedOn": AT}],
    ),
    (
        events.COUPON_ISSUE,
        "rewards",
        [{"rewardSeriesId": "4711", "numberOfTimesIssued": 3, "lastIssuedOn": "2025-07-22T18:06:22+05:30"}],
    ),
]


@pytest.mark.parametrize(("sample", "field", "expected"), MAPPED, ids=[one[0]["eventName"] for one in MAPPED])
@pytest.mark.parametrize(("status", "share"), [("recorded", 1), ("counting", 0)])
async def test_each_event_is_counted_once_however_often_it_comes(
    sender: Sender,
    monkeypatch: pytest.MonkeyPatch,
    sample: dict[str, Any],
    field: str,
    expected: list[dict[str, Any]],
    status: str,
    share: float,
) -> None:
    monkeypatch.setattr(event_recorder, "COUNTING_SHARE", share)
    for _ in range(3):
        response = await sender.send(sample)
        assert (response.status_code, response.json()) == (200, {"status": status})
        assert response.headers["cache-control"] == "no-store"
    assert await sender.finished() == {}
    answer = await sender.answer()
    lists = {name: answer[name] for name in ("points", "alternateCurrencies", "rewards", "badges")}
    assert lists == {**{name: [] for name in lists}, field: expected}


async def test_customers_are_known_by_the_identifiers_of_their_events(sender: Sender) -> None:
    assert (await sender.send(events.CUSTOMER_ADDED)).json() == {"status": "recorded"}
    for name, value in (("mobile", "919078345795"), ("id", "387729100"), ("externalId", "EXT-1")):
        answer = await sender.answer(identifierName=name, identifierValue=value)
        assert answer["customerId"] == 387729100


async def test_empty_identifiers_and_null_lists_count_as_absent(sender: Sender) -> None:
    sample = copy.deepcopy(events.POINTS_ISSUED)
    sample["data"]["customerIdentifiers"]["instore"].update(mobile="", externalId=None)
    sample["data"]["promisedPointsIssued"] = None
    assert (await sender.send(sample)).json() == {"status": "recorded"}
    answer = await sender.answer(identifierName="id", identifierValue="387729100")
    assert [row["pointsCategory"] for row in answer["points"]] == ["REGULAR_POINTS"]


async def test_an_identifier_moves_with_a_newer_event_and_not_with_an_older_one(sender: Sender) -> None:
    def owned(customer_id: int, age: int) -> dict[str, Any]:
        customer = {**CUSTOMER, "customerId": customer_id}
        created_at = CREATED_AT - age
        return event("customerUpdated", {"customerIdentifiers": customer}, f"c-{age}", createdAt=created_at)

    for customer_id, age, owner in ((1, 10, 1), (2, 5, 2), (3, 20, 2), (4, 0, 4)):
        await sender.send(owned(customer_id, age))
        assert (await sender.answer())["customerId"] == owner


async def test_events_create_and_update_promotions_and_older_events_change_nothing(sender: Sender) -> None:
    await sender.send(events.CUSTOMER_ADDED)

    def described(program: int, age: int) -> dict[str, Any]:
        data = {**events.PROMOTION_CREATED["data"], "loyaltyProgramId": program, "promotionId": 7}
        data["externalIdentifier"] = "seven"
        return event("promotionUpdated", data, f"p-{age}", createdAt=CREATED_AT - age)

    for program, age, known in ((1, 10, 1), (2, 5, 2), (3, 20, 2)):
        assert (await sender.send(described(program, age))).status_code == 200
        answer = await sender.answer(promotionId="7", programId=str(known))
        assert (answer["programId"], answer["promotionIdentifier"]) == (known, "seven")


async def test_a_pending_event_is_counted_when_an_event_brings_its_promotion(sender: Sender) -> None:
    sample = copy.deepcopy(events.POINTS_ISSUED)
    sample["data"]["promotionalPointsIssued"][0]["promotionIdentifier"] = "later"
    for _ in range(2):
        assert (await sender.send(sample)).json() == {"status": "pending"}
    assert await sender.pending() == {"ev-1": "its promotion is not known yet"}
    # The entries about known promotions are counted already.
    assert (await sender.answer())["points"][0]["totalPointsIssued"] == Decimal("0.1")
    promotion = {**events.PROMOTION_CREATED["data"], "promotionId": 9, "externalIdentifier": "later"}
    assert (await sender.send(event("promotionCreated", promotion, "p-9"))).status_code == 200
    answer = await sender.answer(promotionId="9")
    assert answer["points"] == [points("REGULAR", "25.125")]
    assert (await sender.answer())["points"][0]["totalPointsIssued"] == Decimal("0.1")
    assert await sender.pending() == {}
    assert (await sender.send(sample)).json() == {"status": "recorded"}
    assert (await sender.answer(promotionId="9"))["points"] == [points("REGULAR", "25.125")]


async def test_a_pending_event_is_counted_when_an_import_brings_its_promotion(
    sender: Sender,
) -> None:
    sample = copy.deepcopy(events.BADGE_EARNED)
    sample["data"]["promotionIdentifier"] = "imported"
    assert (await sender.send(sample)).json() == {"status": "pending"}
    line = {
        "record": "promotion",
        "orgId": sender.tenant.organization.id,
        "programId": 1,
        "promotionId": 10,
        "promotionIdentifier": "imported",
        "name": "",
    }
    run = importer.Import(sender.store, 1)
    await run.add([Line(1, json.dumps(line).encode())])
    await run.finish()

    assert (await sender.answer(promotionId="10"))["badges"][0]["numberOfTimesIssued"] == 1
    assert await sender.pending() == {}


@pytest.mark.parametrize("sample", [events.BADGE_EARNED, events.REWARD_ISSUED, events.COUPON_ISSUE])
async def test_an_event_without_a_promotion_is_pending(sender: Sender, sample: dict[str, Any]) -> None:
    nameless = copy.deepcopy(sample)
    for field in ("promotionId", "promotionIdentifier"):
        nameless["data"].pop(field, None)
    assert (await sender.send(nameless)).json() == {"status": "pending"}
    assert await sender.pending() == {"ev-1": "it names no promotion"}
    kept = await pending_events.find(sender.store, sender.tenant.organization.id, "ev-1", PayloadFormat.EVENT)
    assert kept is not None
    assert json.loads(kept.payload)["data"] == nameless["data"]
    assert await event_recorder.replay_all(sender.store, sender.tenant.organization.id) == (0, 0)


async def test_the_statuses_of_customers_are_read_before_and_after_each_write(sender: Sender) -> None:
    unknown = changed(events.BADGE_EARNED, "data", "promotionIdentifier", to="unknown")
    for sample, status, commands in (
        (
            events.BADGE_EARNED,
            "recorded",
            ["customer_statuses", "customer_identifiers", "customer_statuses", "promotions", "issuances"],
        ),
        (
            unknown,
            "pending",
            [
                *("customer_statuses", "customer_identifiers", "customer_statuses"),
                *("customer_statuses", "promotions", "pending_events", "customer_statuses", "promotions"),
            ],
        ),
    ):
        sender.gateway.commands.clear()
        assert await sender.status(sample) == status
        assert data_commands(sender.gateway) == commands


async def test_an_event_and_a_record_of_the_same_id_are_pending_side_by_side(sender: Sender) -> None:
    sample = copy.deepcopy(events.BADGE_EARNED)
    sample["data"]["promotionIdentifier"] = "unknown"
    organization_id = sender.tenant.organization.id
    record = {**ISSUANCE, "orgId": organization_id, "eventId": "ev-1", "promotionIdentifier": "unknown"}
    del record["promotionId"]
    for _ in range(2):
        assert (await sender.send(sample)).json() == {"status": "pending"}
        run = importer.Import(sender.store, 1)
        await run.add([Line(1, json.dumps(record).encode())])
        await run.finish()
        assert run.summary.rejected == 0
    formats = {event.format async for event in pending_events.waiting(sender.store, organization_id)}
    assert formats == {PayloadFormat.EVENT, PayloadFormat.RECORD}


async def test_the_promotion_that_arrives_while_an_event_becomes_pending_is_not_missed(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = copy.deepcopy(events.BADGE_EARNED)
    sample["data"]["promotionIdentifier"] = "between"
    keep = pending_events.keep

    async def arrive_first(*arguments: Any) -> list[int]:
        monkeypatch.undo()
        promotion = {**events.PROMOTION_CREATED["data"], "promotionId": 11, "externalIdentifier": "between"}
        await sender.send(event("promotionCreated", promotion, "p-11"))
        return await keep(*arguments)

    monkeypatch.setattr(pending_events, "keep", arrive_first)
    assert (await sender.send(sample)).json() == {"status": "recorded"}
    assert await sender.pending() == {}


@pytest.mark.parametrize("at", range(1, 6))
async def test_an_event_does_not_wait_for_promotions_that_arrive_while_it_becomes_pending(
    sender: Sender, store: Store, mongodb_uri: str, driver: DriverName, at: int
) -> None:
    entries = [{"promotionIdentifier": f"p{n}", "promotionPoints": n} for n in (11, 12, 13)]
    data = {"customerIdentifiers": CUSTOMER, "promotionalPointsIssued": entries}
    organization_id = sender.tenant.organization.id
    payload = json.dumps({**event("pointsIssued", data), "orgId": organization_id})
    notification = notifications.read(payload, datetime.now(UTC))
    stepped = SteppedStore(mongodb_uri, store.name, driver=driver)
    async for number in steps(stepped, lambda one: event_recorder.record(one, notification, payload, 30)):
        # Before write 1, the promotions were looked up, and the event is not pending yet.
        for promotion_id, arrives_at in ((11, 1), (12, at)):
            if number == arrives_at:
                promotion = {"promotionId": promotion_id, "externalIdentifier": f"p{promotion_id}"}
                described = {**events.PROMOTION_CREATED["data"], **promotion}
                assert await sender.status(event("promotionCreated", described)) == "recorded"
    await stepped.close()
    [kept] = [one async for one in pending_events.waiting(store, organization_id)]
    assert (kept.reason, kept.promotion_identifiers) == (event_recorder.UNKNOWN_PROMOTION, ("p13",))
    for arrived in ("11", "12"):
        [row] = (await sender.answer(promotionId=arrived))["points"]
        assert (row["totalPointsIssued"], row["numberOfTimesIssued"]) == (int(arrived), 1)


async def test_unknown_events_are_accepted_and_not_kept(sender: Sender) -> None:
    sender.gateway.commands.clear()
    nothing_else = {"eventName": "tierChanged", "eventId": "t-1", "orgId": 0}
    for unknown in (event("tierChanged", {"anything": 1}), nothing_else):
        response = await sender.send(unknown)
        assert (response.status_code, response.json()) == (200, {"status": "ignored"})
    response = await sender.send(nothing_else, orgId=51136)
    assert_rest_error(response, 403, 4000, "Not authorized. Access is denied!")
    assert data_commands(sender.gateway) == []


async def test_the_other_organisation_s_event_is_refused(sender: Sender) -> None:
    await sender.send(events.CUSTOMER_ADDED)
    sender.gateway.commands.clear()
    response = await sender.send(events.POINTS_ISSUED, orgId=51136)
    assert_rest_error(response, 403, 4000, "Not authorized. Access is denied!")
    assert data_commands(sender.gateway) == []


async def test_only_a_group_that_may_write_events_sends_them(sender: Sender) -> None:
    reader = Sender(sender.gateway, sender.store, sender.tenant, dict(sender.tenant.headers))
    assert_rest_error(await reader.send(events.POINTS_ISSUED), 403, 4000, "Not authorized. Access is denied!")
    nobody = Sender(sender.gateway, sender.store, sender.tenant, {})
    assert_rest_error(await nobody.send(events.POINTS_ISSUED), 401, 401, "Unauthorized")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not valid JSON at line 1, column 2"),
        ("[]", "Expected `object`, got `array`"),
        ("{}", "orgId is missing"),
        ('{"orgId": 1, "orgId": 1}', "orgId is given twice"),
        (
            json.dumps({**events.BADGE_EARNED, "eventId": "evil\t\u001b[31mRED\u001b[0m\nORG\tfake"}),
            "Expected `str` without control characters - at `$.eventId`",
        ),
    ],
)
async def test_a_body_that_is_not_an_event_is_400_with_the_reason(
    sender: Sender, content: str, reason: str
) -> None:
    assert_rest_error(await sender.post(content), 400, 400, f"The body is not an event: {reason}.")
    assert await sender.pending() == {}


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (changed(events.BADGE_EARNED, "eventName", to=...), "eventName is missing"),
        (
            changed(events.BADGE_EARNED, "data", "customerIdentifiers", to=...),
            "Object missing required field `customerIdentifiers` - at `data`",
        ),
        (
            changed(events.POINTS_ISSUED, *PROMOTED, "promotionPoints", to="1_000"),
            "amount is not written as a decimal number",
        ),
        (
            changed(events.POINTS_ISSUED, *PROMOTED, "promotionPoints", to=-5),
            "an amount must be above 0, with at most 24 digits before and 6 after the point",
        ),
    ],
)
async def test_an_event_that_cannot_be_read_is_kept_pending_with_its_reason(
    sender: Sender, event: dict[str, Any], reason: str
) -> None:
    for _ in range(2):
        assert await sender.status(event) == "pending"
    assert await sender.pending() == {"ev-1": reason}
    organization_id = sender.tenant.organization.id
    kept = await pending_events.find(sender.store, organization_id, "ev-1", PayloadFormat.EVENT)
    assert kept is not None
    assert json.loads(kept.payload) == {**event, "orgId": organization_id}
    assert await event_recorder.replay_all(sender.store, organization_id) == (0, 0)
    assert await sender.pending() == {"ev-1": reason}


async def test_a_replay_counts_an_event_that_could_not_be_read_before(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Stands for an event in a format that this version of the gateway cannot read yet.
    monkeypatch.delitem(notifications.READERS, "badgeEarned")
    monkeypatch.setitem(notifications.READERS, "badgeEarned", notifications.READERS["pointsIssued"])
    unreadable = changed(events.BADGE_EARNED, "data", "promotionalPointsIssued", to=7)
    assert await sender.status(unreadable) == "pending"
    monkeypatch.undo()
    assert (await event_recorder.replay_all(sender.store)).counted >= 1
    assert await sender.pending() == {}
    assert [row["numberOfTimesIssued"] for row in (await sender.answer())["badges"]] == [1]


@pytest.mark.parametrize("form", ["plain", "wrapped"])
@pytest.mark.parametrize(
    ("sample", "status"),
    [
        *((sample, "recorded") for sample in events.SAMPLES),
        *((sample, "ignored") for sample in events.OTHER_SAMPLES),
    ],
    ids=lambda value: value["eventName"] if isinstance(value, dict) else value,
)
async def test_every_event_of_the_platform_is_accepted(
    sender: Sender, sample: dict[str, Any], status: str, form: str
) -> None:
    event = sample if form == "plain" else wrapped({"eventId": "ev-1", **sample})
    assert await sender.status(event) == status
    assert await sender.pending() == {}


async def test_events_with_the_same_reference_are_counted_separately(
    sender: Sender,
) -> None:
    for sample in (events.POINTS_ISSUED, events.ALTERNATE_CURRENCIES_ISSUED, events.BADGE_EARNED):
        nameless = {name: value for name, value in sample.items() if name not in ("eventId", "eventLogId")}
        for _ in range(2):
            assert await sender.status(nameless) == "recorded"
    answer = await sender.answer()
    assert [row["numberOfTimesIssued"] for row in answer["points"]] == [2, 1, 1]
    assert [len(currency["alternateCurrencySubDetails"]) for currency in answer["alternateCurrencies"]] == [
        2,
        1,
    ]
    assert [row["numberOfTimesIssued"] for row in answer["badges"]] == [1]


async def test_amounts_of_binary_doubles_are_counted(sender: Sender) -> None:
    event = changed(events.POINTS_ISSUED, *PROMOTED, "promotionPoints", to=0.6596699999999999)
    assert await sender.status(event) == "recorded"
    # The total includes the 0.1 of another entry.
    assert (await sender.answer())["points"][0] == points("REGULAR", "0.760", 2)


def described(promotion_id: int, identifier: object, age: int = 0) -> dict[str, Any]:
    data = {**events.PROMOTION_CREATED["data"], "promotionId": promotion_id, "externalIdentifier": identifier}
    if identifier is ...:
        del data["externalIdentifier"]
    return event("promotionUpdated", data, f"p-{promotion_id}-{age}", createdAt=CREATED_AT - age)


@pytest.mark.parametrize("api", ["rest", "graphql"])
@pytest.mark.parametrize("identifier", ["", None, ...])
async def test_a_promotion_without_identifier_is_a_promotion(
    sender: Sender, identifier: object, api: str
) -> None:
    await sender.send(events.CUSTOMER_ADDED)
    for promotion_id in (5, 6):
        assert await sender.status(described(promotion_id, identifier)) == "recorded"
        badge = changed(events.BADGE_EARNED, "data", "promotionId", to=promotion_id)
        assert await sender.status({**badge, "eventId": f"b-{promotion_id}"}) == "recorded"
        parameters = {
            **sender.tenant.parameters,
            "identifierValue": "919078345795",
            "promotionId": str(promotion_id),
        }
        answer = await sender.gateway.ask(api, parameters, sender.tenant.headers)
        assert answer["promotionIdentifier"] == ""
        assert [row["numberOfTimesIssued"] for row in answer["badges"]] == [1]


async def test_a_promotion_gets_and_loses_its_identifier_by_newer_events_only(sender: Sender) -> None:
    await sender.send(events.CUSTOMER_ADDED)
    for identifier, age, known in (
        ("", 10, ""),
        ("five", 5, "five"),
        ("", 7, "five"),
        (None, 2, ""),
        ("x", 3, ""),
    ):
        assert await sender.status(described(5, identifier, age)) == "recorded"
        assert (await sender.answer(promotionId="5"))["promotionIdentifier"] == known
    # The identifier is free for another promotion.
    assert await sender.status(described(6, "five")) == "recorded"


async def test_a_promotion_is_pending_while_another_promotion_has_its_identifier(
    sender: Sender,
) -> None:
    assert await sender.status(described(5, "five", 3)) == "recorded"
    assert await sender.status(described(6, "five", 2)) == "pending"
    assert await sender.pending() == {"p-6-2": "externalIdentifier belongs to another promotion"}
    assert await sender.status(described(5, "other", 1)) == "recorded"
    await event_recorder.replay_all(sender.store)
    assert await sender.pending() == {}
    await sender.send(events.CUSTOMER_ADDED)
    assert (await sender.answer(promotionId="6"))["promotionIdentifier"] == "five"


async def test_an_event_that_is_too_large_is_413(sender: Sender) -> None:
    most = Settings().max_body_bytes
    message = f"A body may have at most {most} bytes."
    assert_rest_error(await sender.post("x" * (most + 1)), 413, 413, message)


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
async def test_without_a_database_the_sender_is_told_to_try_again(
    gateway_with: OpenGateway, store: Store, rest_status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_with(rest_status=rest_status) as gateway:
        sender = await new_sender(gateway, store, await new_tenant(store))
        await sender.send(events.CUSTOMER_ADDED)
        # The database refuses to write to a collection of this name.
        monkeypatch.setattr(
            "loaders.ledger.CUSTOMER_IDENTIFIERS", type("Collection", (), {"name": "$invalid"})
        )
        response = await sender.send(events.POINTS_ISSUED)
        assert_rest_error(response, 503, 503, "The event is not recorded; send it again.")
        assert response.headers["retry-after"] == "1"
        monkeypatch.undo()
        assert (await sender.send(events.POINTS_ISSUED)).json() == {"status": "recorded"}


@pytest.mark.parametrize(
    ("count", "times"),
    [(8, 2), pytest.param(25, 2, marks=pytest.mark.slow), pytest.param(2_000, 1, marks=pytest.mark.slow)],
)
async def test_concurrent_senders_in_different_orders_leave_the_totals_of_one_delivery(
    address: str, store: Store, count: int, times: int
) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        tenant = await new_tenant(store, time_zone="Asia/Kolkata", mobile="918000000000")
        sender = await new_sender(Gateway(client, Commands()), store, tenant)
        await _deliver_from_eight_senders(sender, count, times)


async def _deliver_from_eight_senders(sender: Sender, count: int, times: int) -> None:
    def badge(n: int) -> dict[str, Any]:
        data = {"customerIdentifiers": CUSTOMER, "badgeId": f"{n % 3:024x}", "promotionIdentifier": "one"}
        return event("badgeEarned", data, f"b-{n}", createdAt=CREATED_AT + n * 1000)

    def issued(n: int) -> dict[str, Any]:
        entry = {"promotionIdentifier": "one" if n % 5 else "late", "promotionPoints": f"{n}.5"}
        data = {"customerIdentifiers": CUSTOMER, "promotionalPointsIssued": [entry]}
        return event("pointsIssued", data, f"p-{n}", createdAt=CREATED_AT + n * 1000)

    late = {**events.PROMOTION_CREATED["data"], "promotionId": 2, "externalIdentifier": "late"}
    deliveries = [badge(n) for n in range(count // 2)] + [issued(n) for n in range(count // 2)]
    deliveries.append(event("promotionCreated", late, "late"))

    async def deliver(seed: int) -> None:
        order = deliveries * times
        random.Random(seed).shuffle(order)
        for one in order:
            assert (await sender.send(one)).status_code == 200

    await asyncio.gather(*(deliver(seed) for seed in range(8)))
    # An event that takes long is counted in the background.
    async with asyncio.timeout(300):
        while await sender.pending():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    half = count // 2
    answer, answer_late = await sender.answer(), await sender.answer(promotionId="2")
    assert [row["numberOfTimesIssued"] for row in answer["badges"]] == [
        len(range(n, half, 3)) for n in range(3)
    ]
    for one, of in ((answer, [n for n in range(half) if n % 5]), (answer_late, range(0, half, 5))):
        [row] = one["points"]
        assert row["totalPointsIssued"] == sum(n + Decimal("0.5") for n in of)
        assert row["numberOfTimesIssued"] == len(of)
