"""The dispatcher: when it sends loads, which loads share a batch, and the result of each load."""

import asyncio
from asyncio import Future, Task
from collections import Counter
from collections.abc import Iterable, Set
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from loaders import Dispatchers, Loaders
from loaders.deadline import Deadline, current_deadline, until
from loaders.dispatcher import DEFAULT_BATCHING, MAX_LATE_BATCHES, Batching, BatchObserver, Dispatcher
from loaders.enums import Benefit
from loaders.errors import DeadlineExceeded, StoreUnavailable
from loaders.store import Store
from loaders.totals import BenefitsKey
from tests.helpers import faults
from tests.helpers.gateway import Commands, new_tenant


@dataclass
class Batch:
    """A batch that was sent, and the future that ends it."""

    group: str
    keys: set[int]
    deadline: Deadline = field(default_factory=current_deadline)
    returned: "Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def __eq__(self, other: object) -> bool:
        return other == (self.group, self.keys)


class ScriptedDispatcher(Dispatcher[str, int, str]):
    """Finds every key but 0. A test ends each batch."""

    kind = "scripted"

    def __init__(
        self, in_flight: int = 1, limit: int = 4, observer: BatchObserver = DEFAULT_BATCHING.observer
    ) -> None:
        # `find` reads no database.
        super().__init__(cast(Store, None), Batching(in_flight, limit, observer))
        self.sent: list[Batch] = []

    async def find(self, group: str, keys: Set[int]) -> dict[int, str]:
        batch = Batch(group, set(keys))
        self.sent.append(batch)
        await batch.returned
        return answer(group, keys)

    @property
    def in_flight(self) -> list[Batch]:
        return [batch for batch in self.sent if not batch.returned.done()]

    def start(self, group: str, *keys: int, deadline: Deadline | None = None) -> "Task[Any]":
        with until(deadline or current_deadline()):
            return asyncio.create_task(self.load(group, set(keys)))


def answer(group: str, keys: Iterable[int]) -> dict[int, str]:
    return {key: f"{group}{key}" for key in keys if key}


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_lone_load_is_sent_in_the_same_turn() -> None:
    dispatcher = ScriptedDispatcher()
    load = dispatcher.load("A", {1})
    load.send(None)
    assert dispatcher.sent == [("A", {1})]
    load.close()


async def test_loads_wait_for_a_batch_to_return_and_share_the_next() -> None:
    dispatcher = ScriptedDispatcher()
    first, second, third = (dispatcher.start("A", n) for n in (1, 2, 2))
    await settle()
    assert dispatcher.sent == [("A", {1})]
    dispatcher.sent[0].returned.set_result(None)
    await settle()
    assert dispatcher.sent == [("A", {1}), ("A", {2})]
    dispatcher.sent[1].returned.set_result(None)
    assert await first == {1: "A1"}
    assert await second == await third == {2: "A2"}


async def test_no_more_than_the_maximum_of_batches_are_in_flight() -> None:
    dispatcher = ScriptedDispatcher(in_flight=3)
    loads = [dispatcher.start("A", n) for n in range(5)]
    await settle()
    assert dispatcher.sent == [("A", {n}) for n in range(3)]
    dispatcher.sent[1].returned.set_result(None)
    await settle()
    assert dispatcher.sent[3:] == [("A", {3, 4})]
    for batch in dispatcher.in_flight:
        batch.returned.set_result(None)
    await asyncio.gather(*loads)


async def test_loads_share_a_batch_of_at_most_the_maximum_of_keys() -> None:
    dispatcher = ScriptedDispatcher(limit=4)
    requested = [[1], [2, 3], [3, 4], [5], [6, 7]]
    loads = [dispatcher.start("A", *keys) for keys in requested]
    for n in range(3):
        await settle()
        dispatcher.sent[n].returned.set_result(None)
    # With 6 and 7, the second batch would have six keys. Two loads want the key 3, which is sent once.
    assert dispatcher.sent == [("A", {1}), ("A", {2, 3, 4, 5}), ("A", {6, 7})]
    for keys, load in zip(requested, loads, strict=True):
        assert answer("A", keys).items() <= (await load).items()


