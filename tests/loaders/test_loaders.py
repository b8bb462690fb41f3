"""The loaders on a real database: their exact commands, and totals that equal sums in plain Python."""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Iterable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.commands.sample_data import CUSTOMER, DEMO, PROGRAM
from gateway.settings import Settings
from loaders import Dispatchers, Loaders, ledger
from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier, Person
from loaders.enums import Benefit, IdentifierName, IssuanceType
from loaders.errors import StoreUnavailable
from loaders.ledger import Issuance
from loaders.organizations import Organization
from loaders.promotions import Promotion, PromotionByReferenceLoader, PromotionDispatcher, PromotionReference
from loaders.store import Store
from loaders.totals import BenefitsKey, Total, Totals, TotalsByBenefitLoader, TotalsDispatcher
from tests.helpers.faults import DatabaseProxy
from tests.helpers.gateway import Commands, make_unreadable, new_tenant

REFUSAL = {"ok": 0, "code": 13, "codeName": "Unauthorized", "errmsg": ""}
SINCE = datetime(2025, 6, 12, tzinfo=UTC)
EXACT = Context(prec=60)


async def test_customers_take_one_find_per_source_and_name(
    watched_store: tuple[Store, Commands], store: Store
) -> None:
    watched, commands = watched_store
    tenant = await new_tenant(store)
    keys = [
        CustomerIdentifier(source, name, value)
        for source in ("INSTORE", "LINE")
        for name in (IdentifierName.MOBILE, IdentifierName.ID)
        for value in (tenant.mobile, "x", "y")
    ]
    found = await CustomerByIdentifierLoader(CustomerDispatcher(watched), tenant.organization.id).load_many(
        keys
    )
    assert found == [Person(1)] + [None] * 11
    assert commands.names == ["find"] * 4


async def test_promotions_take_one_find_per_kind_of_reference(
    watched_store: tuple[Store, Commands], store: Store
) -> None:
    watched, commands = watched_store
    tenant = await new_tenant(store)
    other = Promotion(1, 2, "two", "Second")
    await ledger.put_promotions(store, tenant.organization.id, [other])
    keys = [
        PromotionReference("promotionIdentifier", "two"),
        PromotionReference("promotionId", 1),
        PromotionReference("promotionId", 3),
        PromotionReference("promotionIdentifier", "one"),
        PromotionReference("promotionIdentifier", "1"),
    ]
    found = await PromotionByReferenceLoader(PromotionDispatcher(watched), tenant.organization.id).load_many(
        keys
    )
    assert found == [other, tenant.promotion, None, tenant.promotion, None]
    assert commands.names == ["find", "find"]


async def test_a_value_that_is_too_long_is_not_looked_up(
    watched_store: tuple[Store, Commands],
) -> None:
    watched, commands = watched_store
    customers = CustomerByIdentifierLoader(CustomerDispatcher(watched), 404)
    promotions = PromotionByReferenceLoader(PromotionDispatcher(watched), 404)
    for length, names in ((1025, []), (1024, ["find", "find"])):
        value = "x" * length
        assert await customers.load(CustomerIdentifier("INSTORE", IdentifierName.MOBILE, value)) is None
        assert await promotions.load(PromotionReference("promotionIdentifier", value)) is None
        assert commands.names == names


async def test_totals_take_one_aggregation_of_the_requested_pairs_and_benefits(
    watched_store: tuple[Store, Commands],
) -> None:
    watched, commands = watched_store
    loader = TotalsByBenefitLoader(TotalsDispatcher(watched), 404, SINCE)
    badges = frozenset({Benefit.BADGE})
    keys = [BenefitsKey(customer, promotion, badges) for customer in range(5) for promotion in range(5)]
    assert await loader.load_many(keys) == [{Benefit.BADGE: ()}] * 25
    [command] = commands.sent
    assert command["aggregate"] == "issuances"
    first, second = (stage["$match"] for stage in command["pipeline"][:2])
    assert sorted(first.pop("customerPromotion")["$in"]) == sorted(
        f"{customer}:{promotion}" for customer in range(5) for promotion in range(5)
    )
    assert first == {"orgId": 404}
    assert second == {"benefit": {"$in": ["BADGE"]}, "issuedOn": {"$gte": SINCE}}


