"""Lists equal single fields, and pages have everything once, whatever the ledger holds."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.graphql.operations import Operations
from loaders import Dispatchers, Loaders, ledger
from loaders.enums import Benefit, IssuanceType
from loaders.ledger import Issuance
from loaders.promotions import Promotion
from loaders.store import Store
from resolvers.context import Context
from tests.helpers.gateway import FULL_SUMMARY, Tenant, new_tenant
from tests.helpers.graphql import SCHEMA

SINCE = date(2025, 6, 12)
FIRST = datetime(2025, 6, 12, tzinfo=UTC)
WHO = "source: INSTORE, identifierName: MOBILE, identifierValue: $mobile"
LIST = f"""
query ($mobile: String!, $programId: ID, $ids: [ID!]) {{
  customer({WHO}) {{
    promotionActionSummaries(programId: $programId, promotionIds: $ids) {{ {FULL_SUMMARY} }}
  }}
}}
"""
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
    """The data, and the last part of the path and the kind of each error."""
    operations = Operations(SCHEMA, compiled=compiled)
    context = Context(Loaders(Dispatchers(store), tenant.organization, SINCE))
    operation = operations.prepare(query, None)
    result = await operations.execute(operation, {"mobile": tenant.mobile, **variables}, context)
    errors = [(error.path, type(error.original_error).__name__) for error in result.errors or ()]
    return result.data, [(path[-1] if path else None, kind) for path, kind in errors]


ISSUED = st.tuples(
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2, 3]),
    st.sampled_from(Benefit),
    st.integers(-3, 3),
    st.decimals(Decimal("0.001"), 1000, places=3),
)


def issuance(
    n: int, customer: int, promotion: int, benefit: Benefit, hours: int, amount: Decimal
) -> Issuance:
    with_amount = benefit in (Benefit.POINTS, Benefit.ALTERNATE_CURRENCY)
    return Issuance(
        f"e{n}",
        customer,
        promotion,
        benefit,
        FIRST + timedelta(hours=hours),
        None if benefit is Benefit.POINTS else "item",
        IssuanceType.REGULAR if with_amount else None,
        amount if with_amount else None,
    )


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "executed"])
@examples(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    issued=st.lists(ISSUED, max_size=12),
    ids=st.one_of(
        st.lists(st.sampled_from(["1", "2", "3", "404", "x", ""]), min_size=1, max_size=6),
        st.just(["1", "2", "3", "404", "1"] * 3),
    ),
)
async def test_a_list_equals_as_many_single_fields(
    store: Store, compiled: bool, issued: list[Any], ids: list[str]
) -> None:
    tenant = await new_tenant(store)
    promotions = [(Promotion(1, 2, ""), "Second"), (Promotion(2, 3, "three"), "Third")]
    await ledger.put_promotions(store, tenant.organization.id, promotions)
    await tenant.issue([issuance(n, *one) for n, one in enumerate(issued)])
    listed, errors = await run(store, tenant, LIST, compiled=compiled, programId="1", ids=ids)
    singles = " ".join(
        # Of a single field, an empty id is the same as none, which is another error.
        f'a{place}: customerPromotionActionSummary({WHO}, programId: "1", promotionId: "{one or "x"}") '
        f"{{ {FULL_SUMMARY} }}"
        for place, one in enumerate(ids)
    )
    query = f"query ($mobile: String!) {{ {singles} }}"
    data, failed = await run(store, tenant, query, compiled=compiled)
    assert listed == {"customer": {"promotionActionSummaries": list(data.values())}}
    assert errors == [(int(alias[1:]), kind) for alias, kind in failed]


@pytest.mark.slow
async def test_pages_visit_a_thousand_promotions_once_while_others_write(store: Store) -> None:
    tenant = await new_tenant(store)
    earned = range(2_000, 4_000, 2)
    described = [(Promotion(1, n, ""), "Promotion") for n in range(2_000, 4_000)]
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
