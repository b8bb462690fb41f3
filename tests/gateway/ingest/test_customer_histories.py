"""Random histories of customers, in random order and with repetitions, have the result of a plain fold."""

import json
import uuid
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from gateway.ingest import event_recorder, importer, notifications
from gateway.ingest.importer import Line
from loaders import pending_events
from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier, Person
from loaders.enums import Benefit, IdentifierName
from loaders.ledger import put_promotions
from loaders.store import Store
from loaders.totals import BenefitsKey, TotalsByBenefitLoader, TotalsDispatcher
from tests.helpers import events
from tests.helpers.gateway import PROMOTION_ONE
from tests.helpers.records import CUSTOMER, ISSUANCE

ORGANIZATIONS = 1, 2
CUSTOMERS = range(10, 16)
VALUES = "A", "B", "C", "D"
POINTS = frozenset({Benefit.POINTS})
SINCE = datetime(2025, 6, 12, tzinfo=UTC)
Step = tuple[Any, ...]


def steps(organization_id: int) -> st.SearchStrategy[list[Step]]:
    """A forest of merges, with the events and imports of its customers."""
    customers = st.sampled_from(CUSTOMERS)
    merges = st.lists(st.sampled_from([None, *CUSTOMERS]), min_size=6, max_size=6).map(
        # A customer is merged into one with a larger id, so that there is no cycle.
        lambda survivors: [
            ("merge", organization_id, victim, survivor)
            for victim, survivor in zip(CUSTOMERS, survivors, strict=True)
            if survivor is not None and survivor > victim
        ]
    )
    others = st.lists(
        st.one_of(
            st.tuples(st.just("issue"), st.just(organization_id), customers, st.integers(1, 99)),
            st.tuples(st.just("import"), st.just(organization_id), customers, st.integers(1, 99)),
            st.tuples(st.just("wait"), st.just(organization_id), customers, st.integers(1, 99)),
            st.tuples(
                *(st.just("share"), st.just(organization_id), customers, customers, st.integers(1, 99))
            ),
            st.tuples(
                *(st.just("add"), st.just(organization_id), customers),
                *(st.sampled_from(VALUES), st.integers(0, 99)),
            ),
        ),
        max_size=12,
        # The last item makes event ids unique, and gives identifiers of the same value different times.
        unique_by=lambda step: (step[0], step[-1]),
    )
    erasures = st.lists(
        st.tuples(st.just("erase"), st.just(organization_id), customers), max_size=1, unique=True
    )
    return st.tuples(merges, others, erasures).map(lambda parts: [one for part in parts for one in part])


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """The steps of both organisations in random order, some of them twice."""
    history = [step for one in ORGANIZATIONS for step in draw(steps(one))]
    again = draw(st.lists(st.sampled_from(history), max_size=6)) if history else []
    return draw(st.permutations([*history, *again]))


def id_of(step: Step) -> str:
    return "-".join(map(str, step))


def shared(customer_id: int) -> dict[str, Any]:
    return {"customerId": customer_id, "email": f"{customer_id}@example.com"}


def as_event(step: Step) -> dict[str, Any]:
    kind, organization_id, customer_id, *more = step
    named = {"customerId": customer_id}
    if kind == "merge":
        data: dict[str, Any] = {
            "victimCustomerIdentifiers": named,
            "survivorCustomerIdentifiers": {"customerId": more[0]},
        }
        name = "loyaltyCustomerMerge"
    elif kind == "erase":
        data = {"customerIdentifiers": named, "customerStatus": {"currentLabel": "Deleted"}}
        name = "customerUpdated"
    elif kind == "add":
        data = {"customerIdentifiers": {**named, "instore": {"externalId": more[0]}}}
        name = "customerAdded"
    elif kind == "share":
        coupons = [{"customerIdentifiers": shared(one)} for one in (customer_id, more[0])]
        data = {"series_info": {"id": 1}, "coupons": coupons, "promotionIdentifier": "never"}
        name = "CouponIssue"
    else:
        issued = {"promotionIdentifier": "one" if kind == "issue" else "never", "promotionPoints": more[0]}
        data = {"customerIdentifiers": named, "promotionalPointsIssued": [issued]}
        name = "pointsIssued"
    created_at = events.CREATED_AT + (more[1] if kind == "add" else 0)
    return events.event(name, data, id_of(step), orgId=organization_id, createdAt=created_at)


