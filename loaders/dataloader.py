"""The base class of the dataloaders.

A loader gets a list of distinct keys and returns one value per key, in the order of the keys. The value of a
key that the database does not know is None: the resolver decides what absence means. `loaders.dispatcher` has
the batches that concurrent requests share, and the limit of their size.
"""

import asyncio
from abc import abstractmethod
from asyncio import Future
from collections.abc import Coroutine, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from aiodataloader import DataLoader

from loaders.errors import StoreUnavailable, forget_frames

K = TypeVar("K")
V = TypeVar("V")


async def gather(loads: list[Coroutine[Any, Any, V]]) -> list[V]:
    """The results of `loads`, which run concurrently; a single one runs without a task of its own."""
    return [await loads[0]] if len(loads) == 1 else await asyncio.gather(*loads)


class BatchLoader(DataLoader[K, V], Generic[K, V]):
    """A dataloader whose subclass returns a mapping of the keys that it found."""

    # How many commands answered its batches, those that it shared with other requests included.
    commands = 0

    @abstractmethod
    async def find(self, keys: list[K]) -> Mapping[K, V]:
        """Look up all `keys` in as few commands as the data allows; leave out those that do not exist."""

    async def batch_load_fn(self, keys: list[K]) -> list[Any]:
        failure: StoreUnavailable
        try:
            found = await self.find(keys)
            return [found.get(key) for key in keys]
        except StoreUnavailable as error:
            failure = error
        except asyncio.CancelledError:
            # aiodataloader catches `Exception` only, and the futures of this batch would never be done.
            failure = StoreUnavailable("cancelled")
        # This fails the batch as aiodataloader does, but without the frames of the error: they refer to the
        # futures that hold the error, which is a reference cycle.
        for key in keys:
            self.clear(key)
        forget_frames(failure)
        return [failure] * len(keys)

    def load(self, key: K) -> "Future[V]":
        shared = super().load(key)
        if shared.done():
            return shared
        # aiodataloader returns the same future to all who load a key, and graphql-core cancels the siblings
        # of a field that failed: with a future of its own, each caller cancels its own load only.
        # (`asyncio.shield` would log an error that no caller waits for, since Python 3.14.)
        own: Future[V] = self.loop.create_future()
        shared.add_done_callback(partial(_copy_result, own))
        return own


def _copy_result(own: "Future[V]", shared: "Future[V]") -> None:
    # `exception()` also tells asyncio that the error was seen; `own` may be cancelled.
    error = shared.exception()
    if own.done():
        return
    if error is None:
        own.set_result(shared.result())
    else:
        own.set_exception(error)