@pytest.mark.parametrize(("pairs", "sizes"), [(25, [50]), (26, [20, 20, 12]), (100, [20] * 10)])
async def test_totals_of_many_pairs_take_several_aggregations_one_after_another(
    watched_store: tuple[Store, Commands], pairs: int, sizes: list[int]
) -> None:
    watched, commands = watched_store
    loader = TotalsByBenefitLoader(TotalsDispatcher(watched), 404, SINCE)
    # Customer 2 was merged into customer 1, and the keys request two benefits of the same pairs.
    keys = [
        BenefitsKey(1, promotion, frozenset({benefit}), (2,))
        for benefit in (Benefit.BADGE, Benefit.REWARD)
        for promotion in range(pairs)
    ]
    found = await loader.load_many(keys)
    assert found == [{Benefit.BADGE: ()}] * pairs + [{Benefit.REWARD: ()}] * pairs
    sent = [command["pipeline"][0]["$match"]["customerPromotion"]["$in"] for command in commands.sent]
    # If they were sent concurrently, all but the first would share a command.
    assert [len(one) for one in sent] == sizes
    assert sorted(pair for one in sent for pair in one) == sorted(
        f"{customer}:{promotion}" for customer in (1, 2) for promotion in range(pairs)
    )
    assert loader.commands == len(sizes)


@pytest.mark.parametrize("times", [1_000, pytest.param(50_000, marks=pytest.mark.slow)])
async def test_many_issuances_take_one_aggregation(
    watched_store: tuple[Store, Commands], store: Store, times: int
) -> None:
    watched, commands = watched_store
    tenant = await new_tenant(store)
    cent = Decimal("0.01")
    for start in range(0, times, 1_000):
        await tenant.issue(
            Issuance(
                f"e{n}", 1, 1, Benefit.POINTS, SINCE + timedelta(seconds=n), None, IssuanceType.REGULAR, cent
            )
            for n in range(start, start + 1_000)
        )
    loader = TotalsByBenefitLoader(TotalsDispatcher(watched), tenant.organization.id, SINCE)
    [total] = (await loader.load(BenefitsKey(1, 1, frozenset({Benefit.POINTS}))))[Benefit.POINTS]
    latest = SINCE + timedelta(seconds=times - 1)
    assert total == Total("", IssuanceType.REGULAR, times * cent, times, latest)
    assert commands.names == ["aggregate"]


AMOUNTS = st.decimals(min_value=Decimal("0.000001"), max_value=Decimal(10**24 - 1), places=6)
ITEMS = st.sampled_from(["a", "B", "$x.y", "é", "🎉"])


@st.composite
def issuances(draw: st.DrawFn) -> dict[str, Any]:
    """An issuance without its event id, among few customers and promotions, around the first day."""
    benefit = draw(st.sampled_from(Benefit))
    with_amount = benefit in (Benefit.POINTS, Benefit.ALTERNATE_CURRENCY)
    return {
        "customer_id": draw(st.sampled_from([1, 2, 2**62])),
        "promotion_id": draw(st.sampled_from([1, 2**53 + 1])),
        "benefit": benefit,
        "issued_on": SINCE + timedelta(milliseconds=draw(st.integers(-5, 10))),
        "item": None if benefit is Benefit.POINTS else draw(ITEMS),
        "type": draw(st.sampled_from(IssuanceType)) if with_amount else None,
        "amount": draw(AMOUNTS) if with_amount else None,
    }


def folded(organization_ledger: list[Issuance], key: BenefitsKey) -> dict[Benefit, set[Total]]:
    """The totals that the aggregation has to find."""
    customer_id, promotion_id, benefits, merged_ids = key
    return {
        benefit: fold(
            one
            for one in organization_ledger
            if one.customer_id in (customer_id, *merged_ids)
            and (one.promotion_id, one.benefit) == (promotion_id, benefit)
            and one.issued_on >= SINCE
        )
        for benefit in benefits
    }


def fold(issued: Iterable[Issuance]) -> set[Total]:
    groups: defaultdict[tuple[str, IssuanceType | None], list[Issuance]] = defaultdict(list)
    for issuance in issued:
        groups[issuance.item or "", issuance.type].append(issuance)
    totals = set()
    for (item, type_), group in groups.items():
        amount = Decimal(0)
        for issuance in group:
            amount = EXACT.add(amount, issuance.amount or 0)
        totals.add(Total(item, type_, amount, len(group), max(issuance.issued_on for issuance in group)))
    return totals


