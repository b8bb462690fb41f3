"""The queue of password checks: one runs at a time, and no flood of checks or addresses keeps others out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from gateway.auth import password_queue
from gateway.auth.password_queue import CheckQueue
from gateway.errors import AuthorizationUnavailable


class Checks:
    """A queue whose running check a test ends, with the names of the checks that ran and were dropped."""

    def __init__(self) -> None:
        self.queue = CheckQueue()
        self.ran: list[str] = []
        self.dropped: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._end_one = asyncio.Semaphore(0)

    async def add(self, *names: str) -> None:
        """Start checks; a name is an address, a dash and a number."""
        for name in names:
            self.tasks.append(asyncio.create_task(self._check(name)))
            await _let_run()

    async def end_all(self) -> list[str]:
        """Let every check end; returns the names in the order in which the checks ran."""
        for _ in self.tasks:
            self._end_one.release()
            await _let_run()
        return self.ran

    async def _check(self, name: str) -> None:
        try:
            async with self.queue.slot(name.partition("-")[0]):
                self.ran.append(name)
                await self._end_one.acquire()
        except AuthorizationUnavailable:
            self.dropped.append(name)


async def _let_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def checks() -> AsyncIterator[Checks]:
    checks = Checks()
    yield checks
    for task in checks.tasks:
        task.cancel()
    await asyncio.gather(*checks.tasks, return_exceptions=True)


async def test_one_check_runs_at_a_time(checks: Checks) -> None:
    await checks.add("a-1", "a-2", "b-1")
    assert checks.ran == ["a-1"]


async def test_checks_of_one_address_run_in_the_order_they_came(checks: Checks) -> None:
    await checks.add("a-1", "a-2", "a-3")
    assert await checks.end_all() == ["a-1", "a-2", "a-3"]


async def test_addresses_take_turns(checks: Checks) -> None:
    await checks.add("a-1", "a-2", "a-3", "a-4", "b-1", "b-2", "c-1")
    assert await checks.end_all() == ["a-1", "a-2", "b-1", "c-1", "a-3", "b-2", "a-4"]


async def test_an_address_that_failed_comes_after_the_others(checks: Checks) -> None:
    checks.queue.note_failure("a")
    checks.queue.note_failure("b")
    await checks.add("x-1", "a-1", "b-1", "a-2", "c-1", "c-2")
    assert await checks.end_all() == ["x-1", "c-1", "c-2", "a-1", "b-1", "a-2"]


async def test_a_failure_is_forgotten_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    assert password_queue.FAILED_SECONDS == 60
    monkeypatch.setattr(password_queue, "FAILED_SECONDS", 0)
    checks = Checks()
    checks.queue.note_failure("a")
    await checks.add("x-1", "a-1", "b-1")
    assert await checks.end_all() == ["x-1", "a-1", "b-1"]


async def test_the_checks_of_one_address_have_a_limit(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_queue, "MAX_WAITING_PER_ADDRESS", 2)
    await checks.add("a-1", "a-2", "a-3", "a-4", "b-1")
    assert checks.dropped == ["a-4"]
    assert await checks.end_all() == ["a-1", "a-2", "b-1", "a-3"]


async def test_a_full_queue_drops_the_latest_check_of_the_address_with_the_most(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_queue, "MAX_WAITING", 4)
    await checks.add("x-1", "a-1", "a-2", "a-3", "b-1", "c-1")
    assert checks.dropped == ["a-3"]
    await checks.add("c-2")
    assert checks.dropped == ["a-3", "c-2"]
    assert await checks.end_all() == ["x-1", "a-1", "b-1", "c-1", "a-2"]


async def test_a_full_queue_has_room_for_an_address_that_did_not_fail(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_queue, "MAX_WAITING", 3)
    for address in "abc":
        checks.queue.note_failure(address)
    await checks.add("x-1", "a-1", "b-1", "c-1", "d-1", "d-2")
    assert checks.dropped == ["a-1", "b-1"]
    assert await checks.end_all() == ["x-1", "d-1", "d-2", "c-1"]


async def test_a_full_queue_refuses_an_address_that_failed(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_queue, "MAX_WAITING", 2)
    checks.queue.note_failure("c")
    await checks.add("x-1", "a-1", "b-1", "c-1")
    assert checks.dropped == ["c-1"]


@pytest.mark.parametrize("networks", [60, 150, 500])
async def test_a_flood_from_many_networks_keeps_no_other_address_out(checks: Checks, networks: int) -> None:
    flood = [f"flood{n}-1" for n in range(networks)]
    await checks.add(*flood)
    for name in flood:
        checks.queue.note_failure(name.partition("-")[0])
    await checks.add("shop-1")
    await checks.end_all()
    assert "shop-1" not in checks.dropped
    assert checks.ran.index("shop-1") == 1


async def test_a_check_that_is_cancelled_while_it_waits_is_passed_over(checks: Checks) -> None:
    await checks.add("a-1", "b-1", "c-1")
    checks.tasks[1].cancel()
    with suppress(asyncio.CancelledError):
        await checks.tasks[1]
    assert await checks.end_all() == ["a-1", "c-1"]


async def test_a_check_that_ends_with_an_error_lets_the_next_begin() -> None:
    queue = CheckQueue()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with queue.slot("a"):
                raise ZeroDivisionError
