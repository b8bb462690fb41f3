"""The contract of every dataloader: one value per key, in the order of the keys; batches are exact."""

import asyncio
import gc
from typing import Any

import pytest

from loaders.dataloader import BatchLoader
from loaders.errors import StoreUnavailable


class Squares(BatchLoader[int, int]):
    """Finds the squares of numbers below 10 while `go` is set, and records its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[int]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def find(self, keys: list[int]) -> dict[int, int]:
        self.batches.append(keys)
        await self.go.wait()
        return {key: key * key for key in reversed(keys) if key < 10}


async def test_values_come_in_the_order_of_the_keys_and_absent_ones_are_none() -> None:
    loader = Squares()
    assert await loader.load_many([3, 11, 2, 3]) == [9, None, 4, 9]
    assert loader.batches == [[3, 11, 2]]


async def test_a_loader_looks_up_each_key_once() -> None:
    loader = Squares()
    assert await loader.load(3) == 9
    assert await loader.load_many([3, 4]) == [9, 16]
    assert loader.batches == [[3], [4]]


async def test_cancelling_one_caller_harms_no_other() -> None:
    loader = Squares()
    loader.go.clear()
    first, second = loader.load(3), loader.load(3)
    first.cancel()
    loader.go.set()
    assert await second == 9
    assert await loader.load(3) == 9
    assert loader.batches == [[3]]


async def test_an_error_that_no_caller_waits_for_is_not_logged() -> None:
    class Fails(BatchLoader[int, int]):
        async def find(self, keys: list[int]) -> dict[int, int]:
            raise StoreUnavailable("down")

    async def abandon_one_of_two_loads() -> None:
        loader = Fails()
        loader.load(1).cancel()
        with pytest.raises(StoreUnavailable):
            await loader.load(2)

    # Otherwise the garbage of earlier tests would be logged here.
    gc.collect()
    logged: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: logged.append(context))
    try:
        await abandon_one_of_two_loads()
        # Until the next turn, the event loop itself keeps the future that was awaited.
        await asyncio.sleep(0)
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert logged == []


async def test_a_cancelled_batch_fails_its_waiters_instead_of_leaving_them() -> None:
    class Cancelled(BatchLoader[int, int]):
        async def find(self, keys: list[int]) -> dict[int, int]:
            raise asyncio.CancelledError

    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(Cancelled().load(1), 60)


async def test_a_failed_batch_is_not_remembered() -> None:
    class Recovers(Squares):
        async def find(self, keys: list[int]) -> dict[int, int]:
            if not self.batches:
                self.batches.append(keys)
                raise StoreUnavailable("down")
            return await super().find(keys)

    loader = Recovers()
    with pytest.raises(StoreUnavailable):
        await loader.load(2)
    assert await loader.load(2) == 4
