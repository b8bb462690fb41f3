"""Concurrent merges, erasures and moves of identifiers: the results for every order of their writes."""

import itertools
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from loaders import merges_and_erasures
from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier, Person
from loaders.driver import DriverName
from loaders.enums import IdentifierName
from loaders.ledger import move_identifiers, put_identifiers
from loaders.merges_and_erasures import MergeRefused, find_persons
from loaders.store import Store
from tests.helpers.stepped_store import SteppedStore, steps

Change = Callable[[Store, int], Coroutine[Any, Any, object]]
CUSTOMERS = 1, 2, 3
NOW = datetime(2026, 1, 1, tzinfo=UTC)
# Every order of the writes of two changes "a" and "b", three writes each; both have read before.
ORDERS = sorted({"".join(order) for order in itertools.permutations("aaabbb")})
BEFORE = "the survivor was merged into this customer before"
SAME_TIME = "the survivor was merged into this customer at the same time"
ANOTHER = "the customer was merged into another customer before"


def mobile(customer_id: int) -> CustomerIdentifier:
    return CustomerIdentifier("INSTORE", IdentifierName.MOBILE, f"91900000000{customer_id}")


def merge(victim_id: int, survivor_id: int) -> Change:
    return lambda store, organization_id: merges_and_erasures.merge(
        store, organization_id, victim_id, survivor_id
    )


def erase(customer_id: int) -> Change:
    return lambda store, organization_id: merges_and_erasures.erase(store, organization_id, customer_id)


def move(number: int, customer_id: int) -> Change:
    return lambda store, organization_id: move_identifiers(
        store, organization_id, [(mobile(number), customer_id, NOW)]
    )


@pytest.fixture
async def organization_id(store: Store) -> int:
    """An organisation with three customers."""
    organization_id = uuid.uuid4().int >> 65
    await put_identifiers(store, organization_id, [(mobile(one), one) for one in CUSTOMERS])
    return organization_id


@pytest.fixture(scope="module")
async def stepped(store: Store, mongodb_uri: str, driver: DriverName) -> AsyncIterator[list[SteppedStore]]:
    stores = [SteppedStore(mongodb_uri, store.name, driver=driver) for _ in CUSTOMERS]
    yield stores
    for one in stores:
        await one.close()


async def run(
    stepped: list[SteppedStore], organization_id: int, changes: dict[str, Change], order: str
) -> dict[str, str]:
    """Let each change read, then send the writes in this order; returns the reasons of refused changes."""

    def start(store: SteppedStore, change: Change) -> AsyncIterator[int]:
        return steps(store, lambda one: change(one, organization_id))

    running = {
        name: start(store, change) for store, (name, change) in zip(stepped, changes.items(), strict=False)
    }
    refused = {}
    # The last turns are more than any change has writes left.
    for name in (*changes, *order, *(name for name in changes for _ in range(9))):
        try:
            await anext(running[name], None)
        except MergeRefused as error:
            refused[name] = str(error)
    return refused


async def persons(store: Store, organization_id: int) -> dict[int, Person | None]:
    """The person that each mobile number finds; asserts that the statuses lead to the same persons."""
    loader = CustomerByIdentifierLoader(CustomerDispatcher(store), organization_id)
    found = await loader.find([mobile(one) for one in CUSTOMERS])
    of_statuses = await find_persons(store, organization_id, CUSTOMERS)
    for one in found.values():
        assert one == of_statuses[one.customer_id]
    return {one: found.get(mobile(one)) for one in CUSTOMERS}


# In the last two orders, a merge reads the statuses for the last time and then writes after the other one.
@pytest.mark.parametrize("order", [*ORDERS, "aabbbbba", "bbaaaaab"])
async def test_the_customer_with_the_smaller_id_survives_contradictory_merges(
    store: Store, stepped: list[SteppedStore], organization_id: int, order: str
) -> None:
    changes = {"a": merge(1, 2), "b": merge(2, 1)}
    # The merge of the smaller id is refused unless it had ended when the other one began to write.
    at_the_same_time = order.index("b") < order.index("a", order.index("a") + 1)
    refused = await run(stepped, organization_id, changes, order)
    assert refused == ({"a": SAME_TIME} if at_the_same_time else {})
    expected = {1: Person(1, (2,)), 2: Person(1, (2,)), 3: Person(3)}
    assert await persons(store, organization_id) == expected
    with pytest.raises(MergeRefused, match=BEFORE):
        await changes["a"](store, organization_id)
    assert await changes["b"](store, organization_id) is False
    assert await persons(store, organization_id) == expected


