"""A store that sends its writes one at a time, so that a test can act between them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any

from loaders.store import Document, Store, Upserted


class SteppedStore(Store):
    """A real store that puts each write in the queue `waiting`, and sends it when its future is resolved."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.waiting: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def _wait(self, *, sends: bool = True) -> None:
        if not sends:
            return
        sent = asyncio.get_running_loop().create_future()
        self.waiting.put_nowait(sent)
        await sent

    async def upsert(
        self, collection: str, changes: Sequence[tuple[Document, Document | list[Document]]]
    ) -> Upserted:
        await self._wait(sends=bool(changes))
        return await super().upsert(collection, changes)

    async def update(self, collection: str, document_id: str, change: Document) -> bool:
        await self._wait()
        return await super().update(collection, document_id, change)

    async def update_many(self, collection: str, query: Document, change: Document) -> None:
        await self._wait()
        await super().update_many(collection, query, change)

    async def insert_missing(self, collection: str, documents: Sequence[Document]) -> list[int]:
        await self._wait(sends=bool(documents))
        return await super().insert_missing(collection, documents)

    async def delete(self, collection: str, query: Document) -> None:
        await self._wait()
        await super().delete(collection, query)


async def steps(
    store: SteppedStore, change: Callable[[Store], Coroutine[Any, Any, object]]
) -> AsyncIterator[int]:
    """Run a change; yields the number of writes sent so far, before each write and after the last one."""
    changing = asyncio.ensure_future(change(store))
    number = 0
    while True:
        writing = asyncio.ensure_future(store.waiting.get())
        await asyncio.wait({changing, writing}, return_when=asyncio.FIRST_COMPLETED)
        if changing.done():
            writing.cancel()
            break
        yield number
        writing.result().set_result(None)
        number += 1
    await changing
    yield number
