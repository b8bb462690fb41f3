"""A summary or a page with too many rows is an error; others are answered, and no list is cut short."""

from dataclasses import replace
from typing import Any

import pytest

from loaders import earned_promotions, ledger, merges_and_erasures, totals
from loaders.promotions import Promotion
from loaders.store import Store
from loaders.totals import MAX_ROWS as PRODUCTION_MAX_ROWS
from tests.conftest import OpenGateway
from tests.helpers.gateway import Gateway, Tenant, assert_rest_error, new_tenant
from tests.helpers.repository import ROOT

MAX_ROWS = 6
MESSAGE = "Error fetching promotion data. Verify programs/promotionIdentifier passed."
SUMMARY_EXTENSIONS, PAGE_EXTENSIONS = (
    {"code": "SUMMARY_TOO_LARGE", "errorCode": 8105, "reason": f"The {what} has more than {MAX_ROWS} rows."}
    for what in ("summary", "page")
)
COMPILED = pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
CUSTOMER = 'customer(source: INSTORE, identifierName: MOBILE, identifierValue: "919000000001")'
LIST = f"""{{ {CUSTOMER} {{ promotionActionSummaries(promotionIds: [1, 2, 3]) {{
    badges {{ badgeSeriesId }} }} }} }}"""
PAGE = f"""query ($first: Int) {{ {CUSTOMER} {{ earnedPromotions(first: $first) {{
    edges {{ node {{ promotionId badges {{ badgeSeriesId }} }} }} pageInfo {{ hasNextPage }} }} }} }}"""


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "MAX_ROWS", MAX_ROWS)
    monkeypatch.setattr(earned_promotions, "MAX_ROWS", MAX_ROWS)


@pytest.fixture
async def tenant(store: Store) -> Tenant:
    tenant = await new_tenant(store)
    others = [Promotion(1, n, f"p{n}", f"Promotion {n}") for n in (2, 3)]
    await ledger.put_promotions(store, tenant.organization.id, others)
    return tenant


async def earn(tenant: Tenant, badges: dict[int, int], customer_id: int = 1) -> None:
    """Issue this number of different badges for each promotion, each badge twice."""
    await tenant.issue(
        replace(
            tenant.badge(f"{customer_id}-{promotion_id}-{n}-{again}", customer_id, series(n, customer_id)),
            promotion_id=promotion_id,
        )
        for promotion_id, count in badges.items()
        for n in range(count)
        for again in range(2)
    )


def series(n: int, customer_id: int = 1) -> str:
    return f"badge-{customer_id}-{n:02}"


def listed(count: int) -> dict[str, list[dict[str, str]]]:
    return {"badges": [{"badgeSeriesId": series(n)} for n in range(count)]}


async def ask(gateway: Gateway, tenant: Tenant, query: str, **variables: object) -> Any:
    return (await gateway.graphql(query, variables, tenant.headers)).json()


def test_the_page_of_errors_names_the_limit() -> None:
    assert f"more than {PRODUCTION_MAX_ROWS:,} rows" in (ROOT / "docs/errors.md").read_text()


@pytest.mark.parametrize(("rest_status", "status"), [("legacy", 200), ("semantic", 409)])
async def test_the_rest_api_answers_the_largest_summary_and_a_larger_one_is_8105(
    gateway_with: OpenGateway, tenant: Tenant, rest_status: str, status: int
) -> None:
    await earn(tenant, {1: MAX_ROWS, 2: MAX_ROWS + 1})
    async with gateway_with(rest_status=rest_status) as gateway:
        answer = await gateway.ask_rest(tenant.parameters, tenant.headers)
        assert [(row["badgeSeriesId"], row["numberOfTimesIssued"]) for row in answer["badges"]] == [
            (series(n), 2) for n in range(MAX_ROWS)
        ]
        response = await gateway.rest({**tenant.parameters, "promotionId": "2"}, tenant.headers)
    assert_rest_error(response, status, 8105, MESSAGE)


@COMPILED
async def test_only_the_summary_that_is_too_large_is_null(
    gateway_with: OpenGateway, tenant: Tenant, *, compiled: bool
) -> None:
    await earn(tenant, {1: MAX_ROWS, 2: MAX_ROWS + 1, 3: 1})
    async with gateway_with(compiled=compiled) as gateway:
        body = await ask(gateway, tenant, LIST)
        summaries = [listed(MAX_ROWS), None, listed(1)]
        assert body["data"] == {"customer": {"promotionActionSummaries": summaries}}
        assert body["errors"] == [
            {
                "message": MESSAGE,
                "locations": body["errors"][0]["locations"],
                "path": ["customer", "promotionActionSummaries", 1],
                "extensions": SUMMARY_EXTENSIONS,
            }
        ]
        # One aggregation for all three, then for the first, the other two, and each of these two.
        assert gateway.commands.names.count("aggregate") == 5


async def test_summaries_that_are_too_large_only_together_are_all_answered(
    gateway: Gateway, tenant: Tenant
) -> None:
    await earn(tenant, {1: MAX_ROWS, 2: 3, 3: 3})
    body = await ask(gateway, tenant, LIST)
    summaries = [listed(MAX_ROWS), listed(3), listed(3)]
    assert body == {"data": {"customer": {"promotionActionSummaries": summaries}}}
    assert gateway.commands.names.count("aggregate") == 3


async def test_the_rows_of_merged_customers_count_together(
    gateway: Gateway, store: Store, tenant: Tenant
) -> None:
    await earn(tenant, {1: MAX_ROWS, 3: MAX_ROWS - 1})
    await earn(tenant, {1: 1, 3: 1}, customer_id=2)
    await merges_and_erasures.merge(store, tenant.organization.id, 2, 1)
    summaries = (await ask(gateway, tenant, LIST))["data"]["customer"]["promotionActionSummaries"]
    both = listed(MAX_ROWS - 1)["badges"] + [{"badgeSeriesId": series(0, 2)}]
    assert summaries == [None, {"badges": []}, {"badges": both}]


@COMPILED
async def test_a_page_that_is_too_large_is_an_error_and_a_smaller_one_is_answered(
    gateway_with: OpenGateway, tenant: Tenant, *, compiled: bool
) -> None:
    await earn(tenant, {1: 1, 2: MAX_ROWS, 3: 1})
    async with gateway_with(compiled=compiled) as gateway:
        body = await ask(gateway, tenant, PAGE, first=2)
        assert body["data"] == {"customer": None}
        [error] = body["errors"]
        assert error["path"] == ["customer", "earnedPromotions"]
        assert error["extensions"] == PAGE_EXTENSIONS
        body = await ask(gateway, tenant, PAGE, first=1)
    edges = [{"node": {"promotionId": "3", **listed(1)}}]
    page = {"edges": edges, "pageInfo": {"hasNextPage": True}}
    assert body == {"data": {"customer": {"earnedPromotions": page}}}