@pytest.mark.parametrize("order", ["".join(one) * 3 for one in itertools.permutations("abc")])
async def test_the_customer_with_the_smallest_id_survives_a_circle_of_merges(
    store: Store, stepped: list[SteppedStore], organization_id: int, order: str
) -> None:
    changes = {"a": merge(1, 2), "b": merge(2, 3), "c": merge(3, 1)}
    assert await run(stepped, organization_id, changes, order) == {"a": SAME_TIME}
    assert await persons(store, organization_id) == dict.fromkeys(CUSTOMERS, Person(1, (2, 3)))


async def test_a_read_between_the_writes_of_a_merge_finds_the_old_or_the_new_person(
    store: Store, stepped: list[SteppedStore], organization_id: int
) -> None:
    loader = CustomerByIdentifierLoader(CustomerDispatcher(store), organization_id)
    of_statuses, of_identifiers = [], []
    async for _ in steps(stepped[0], lambda one: merge(1, 2)(one, organization_id)):
        of_statuses.append(await find_persons(store, organization_id, (1, 2)))
        found = await loader.find([mobile(1), mobile(2)])
        of_identifiers.append({1: found[mobile(1)], 2: found[mobile(2)]})
    before, after = {1: Person(1), 2: Person(2)}, dict.fromkeys((1, 2), Person(2, (1,)))
    assert of_statuses == [before, {**before, 1: Person(2, (1,))}, after, after]
    assert of_identifiers == [before, before, before, after]


@pytest.mark.parametrize("order", ORDERS)
async def test_the_first_to_write_wins_among_merges_into_two_survivors(
    store: Store, stepped: list[SteppedStore], organization_id: int, order: str
) -> None:
    changes = {"a": merge(1, 2), "b": merge(1, 3)}
    refused = await run(stepped, organization_id, changes, order)
    assert refused == {"b" if order[0] == "a" else "a": ANOTHER}
    expected = (
        {1: Person(2, (1,)), 2: Person(2, (1,)), 3: Person(3)}
        if order[0] == "a"
        else {1: Person(3, (1,)), 2: Person(2), 3: Person(3, (1,))}
    )
    assert await persons(store, organization_id) == expected


@pytest.mark.parametrize("order", ORDERS[::3])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ((merge(1, 2), merge(2, 3)), dict.fromkeys(CUSTOMERS, Person(3, (1, 2)))),
        ((merge(1, 3), merge(2, 3)), dict.fromkeys(CUSTOMERS, Person(3, (1, 2)))),
        ((merge(2, 1), erase(2)), {1: None, 2: None, 3: Person(3)}),
        ((merge(2, 1), erase(1)), {1: None, 2: None, 3: Person(3)}),
        ((merge(2, 1), move(3, 2)), dict.fromkeys(CUSTOMERS, Person(1, (2,)))),
        ((erase(2), move(3, 2)), {1: Person(1), 2: None, 3: None}),
    ],
    ids=[
        *("two merges in a chain", "two merges into one survivor", "merge, erasure of the victim"),
        *("merge, erasure of the survivor", "merge, identifier moves to the victim"),
        "erasure, identifier moves to the erased customer",
    ],
)
async def test_concurrent_changes_have_the_result_of_sequential_changes(
    store: Store,
    stepped: list[SteppedStore],
    organization_id: int,
    changes: tuple[Change, Change],
    expected: dict[int, Person | None],
    order: str,
) -> None:
    assert await run(stepped, organization_id, dict(zip("ab", changes, strict=True)), order) == {}
    assert await persons(store, organization_id) == expected