CUSTOMERS = st.sampled_from([1, 2, 2**62, 404])
KEYS = st.builds(
    lambda customer, promotion, benefits, merged: BenefitsKey(
        customer, promotion, benefits, tuple(sorted(merged - {customer}))
    ),
    CUSTOMERS,
    st.sampled_from([1, 2**53 + 1, 404]),
    st.frozensets(st.sampled_from(Benefit), min_size=1),
    st.just(frozenset()) | st.frozensets(CUSTOMERS),
)


@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    ledgers=st.tuples(*[st.lists(issuances(), max_size=25)] * 2),
    keys=st.lists(KEYS, min_size=1, max_size=12),
)
async def test_totals_equal_a_sum_over_the_ledger(
    store: Store, ledgers: tuple[list[dict[str, Any]], list[dict[str, Any]]], keys: list[BenefitsKey]
) -> None:
    """A key has the same totals alone and among others, and never those of another organisation."""
    for drawn in ledgers:
        organization_id = uuid.uuid4().int >> 65
        organization_ledger = [Issuance(f"e{n}", **fields) for n, fields in enumerate(drawn)]
        if organization_ledger:
            await ledger.add_issuances(store, organization_id, organization_ledger)
            # Issued again, each event still counts once.
            await ledger.add_issuances(store, organization_id, reversed(organization_ledger))
        together = TotalsByBenefitLoader(TotalsDispatcher(store), organization_id, SINCE)
        for key, totals in zip(keys, await together.load_many(keys), strict=True):
            assert unordered(totals) == folded(organization_ledger, key)
        alone = TotalsByBenefitLoader(TotalsDispatcher(store), organization_id, SINCE)
        assert unordered(await alone.load(keys[0])) == folded(organization_ledger, keys[0])


def unordered(totals: Totals) -> dict[Benefit, set[Total]]:
    for found in totals.values():
        assert len(found) == len(set(found))
    return {benefit: set(found) for benefit, found in totals.items()}


def test_a_day_starts_at_midnight_in_the_organisation_s_time_zone() -> None:
    organization = Organization(1, "One", ZoneInfo("Asia/Kolkata"))
    assert organization.midnight(SINCE.date()) == datetime(2025, 6, 11, 18, 30, tzinfo=UTC)


async def test_a_document_that_the_schema_forbids_fails_its_own_pair_only(
    store: Store, settings: Settings
) -> None:
    tenant = await new_tenant(store)
    await tenant.issue([tenant.badge("e-1", 1, "gold"), tenant.badge("e-2", 2, "gold")])
    make_unreadable(settings, tenant, "e-1")
    loader = TotalsByBenefitLoader(TotalsDispatcher(store), tenant.organization.id, SINCE)
    keys = [BenefitsKey(customer, 1, frozenset({Benefit.BADGE})) for customer in (1, 2)]
    failed, found = await asyncio.gather(*map(loader.load, keys), return_exceptions=True)
    assert isinstance(failed, KeyError)
    assert isinstance(found, dict)
    assert [total.times_issued for total in found[Benefit.BADGE]] == [1]


async def test_loaders_are_bound_to_one_organisation(store: Store) -> None:
    here, there = await new_tenant(store, customer_id=1), await new_tenant(store, customer_id=2)
    identifier = CustomerIdentifier("INSTORE", IdentifierName.MOBILE, here.mobile)
    for tenant in (here, there):
        loaders = Loaders(Dispatchers(store), tenant.organization, SINCE.date())
        assert await loaders.customers.load(identifier) == Person(tenant.customer_id)


@pytest.mark.parametrize(
    ("replies", "sent"), [([], ["find", "aggregate"]), ([REFUSAL], ["find"])], ids=["answered", "refused"]
)
async def test_a_page_counts_the_commands_that_it_sends(
    settings: Settings, proxy: DatabaseProxy, replies: list[dict[str, Any]], sent: list[str]
) -> None:
    commands = Commands()
    store = Store(proxy.uri, settings.database, listeners=[commands])
    proxy.reply("find", *replies)
    loaders = Loaders(Dispatchers(store), DEMO, SINCE.date())
    with pytest.raises(StoreUnavailable) if replies else nullcontext():
        await loaders.earned(Person(CUSTOMER), first=1, before=None, program_id=PROGRAM)
    assert commands.names == sent
    await store.close()
    assert loaders.commands == {kind: sent.count(kind) for kind in ("find", "aggregate")}