async def test_a_large_load_is_sent_whole_and_small_loads_do_not_wait_for_it() -> None:
    dispatcher = ScriptedDispatcher(limit=4)
    large = [dispatcher.start("A", *range(n, n + 5)) for n in (1, 3)]
    small = [dispatcher.start("A", n) for n in (1, 2)]
    await settle()
    assert dispatcher.sent == [("A", {1, 2, 3, 4, 5}), ("A", {1})]
    dispatcher.sent[1].returned.set_result(None)
    await settle()
    dispatcher.sent[2].returned.set_result(None)
    assert [await load for load in small] == [{1: "A1"}, {2: "A2"}]
    assert not any(load.done() for load in large)
    dispatcher.sent[0].returned.set_result(None)
    await settle()
    assert dispatcher.sent[3:] == [("A", {3, 4, 5, 6, 7})]
    dispatcher.sent[3].returned.set_result(None)
    assert [len(await load) for load in large] == [5, 5]


async def test_a_late_batch_gives_up_its_slot_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptedDispatcher, "late_after", 0.01)
    dispatcher = ScriptedDispatcher()
    loads = [dispatcher.start("A", n) for n in (1, 2, 3)]
    await faults.until(lambda: len(dispatcher.sent) == 2)
    assert dispatcher.sent == [("A", {1}), ("A", {2, 3})]
    monkeypatch.setattr(ScriptedDispatcher, "late_after", 3600)
    # The first batch has no slot to release any more: while the third is in flight, the fourth load waits.
    dispatcher.sent[1].returned.set_result(None)
    await settle()
    loads += [dispatcher.start("A", n) for n in (4, 5)]
    await settle()
    dispatcher.sent[0].returned.set_result(None)
    await settle()
    assert dispatcher.sent[2:] == [("A", {4})]
    dispatcher.sent[2].returned.set_result(None)
    await settle()
    dispatcher.sent[3].returned.set_result(None)
    assert [(await load)[n] for n, load in enumerate(loads, 1)] == ["A1", "A2", "A3", "A4", "A5"]


async def test_no_batch_is_sent_while_too_many_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScriptedDispatcher, "late_after", 0.001)
    dispatcher = ScriptedDispatcher(in_flight=2)
    most = 2 + MAX_LATE_BATCHES
    loads = []
    for n in range(most):
        loads.append(dispatcher.start("A", n))
        # The batch is sent once the batches before it are late.
        await faults.until(lambda: len(dispatcher.sent) == len(loads))
    loads += [dispatcher.start("A", n) for n in range(most, most + 3)]
    await asyncio.sleep(0.05)
    assert dispatcher.sent == [("A", {n}) for n in range(most)]
    loads.append(dispatcher.start("B", 1))
    await settle()
    assert dispatcher.sent[most:] == [("B", {1})]
    dispatcher.sent[3].returned.set_result(None)
    await settle()
    assert dispatcher.sent[most + 1 :] == [("A", {most, most + 1, most + 2})]
    for batch in dispatcher.in_flight:
        batch.returned.set_result(None)
    await asyncio.gather(*loads)
    assert dispatcher._queues == {}


async def test_groups_share_no_batch_and_do_not_wait_for_each_other() -> None:
    dispatcher = ScriptedDispatcher(limit=2)
    requested = [("A", 5), ("A", 1), ("A", 2), ("A", 3), ("B", 1), ("B", 2), ("C", 1)]
    loads = [dispatcher.start(group, n) for group, n in requested]
    await settle()
    assert dispatcher.sent == [("A", {5}), ("B", {1}), ("C", {1})]
    for n in range(5):
        dispatcher.sent[n].returned.set_result(None)
        await settle()
    assert dispatcher.sent[3:] == [("A", {1, 2}), ("B", {2}), ("A", {3})]
    dispatcher.sent[5].returned.set_result(None)
    for (group, n), load in zip(requested, loads, strict=True):
        assert (await load)[n] == f"{group}{n}"


async def test_a_group_without_loads_keeps_no_queue() -> None:
    dispatcher = ScriptedDispatcher()
    loads = [dispatcher.start(group, n) for group in "ABC" for n in (1, 2)]
    await settle()
    while dispatcher.in_flight:
        dispatcher.in_flight[0].returned.set_result(None)
        await settle()
    await asyncio.gather(*loads)
    assert dispatcher._queues == {}


