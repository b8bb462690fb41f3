"""Reads that concurrent requests share: when they leave, together with whom, and who gets which answer."""

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
from tests.support import Commands, new_tenant


@dataclass
class Batch:
    """What was sent, and the future that ends it."""

    group: str
    keys: set[int]
    deadline: Deadline = field(default_factory=current_deadline)
    returned: "Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def __eq__(self, other: object) -> bool:
        return other == (self.group, self.keys)


class Answers(Dispatcher[str, int, str]):
    """Knows every key but 0; a batch is back when the test says so, and never late unless it says so."""

    late_after = 3600

    kind = "answers"

    def __init__(
        self, in_flight: int = 1, limit: int = 4, observer: BatchObserver = DEFAULT_BATCHING.observer
    ) -> None:
        # It reads from no database.
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
    answers = Answers()
    load = answers.load("A", {1})
    load.send(None)
    assert answers.sent == [("A", {1})]
    load.close()


async def test_loads_wait_for_a_batch_to_return_and_share_the_next() -> None:
    answers = Answers()
    first, second, third = (answers.start("A", n) for n in (1, 2, 2))
    await settle()
    assert answers.sent == [("A", {1})]
    answers.sent[0].returned.set_result(None)
    await settle()
    assert answers.sent == [("A", {1}), ("A", {2})]
    answers.sent[1].returned.set_result(None)
    assert await first == {1: "A1"}
    assert await second == await third == {2: "A2"}


async def test_so_many_batches_are_in_flight_and_no_more() -> None:
    answers = Answers(in_flight=3)
    loads = [answers.start("A", n) for n in range(5)]
    await settle()
    assert answers.sent == [("A", {n}) for n in range(3)]
    answers.sent[1].returned.set_result(None)
    await settle()
    assert answers.sent[3:] == [("A", {3, 4})]
    for batch in answers.in_flight:
        batch.returned.set_result(None)
    await asyncio.gather(*loads)


async def test_strangers_share_a_batch_while_its_keys_stay_within_the_limit() -> None:
    answers = Answers(limit=4)
    asked = [[1], [2, 3], [3, 4], [5], [6, 7]]
    loads = [answers.start("A", *keys) for keys in asked]
    for n in range(3):
        await settle()
        answers.sent[n].returned.set_result(None)
    # With 6 and 7, the second batch would have six keys; 3 is asked for once.
    assert answers.sent == [("A", {1}), ("A", {2, 3, 4, 5}), ("A", {6, 7})]
    for keys, load in zip(asked, loads, strict=True):
        assert answer("A", keys).items() <= (await load).items()


async def test_a_load_is_never_split_and_a_large_one_keeps_no_small_one_waiting() -> None:
    answers = Answers(limit=4)
    large = [answers.start("A", *range(n, n + 5)) for n in (1, 3)]
    small = [answers.start("A", n) for n in (1, 2)]
    await settle()
    assert answers.sent == [("A", {1, 2, 3, 4, 5}), ("A", {1})]
    answers.sent[1].returned.set_result(None)
    await settle()
    answers.sent[2].returned.set_result(None)
    assert [await load for load in small] == [{1: "A1"}, {2: "A2"}]
    assert not any(load.done() for load in large)
    answers.sent[0].returned.set_result(None)
    await settle()
    assert answers.sent[3:] == [("A", {3, 4, 5, 6, 7})]
    answers.sent[3].returned.set_result(None)
    assert [len(await load) for load in large] == [5, 5]


async def test_a_batch_that_is_late_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "late_after", 0.01)
    answers = Answers()
    loads = [answers.start("A", n) for n in (1, 2, 3)]
    await asyncio.sleep(0.05)
    assert answers.sent == [("A", {1}), ("A", {2, 3})]
    monkeypatch.setattr(Answers, "late_after", 3600)
    # The first gives no place back a second time: while the third is under way, the fourth waits.
    answers.sent[1].returned.set_result(None)
    await settle()
    loads += [answers.start("A", n) for n in (4, 5)]
    await settle()
    answers.sent[0].returned.set_result(None)
    await settle()
    assert answers.sent[2:] == [("A", {4})]
    answers.sent[2].returned.set_result(None)
    await settle()
    answers.sent[3].returned.set_result(None)
    assert [(await load)[n] for n, load in enumerate(loads, 1)] == ["A1", "A2", "A3", "A4", "A5"]