async def apply(store: Store, step: Step) -> None:
    kind, organization_id, customer_id, *more = step
    if kind != "import":
        payload = json.dumps(as_event(step))
        await event_recorder.record(store, notifications.read(payload, datetime.now(UTC)), payload, 30)
        return
    lines = [
        {**CUSTOMER, "orgId": organization_id, "customerId": customer_id},
        {
            **{name: value for name, value in ISSUANCE.items() if name != "item"},
            **{"orgId": organization_id, "customerId": customer_id, "eventId": id_of(step)},
            **{"promotionId": 1, "benefit": "POINTS", "amount": str(more[0])},
        },
    ]
    lines[0]["profiles"] = [{"source": "INSTORE", "identifiers": []}]
    run = importer.Import(store, 30)
    await run.add([Line(number, json.dumps(line).encode()) for number, line in enumerate(lines)])
    await run.finish()


class Fold:
    """The expected result of the steps of one organisation, which does not depend on their order."""

    def __init__(self, history: set[Step]) -> None:
        of = defaultdict(set)
        for step in history:
            of[step[0]].add(step)
        self.survivors = {victim: survivor for _, _, victim, survivor in of["merge"]}
        self.erased = {self.root(customer_id) for _, _, customer_id in of["erase"]}
        shared_by = {one for step in of["share"] for one in step[2:4]}
        self.known = {step[2] for step in history if step[0] not in ("erase", "share")}
        self.known |= {*self.survivors.values(), *shared_by}
        self.totals: defaultdict[int, Decimal] = defaultdict(Decimal)
        for _, _, customer_id, amount in of["issue"] | of["import"]:
            self.totals[self.root(customer_id)] += amount
        self.pending = {id_of(step) for step in of["wait"] if not self.is_erased(step[2])}
        self.pending |= {
            id_of(step) for step in of["share"] if not all(self.is_erased(one) for one in step[2:4])
        }
        self.external_ids: dict[str, int] = {}
        self.of_erased = {value for _, _, customer_id, value, _ in of["add"] if self.is_erased(customer_id)}
        for _, _, customer_id, value, _ in sorted(of["add"], key=lambda step: step[4]):
            self.external_ids[value] = self.root(customer_id)

    def root(self, customer_id: int) -> int:
        while customer_id in self.survivors:
            customer_id = self.survivors[customer_id]
        return customer_id

    def is_erased(self, customer_id: int) -> bool:
        return self.root(customer_id) in self.erased

    def person(self, customer_id: int) -> Person | None:
        root = self.root(customer_id)
        if customer_id not in self.known or root in self.erased:
            return None
        return Person(root, tuple(one for one in CUSTOMERS if self.root(one) == root != one))


@pytest.mark.slow
@given(history=histories())
@examples(max_examples=60, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
async def test_a_history_in_any_order_equals_the_fold_of_its_steps(store: Store, history: list[Step]) -> None:
    base = uuid.uuid4().int >> 66
    for organization_id in ORGANIZATIONS:
        await put_promotions(store, base + organization_id, [PROMOTION_ONE])
    moved = [(step[0], base + step[1], *step[2:]) for step in history]
    for step in moved:
        await apply(store, step)
    for organization_id in (base + one for one in ORGANIZATIONS):
        fold = Fold({step for step in moved if step[1] == organization_id})
        loader = CustomerByIdentifierLoader(CustomerDispatcher(store), organization_id)
        ids = {one: CustomerIdentifier("INSTORE", IdentifierName.ID, str(one)) for one in CUSTOMERS}
        external = {one: CustomerIdentifier("INSTORE", IdentifierName.EXTERNAL_ID, one) for one in VALUES}
        found = await loader.find([*ids.values(), *external.values()])
        persons = {one: found.get(identifier) for one, identifier in ids.items()}
        assert persons == {one: fold.person(one) for one in CUSTOMERS}
        for value, identifier in external.items():
            person = found.get(identifier)
            if value in fold.of_erased:
                assert person is None or not fold.is_erased(person.customer_id)
            else:
                assert person == (
                    fold.person(fold.external_ids[value]) if value in fold.external_ids else None
                )
        keys = {
            one: BenefitsKey(one.customer_id, 1, POINTS, one.merged_ids) for one in persons.values() if one
        }
        totals = await TotalsByBenefitLoader(TotalsDispatcher(store), organization_id, SINCE).find(
            list(keys.values())
        )
        sums = {
            one.customer_id: sum(total.amount for total in totals[key][Benefit.POINTS])
            for one, key in keys.items()
        }
        assert sums == {one.customer_id: fold.totals[one.customer_id] for one in keys}
        pending = {one.event_id: one.payload async for one in pending_events.waiting(store, organization_id)}
        assert pending.keys() == fold.pending
        erased = [f"{one}@example.com" for one in CUSTOMERS if fold.is_erased(one)]
        assert not [one for one in erased if one in str(pending)]
