"""The loader contract: one value per key, in order; batches asserted exactly."""

import asyncio

import pytest

from loaders.batch import BatchLoader
from loaders.store import StoreUnavailable


class Squares(BatchLoader[int, int]):
    """Knows the squares of numbers below 10, and remembers its batches."""

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


async def test_a_key_is_asked_once_in_the_life_of_a_loader() -> None:
    loader = Squares()
    assert await loader.load(3) == 9
    assert await loader.load_many([3, 4]) == [9, 16]
    assert loader.batches == [[3], [4]]


async def test_cancelling_one_waiter_harms_no_other() -> None:
    loader = Squares()
    loader.go.clear()
    first, second = (asyncio.ensure_future(_await(loader, 3)) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    loader.go.set()
    assert await second == 9
    assert await loader.load(3) == 9
    assert loader.batches == [[3]]


async def test_a_cancelled_batch_fails_its_waiters_instead_of_leaving_them() -> None:
    class Cancelled(BatchLoader[int, int]):
        async def find(self, keys: list[int]) -> dict[int, int]:
            raise asyncio.CancelledError

    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(Cancelled().load(1), 1)


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


async def _await(loader: Squares, key: int) -> int:
    return await loader.load(key)
