"""One table of cases that both the REST API and the GraphQL API must answer with the same data."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.auth.credentials import authorization
from gateway.commands.sample_data import (
    CUSTOMER,
    CUSTOMER_WITHOUT_BENEFITS,
    MOBILE_WITHOUT_BENEFITS,
    OTHER_TILL,
    PASSWORD,
    PROMOTION,
)
from loaders import ledger
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, IdentifierName, IssuanceType
from loaders.ledger import Issuance
from loaders.promotions import Promotion
from loaders.store import Store
from tests.helpers.gateway import DOCUMENTED, Gateway, new_tenant

BOTH_APIS = pytest.mark.parametrize("api", ["rest", "graphql"])
ANSWER = {
    "orgId": 51135,
    "programId": 2568,
    "customerId": CUSTOMER,
    "promotionId": PROMOTION.promotion_id,
    "promotionIdentifier": PROMOTION.promotion_identifier,
    "points": [
        {
            "pointsCategory": category,
            "totalPointsIssued": Decimal("600.000"),
            "numberOfTimesIssued": 6,
            "lastIssuedOn": "2025-07-22T17:36:21+05:30",
        }
        for category in ("REGULAR_POINTS", "PROMISED_POINTS")
    ],
    "alternateCurrencies": [
        {
            "alternateCurrencyName": "DocCoin",
            "alternateCurrencySubDetails": [
                {
                    "alternateCurrencyType": "REGULAR",
                    "totalIssued": Decimal("5600.000"),
                    "numberOfTimesIssued": 8,
                    "lastIssuedOn": "2025-07-22T17:36:21+05:30",
                }
            ],
        }
    ],
    "rewards": [
        {
            "rewardSeriesId": "113336.0",
            "numberOfTimesIssued": 2,
            "lastIssuedOn": "2025-07-29T16:30:01+05:30",
        }
    ],
    "badges": [
        {
            "badgeSeriesId": "67ce697296dcfc6386c64f8a",
            "numberOfTimesIssued": 8,
            "lastIssuedOn": "2025-07-22T17:36:23+05:30",
        }
    ],
    "warnings": [],
}
NOTHING_EARNED = {
    **ANSWER,
    "customerId": CUSTOMER_WITHOUT_BENEFITS,
    "points": [],
    "alternateCurrencies": [],
    "rewards": [],
    "badges": [],
    "warnings": [{"code": 8116, "message": "No benefits earned by customer for the given promotion."}],
}
IDENTIFIER = PROMOTION.promotion_identifier

# Changes to the documented request (None removes a parameter), and the answer.
CASES: list[tuple[str, dict[str, str | None], dict[str, Any]]] = [
    ("the documented request", {}, ANSWER),
    ("by id", {"identifierName": "id", "identifierValue": str(CUSTOMER)}, ANSWER),
    ("by external id", {"identifierName": "externalId", "identifierValue": f"EXT-{CUSTOMER}"}, ANSWER),
    ("promotion by identifier", {"promotionId": None, "promotionIdentifier": IDENTIFIER}, ANSWER),
    ("promotion by both", {"promotionIdentifier": IDENTIFIER}, ANSWER),
    ("an empty promotion identifier is none", {"promotionIdentifier": ""}, ANSWER),
    ("an empty promotion id is none", {"promotionId": "", "promotionIdentifier": IDENTIFIER}, ANSWER),
    ("leading zeros", {"programId": "0" * 30 + "2568", "promotionId": "02000065"}, ANSWER),
    ("nothing earned", {"identifierValue": MOBILE_WITHOUT_BENEFITS}, NOTHING_EARNED),
    ("identifier value empty", {"identifierValue": ""}, {"error": 8002}),
    ("programme empty", {"programId": ""}, {"error": 8883}),
    ("programme not a number", {"programId": "abc"}, {"error": 8883}),
    ("programme signed", {"programId": "-2568"}, {"error": 8883}),
    ("programme in other digits", {"programId": "٢٥٦٨"}, {"error": 8883}),
    ("programme with a blank", {"programId": " 2568"}, {"error": 8883}),
    ("programme beyond 64 bits", {"programId": str(2**63)}, {"error": 8883}),
    ("programme of 5,000 digits", {"programId": "9" * 5000}, {"error": 8883}),
    ("no promotion", {"promotionId": None}, {"error": 8883}),
    ("both promotion parameters empty", {"promotionId": "", "promotionIdentifier": ""}, {"error": 8883}),
    ("customer unknown", {"identifierValue": "910000000000"}, {"error": 8015}),
    ("customer of another source", {"source": "FACEBOOK"}, {"error": 8015}),
    ("customer by another name", {"identifierName": "externalId"}, {"error": 8015}),
    ("identifier with blanks", {"identifierValue": " 919078345795"}, {"error": 8015}),
    ("promotion unknown", {"promotionId": "404"}, {"error": 8874}),
    ("promotion not a number", {"promotionId": "abc"}, {"error": 8874}),
    ("promotion beyond 64 bits", {"promotionId": str(2**63)}, {"error": 8874}),
    (
        "not a number beside an identifier",
        {"promotionId": "x", "promotionIdentifier": IDENTIFIER},
        {"error": 8874},
    ),
    ("promotion identifier unknown", {"promotionId": None, "promotionIdentifier": "x"}, {"error": 8874}),
    ("promotion parameters disagree", {"promotionIdentifier": "demo-promotion-2000066"}, {"error": 8874}),
    ("another programme", {"programId": "2569"}, {"error": 8105}),
    ("largest id", {"programId": str(2**63 - 1)}, {"error": 8105}),
    # The order of the checks: the first check that fails decides the error.
    ("8002 before 8883", {"identifierValue": "", "programId": ""}, {"error": 8002}),
    ("8883 before 8015", {"identifierValue": "0", "programId": ""}, {"error": 8883}),
    ("8015 before 8874", {"identifierValue": "0", "promotionId": "abc"}, {"error": 8015}),
    ("8015 before 8105", {"identifierValue": "0", "programId": "1"}, {"error": 8015}),
    ("8874 before 8105", {"promotionId": "404", "programId": "1"}, {"error": 8874}),
]


@BOTH_APIS
@pytest.mark.parametrize(("changes", "answer"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_both_apis_give_the_expected_answer(
    gateway: Gateway, api: str, changes: dict[str, str | None], answer: dict[str, Any]
) -> None:
    parameters = {name: value for name, value in {**DOCUMENTED, **changes}.items() if value is not None}
    assert await gateway.ask(api, parameters) == answer


@BOTH_APIS
async def test_another_organisation_with_the_same_ids_has_its_own_totals_and_zone(
    gateway: Gateway, api: str
) -> None:
    headers = {"Authorization": authorization(OTHER_TILL, PASSWORD)}
    answer = await gateway.ask(api, DOCUMENTED, headers)
    assert answer["orgId"] == 51136
    assert answer["points"] == [
        {
            "pointsCategory": category,
            "totalPointsIssued": Decimal("150.000"),
            "numberOfTimesIssued": 6,
            "lastIssuedOn": "2025-08-21T08:06:21-04:00",
        }
        for category in ("REGULAR_POINTS", "PROMISED_POINTS")
    ]
    unknown_here = {**DOCUMENTED, "promotionId": "2000066"}
    assert await gateway.ask(api, unknown_here, headers) == {"error": 8874}


@BOTH_APIS
async def test_large_ids_are_exact(gateway: Gateway, store: Store, api: str) -> None:
    promotion = Promotion(2**31 + 1, 2**53 + 1, "large")
    tenant = await new_tenant(store, customer_id=2**63 - 1, promotion=promotion)
    answer = await gateway.ask(api, tenant.parameters, tenant.headers)
    assert (answer["orgId"], answer["programId"], answer["customerId"], answer["promotionId"]) == (
        tenant.organization.id,
        2**31 + 1,
        2**63 - 1,
        2**53 + 1,
    )


@BOTH_APIS
@pytest.mark.parametrize(
    ("amounts", "total"),
    [
        (["999999999999999999999999.999999"], "1000000000000000000000000.000"),
        (["999999999999999999999999"] * 3 + ["0.0005"], "2999999999999999999999997.001"),
        (["0.1", "0.2"], "0.300"),
        (["0.0005"], "0.001"),
        (["0.000499"], "0.000"),
        (["1e3"], "1000.000"),
    ],
)
async def test_sums_are_exact_and_rounded_half_up_to_three_digits(
    gateway: Gateway, store: Store, api: str, amounts: list[str], total: str
) -> None:
    tenant = await new_tenant(store)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    await tenant.issue(tenant.points(f"e{n}", amount, now) for n, amount in enumerate(amounts))
    answer = await gateway.ask(api, tenant.parameters, tenant.headers)
    assert [str(row["totalPointsIssued"]) for row in answer["points"]] == [total]


NAMES = [
    "quote \" and ' and \\",
    "$amount",
    "a.b.c",
    "$$ROOT.$x",
    "emoji 🎉",
    "NUL \0 inside",
    "Ünïcødé",
    "\uff5a",
]


@BOTH_APIS
async def test_names_come_back_exact_and_in_code_point_order(
    gateway: Gateway, store: Store, api: str
) -> None:
    tenant = await new_tenant(store)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    await tenant.issue(
        Issuance(
            f"{benefit}-{n}",
            tenant.customer_id,
            tenant.promotion.promotion_id,
            benefit,
            now,
            item=name,
            type=IssuanceType.REGULAR if benefit is Benefit.ALTERNATE_CURRENCY else None,
            amount=Decimal(1) if benefit is Benefit.ALTERNATE_CURRENCY else None,
        )
        for benefit in (Benefit.ALTERNATE_CURRENCY, Benefit.REWARD, Benefit.BADGE)
        for n, name in enumerate(NAMES)
    )
    answer = await gateway.ask(api, tenant.parameters, tenant.headers)
    expected = sorted(NAMES, key=lambda name: [ord(character) for character in name])
    assert [row["alternateCurrencyName"] for row in answer["alternateCurrencies"]] == expected
    assert [row["rewardSeriesId"] for row in answer["rewards"]] == expected
    assert [row["badgeSeriesId"] for row in answer["badges"]] == expected


@BOTH_APIS
@pytest.mark.parametrize("value", NAMES)
async def test_identifiers_of_any_characters_are_found(
    gateway: Gateway, store: Store, api: str, value: str
) -> None:
    promotion = Promotion(1, 1, value)
    tenant = await new_tenant(store, mobile=value, promotion=promotion)
    parameters = {**tenant.parameters, "promotionIdentifier": value}
    del parameters["promotionId"]
    answer = await gateway.ask(api, parameters, tenant.headers)
    assert (answer["customerId"], answer["promotionIdentifier"]) == (1, value)


@BOTH_APIS
async def test_types_come_in_their_documented_order(gateway: Gateway, store: Store, api: str) -> None:
    tenant = await new_tenant(store)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    point = tenant.points("", "1", now)
    types = [IssuanceType.EXTERNAL_TRIGGER_BASED, IssuanceType.REGULAR, IssuanceType.PROMISED]
    await tenant.issue(
        Issuance(
            f"{benefit}-{type_}",
            1,
            1,
            benefit,
            now,
            None if benefit is Benefit.POINTS else "Coin",
            type_,
            point.amount,
        )
        for benefit in (Benefit.POINTS, Benefit.ALTERNATE_CURRENCY)
        for type_ in types
    )
    answer = await gateway.ask(api, tenant.parameters, tenant.headers)
    assert [row["pointsCategory"] for row in answer["points"]] == [
        "REGULAR_POINTS",
        "PROMISED_POINTS",
        "EXTERNAL_TRIGGER_BASED_POINTS",
    ]
    [coin] = answer["alternateCurrencies"]
    assert [row["alternateCurrencyType"] for row in coin["alternateCurrencySubDetails"]] == [
        "REGULAR",
        "PROMISED",
        "EXTERNAL_TRIGGER_BASED",
    ]


@BOTH_APIS
@pytest.mark.parametrize("time_zone", ["UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"])
async def test_the_first_day_starts_at_local_midnight(
    gateway: Gateway, store: Store, api: str, time_zone: str
) -> None:
    tenant = await new_tenant(store, time_zone=time_zone)
    midnight = datetime(2025, 6, 12, tzinfo=tenant.organization.time_zone)
    before = midnight - timedelta(milliseconds=1)
    await tenant.issue([tenant.points("before", "1", before), tenant.points("at", "10", midnight)])
    [row] = (await gateway.ask(api, tenant.parameters, tenant.headers))["points"]
    assert (row["totalPointsIssued"], row["lastIssuedOn"]) == (10, midnight.isoformat())


@BOTH_APIS
async def test_fractions_of_a_second_are_cut(gateway: Gateway, store: Store, api: str) -> None:
    tenant = await new_tenant(store)
    await tenant.issue([tenant.points("e", "1", datetime(2026, 1, 1, 0, 0, 0, 999_000, tzinfo=UTC))])
    [row] = (await gateway.ask(api, tenant.parameters, tenant.headers))["points"]
    assert row["lastIssuedOn"] == "2026-01-01T00:00:00+00:00"


@BOTH_APIS
async def test_a_customer_of_one_organisation_is_unknown_in_another(
    gateway: Gateway, store: Store, api: str
) -> None:
    here, there = await new_tenant(store), await new_tenant(store)
    elsewhere = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, "919000000002")
    await ledger.put_identifiers(store, there.organization.id, [(elsewhere, 2)])
    parameters = {**here.parameters, "identifierValue": "919000000002"}
    assert await gateway.ask(api, parameters, here.headers) == {"error": 8015}
    assert (await gateway.ask(api, parameters, there.headers))["customerId"] == 2
