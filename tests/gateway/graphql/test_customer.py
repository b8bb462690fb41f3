"""`Query.customer`: the summaries of a list of promotions, and pages of all promotions with benefits."""

import base64
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.commands.sample_data import CUSTOMER, MOBILE, PROMOTION
from gateway.commands.sample_data import MOBILE_WITHOUT_BENEFITS as OTHER
from loaders import Dispatchers, Loaders, ledger, merges_and_erasures
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, IdentifierName, IssuanceType
from loaders.ledger import Issuance
from loaders.promotions import Promotion
from loaders.store import Store
from resolvers.errors import CustomerNotFound
from resolvers.summary_lists import find_customer
from tests.conftest import OpenGateway
from tests.helpers.faults import DatabaseProxy
from tests.helpers.gateway import Gateway, Tenant, data_commands, new_tenant

LIST = """
query Wallet($mobile: String!, $programId: ID, $ids: [ID!], $identifiers: [String!]) {
  customer(source: INSTORE, identifierName: MOBILE, identifierValue: $mobile) {
    id
    promotionActionSummaries(programId: $programId, promotionIds: $ids, promotionIdentifiers: $identifiers) {
      id
      promotion { id identifier name programId }
      points { totalPointsIssued }
    }
  }
}
"""
PAGE = """
query Earned($mobile: String!, $programId: ID, $first: Int, $after: String) {
  customer(source: INSTORE, identifierName: MOBILE, identifierValue: $mobile) {
    earnedPromotions(programId: $programId, first: $first, after: $after) {
      edges { cursor node { promotion { id name } points { totalPointsIssued } badges { badgeSeriesId } } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""
ONE_LIST = "Exactly one of promotionIds and promotionIdentifiers is required."
AT = datetime(2026, 1, 1, tzinfo=UTC)


def points(promotion_id: int, amount: str, customer_id: int = 1, at: datetime = AT) -> Issuance:
    return Issuance(
        f"e-{customer_id}-{promotion_id}-{at.timestamp()}",
        customer_id,
        promotion_id,
        Benefit.POINTS,
        at,
        type=IssuanceType.REGULAR,
        amount=Decimal(amount),
    )


@pytest.fixture
async def tenant(store: Store) -> Tenant:
    """A customer with n points from promotion n: 11 to 15, and 20, which is of another programme."""
    tenant = await new_tenant(store)
    promotions = [
        *(Promotion(1, n, f"p{n}", f"Promotion {n}") for n in range(11, 16)),
        Promotion(2, 20, "", "Promotion 20"),
    ]
    await ledger.put_promotions(store, tenant.organization.id, promotions)
    identifier = CustomerIdentifier("INSTORE", IdentifierName.ID, "1")
    await ledger.put_identifiers(store, tenant.organization.id, [(identifier, 1)])
    await tenant.issue([*(points(n, str(n)) for n in (*range(11, 16), 20)), points(11, "5", 10)])
    return tenant


async def ask(gateway: Gateway, tenant: Tenant, query: str, **variables: object) -> dict[str, Any]:
    response = await gateway.graphql(query, {"mobile": tenant.mobile, **variables}, tenant.headers)
    body: dict[str, Any] = response.json()
    return body


def summary(promotion_id: int, program_id: int = 1) -> dict[str, Any]:
    return {
        "id": f"1:{promotion_id}",
        "promotion": {
            "id": str(promotion_id),
            "identifier": f"p{promotion_id}" if program_id == 1 else None,
            "name": f"Promotion {promotion_id}",
            "programId": str(program_id),
        },
        "points": [{"totalPointsIssued": f"{promotion_id}.000"}],
    }


@pytest.mark.parametrize(
    ("variables", "promotion_ids"),
    [
        ({"ids": ["12"]}, [12]),
        ({"ids": ["13", "11", "20"]}, [13, 11, 20]),
        ({"ids": ["12", "12", "012"]}, [12, 12, 12]),
        ({"identifiers": ["p15", "p11"]}, [15, 11]),
        ({"ids": ["14", "15"], "programId": "1"}, [14, 15]),
        ({"ids": ["12"], "identifiers": None}, [12]),
        ({"ids": ["12"] * 100}, [12] * 100),
    ],
    ids=["one", "three", "duplicates", "identifiers", "of a programme", "the other list null", "hundred"],
)
async def test_a_list_has_a_summary_per_promotion_in_its_order(
    gateway: Gateway, tenant: Tenant, variables: dict[str, object], promotion_ids: list[int]
) -> None:
    body = await ask(gateway, tenant, LIST, **variables)
    expected = [summary(one, 2 if one == 20 else 1) for one in promotion_ids]
    assert body == {"data": {"customer": {"id": "1", "promotionActionSummaries": expected}}}


@pytest.mark.parametrize(
    ("entry", "code"),
    [("99", 8874), ("20", 8105), ("summer", 8874), ("", 8874), (str(2**63), 8874)],
    ids=["unknown", "of another programme", "not a number", "empty", "over 64 bits"],
)
async def test_an_entry_without_a_summary_is_null_with_an_error_at_its_place(
    gateway: Gateway, tenant: Tenant, entry: str, code: int
) -> None:
    body = await ask(gateway, tenant, LIST, ids=["12", entry, "13"], programId="1")
    summaries = [summary(12), None, summary(13)]
    assert body["data"] == {"customer": {"id": "1", "promotionActionSummaries": summaries}}
    [error] = body["errors"]
    assert error["path"] == ["customer", "promotionActionSummaries", 1]
    assert error["extensions"]["errorCode"] == code


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"ids": ["summer"]}, "promotionIds takes digits only, up to 9223372036854775807."),
        ({"ids": ["99"]}, None),
        ({"identifiers": [""]}, None),
    ],
    ids=["not a number", "unknown", "an empty identifier"],
)
async def test_the_error_of_an_entry_that_is_not_a_number_has_a_reason(
    gateway: Gateway, tenant: Tenant, variables: dict[str, object], reason: str | None
) -> None:
    [error] = (await ask(gateway, tenant, LIST, **variables))["errors"]
    assert error["extensions"].get("reason") == reason


@pytest.mark.parametrize(
    "query", [LIST, LIST.replace("id\n", "id @include(if: true)\n")], ids=["compiled", "executed"]
)
async def test_a_list_that_cannot_be_read_fails_with_one_error(
    gateway_with: OpenGateway, tenant: Tenant, proxy: DatabaseProxy, query: str
) -> None:
    async with gateway_with(mongodb_uri=proxy.uri) as gateway:
        proxy.reply("aggregate", {"ok": 0, "code": 13, "codeName": "Unauthorized", "errmsg": ""})
        body = await ask(gateway, tenant, query, ids=["12", "99", "13"])
    assert body["data"] == {"customer": None}
    [error] = body["errors"]
    assert error["path"] == ["customer", "promotionActionSummaries"]
    assert error["extensions"] == {"code": "DATA_UNAVAILABLE", "errorCode": 8105}


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"ids": []}, "promotionIds must have 1 to 100 entries; it has 0."),
        ({"identifiers": []}, "promotionIdentifiers must have 1 to 100 entries; it has 0."),
        ({}, ONE_LIST),
        (
            {"ids": ["1"], "identifiers": ["one"]},
            ONE_LIST,
        ),
        ({"ids": ["1"], "programId": "x"}, "programId takes digits only, up to 9223372036854775807."),
    ],
    ids=["no ids", "no identifiers", "no list", "both lists", "programId"],
)
async def test_an_invalid_list_is_an_error_before_it_is_looked_up(
    gateway: Gateway, tenant: Tenant, variables: dict[str, object], reason: str
) -> None:
    gateway.commands.clear()
    body = await ask(gateway, tenant, LIST, **variables)
    assert body["data"] == {"customer": None}
    [error] = body["errors"]
    assert (error["message"], error["path"]) == ("Invalid argument", ["customer", "promotionActionSummaries"])
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "errorCode": 400, "reason": reason}
    assert data_commands(gateway) == ["customer_identifiers"]


@pytest.mark.parametrize(
    ("query", "variables", "got"),
    [
        (LIST, {"ids": ["12"] * 101}, 101),
        (PAGE, {"first": 101}, 101),
        (
            "query ($mobile: String!) { "
            + "customer(source: INSTORE, identifierName: MOBILE, identifierValue: $mobile) { "
            + " ".join(f"a{n}: earnedPromotions(first: {n}) {{ edges {{ cursor }} }}" for n in (50, 51))
            + "} }",
            {},
            101,
        ),
    ],
    ids=["list", "page", "pages"],
)
async def test_lists_and_pages_over_the_limit_are_refused_before_any_look_up(
    gateway: Gateway, tenant: Tenant, query: str, variables: dict[str, object], got: int
) -> None:
    gateway.commands.clear()
    body = await ask(gateway, tenant, query, **variables)
    assert [error["message"] for error in body["errors"]] == [
        f"The limit of summaries is 100; this request has {got}."
    ]
    assert data_commands(gateway) == []


@pytest.mark.parametrize(
    ("query", "variables", "cold"),
    [
        (
            LIST,
            {"ids": [str(n) for n in range(11, 16)] * 4},
            ["customer_identifiers", "promotions", "issuances"],
        ),
        (PAGE, {}, ["customer_identifiers", "issuances", "promotions"]),
    ],
    ids=["a list of twenty", "a page"],
)
async def test_a_list_and_a_page_send_three_commands_cold_and_one_warm(
    gateway_with: OpenGateway, tenant: Tenant, query: str, variables: dict[str, object], cold: list[str]
) -> None:
    async with gateway_with(lookup_cache_seconds=3600) as gateway:
        for expected in (cold, ["issuances"]):
            gateway.commands.clear()
            await ask(gateway, tenant, query, **variables)
            assert data_commands(gateway) == expected


async def pages(gateway: Gateway, tenant: Tenant, **variables: object) -> list[list[int]]:
    """The promotion ids of all pages."""
    found: list[list[int]] = []
    after = None
    while True:
        page = (await ask(gateway, tenant, PAGE, after=after, **variables))["data"]["customer"][
            "earnedPromotions"
        ]
        found.append([int(edge["node"]["promotion"]["id"]) for edge in page["edges"]])
        info = page["pageInfo"]
        cursors = [edge["cursor"] for edge in page["edges"]]
        assert (info["startCursor"], info["endCursor"]) == ((cursors or [None])[0], (cursors or [None])[-1])
        assert info["hasPreviousPage"] is False
        if not info["hasNextPage"]:
            return found
        after = info["endCursor"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, [[20, 15, 14, 13, 12, 11]]),
        ({"first": 2}, [[20, 15], [14, 13], [12, 11]]),
        ({"first": 4}, [[20, 15, 14, 13], [12, 11]]),
        ({"first": 2, "programId": "1"}, [[15, 14], [13, 12], [11]]),
        ({"programId": "2"}, [[20]]),
        ({"programId": "3"}, [[]]),
    ],
    ids=str,
)
async def test_pages_have_each_promotion_once_the_highest_id_first(
    gateway: Gateway, tenant: Tenant, variables: dict[str, object], expected: list[list[int]]
) -> None:
    assert await pages(gateway, tenant, **variables) == expected


async def test_an_entry_has_the_totals_of_its_promotion(gateway: Gateway, tenant: Tenant) -> None:
    badge = Issuance("b-1", 1, 15, Benefit.BADGE, AT, item="gold")
    await tenant.issue([badge, points(15, "0.5", at=AT + timedelta(1))])
    body = await ask(gateway, tenant, PAGE, first=2)
    assert [edge["node"] for edge in body["data"]["customer"]["earnedPromotions"]["edges"]] == [
        {
            "promotion": {"id": "20", "name": "Promotion 20"},
            "points": [{"totalPointsIssued": "20.000"}],
            "badges": [],
        },
        {
            "promotion": {"id": "15", "name": "Promotion 15"},
            "points": [{"totalPointsIssued": "15.500"}],
            "badges": [{"badgeSeriesId": "gold"}],
        },
    ]


async def test_issuances_before_the_first_day_make_no_entry(
    gateway: Gateway, tenant: Tenant, store: Store
) -> None:
    await ledger.put_promotions(store, tenant.organization.id, [Promotion(1, 30, "p30", "Promotion 30")])
    await tenant.issue([points(30, "1", at=datetime(2025, 6, 11, 23, 59, tzinfo=UTC))])
    assert await pages(gateway, tenant) == [[20, 15, 14, 13, 12, 11]]


async def test_paging_visits_each_promotion_once_while_new_issuances_arrive(
    gateway: Gateway, tenant: Tenant, store: Store
) -> None:
    added = [Promotion(1, n, f"p{n}", f"Promotion {n}") for n in range(100, 160)]
    await ledger.put_promotions(store, tenant.organization.id, added)
    await tenant.issue([points(n, "1") for n in range(100, 160, 2)])
    seen: list[int] = []
    after = None
    arriving = iter(range(101, 160, 2))
    while True:
        body = await ask(gateway, tenant, PAGE, first=5, after=after)
        page = body["data"]["customer"]["earnedPromotions"]
        seen += [int(edge["node"]["promotion"]["id"]) for edge in page["edges"]]
        await tenant.issue([points(next(arriving), "1"), points(next(arriving), "1")])
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert seen == sorted(set(seen), reverse=True)
    assert {*range(100, 160, 2), *range(11, 16), 20} <= set(seen)


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"first": 0}, "first must be 1 to 100."),
        ({"first": -1}, "first must be 1 to 100."),
        ({"after": "x"}, "after is not a cursor of this customer's promotions."),
        ({"after": "MToxOjE6MQ"}, "after is not a cursor of this customer's promotions."),
        ({"programId": "-1"}, "programId takes digits only, up to 9223372036854775807."),
    ],
    ids=["no entries", "fewer than none", "no cursor", "a cursor of another organisation", "programId"],
)
async def test_invalid_arguments_of_a_page_are_an_error(
    gateway: Gateway, tenant: Tenant, variables: dict[str, object], reason: str
) -> None:
    body = await ask(gateway, tenant, PAGE, **variables)
    assert body["data"] == {"customer": None}
    assert [error["extensions"]["reason"] for error in body["errors"]] == [reason]


async def test_a_cursor_of_another_customer_is_refused(
    gateway: Gateway, tenant: Tenant, store: Store
) -> None:
    other = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, "919000000010")
    await ledger.put_identifiers(store, tenant.organization.id, [(other, 10)])
    body = await ask(gateway, tenant, PAGE, mobile=other.value)
    cursor = body["data"]["customer"]["earnedPromotions"]["edges"][0]["cursor"]
    body = await ask(gateway, tenant, PAGE, after=cursor)
    assert [error["message"] for error in body["errors"]] == ["Invalid argument"]


ARGUMENTS: list[tuple[str, int]] = [
    ("", 400),
    ('(identifierName: MOBILE, identifierValue: "9")', 8001),
    ('(source: INSTORE, identifierValue: "9")', 8002),
    ("(source: INSTORE, identifierName: MOBILE)", 8002),
    ('(source: INSTORE, identifierName: MOBILE, identifierValue: "0")', 8015),
]


@pytest.mark.parametrize(("arguments", "code"), ARGUMENTS, ids=[one or "none" for one, _ in ARGUMENTS])
async def test_a_customer_that_cannot_be_found_is_null_with_an_error(
    gateway: Gateway, tenant: Tenant, arguments: str, code: int
) -> None:
    body = await ask(gateway, tenant, f"{{ customer{arguments} {{ id }} }}")
    assert body["data"] == {"customer": None}
    assert [error["extensions"]["errorCode"] for error in body["errors"]] == [code]


@pytest.mark.parametrize(
    ("declared", "listed", "value"),
    [
        ("$a: ID!", "promotionIds: [$a, 11]", "12"),
        ("$a: String!", 'promotionIdentifiers: [$a, "p11"]', "p12"),
    ],
    ids=["ids", "identifiers"],
)
async def test_an_entry_of_a_list_may_be_a_variable(
    gateway: Gateway, tenant: Tenant, declared: str, listed: str, value: str
) -> None:
    customer = "customer(source: INSTORE, identifierName: MOBILE, identifierValue: $m)"
    query = (
        f"query ($m: String!, {declared}) {{ {customer} {{ promotionActionSummaries({listed}) {{ id }} }} }}"
    )
    response = await gateway.graphql(query, {"m": tenant.mobile, "a": value}, tenant.headers)
    summaries = [{"id": "1:12"}, {"id": "1:11"}]
    assert response.json() == {"data": {"customer": {"promotionActionSummaries": summaries}}}


@pytest.mark.parametrize(
    "fields",
    [
        "customer { id @include(if: $d) }",
        "customer @include(if: $d) { id }",
        "customer { id } a: __typename @skip(if: $d)",
    ],
    ids=["below the customer", "customer", "beside the customer"],
)
@pytest.mark.parametrize("headers", [{}, {"X-CAP-COST": "1"}], ids=["plain", "with the cost"])
async def test_a_condition_that_is_null_is_an_error_of_the_request(
    gateway: Gateway, tenant: Tenant, fields: str, headers: dict[str, str]
) -> None:
    query = f"query ($d: Boolean = true) {{ {fields} }}"
    response = await gateway.graphql(query, {"d": None}, {**tenant.headers, **headers})
    assert response.status_code == 200
    assert {error["extensions"]["errorCode"] for error in response.json()["errors"]} == {400}


async def test_another_organisation_has_nothing(gateway: Gateway, tenant: Tenant, store: Store) -> None:
    other = await new_tenant(store)
    body = await ask(gateway, other, LIST, ids=["11", "1"])
    summaries = body["data"]["customer"]["promotionActionSummaries"]
    assert [one and one["points"] for one in summaries] == [None, []]
    assert await pages(gateway, other) == [[]]


async def test_a_customers_token_reads_its_customer_without_arguments(gateway: Gateway) -> None:
    token = await gateway.token(source="INSTORE", identifierName="mobile", identifierValue=MOBILE)
    headers = {"Authorization": f"Bearer {token}"}
    query = "{ customer { id earnedPromotions(first: 1) { edges { node { promotion { id } } } } } }"
    gateway.commands.clear()
    body = (await gateway.graphql(query, headers=headers)).json()
    edges = [{"node": {"promotion": {"id": str(PROMOTION.promotion_id)}}}]
    assert body == {"data": {"customer": {"id": str(CUSTOMER), "earnedPromotions": {"edges": edges}}}}
    assert data_commands(gateway) == ["customer_statuses", "issuances", "promotions"]


@pytest.mark.parametrize("condition", ["", "@include(if: true)"], ids=["compiled", "executed"])
async def test_a_request_looks_up_the_customer_of_its_token_once(gateway: Gateway, condition: str) -> None:
    token = await gateway.token(source="INSTORE", identifierName="mobile", identifierValue=MOBILE)
    headers = {"Authorization": f"Bearer {token}", "X-CAP-COST": "1"}
    query = " ".join(f"a{n}: customer {condition} {{ id }}" for n in range(100))
    gateway.commands.clear()
    body = (await gateway.graphql(f"{{ {query} }}", headers=headers)).json()
    assert body["data"] == {f"a{n}": {"id": str(CUSTOMER)} for n in range(100)}
    assert body["extensions"]["cost"] == {"summaries": 0, "commands": {"find": 1, "aggregate": 0}}
    assert data_commands(gateway) == ["customer_statuses"]


async def test_another_customer_is_unknown_to_a_customers_token(gateway: Gateway) -> None:
    token = await gateway.token(source="INSTORE", identifierName="mobile", identifierValue=MOBILE)
    headers = {"Authorization": f"Bearer {token}"}
    bodies = []
    for mobile in (OTHER, "1"):
        arguments = f'source: INSTORE, identifierName: MOBILE, identifierValue: "{mobile}"'
        query = f"{{ customer({arguments}) {{ id }} }}"
        bodies.append((await gateway.graphql(query, headers=headers)).json())
    assert bodies[0] == bodies[1]
    assert bodies[0]["data"] == {"customer": None}
    assert [error["extensions"]["errorCode"] for error in bodies[0]["errors"]] == [8015]


async def test_an_erased_customer_is_unknown_to_a_token_without_arguments(
    store: Store, tenant: Tenant
) -> None:
    await merges_and_erasures.erase(store, tenant.organization.id, 1)
    loaders = Loaders(Dispatchers(store), tenant.organization, date(2025, 6, 12), 1)
    with pytest.raises(CustomerNotFound):
        await find_customer(loaders, None)


async def test_a_page_includes_the_customers_that_were_merged(
    gateway: Gateway, tenant: Tenant, store: Store
) -> None:
    await tenant.issue([points(12, "1", 10)])
    await merges_and_erasures.merge(store, tenant.organization.id, 10, 1)
    body = await ask(gateway, tenant, PAGE)
    page = body["data"]["customer"]["earnedPromotions"]
    assert [
        (edge["node"]["promotion"]["id"], edge["node"]["points"][0]["totalPointsIssued"])
        for edge in page["edges"]
    ] == [
        *(("20", "20.000"), ("15", "15.000"), ("14", "14.000"), ("13", "13.000")),
        *(("12", "13.000"), ("11", "16.000")),
    ]


async def test_a_page_of_unknown_promotions_is_empty_and_leads_to_the_next(
    gateway: Gateway, tenant: Tenant
) -> None:
    await tenant.issue([points(31, "1"), points(32, "1")])
    found, after = [], None
    for _ in range(2):
        body = await ask(gateway, tenant, PAGE, first=2, after=after)
        page = body["data"]["customer"]["earnedPromotions"]
        found.append([edge["node"]["promotion"]["id"] for edge in page["edges"]])
        assert page["pageInfo"]["hasNextPage"]
        after = page["pageInfo"]["endCursor"]
    assert found == [[], ["20", "15"]]


async def test_a_null_page_size_counts_as_the_default(gateway: Gateway, tenant: Tenant) -> None:
    headers = {**tenant.headers, "X-CAP-COST": "1"}
    response = await gateway.graphql(PAGE, {"mobile": tenant.mobile, "first": None}, headers)
    assert response.json()["extensions"]["cost"] == {
        "summaries": 20,
        "commands": {"find": 2, "aggregate": 1},
    }


@pytest.mark.parametrize("version", ["0", "2"])
async def test_a_cursor_of_another_version_is_refused(gateway: Gateway, tenant: Tenant, version: str) -> None:
    text = f"{version}:{tenant.organization.id}:1:15".encode()
    after = base64.urlsafe_b64encode(text).decode().rstrip("=")
    body = await ask(gateway, tenant, PAGE, after=after)
    assert [error["extensions"]["reason"] for error in body["errors"]] == [
        "after is not a cursor of this customer's promotions."
    ]