async def test_each_load_of_a_failed_batch_raises_an_exception_of_its_own() -> None:
    dispatcher = ScriptedDispatcher()
    first, *waiting = (dispatcher.start("A", n) for n in range(4))
    await settle()
    dispatcher.sent[0].returned.set_exception(StoreUnavailable("down"))
    await settle()
    assert dispatcher.sent[1:] == [("A", {1, 2, 3})]
    cause = StoreUnavailable("slow")
    dispatcher.sent[1].returned.set_exception(cause)
    errors = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert list(map(repr, errors)) == ["StoreUnavailable('down')"] + ["StoreUnavailable('slow')"] * 3
    assert len({id(error) for error in errors}) == 4
    assert all(isinstance(error, StoreUnavailable) and error.__cause__ is cause for error in errors[1:])
    assert len(dispatcher.sent) == 2, "nothing is sent again"


async def test_the_loads_of_a_cancelled_batch_fail() -> None:
    dispatcher = ScriptedDispatcher()
    first, second = (dispatcher.start("A", n) for n in (1, 2))
    await settle()
    dispatcher.sent[0].returned.set_result(None)
    await settle()
    dispatcher.sent[1].returned.cancel()
    with pytest.raises(StoreUnavailable):
        await second
    await first


async def test_a_cancelled_load_is_not_sent() -> None:
    dispatcher = ScriptedDispatcher()
    loads = [dispatcher.start("A", n) for n in range(3)]
    await settle()
    loads[1].cancel()
    dispatcher.sent[0].returned.set_result(None)
    await settle()
    assert dispatcher.sent[1:] == [("A", {2})]
    loads[2].cancel()
    await settle()
    dispatcher.sent[1].returned.set_result(None)
    await settle()
    assert [load.cancelled() for load in loads] == [False, True, True]


async def test_a_lone_load_that_is_cancelled_releases_its_slot() -> None:
    dispatcher = ScriptedDispatcher()
    first, second = (dispatcher.start("A", n) for n in (1, 2))
    await settle()
    first.cancel()
    await settle()
    assert dispatcher.sent == [("A", {1}), ("A", {2})]
    dispatcher.sent[1].returned.set_result(None)
    assert await second == {2: "A2"}


async def test_a_batch_has_the_latest_deadline_of_its_loads() -> None:
    dispatcher = ScriptedDispatcher()
    deadlines = [Deadline(seconds) for seconds in (6000, 1000, 3000, 2000)]
    loads = [dispatcher.start("A", n, deadline=deadline) for n, deadline in enumerate(deadlines)]
    await settle()
    dispatcher.sent[0].returned.set_result(None)
    await settle()
    assert dispatcher.sent[1:] == [("A", {1, 2, 3})]
    assert [batch.deadline for batch in dispatcher.sent] == [deadlines[0], deadlines[2]]
    dispatcher.sent[1].returned.set_result(None)
    assert [await load for load in loads[1:]] == [answer("A", {1, 2, 3})] * 3


async def test_a_load_whose_deadline_has_passed_is_not_sent() -> None:
    dispatcher = ScriptedDispatcher()
    gone = Deadline(60)
    first, second = dispatcher.start("A", 1), dispatcher.start("A", 2, deadline=gone)
    third, fourth = dispatcher.start("A", 3), dispatcher.start("A", 4, deadline=gone)
    await settle()
    gone.expire()
    dispatcher.sent[0].returned.set_result(None)
    await settle()
    assert dispatcher.sent == [("A", {1}), ("A", {3})]
    dispatcher.sent[1].returned.set_result(None)
    assert (await first, await third) == ({1: "A1"}, {3: "A3"})
    for late in (second, fourth):
        with pytest.raises(DeadlineExceeded):
            await late
    assert dispatcher.sent[2:] == []


KEYS = st.sets(st.integers(0, 9), min_size=1, max_size=6)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), st.sampled_from("AB"), KEYS),
        st.tuples(st.sampled_from(["return", "fail", "cancel", "deadline"]), st.integers(0, 20)),
    ),
    max_size=40,
)


