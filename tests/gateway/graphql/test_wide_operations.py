"""Wide operations wait for each other or are refused; small operations and other organisations go on."""

import asyncio
from asyncio import Event
from collections.abc import Generator
from typing import Any

import pytest
from starlette.exceptions import HTTPException

from gateway.graphql import plan_variants, wide_operations
from gateway.graphql.compiler import compile_operation
from gateway.graphql.plan import Plan
from gateway.graphql.wide_operations import (
    MAX_QUEUED_PER_ORGANIZATION,
    MAX_RUNNING,
    MAX_SMALL,
    WideOperations,
)
from gateway.middleware.deadline import HEADER
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers.gateway import DEMO_HEADER, Gateway, assert_graphql_refusal, new_tenant
from tests.helpers.graphql import field

SMALL = f"{{ {' '.join(field(f'a{n}') for n in range(MAX_SMALL))} }}"
WIDE = f"{{ {' '.join(field(f'a{n}') for n in range(MAX_SMALL + 1))} }}"
IDS = ", ".join(f'"{n}"' for n in range(MAX_SMALL + 1))
WIDE_LIST = (
    '{ customer(source: INSTORE, identifierName: ID, identifierValue: "1") '
    f"{{ promotionActionSummaries(promotionIds: [{IDS}]) {{ orgId }} }} }}"
)
# A variable is missing. The refusal comes before the coercion of variables, which can take long.
INCOMPLETE = f"query ($on: Boolean!) {{ {WIDE[2:-2]} last: __typename @include(if: $on) }}"
INTROSPECTION = "{ __schema { queryType { name } } }"
ANSWERED = {"data": {f"a{n}": {"customerId": "387729100"} for n in range(MAX_SMALL + 1)}}


class Operations:
    """Wide operations that a test starts and ends; `running` has the numbers of the running ones."""

    def __init__(self) -> None:
        self.wide = WideOperations()
        self.running: list[int] = []
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self._ends: dict[int, Event] = {}

    async def start(self, number: int, organization: int = 1) -> None:
        """Start an operation; it runs, or waits for a slot."""
        self._ends[number] = Event()
        self.tasks[number] = asyncio.create_task(self._run(number, organization))
        await self._go_on()

    async def end(self, number: int) -> None:
        self._ends[number].set()
        await self.tasks[number]
        await self._go_on()

    async def cancel(self, number: int) -> None:
        self.tasks[number].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.tasks[number]
        await self._go_on()

    async def _run(self, number: int, organization: int) -> None:
        async with self.wide.slot(organization):
            self.running.append(number)
            try:
                await self._ends[number].wait()
            finally:
                self.running.remove(number)

    async def _go_on(self) -> None:
        # More turns of the event loop than a slot needs to pass on.
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def operations() -> Operations:
    return Operations()


async def test_an_organisation_runs_one_wide_operation_at_a_time(operations: Operations) -> None:
    for number in range(3):
        await operations.start(number)
    assert operations.running == [0]
    await operations.end(0)
    assert operations.running == [1]
    await operations.end(1)
    assert operations.running == [2]


async def test_organisations_take_turns_when_all_slots_are_taken(operations: Operations) -> None:
    for number in (10, 11, 12):
        await operations.start(number, organization=1)
    for number in (20, 21):
        await operations.start(number, organization=2)
    await operations.start(30, organization=3)
    assert operations.running == [10, 20]
    await operations.end(10)
    assert operations.running == [20, 30]
    await operations.end(20)
    assert operations.running == [30, 11]


async def test_a_full_queue_refuses_operations_until_one_ends(operations: Operations) -> None:
    for number in range(MAX_QUEUED_PER_ORGANIZATION):
        await operations.start(number)
    with pytest.raises(HTTPException) as refused:
        async with operations.wide.slot(1):
            raise AssertionError
    assert refused.value.status_code == 503
    await operations.start(100, organization=2)
    assert operations.running == [0, 100]
    await operations.end(0)
    await operations.start(MAX_QUEUED_PER_ORGANIZATION)
    assert operations.running == [100, 1]
    assert not operations.tasks[MAX_QUEUED_PER_ORGANIZATION].done()


