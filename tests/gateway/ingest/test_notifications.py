"""Event notifications in all formats of the platform, and the records that are read from them."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.ingest.notifications import Notification, read
from gateway.ingest.records import IssuanceRecord, RecordInvalid
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, IdentifierName, IssuanceType
from tests.helpers import events
from tests.helpers.events import changed, wrapped

Event = dict[str, Any]
RECEIVED_ON = datetime(2025, 8, 1, tzinfo=UTC)
CREATED_ON = datetime.fromtimestamp(events.CREATED_AT / 1000, UTC)


def read_event(event: Event | str | bytes) -> Notification:
    return read(json.dumps(event) if isinstance(event, dict) else event, RECEIVED_ON)


def at(column: int) -> str:
    return f"not valid JSON at line 1, column {column}"


def identifiers_of(event: Event) -> list[CustomerIdentifier]:
    return [identifier for identifier, _ in read_event(event).identifiers]


def amounts(event: Event) -> list[Decimal | None]:
    return [issuance.amount for issuance in read_event(event).issuances]


def instore(sample: Event, **identifiers: object) -> Event:
    return changed(sample, "data", "customerIdentifiers", "instore", to=identifiers)


def without(*fields: str) -> Callable[[Event], Event]:
    return lambda sample: {name: value for name, value in sample.items() if name not in fields}


FORMS: dict[str, Callable[[Event], Event]] = {
    "as documented": lambda sample: sample,
    "wrapped": lambda sample: wrapped({"eventId": "ev-1", **sample}),
    "wrapped, without createdAt": lambda sample: wrapped(without("createdAt")({"eventId": "ev-1", **sample})),
    "without eventId": without("eventId"),
    "without eventId and eventLogId": without("eventId", "eventLogId"),
    "without any id": without("eventId", "eventLogId", "refId", "apiRequestId"),
    "with empty ids": lambda sample: {**sample, "eventId": "", "eventLogId": None, "refId": "ref-1"},
    "with ids that are numbers": lambda sample: {**sample, "eventId": 17, "refId": 18},
    "without createdAt": without("createdAt"),
    "createdAt null": lambda sample: {**sample, "createdAt": None},
    "createdAt as a string": lambda sample: {**sample, "createdAt": str(events.CREATED_AT)},
    "createdAt as RFC 3339": lambda sample: {**sample, "createdAt": "2025-07-22T18:06:21+05:30"},
    "orgId as a string": lambda sample: {**sample, "orgId": "51135"},
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sample", events.SAMPLES, ids=lambda sample: sample["eventName"])
def test_every_sample_is_read_in_every_form(sample: Event, form: str) -> None:
    plain, other = read_event(sample), read_event(FORMS[form](sample))
    assert (other.problem, other.known, other.organization_id) == (None, True, 51135)
    assert (other.identifiers, other.promotions) == (plain.identifiers, plain.promotions)
    assert (other.merged, other.erased) == (plain.merged, plain.erased)
    assert len(other.issuances) == len(plain.issuances)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sample", events.OTHER_SAMPLES, ids=lambda sample: sample["eventName"])
def test_events_of_other_names_are_not_read(sample: Event, form: str) -> None:
    other = read_event(FORMS[form](sample))
    assert (other.problem, other.known, other.organization_id) == (None, False, 51135)


def test_every_field_of_a_badge_is_read() -> None:
    assert read_event(events.BADGE_EARNED).issuances == [
        IssuanceRecord(
            51135,
            "ev-1#0",
            387729100,
            Benefit.BADGE,
            datetime.fromtimestamp((events.CREATED_AT - 60_000) / 1000, UTC),
            promotion_identifier="one",
            item="67ce697296dcfc6386c64f8a",
        )
    ]


@pytest.mark.parametrize(
    ("form", "event_id"),
    [
        ("as documented", "ev-1"),
        ("wrapped", "ev-1"),
        ("without eventId", "log-1"),
        ("without eventId and eventLogId", "badgeEarned:ref-1"),
        ("with empty ids", "badgeEarned:ref-1"),
        ("with ids that are numbers", "17"),
    ],
)
def test_an_event_is_known_by_the_first_of_its_ids(form: str, event_id: str) -> None:
    event = read_event(FORMS[form](events.BADGE_EARNED))
    assert event.event_id == event_id
    assert [issuance.event_id for issuance in event.issuances] == [f"{event_id}#0"]


@pytest.mark.parametrize("references", [{}, {"refId": ""}, {"refId": "x" * 999}])
def test_an_event_without_a_usable_id_is_known_by_its_content(references: Event) -> None:
    event = {**FORMS["without any id"](events.BADGE_EARNED), **references}
    event_id = read_event(event).event_id
    assert re.fullmatch("sha256:[0-9a-f]{64}", event_id)
    assert read_event(event).event_id == event_id
    assert read_event({**event, "createdAt": events.CREATED_AT + 1}).event_id != event_id


@pytest.mark.parametrize(
    ("form", "issued_on"),
    [
        ("as documented", CREATED_ON),
        ("createdAt as a string", CREATED_ON),
        ("createdAt as RFC 3339", CREATED_ON),
        ("without createdAt", RECEIVED_ON),
        ("createdAt null", RECEIVED_ON),
        ("wrapped, without createdAt", RECEIVED_ON),
    ],
)
def test_an_event_without_a_time_happened_when_it_was_received(form: str, issued_on: datetime) -> None:
    event = read_event(FORMS[form](events.POINTS_ISSUED))
    assert {issuance.issued_on for issuance in event.issuances} == {issued_on}
    assert event.created_at == issued_on


PROMOTED = ("data", "promotionalPointsIssued", 0)


def points(amount: object) -> Event:
    """A notification with one entry of points that belongs to a promotion."""
    sample = changed(events.POINTS_ISSUED, "data", "promisedPointsIssued", to=None)
    entry = {"promotionIdentifier": "one", "promotionPoints": amount}
    return changed(sample, "data", "promotionalPointsIssued", to=[entry])


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        (0.6596699999999999, "0.659670"),
        (25.125, "25.125"),
        ("25.125", "25.125"),
        ("0.0000005", "0.000001"),
        (0.1 + 0.2, "0.300000"),
        ("1.0000004999", "1.000000"),
        ("1.0000005", "1.000001"),
        (1e3, "1000.0"),
        ("1e3", "1E+3"),
        ("123456789012345678901234.123456", "123456789012345678901234.123456"),
    ],
)
def test_an_amount_is_rounded_half_up_to_six_digits(written: object, amount: str) -> None:
    [read] = amounts(points(written))
    assert str(read) == amount


@pytest.mark.parametrize("nothing", [0, "0", 0.0, "0.000", 1e-7, "0.0000004999", "1e-999999", "-0"])
def test_an_amount_that_rounds_to_zero_is_skipped(nothing: object) -> None:
    assert amounts(points(nothing)) == []


@pytest.mark.parametrize("identifier", [None, "", ...])
@pytest.mark.parametrize("amount", ["NaN", -5, None, [], "1_000", 10**30])
def test_an_amount_without_a_promotion_is_ignored(identifier: object, amount: object) -> None:
    event = changed(points(amount), *PROMOTED, "promotionIdentifier", to=identifier)
    event["data"]["promotionalPointsIssued"].append({"promotionIdentifier": "one", "promotionPoints": 1})
    event["data"]["totalPointsIssued"] = amount
    assert amounts(event) == [Decimal(1)]
    # The number of an entry counts skipped entries too.
    assert [issuance.event_id for issuance in read_event(event).issuances] == ["ev-1#1"]


@pytest.mark.parametrize(
    ("flag", "type_"),
    [
        (True, IssuanceType.EXTERNAL_TRIGGER_BASED),
        ("true", IssuanceType.EXTERNAL_TRIGGER_BASED),
        (False, IssuanceType.PROMISED),
        (None, IssuanceType.PROMISED),
        (..., IssuanceType.PROMISED),
    ],
)
def test_promised_points_are_external_if_the_entry_says_so(flag: object, type_: IssuanceType) -> None:
    sample = changed(events.POINTS_ISSUED, "data", "promotionalPointsIssued", to=None)
    event = changed(sample, "data", "promisedPointsIssued", 0, "isExternalTriggerBased", to=flag)
    assert read_event(event).issuances[0].type is type_


@pytest.mark.parametrize("sample", [events.CUSTOMER_ADDED, events.POINTS_ISSUED, events.BADGE_EARNED])
@pytest.mark.parametrize(
    ("mobile", "expected"),
    [
        ("919078345795", ["919078345795"]),
        (919078345795, ["919078345795"]),
        ("", []),
        (None, []),
        (True, []),
        ([], []),
        ({"number": 1}, []),
        ("x" * 1025, []),
        ("91\u001b[31m", []),
    ],
)
def test_a_mobile_is_kept_if_it_can_be_looked_up(sample: Event, mobile: object, expected: list[str]) -> None:
    identifiers = identifiers_of(instore(sample, mobile=mobile, email=7, cardNumbers=None))
    assert [one.value for one in identifiers if one.name is IdentifierName.MOBILE] == expected
    assert identifiers[0] == CustomerIdentifier("INSTORE", IdentifierName.ID, "387729100")


@pytest.mark.parametrize("other", [None, [], "x", {}, {"accounts": [{"accountId": "a", "identifiers": []}]}])
def test_identifiers_of_other_sources_change_nothing(other: object) -> None:
    sample = changed(events.CUSTOMER_ADDED, "data", "customerIdentifiers", "wechat", to=other)
    assert identifiers_of(sample) == identifiers_of(events.CUSTOMER_ADDED)
    sample = changed(events.CUSTOMER_ADDED, "data", "customerIdentifiers", "instore", to=other)
    assert [one.name for one in identifiers_of(sample)] == [IdentifierName.ID]


@pytest.mark.parametrize(("given", "identifier"), [("", ""), (None, ""), (..., ""), (7, "7"), ("one", "one")])
def test_the_identifier_of_a_promotion_is_optional(given: object, identifier: str) -> None:
    event = changed(events.PROMOTION_CREATED, "data", "externalIdentifier", to=given)
    [promotion] = read_event(event).promotions
    assert (promotion.promotion_identifier, promotion.name) == (identifier, "Summer")


NOT_STRICT = "not valid JSON: it has NaN, Infinity, a number out of range or half of a surrogate pair"
NOT_EVENTS: list[tuple[Event | str | bytes, str]] = [
    ("", at(1)),
    ("{", at(2)),
    (b"\xff", at(1)),
    (json.dumps(events.BADGE_EARNED).encode().replace(b'"ref-1"', b'"\xff\xfe"'), at(98)),
    (json.dumps(events.BADGE_EARNED) + "x", at(453)),
    ('{"orgId": 51135, "eventId": "\\ud800"}', NOT_STRICT),
    ('{"orgId": NaN}', NOT_STRICT),
    ("[" * 100_000, "Expected `object`, got `array`"),
    ('{"x": ' + "[" * 100_000, "nested too deeply"),
    ("[]", "Expected `object`, got `array`"),
    ("null", "Expected `object`, got `null`"),
    ('"badgeEarned"', "Expected `object`, got `str`"),
    ({}, "orgId is missing"),
    (changed(events.BADGE_EARNED, "orgId", to=...), "orgId is missing"),
    (changed(events.BADGE_EARNED, "orgId", to=None), "orgId is missing"),
    (changed(events.BADGE_EARNED, "orgId", to="x"), "Expected `int | null`, got `str` - at `$.orgId`"),
    (changed(events.BADGE_EARNED, "orgId", to="5_1"), "Expected `int | null`, got `str` - at `$.orgId`"),
    (changed(events.BADGE_EARNED, "orgId", to=-1), "Expected `int` >= 0 - at `$.orgId`"),
    (changed(events.BADGE_EARNED, "orgId", to=2**63), f"Expected `int` <= {2**63 - 1} - at `$.orgId`"),
    (wrapped(changed(events.BADGE_EARNED, "orgId", to=...)), "orgId is missing"),
    (
        changed(events.BADGE_EARNED, "eventId", to=[]),
        "Expected `int | str | null`, got `array` - at `$.eventId`",
    ),
    (
        changed(events.BADGE_EARNED, "eventId", to="x" * 1001),
        "Expected `str` of length <= 1000 - at `$.eventId`",
    ),
    *(
        (
            changed(events.BADGE_EARNED, field, to=f"evil{control}x"),
            f"Expected `str` without control characters - at `$.{field}`",
        )
        for field in ("eventId", "eventLogId", "refId")
        for control in ("\t", "\n", "\0", "\u001b[31m", "\u007f", "\u009b")
    ),
    ('{"orgId": 51135, "orgId": 51136}', "orgId is given twice"),
    (json.dumps(events.BADGE_EARNED)[:-1] + ', "eventId": "ev-2"}', "eventId is given twice"),
    (json.dumps(events.BADGE_EARNED).replace('"earnId"', '"badgeId"'), "badgeId is given twice"),
    (json.dumps(events.BADGE_EARNED).replace('"email"', '"mobile"'), "mobile is given twice"),
    ('{"orgId": 51135, "unused": [{"a": 1, "a": 1}]}', "a is given twice"),
    (f'{{"orgId": 51135, "{"x" * 101}": 1, "{"x" * 101}": 1}}', f"{'x' * 100} is given twice"),
]


@pytest.mark.parametrize(("event", "reason"), NOT_EVENTS, ids=[str(n) for n in range(len(NOT_EVENTS))])
def test_a_payload_that_is_not_an_event_of_an_organisation_is_refused(
    event: Event | str | bytes, reason: str
) -> None:
    with pytest.raises(RecordInvalid) as raised:
        read_event(event)
    assert str(raised.value) == reason


AMOUNT = "an amount must be above 0, with at most 24 digits before and 6 after the point"
NOT_DECIMAL = "amount is not written as a decimal number"
YEAR = "the year of a time must be 1973 to 9997"
NOT_AMOUNTS: tuple[object, ...] = (
    *("1_000", "\u0661\u0662", " 5 ", "+5", "", "NaN", "Infinity", "0x1", ".5", "5."),
    *(None, [], True),
)
UNREADABLE: list[tuple[Event, str]] = [
    (changed(events.BADGE_EARNED, "eventName", to=...), "eventName is missing"),
    (changed(events.BADGE_EARNED, "eventName", to=[]), "eventName is missing"),
    (changed(events.BADGE_EARNED, "data", to=...), "Expected `object`, got `null` - at `data`"),
    (changed(events.BADGE_EARNED, "data", to=[]), "Expected `object`, got `array` - at `data`"),
    (changed(events.BADGE_EARNED, "data", to="{}"), "Expected `object`, got `str` - at `data`"),
    (wrapped(changed(events.BADGE_EARNED, "data", to=7)), "Expected `object`, got `int` - at `data`"),
    *(
        (changed(events.BADGE_EARNED, "createdAt", to=created_at), reason)
        for created_at, reason in (
            (-1, "Expected `int` >= 0 - at `createdAt`"),
            (10**18, "Expected `int` <= 253370764800000 - at `createdAt`"),
            (1, YEAR),
            (1_753_187, YEAR),
            ("yesterday", "Invalid RFC3339 encoded datetime - at `createdAt`"),
            ("2025-07-22T10:00:00", "Expected `datetime` with a timezone component - at `createdAt`"),
            ([], "Expected `int | datetime | null`, got `array` - at `createdAt`"),
        )
    ),
    *(
        (
            changed(sample, "data", "customerIdentifiers", to=...),
            "Object missing required field `customerIdentifiers` - at `data`",
        )
        for sample in (
            events.POINTS_ISSUED,
            events.ALTERNATE_CURRENCIES_ISSUED,
            events.BADGE_EARNED,
            events.REWARD_ISSUED,
            events.CUSTOMER_ADDED,
        )
    ),
    (
        changed(events.CUSTOMER_ADDED, "data", "customerIdentifiers", "customerId", to=...),
        "Object missing required field `customerId` - at `data.customerIdentifiers`",
    ),
    (
        changed(events.CUSTOMER_ADDED, "data", "customerIdentifiers", "customerId", to=2**63),
        f"Expected `int` <= {2**63 - 1} - at `data.customerIdentifiers.customerId`",
    ),
    *((points(amount), AMOUNT) for amount in (-1, "-0.5", "1e24", "9" * 24 + ".9999999", 10**30)),
    *((points(amount), NOT_DECIMAL) for amount in NOT_AMOUNTS),
    (changed(points(1), *PROMOTED, "promotionPoints", to=...), NOT_DECIMAL),
    (
        changed(points(1), *PROMOTED, "promotionIdentifier", to="x" * 1025),
        "Expected `str` of length <= 1024 - at `data.promotionalPointsIssued[0].promotionIdentifier`",
    ),
    (
        changed(events.BADGE_EARNED, "data", "promotionIdentifier", to="one\n"),
        "Expected `str` without control characters - at `data.promotionIdentifier`",
    ),
    (
        changed(
            events.ALTERNATE_CURRENCIES_ISSUED,
            "data",
            "alternateCurrencies",
            1,
            "alternateCurrencyName",
            to="",
        ),
        "alternateCurrencyName is missing",
    ),
    (
        changed(events.BADGE_EARNED, "data", "badgeId", to=...),
        "Object missing required field `badgeId` - at `data`",
    ),
    (
        changed(events.BADGE_EARNED, "data", "promotionId", to=-1),
        "Expected `int` >= 0 - at `data.promotionId`",
    ),
    (
        changed(events.COUPON_ISSUE, "data", "coupons", 0, "issued_on", to="yesterday"),
        "Invalid RFC3339 encoded datetime - at `data.coupons[0].issued_on`",
    ),
    (
        changed(events.PROMOTION_CREATED, "data", "promotionId", to=...),
        "Object missing required field `promotionId` - at `data`",
    ),
]


@pytest.mark.parametrize(("event", "problem"), UNREADABLE, ids=[str(n) for n in range(len(UNREADABLE))])
def test_an_unreadable_event_has_a_reason_and_no_records(event: Event, problem: str) -> None:
    other = read_event(event)
    assert (other.problem, other.known) == (problem, True)
    assert (other.organization_id, other.event_id) == (51135, "ev-1")
    assert (other.identifiers, other.promotions, other.issuances) == ([], [], [])


def test_a_repeated_key_is_found_at_once_in_a_large_event() -> None:
    keys = ", ".join(f'"k{n}": 1' for n in range(100_000))
    with pytest.raises(RecordInvalid, match=r"^k99999 is given twice$"):
        read_event(f'{{"orgId": 51135, {keys}, "k99999": 1}}')