async def test_only_so_many_batches_of_a_group_are_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "late_after", 0.001)
    answers = Answers(in_flight=2)
    most = 2 + MAX_LATE_BATCHES
    loads = []
    for n in range(most + 3):
        loads.append(answers.start("A", n))
        await asyncio.sleep(0.01)
    assert answers.sent == [("A", {n}) for n in range(most)]
    loads.append(answers.start("B", 1))
    await settle()
    assert answers.sent[most:] == [("B", {1})]
    answers.sent[3].returned.set_result(None)
    await settle()
    assert answers.sent[most + 1 :] == [("A", {most, most + 1, most + 2})]
    for batch in answers.in_flight:
        batch.returned.set_result(None)
    await asyncio.gather(*loads)
    assert answers._queues == {}


async def test_groups_share_nothing_and_do_not_wait_for_each_other() -> None:
    answers = Answers(limit=2)
    asked = [("A", 5), ("A", 1), ("A", 2), ("A", 3), ("B", 1), ("B", 2), ("C", 1)]
    loads = [answers.start(group, n) for group, n in asked]
    await settle()
    assert answers.sent == [("A", {5}), ("B", {1}), ("C", {1})]
    for n in range(5):
        answers.sent[n].returned.set_result(None)
        await settle()
    assert answers.sent[3:] == [("A", {1, 2}), ("B", {2}), ("A", {3})]
    answers.sent[5].returned.set_result(None)
    for (group, n), load in zip(asked, loads, strict=True):
        assert (await load)[n] == f"{group}{n}"


async def test_nothing_is_kept_of_a_group_that_nobody_asks_for() -> None:
    answers = Answers()
    loads = [answers.start(group, n) for group in "ABC" for n in (1, 2)]
    await settle()
    while answers.in_flight:
        answers.in_flight[0].returned.set_result(None)
        await settle()
    await asyncio.gather(*loads)
    assert answers._queues == {}


async def test_a_failed_batch_fails_each_of_its_waiters_with_an_error_of_its_own() -> None:
    answers = Answers()
    first, *waiting = (answers.start("A", n) for n in range(4))
    await settle()
    answers.sent[0].returned.set_exception(StoreUnavailable("down"))
    await settle()
    assert answers.sent[1:] == [("A", {1, 2, 3})]
    cause = StoreUnavailable("slow")
    answers.sent[1].returned.set_exception(cause)
    errors = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert list(map(repr, errors)) == ["StoreUnavailable('down')"] + ["StoreUnavailable('slow')"] * 3
    assert len({id(error) for error in errors}) == 4
    assert all(isinstance(error, StoreUnavailable) and error.__cause__ is cause for error in errors[1:])
    assert len(answers.sent) == 2, "nothing is sent again"


async def test_a_cancelled_batch_fails_its_waiters_instead_of_leaving_them() -> None:
    answers = Answers()
    first, second = (answers.start("A", n) for n in (1, 2))
    await settle()
    answers.sent[0].returned.set_result(None)
    await settle()
    answers.sent[1].returned.cancel()
    with pytest.raises(StoreUnavailable):
        await second
    await first


async def test_who_gave_up_is_not_asked_for() -> None:
    answers = Answers()
    loads = [answers.start("A", n) for n in range(3)]
    await settle()
    loads[1].cancel()
    answers.sent[0].returned.set_result(None)
    await settle()
    assert answers.sent[1:] == [("A", {2})]
    loads[2].cancel()
    await settle()
    answers.sent[1].returned.set_result(None)
    await settle()
    assert [load.cancelled() for load in loads] == [False, True, True]


async def test_a_lone_load_that_gives_up_makes_room_for_the_next() -> None:
    answers = Answers()
    first, second = (answers.start("A", n) for n in (1, 2))
    await settle()
    first.cancel()
    await settle()
    assert answers.sent == [("A", {1}), ("A", {2})]
    answers.sent[1].returned.set_result(None)
    assert await second == {2: "A2"}


async def test_a_batch_may_take_as_long_as_the_last_of_its_waiters_can_wait() -> None:
    answers = Answers()
    deadlines = [Deadline(seconds) for seconds in (60, 10, 30, 20)]
    loads = [answers.start("A", n, deadline=deadline) for n, deadline in enumerate(deadlines)]
    await settle()
    answers.sent[0].returned.set_result(None)
    await settle()
    assert answers.sent[1:] == [("A", {1, 2, 3})]
    assert [batch.deadline for batch in answers.sent] == [deadlines[0], deadlines[2]]
    answers.sent[1].returned.set_result(None)
    assert [await load for load in loads[1:]] == [answer("A", {1, 2, 3})] * 3


async def test_nothing_is_sent_for_those_whose_deadline_has_passed() -> None:
    answers = Answers()
    gone = Deadline(60)
    first, second = answers.start("A", 1), answers.start("A", 2, deadline=gone)
    third, fourth = answers.start("A", 3), answers.start("A", 4, deadline=gone)
    await settle()
    gone.expire()
    answers.sent[0].returned.set_result(None)
    await settle()
    assert answers.sent == [("A", {1}), ("A", {3})]
    answers.sent[1].returned.set_result(None)
    assert (await first, await third) == ({1: "A1"}, {3: "A3"})
    for late in (second, fourth):
        with pytest.raises(DeadlineExceeded):
            await late
    assert answers.sent[2:] == []


