"""`POST /v3/events`: each event counted once, down to the REST answer; none lost, none guessed at."""

import asyncio
import copy
import json
import random
from decimal import Decimal
from typing import Any

import httpx
import pytest

from gateway.ingest import importer, recorder
from gateway.ingest.import_summary import Line
from gateway.settings import Settings
from loaders import pending_events
from loaders.enums import PayloadFormat
from loaders.store import Store
from tests.conftest import OpenGateway, Start
from tests.helpers import events
from tests.helpers.events import CREATED_AT, CUSTOMER, Sender, event, new_sender
from tests.helpers.records import ISSUANCE
from tests.support import (
    Commands,
    Gateway,
    assert_rest_error,
    data_commands,
    environment,
    free_port,
    new_tenant,
    wait_until_served,
)


@pytest.fixture
async def sender(gateway: Gateway, store: Store) -> Sender:
    tenant = await new_tenant(store, time_zone="Asia/Kolkata", mobile="918000000000")
    return await new_sender(gateway, store, tenant)


AT = "2025-07-22T18:06:21+05:30"


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
async def test_each_event_is_counted_once_however_often_it_comes(
    sender: Sender, sample: dict[str, Any], field: str, expected: list[dict[str, Any]]
) -> None:
    for _ in range(3):
        response = await sender.send(sample)
        assert (response.status_code, response.json()) == (200, {"status": "recorded"})
        assert response.headers["cache-control"] == "no-store"
    answer = await sender.answer()
    lists = {name: answer[name] for name in ("points", "alternateCurrencies", "rewards", "badges")}
    assert lists == {**{name: [] for name in lists}, field: expected}
    assert await sender.pending() == {}


async def test_customers_are_known_by_the_identifiers_of_their_events(sender: Sender) -> None:
    assert (await sender.send(events.CUSTOMER_ADDED)).json() == {"status": "recorded"}
    for name, value in (("mobile", "919078345795"), ("id", "387729100"), ("externalId", "EXT-1")):
        answer = await sender.answer(identifierName=name, identifierValue=value)
        assert answer["customerId"] == 387729100


async def test_empty_identifiers_and_missing_lists_are_none(sender: Sender) -> None:
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


async def test_promotions_come_by_events_and_older_ones_change_nothing(sender: Sender) -> None:
    await sender.send(events.CUSTOMER_ADDED)

    def described(program: int, age: int) -> dict[str, Any]:
        data = {**events.PROMOTION_CREATED["data"], "loyaltyProgramId": program, "promotionId": 7}
        data["externalIdentifier"] = "seven"
        return event("promotionUpdated", data, f"p-{age}", createdAt=CREATED_AT - age)

    for program, age, known in ((1, 10, 1), (2, 5, 2), (3, 20, 2)):
        assert (await sender.send(described(program, age))).status_code == 200
        answer = await sender.answer(promotionId="7", programId=str(known))
        assert (answer["programId"], answer["promotionIdentifier"]) == (known, "seven")
    taken = described(1, 0)
    taken["data"]["promotionId"] = 8
    response = await sender.send(taken)
    assert_rest_error(response, 400, 400, "externalIdentifier belongs to another promotion.")


async def test_an_event_waits_for_its_promotion_and_is_counted_when_it_comes_by_event(sender: Sender) -> None:
    sample = copy.deepcopy(events.POINTS_ISSUED)
    sample["data"]["promotionalPointsIssued"][0]["promotionIdentifier"] = "later"
    for _ in range(2):
        assert (await sender.send(sample)).json() == {"status": "pending"}
    assert await sender.pending() == {"ev-1": "its promotion is not known yet"}
    # What it says of known promotions is counted already.
    assert (await sender.answer())["points"][0]["totalPointsIssued"] == Decimal("0.1")
    promotion = {**events.PROMOTION_CREATED["data"], "promotionId": 9, "externalIdentifier": "later"}
    assert (await sender.send(event("promotionCreated", promotion, "p-9"))).status_code == 200
    answer = await sender.answer(promotionId="9")
    assert answer["points"] == [points("REGULAR", "25.125")]
    assert (await sender.answer())["points"][0]["totalPointsIssued"] == Decimal("0.1")
    assert await sender.pending() == {}
    assert (await sender.send(sample)).json() == {"status": "recorded"}
    assert (await sender.answer(promotionId="9"))["points"] == [points("REGULAR", "25.125")]