@examples(max_examples=200)
@given(steps=STEPS, in_flight=st.integers(1, 3), limit=st.integers(1, 6))
async def test_the_result_of_a_load_does_not_depend_on_other_loads(
    steps: list[tuple[Any, ...]], in_flight: int, limit: int
) -> None:
    dispatcher = ScriptedDispatcher(in_flight, limit)
    requested: list[tuple[str, set[int]]] = []
    loads: list[Task[Any]] = []
    deadlines: list[asyncio.Timeout] = []
    ended: dict[int, type[BaseException]] = {}

    async def load(group: str, keys: set[int]) -> Any:
        async with asyncio.timeout(None) as deadline:
            deadlines.append(deadline)
            return await dispatcher.load(group, keys)

    for step, *details in [*steps, *[("return", 0)] * 40]:
        if step == "load":
            requested.append((details[0], details[1]))
            loads.append(asyncio.create_task(load(*details)))
        elif step in ("return", "fail") and (batches := dispatcher.in_flight):
            returned = batches[details[0] % len(batches)].returned
            if step == "fail":
                returned.set_exception(StoreUnavailable("down"))
            else:
                returned.set_result(None)
        elif step in ("cancel", "deadline") and loads:
            n = details[0] % len(loads)
            if not loads[n].done() and n not in ended:
                ended[n] = asyncio.CancelledError if step == "cancel" else TimeoutError
                if step == "cancel":
                    loads[n].cancel()
                else:
                    deadlines[n].reschedule(asyncio.get_running_loop().time() - 1)
        await settle()
        queues = Counter((one.group, len(one.keys) > limit) for one in dispatcher.in_flight)
        assert all(batches <= in_flight for batches in queues.values())
    outcomes = await asyncio.wait_for(asyncio.gather(*loads, return_exceptions=True), 60)
    failures = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable)]
    assert len({id(failure) for failure in failures}) == len(failures)
    for n, (outcome, (group, keys)) in enumerate(zip(outcomes, requested, strict=True)):
        if n in ended:
            assert type(outcome) is ended[n]
        elif not isinstance(outcome, StoreUnavailable):
            assert isinstance(outcome, dict)
            assert {key: text for key, text in outcome.items() if key in keys} == answer(group, keys)
    for batch in dispatcher.sent:
        if len(batch.keys) > limit:
            assert batch in requested


async def test_requests_of_one_organisation_share_their_commands(
    watched_store: tuple[Store, Commands], store: Store
) -> None:
    watched, commands = watched_store
    dispatchers = Dispatchers(watched, Batching(max_concurrent=1))
    tenants = [await new_tenant(store) for _ in range(2)]
    for tenant in tenants:
        await tenant.issue([tenant.badge(f"b{n}", n, f"series-{n}") for n in range(10)])

    async def totals(request: int) -> list[str]:
        tenant = tenants[request % 2]
        loaders = Loaders(dispatchers, tenant.organization, datetime(2025, 6, 12, tzinfo=UTC).date())
        key = BenefitsKey(request // 2, 1, frozenset({Benefit.BADGE}))
        return [total.item for total in (await loaders.totals.load(key))[Benefit.BADGE]]

    found = await asyncio.gather(*(totals(request) for request in range(20)))
    assert found == [[f"series-{request // 2}"] for request in range(20)]
    requested = [
        (match["orgId"], sorted(match["customerPromotion"]["$in"]))
        for match in (command["pipeline"][0]["$match"] for command in commands.sent)
    ]
    first, second = (tenant.organization.id for tenant in tenants)
    assert sorted(requested) == sorted(
        (organization_id, [f"{n}:1" for n in customers])
        for organization_id in (first, second)
        for customers in (range(1), range(1, 10))
    )


class RecordingObserver(BatchObserver):
    """Records each call with the name of the load in whose context the dispatcher makes it."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, str, int]] = []
        self.answered_loads: list[tuple[str, str, int]] = []

    def batch(self, kind: str, loads: int) -> AbstractContextManager[object]:
        self.batches.append((LOAD.get(), kind, loads))
        return super().batch(kind, loads)

    def answered(self, kind: str, loads: int) -> None:
        self.answered_loads.append((LOAD.get(), kind, loads))


LOAD: ContextVar[str] = ContextVar("load")


async def test_an_observer_sees_each_batch_in_the_context_of_its_first_load() -> None:
    observer = RecordingObserver()
    dispatcher = ScriptedDispatcher(observer=observer)

    async def load(name: str) -> None:
        LOAD.set(name)
        await dispatcher.load("A", {len(name)})

    loads = [asyncio.create_task(load(name)) for name in ("a", "bb", "ccc", "dddd")]
    await settle()
    assert dispatcher.waiting == 3
    loads[3].cancel()
    await settle()
    dispatcher.sent[0].returned.set_result(None)
    await settle()
    assert dispatcher.waiting == 0
    dispatcher.sent[1].returned.set_exception(StoreUnavailable("down"))
    await asyncio.gather(*loads, return_exceptions=True)
    assert observer.batches == [("a", "scripted", 1), ("bb", "scripted", 2)]
    # Nothing was read for the cancelled load.
    assert observer.answered_loads == [("a", "scripted", 1), ("bb", "scripted", 2), ("ccc", "scripted", 2)]