KEYS = st.sets(st.integers(0, 9), min_size=1, max_size=6)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("load"), st.sampled_from("AB"), KEYS),
        st.tuples(st.sampled_from(["return", "fail", "cancel", "deadline"]), st.integers(0, 20)),
    ),
    max_size=40,
)


@examples(deadline=None, max_examples=200)
@given(steps=STEPS, in_flight=st.integers(1, 3), limit=st.integers(1, 6))
async def test_whatever_happens_to_others_everybody_gets_what_they_would_have_got_alone(
    steps: list[tuple[Any, ...]], in_flight: int, limit: int
) -> None:
    answers = Answers(in_flight, limit)
    asked: list[tuple[str, set[int]]] = []
    loads: list[Task[Any]] = []
    deadlines: list[asyncio.Timeout] = []
    gave_up: dict[int, type[BaseException]] = {}

    async def load(group: str, keys: set[int]) -> Any:
        async with asyncio.timeout(None) as deadline:
            deadlines.append(deadline)
            return await answers.load(group, keys)

    for step, *details in [*steps, *[("return", 0)] * 40]:
        if step == "load":
            asked.append((details[0], details[1]))
            loads.append(asyncio.create_task(load(*details)))
        elif step in ("return", "fail") and (batches := answers.in_flight):
            returned = batches[details[0] % len(batches)].returned
            if step == "fail":
                returned.set_exception(StoreUnavailable("down"))
            else:
                returned.set_result(None)
        elif step in ("cancel", "deadline") and loads:
            n = details[0] % len(loads)
            if not loads[n].done() and n not in gave_up:
                gave_up[n] = asyncio.CancelledError if step == "cancel" else TimeoutError
                if step == "cancel":
                    loads[n].cancel()
                else:
                    deadlines[n].reschedule(asyncio.get_running_loop().time() - 1)
        await settle()
        queues = Counter((one.group, len(one.keys) > limit) for one in answers.in_flight)
        assert all(batches <= in_flight for batches in queues.values())
    outcomes = await asyncio.wait_for(asyncio.gather(*loads, return_exceptions=True), 5)
    failures = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable)]
    assert len({id(failure) for failure in failures}) == len(failures)
    for n, (outcome, (group, keys)) in enumerate(zip(outcomes, asked, strict=True)):
        if n in gave_up:
            assert type(outcome) is gave_up[n]
        elif not isinstance(outcome, StoreUnavailable):
            assert isinstance(outcome, dict)
            assert {key: text for key, text in outcome.items() if key in keys} == answer(group, keys)
    for batch in answers.sent:
        if len(batch.keys) > limit:
            assert batch in asked


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
    asked = [
        (match["orgId"], sorted(match["customerPromotion"]["$in"]))
        for match in (command["pipeline"][0]["$match"] for command in commands.sent)
    ]
    first, second = (tenant.organization.id for tenant in tenants)
    assert sorted(asked) == sorted(
        (organization_id, [f"{n}:1" for n in customers])
        for organization_id in (first, second)
        for customers in (range(1), range(1, 10))
    )


class Told(BatchObserver):
    """Keeps what it is told, and in whose context."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, str, int]] = []
        self.answers: list[tuple[str, str, int]] = []

    def batch(self, kind: str, loads: int) -> AbstractContextManager[object]:
        self.batches.append((WHO.get(), kind, loads))
        return super().batch(kind, loads)

    def answered(self, kind: str, loads: int) -> None:
        self.answers.append((WHO.get(), kind, loads))


WHO: ContextVar[str] = ContextVar("who")


async def test_a_watcher_is_told_who_shares_a_batch_on_whose_behalf() -> None:
    told = Told()
    answers = Answers(observer=told)

    async def load(who: str) -> None:
        WHO.set(who)
        await answers.load("A", {len(who)})

    loads = [asyncio.create_task(load(who)) for who in ("a", "bb", "ccc", "dddd")]
    await settle()
    assert answers.waiting == 3
    loads[3].cancel()
    await settle()
    answers.sent[0].returned.set_result(None)
    await settle()
    assert answers.waiting == 0
    answers.sent[1].returned.set_exception(StoreUnavailable("down"))
    await asyncio.gather(*loads, return_exceptions=True)
    assert told.batches == [("a", "answers", 1), ("bb", "answers", 2)]
    # For who gave up, nothing was read.
    assert told.answers == [("a", "answers", 1), ("bb", "answers", 2), ("ccc", "answers", 2)]
