"""A list of promotions, of any length, gives what as many single summaries give."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.graphql.operations import Operations
from loaders import Dispatchers, Loaders, ledger
from loaders.driver import DriverName
from loaders.enums import Benefit, IssuanceType
from loaders.ledger import Issuance
from loaders.promotions import Promotion
from loaders.store import Store
from resolvers.context import Context
from tests.helpers.gateway import FULL_SUMMARY, Tenant, new_tenant
from tests.helpers.graphql import SCHEMA

SINCE = date(2025, 6, 12)
PROMOTIONS = range(2, 102)
UNKNOWN = 404
ITEMS: dict[Benefit, list[str | None]] = {
    Benefit.POINTS: [None],
    Benefit.ALTERNATE_CURRENCY: ["Coin", "Star"],
    Benefit.REWARD: ["7", "9"],
    Benefit.BADGE: ["7", "9"],
}
FIELDS = f"id promotion {{ id identifier name programId }} {FULL_SUMMARY}"


@st.composite
def ledgers(draw: st.DrawFn) -> list[Issuance]:
    """Issuances of one customer, before the first day that counts and after it."""
    issuances = []
    for n in range(draw(st.integers(0, 30))):
        benefit = draw(st.sampled_from(list(Benefit)))
        typed = benefit in (Benefit.POINTS, Benefit.ALTERNATE_CURRENCY)
        issuances.append(
            Issuance(
                f"i{n}",
                1,
                draw(st.sampled_from(PROMOTIONS[:5])),
                benefit,
                datetime(2025, 6, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 600))),
                draw(st.sampled_from(ITEMS[benefit])),
                draw(st.sampled_from(list(IssuanceType))) if typed else None,
                Decimal(draw(st.integers(1, 10**9))) / 1_000_000 if typed else None,
            )
        )
    return issuances


@pytest.fixture(scope="module", params=list(DriverName))
async def either_store(
    request: pytest.FixtureRequest, store: Store, mongodb_uri: str
) -> AsyncIterator[Store]:
    """The database, by each driver."""
    either = Store(mongodb_uri, store.name, driver=request.param)
    yield either
    await either.close()


async def execute(
    store: Store, tenant: Tenant, query: str, *, compiled: bool
) -> tuple[dict[str, Any] | None, list[tuple[object, str]]]:
    """The data, and the last key of the path and the kind of each error."""
    operations = Operations(SCHEMA, compiled=compiled)
    operation = operations.prepare(query, None)
    assert (operation.errors, operation.plan is not None) == ([], compiled)
    context = Context(Loaders(Dispatchers(store), tenant.organization, SINCE))
    result = await operations.execute(operation, {}, context)
    return result.data, [
        (error.path[-1] if error.path else None, type(error.original_error).__name__)
        for error in result.errors or []
    ]


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "executor"])
@pytest.mark.parametrize("length", [1, 3, 100])
@examples(
    deadline=None,
    max_examples=5,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(issuances=ledgers(), data=st.data())
async def test_a_list_gives_what_as_many_single_summaries_give(
    either_store: Store, length: int, compiled: bool, issuances: list[Issuance], data: st.DataObject
) -> None:
    """Repeated promotions and unknown ones included."""
    tenant = await new_tenant(either_store)
    described = [(Promotion(1, n, f"p{n}"), f"Promotion {n}") for n in PROMOTIONS]
    await ledger.put_promotions(either_store, tenant.organization.id, described)
    await tenant.issue(issuances)
    likely = st.one_of(st.sampled_from(PROMOTIONS[:5]), st.sampled_from([*PROMOTIONS, UNKNOWN]))
    ids = data.draw(st.lists(likely, min_size=length, max_size=length))
    customer = f'source: INSTORE, identifierName: MOBILE, identifierValue: "{tenant.mobile}"'
    as_list = f"{{ customer({customer}) {{ promotionActionSummaries(promotionIds: {ids}) {{ {FIELDS} }} }} }}"
    singles = " ".join(
        f"s{n}: customerPromotionActionSummary({customer}, programId: 1, promotionId: {one}) {{ ...F }}"
        for n, one in enumerate(ids)
    )
    alone = f"{{ {singles} }} fragment F on CustomerPromotionActionSummary {{ {FIELDS} }}"
    listed, list_errors = await execute(either_store, tenant, as_list, compiled=compiled)
    expected, errors = await execute(either_store, tenant, alone, compiled=compiled)
    assert listed is not None
    assert expected is not None
    assert listed["customer"]["promotionActionSummaries"] == list(expected.values())
    assert [(f"s{n}", kind) for n, kind in list_errors] == errors