async def test_a_cancelled_operation_releases_its_slot(operations: Operations) -> None:
    for number in range(3):
        await operations.start(number)
    # Cancel the first operation in the queue, then the running one.
    await operations.cancel(1)
    assert operations.running == [0]
    await operations.cancel(0)
    assert operations.running == [2]
    await operations.end(2)
    for number in range(MAX_RUNNING):
        await operations.start(number, organization=number)
    assert operations.running == list(range(MAX_RUNNING))


async def test_wide_operations_that_waited_have_their_data(gateway: Gateway) -> None:
    answers = await asyncio.gather(*(gateway.graphql(WIDE) for _ in range(3)))
    assert [answer.json() for answer in answers] == [ANSWERED] * 3


@pytest.fixture
def all_slots_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide_operations, "MAX_RUNNING", 0)


@pytest.fixture
def full_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wide_operations, "MAX_QUEUED_PER_ORGANIZATION", 0)


@pytest.mark.usefixtures("all_slots_taken")
async def test_small_operations_are_answered_while_wide_ones_wait(
    gateway_with: OpenGateway, store: Store
) -> None:
    other = await new_tenant(store)
    async with gateway_with() as gateway:
        await gateway.warm()
        waiting = asyncio.create_task(gateway.graphql(WIDE))
        own = await gateway.graphql(SMALL)
        assert own.json() == {"data": {f"a{n}": {"customerId": "387729100"} for n in range(MAX_SMALL)}}
        assert (await gateway.ask_graphql(other.parameters, other.headers))["customerId"] == 1
        assert not waiting.done()
        waiting.cancel()


@pytest.mark.usefixtures("all_slots_taken")
async def test_a_waiting_operation_is_answered_by_its_deadline(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        await gateway.warm()
        late = await gateway.graphql(WIDE, headers={**DEMO_HEADER, HEADER: "50"})
        message = "Error fetching promotion data. Verify programs/promotionIdentifier passed."
        assert late.json() == {
            "errors": [{"message": message, "extensions": {"code": "DEADLINE_EXCEEDED", "errorCode": 8105}}]
        }
        assert late.headers["retry-after"] == "1"
        assert gateway.commands.names == []


@pytest.mark.usefixtures("full_queue")
@pytest.mark.parametrize(
    "query",
    [WIDE, WIDE_LIST, INCOMPLETE, INTROSPECTION],
    ids=["aliases", "list", "missing variable", "introspection"],
)
async def test_an_operation_beyond_the_queue_is_refused_with_retry_after(
    gateway_with: OpenGateway, query: str
) -> None:
    async with gateway_with(introspection=True) as gateway:
        await gateway.warm()
        refused = await gateway.graphql(query)
        assert_graphql_refusal(refused, 503, "SERVICE_UNAVAILABLE", 503, "Service Unavailable")
        assert refused.headers["retry-after"] == "1"
        assert gateway.commands.names == []


@pytest.mark.usefixtures("full_queue")
async def test_a_plan_that_replaces_another_is_compiled_in_a_slot(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[object] = []

    def note(*arguments: Any) -> Generator[None, None, Plan | None]:
        compiled.append(arguments)
        return compile_operation(*arguments)

    monkeypatch.setattr(plan_variants, compile_operation.__name__, note)
    monkeypatch.setattr(plan_variants, "MAX_PLANS", 1)
    query = f"query ($on: Boolean!) {{ __typename @include(if: $on) {field()} }}"
    async with gateway_with() as gateway:
        for _ in range(2):
            answer = await gateway.graphql(query, {"on": False})
            assert answer.json() == {"data": {"summary": {"customerId": "387729100"}}}
            refused = await gateway.graphql(query, {"on": True})
            assert_graphql_refusal(refused, 503, "SERVICE_UNAVAILABLE", 503, "Service Unavailable")
    assert len(compiled) == 1


@pytest.mark.usefixtures("full_queue")
async def test_a_small_operation_takes_no_slot_with_the_plain_executor(gateway_with: OpenGateway) -> None:
    async with gateway_with(compiled=False) as gateway:
        assert (await gateway.graphql(f"{{ {field()} }}")).json() == {
            "data": {"summary": {"customerId": "387729100"}}
        }
        assert_graphql_refusal(
            await gateway.graphql(WIDE_LIST), 503, "SERVICE_UNAVAILABLE", 503, "Service Unavailable"
        )