async def test_an_event_waits_for_its_promotion_and_is_counted_when_it_comes_by_import(
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
async def test_an_event_that_names_no_promotion_is_pending_not_guessed_at(
    sender: Sender, sample: dict[str, Any]
) -> None:
    nameless = copy.deepcopy(sample)
    for field in ("promotionId", "promotionIdentifier"):
        nameless["data"].pop(field, None)
    assert (await sender.send(nameless)).json() == {"status": "pending"}
    assert await sender.pending() == {"ev-1": "it names no promotion"}
    kept = await pending_events.find(sender.store, sender.tenant.organization.id, "ev-1", PayloadFormat.EVENT)
    assert kept is not None
    assert json.loads(kept.payload)["data"] == nameless["data"]
    assert await recorder.replay_all(sender.store, sender.tenant.organization.id) == (0, 0)


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


AMOUNT = "an amount is greater than 0, with at most 24 digits before and 6 behind the point"


def broken(sample: dict[str, Any], *path: str | int, value: Any = None) -> str:
    """The event with the value at `path` replaced, or taken away."""
    changed = copy.deepcopy(sample)
    at: Any = changed
    for step in path[:-1]:
        at = at[step]
    if value is None:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(changed)


PROMOTED = ("data", "promotionalPointsIssued", 0)
BAD_EVENTS: list[tuple[str | bytes, str]] = [
    ("", "not valid JSON in UTF-8"),
    ("{", "not valid JSON in UTF-8"),
    (b"\xff", "not valid JSON in UTF-8"),
    ("[" * 100_000, "Expected `object`, got `array`"),
    ('{"x": ' + "[" * 100_000, "not valid JSON in UTF-8"),
    ("[]", "Expected `object`, got `array`"),
    (broken(events.POINTS_ISSUED, "eventName"), "Object missing required field `eventName`"),
    (broken(events.POINTS_ISSUED, "eventId"), "Object missing required field `eventId`"),
    (
        broken(events.POINTS_ISSUED, "eventId", value=""),
        "Expected `str` of length >= 1 - at `$.eventId`",
    ),
    *(
        (
            broken(
                events.POINTS_ISSUED, "data", "customerIdentifiers", "instore", identifier, value="x" * 1025
            ),
            f"Expected `str` of length <= 1024 - at `$.customerIdentifiers.instore.{identifier}`",
        )
        for identifier in ("mobile", "externalId")
    ),
    (broken(events.POINTS_ISSUED, "eventId", value=1), "Expected `str`, got `int` - at `$.eventId`"),
    (broken(events.POINTS_ISSUED, "orgId", value="1"), "Expected `int`, got `str` - at `$.orgId`"),
    (broken(events.POINTS_ISSUED, "createdAt"), "Object missing required field `createdAt`"),
    (broken(events.POINTS_ISSUED, "createdAt", value=-1), "Expected `int` >= 0 - at `$.createdAt`"),
    (
        broken(events.POINTS_ISSUED, "createdAt", value=10**18),
        "Expected `int` <= 253370764800000 - at `$.createdAt`",
    ),
    (broken(events.POINTS_ISSUED, "createdAt", value=1), "a time is between the years 1971 and 9997"),
    (broken(events.POINTS_ISSUED, "data"), "Object missing required field `data`"),
    (broken(events.POINTS_ISSUED, "data", value=[]), "Expected `object`, got `array`"),
    (
        broken(events.POINTS_ISSUED, "data", "customerIdentifiers"),
        "Object missing required field `customerIdentifiers`",
    ),
    (
        broken(events.POINTS_ISSUED, "data", "customerIdentifiers", "customerId"),
        "Object missing required field `customerId` - at `$.customerIdentifiers`",
    ),
    (
        broken(events.POINTS_ISSUED, "data", "customerIdentifiers", "customerId", value=2**63),
        f"Expected `int` <= {2**63 - 1} - at `$.customerIdentifiers.customerId`",
    ),
    (broken(events.POINTS_ISSUED, *PROMOTED, "promotionPoints", value=-1), AMOUNT),
    (broken(events.POINTS_ISSUED, *PROMOTED, "promotionPoints", value="1e24"), AMOUNT),
    (broken(events.POINTS_ISSUED, *PROMOTED, "promotionPoints", value="0.0000001"), AMOUNT),
    (broken(events.POINTS_ISSUED, *PROMOTED, "promotionPoints", value="NaN"), AMOUNT),
    (broken(events.POINTS_ISSUED, *PROMOTED, "promotionPoints", value="sNaN"), AMOUNT),
    (
        broken(events.POINTS_ISSUED, "refId", value="ref").encode().replace(b'"ref"', b'"\xff\xfe"'),
        "not valid JSON in UTF-8",
    ),
    (
        broken(events.POINTS_ISSUED, *PROMOTED, "promotionPoints"),
        "Object missing required field `promotionPoints` - at `$.promotionalPointsIssued[0]`",
    ),
    (broken(events.BADGE_EARNED, "data", "badgeId"), "Object missing required field `badgeId`"),
    (
        broken(events.BADGE_EARNED, "data", "promotionId", value=-1),
        "Expected `int` >= 0 - at `$.promotionId`",
    ),
    (
        broken(events.COUPON_ISSUE, "data", "coupons", 0, "issued_on", value="yesterday"),
        "Invalid RFC3339 encoded datetime - at `$.coupons[0].issued_on`",
    ),
    (
        broken(events.PROMOTION_CREATED, "data", "externalIdentifier"),
        "Object missing required field `externalIdentifier`",
    ),
]


@pytest.mark.parametrize(("content", "reason"), BAD_EVENTS, ids=[str(n) for n in range(len(BAD_EVENTS))])
async def test_what_can_never_be_taken_is_400_with_the_reason(
    sender: Sender, content: str | bytes, reason: str
) -> None:
    assert_rest_error(await sender.post(content), 400, 400, f"{reason}.")


async def test_an_event_that_is_too_large_is_413(sender: Sender) -> None:
    most = Settings().max_body_bytes
    message = f"A body has at most {most} bytes."
    assert_rest_error(await sender.post("x" * (most + 1)), 413, 413, message)


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
async def test_without_a_database_the_sender_is_told_to_try_again(
    gateway_with: OpenGateway, store: Store, rest_status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_with(rest_status=rest_status) as gateway:
        sender = await new_sender(gateway, store, await new_tenant(store))
        await sender.send(events.CUSTOMER_ADDED)
        # The server itself refuses to write to a collection of this name.
        monkeypatch.setattr(
            "loaders.ledger.CUSTOMER_IDENTIFIERS", type("Collection", (), {"name": "$invalid"})
        )
        response = await sender.send(events.POINTS_ISSUED)
        assert_rest_error(response, 503, 503, "The event is not recorded; send it again.")
        assert response.headers["retry-after"] == "1"
        monkeypatch.undo()
        assert (await sender.send(events.POINTS_ISSUED)).json() == {"status": "recorded"}


@pytest.mark.parametrize(("count", "times"), [(25, 2), pytest.param(2_000, 2, marks=pytest.mark.slow)])
async def test_concurrent_senders_in_different_orders_leave_the_totals_of_one_delivery(
    settings: Settings, store: Store, start: Start, count: int, times: int
) -> None:
    """Over a real socket, to a server process of its own."""
    port = free_port()
    start("serve", "--port", str(port), variables=environment(settings))
    wait_until_served(port)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
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
    half = count // 2
    answer, answer_late = await sender.answer(), await sender.answer(promotionId="2")
    assert [row["numberOfTimesIssued"] for row in answer["badges"]] == [
        len(range(n, half, 3)) for n in range(3)
    ]
    for one, of in ((answer, [n for n in range(half) if n % 5]), (answer_late, range(0, half, 5))):
        [row] = one["points"]
        assert row["totalPointsIssued"] == sum(n + Decimal("0.5") for n in of)
        assert row["numberOfTimesIssued"] == len(of)
    assert await sender.pending() == {}
