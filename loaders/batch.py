"""The contract that every loader keeps.

A loader gets a list of distinct keys and answers with one value per key, in the order of the keys. A key
that the database does not know gets None; a loader never raises for absence, because what absence
means is the resolver's business.
"""

import asyncio
from abc import abstractmethod
from asyncio import Future
from collections.abc import Coroutine, Mapping
from typing import Any, Generic, TypeVar

from aiodataloader import DataLoader, Loader, dispatch_queue_batch

from loaders.store import StoreUnavailable

K = TypeVar("K")
V = TypeVar("V")


async def gather(loads: list[Coroutine[Any, Any, V]]) -> list[V]:
    """The results of `loads`, side by side; a single one is sent without waiting for the next turn."""
    return [await loads[0]] if len(loads) == 1 else await asyncio.gather(*loads)


class BatchLoader(DataLoader[K, V], Generic[K, V]):
    """A dataloader whose subclass answers a batch with a mapping of what was found."""

    # How many commands have answered its batches; those that other requests had a part in count too.
    commands = 0

    @abstractmethod
    async def find(self, keys: list[K]) -> Mapping[K, V]:
        """Look all `keys` up in as few commands as the data allows; leave out what does not exist."""

    async def batch_load_fn(self, keys: list[K]) -> list[Any]:
        try:
            found = await self.find(keys)
        except asyncio.CancelledError as error:
            # aiodataloader catches `Exception` only and would leave the waiters hanging for ever.
            raise StoreUnavailable("cancelled") from error
        return [found.get(key) for key in keys]

    def load(self, key: K) -> "Future[V]":
        # The future behind a key is shared by all who ask for it, and graphql-core cancels the siblings of
        # a field that failed: without the shield one failing alias would cancel the same key of another.
        return asyncio.shield(super().load(key))

    def do_resolve_reject(self, key: K, future: "Future[V]") -> None:
        # Nobody may be left to read its exception, and asyncio would log that as a defect.
        future.add_done_callback(_read)
        # aiodataloader waits two turns of the event loop longer, for keys that come of other keys' answers.
        # Ours never do, and each turn is a look at all the sockets.
        self._queue.append(Loader(key, future))
        if len(self._queue) == 1:
            self.loop.create_task(self._dispatch())

    async def _dispatch(self) -> None:
        queue, self._queue = self._queue, []
        await dispatch_queue_batch(self, queue)


def _read(future: "Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
