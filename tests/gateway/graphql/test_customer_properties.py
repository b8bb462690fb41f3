"""For any ledger, a list has the data of single fields, and pages have each promotion once."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.graphql.operations import Operations
from gateway.settings import Settings
from loaders import Dispatchers, Loaders, ledger
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, IdentifierName, IssuanceType
from loaders.ledger import Issuance
from loaders.promotions import Promotion
from loaders.store import Store
from resolvers.context import Context
from tests.helpers.gateway import FULL_SUMMARY, Tenant, make_unreadable, new_tenant
from tests.helpers.graphql import SCHEMA, plan_of

SINCE = date(2025, 6, 12)
# Ids of customers: each example has a customer of its own.
NUMBERS = count(10, 10)
FIRST = datetime(2025, 6, 12, tzinfo=UTC)
WHO = "source: INSTORE, identifierName: MOBILE, identifierValue: $mobile"
ONE = f"{WHO}, programId: $programId"
FIELDS = f"id promotion {{ id identifier name programId }} {FULL_SUMMARY}"
LIST = f"""
query ($mobile: String!, $programId: ID, $ids: [ID!]) {{
  customer({WHO}) {{
    promotionActionSummaries(programId: $programId, promotionIds: $ids) {{ {FIELDS} }}
  }}
}}
"""
FRAGMENT = f"fragment F on CustomerPromotionActionSummary {{ {FIELDS} }}"
PAGE = f"""
query ($mobile: String!, $after: String) {{
  customer({WHO}) {{
    earnedPromotions(first: 100, after: $after) {{
      edges {{ node {{ promotionId }} }}
      pageInfo {{ hasNextPage endCursor }}
    }}
  }}
}}
"""


async def run(
    store: Store, tenant: Tenant, query: str, *, compiled: bool, **variables: object
) -> tuple[Any, list[tuple[Any, str]]]:
    """Execute a query; returns the data, and of each error the last part of its path and its kind."""
    operations = Operations(SCHEMA, compiled=compiled)
    context = Context(Loaders(Dispatchers(store), tenant.organization, SINCE))
    operation = operations.prepare(query, None)
    assert (plan_of(operation) is not None) == compiled
    result = await operations.execute(operation, {"mobile": tenant.mobile, **variables}, context)
    errors = [(error.path, type(error.original_error).__name__) for error in result.errors or ()]
    return result.data, [(path[-1] if path else None, kind) for path, kind in errors]


# The fields of an issuance of the customer or of the next one, around the first day that counts.
ISSUED = st.tuples(
    st.booleans(),
    st.sampled_from([1, 2, 3, 4]),
    st.sampled_from(Benefit),
    st.sampled_from(["7", "9"]),
    st.sampled_from(IssuanceType),
    st.integers(-3, 3),
    st.decimals(Decimal("0.000001"), 1000, places=6),
)
# Ids of known and unknown promotions, and texts that are not ids; a list may repeat them.
LISTED = st.sampled_from([*map(str, range(1, 120)), *["1", "2", "3", "4", "404", "x", ""] * 5])


def issuance(
    event_id: str,
    customer: int,
    of_the_next: bool,
    promotion: int,
    benefit: Benefit,
    item: str,
    type_: IssuanceType,
    hours: int,
    amount: Decimal,
) -> Issuance:
    with_amount = benefit in (Benefit.POINTS, Benefit.ALTERNATE_CURRENCY)
    return Issuance(
        event_id,
        customer + of_the_next,
        promotion,
        benefit,
        FIRST + timedelta(hours=hours),
        None if benefit is Benefit.POINTS else item,
        type_ if with_amount else None,
        amount if with_amount else None,
    )


@pytest.fixture
async def tenant(store: Store) -> Tenant:
    """An organisation with more than a hundred promotions; the third is of another programme."""
    tenant = await new_tenant(store)
    promotions = [Promotion(1 + (n == 3), n, f"p{n}", f"Promotion {n}") for n in range(1, 110)]
    await ledger.put_promotions(store, tenant.organization.id, promotions)
    return tenant


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "executed"])
@pytest.mark.parametrize("length", [1, 3, 100])
@examples(
    max_examples=5,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    issued=st.lists(ISSUED, max_size=30),
    listed=st.lists(LISTED, min_size=100, max_size=100),
)
async def test_a_list_in_a_variable_equals_as_many_single_fields(
    store: Store, tenant: Tenant, length: int, compiled: bool, issued: list[Any], listed: list[str]
) -> None:
    customer = next(NUMBERS)
    mobile = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, f"9190{customer}")
    await ledger.put_identifiers(store, tenant.organization.id, [(mobile, customer)])
    await tenant.issue([issuance(f"{customer}-{n}", customer, *one) for n, one in enumerate(issued)])
    customer_variables, ids = {"mobile": mobile.value, "programId": "1"}, listed[:length]
    found, errors = await run(store, tenant, LIST, compiled=compiled, ids=ids, **customer_variables)
    singles = " ".join(
        # For a single field, an empty id counts as absent, which is another error.
        f'a{place}: customerPromotionActionSummary({ONE}, promotionId: "{one or "x"}") {{ ...F }}'
        for place, one in enumerate(ids)
    )
    query = f"query ($mobile: String!, $programId: ID!) {{ {singles} }} {FRAGMENT}"
    data, failed = await run(store, tenant, query, compiled=compiled, **customer_variables)
    assert found == {"customer": {"promotionActionSummaries": list(data.values())}}
    assert errors == [(int(alias[1:]), kind) for alias, kind in failed]


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "executed"])
async def test_an_entry_whose_data_cannot_be_read_is_null_with_an_error_at_its_place(
    store: Store, tenant: Tenant, settings: Settings, compiled: bool
) -> None:
    await tenant.issue([tenant.badge("e-1", 1, "gold")])
    make_unreadable(settings, tenant, "e-1")
    data, errors = await run(store, tenant, LIST, compiled=compiled, ids=["2", "1", "3", "1"])
    summaries = data["customer"]["promotionActionSummaries"]
    assert [one and one["id"] for one in summaries] == ["1:2", None, "1:3", None]
    assert errors == [(1, "KeyError"), (3, "KeyError")]


@pytest.mark.slow
async def test_pages_visit_a_thousand_promotions_once_while_others_write(store: Store) -> None:
    tenant = await new_tenant(store)
    earned = range(2_000, 4_000, 2)
    described = [Promotion(1, n, "", "Promotion") for n in range(2_000, 4_000)]
    await ledger.put_promotions(store, tenant.organization.id, described)

    def badge(n: int, event: str) -> Issuance:
        return Issuance(f"{event}{n}", 1, n, Benefit.BADGE, FIRST, item="9")

    await tenant.issue([badge(n, "first") for n in earned])
    turned = asyncio.Event()

    async def write(promotion_ids: range) -> None:
        for n in promotion_ids:
            await tenant.issue([badge(n, "new"), badge(n - 1, "again")])
            if turned.is_set():
                return

    writers = [asyncio.create_task(write(range(first, 4_000, 8))) for first in (2_001, 2_003, 2_005)]
    seen: list[int] = []
    after = None
    while True:
        data, errors = await run(store, tenant, PAGE, compiled=True, after=after)
        assert errors == []
        page = data["customer"]["earnedPromotions"]
        seen += [int(edge["node"]["promotionId"]) for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    turned.set()
    await asyncio.gather(*writers)
    assert seen == sorted(set(seen), reverse=True)
    assert set(earned) <= set(seen)
