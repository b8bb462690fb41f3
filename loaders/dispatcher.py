"""Reads that concurrent requests share: the layer of a process under the loaders of each request.

A command can answer the loads of one group, and a group belongs to one organisation. While fewer than
`max_concurrent` batches of a group are in flight, a load is sent at once. Otherwise it waits in the group's
queue until a batch returns, and joins the next one: the busier an organisation is, the fewer commands a
request costs. No load waits for another organisation. A batch that is late gives up its slot, so that the
others go on without it; if too many batches are late, the organisation waits, so that other organisations
keep the database's connections.

Requests share a batch of at most `max_size` keys. A load of more keys is sent alone, from a queue of its own,
so that no small load waits behind it.

Each load has the deadline of its request. A batch may take until the latest deadline of its loads, and no
command is sent for loads whose deadline has passed.
"""

import asyncio
from abc import ABC, abstractmethod
from asyncio import Future, Task
from collections import deque
from collections.abc import Mapping, Set
from contextlib import AbstractContextManager, nullcontext
from contextvars import Context, copy_context
from copy import copy
from dataclasses import dataclass, field
from typing import ClassVar, Generic, NamedTuple, TypeVar

from loaders.deadline import Deadline, current_deadline, until
from loaders.errors import DeadlineExceeded, StoreUnavailable
from loaders.store import Store

G = TypeVar("G")
K = TypeVar("K")
V = TypeVar("V")

# Measured with `make bench`: more concurrent batches are smaller, and in larger batches loads wait longer.
MAX_CONCURRENT_BATCHES = 1
MAX_BATCH_SIZE = 100
# In addition to the concurrent batches. The limit leaves connections for other organisations.
MAX_LATE_BATCHES = 4


class BatchObserver:
    """Observes the batches of dispatchers; this one ignores them."""

    def batch(self, kind: str, loads: int) -> AbstractContextManager[object]:
        """The context in which a batch of so many loads is read."""
        return nullcontext()

    def answered(self, kind: str, loads: int) -> None:
        """A batch of so many loads has returned; called once for each load, in its own context."""


class Batching(NamedTuple):
    """How loads share batches."""

    max_concurrent: int = MAX_CONCURRENT_BATCHES
    max_size: int = MAX_BATCH_SIZE
    observer: BatchObserver = BatchObserver()


DEFAULT_BATCHING = Batching()


@dataclass(slots=True, eq=False)
class _Load(Generic[K, V]):
    keys: Set[K]
    answer: "Future[Mapping[K, V]]"
    context: Context
    shared_by: int = 0
    deadline: Deadline = field(default_factory=current_deadline)


@dataclass(slots=True, eq=False)
class _Queue(Generic[G, K, V]):
    """The loads of one group that wait for each other; named by the group and by whether they are large."""

    name: tuple[G, bool]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    # The slots of the batches in flight, each until it is late.
    in_flight: dict[object, asyncio.TimerHandle] = field(default_factory=dict)
    # The slots of the batches in flight and of those that are late.
    outstanding: set[object] = field(default_factory=set)
    waiting: deque[_Load[K, V]] = field(default_factory=deque)


class Dispatcher(ABC, Generic[G, K, V]):
    """Sends the loads of one kind; a process has one for each kind."""

    kind: ClassVar[str]
    # Ten times the duration of an ordinary batch, in seconds.
    late_after: ClassVar[float] = 0.1

    def __init__(self, store: Store, batching: Batching = DEFAULT_BATCHING) -> None:
        self._store = store
        self._batching = batching
        # Only queues with outstanding batches.
        self._queues: dict[tuple[G, bool], _Queue[G, K, V]] = {}
        self._sending: set[Task[None]] = set()

    @abstractmethod
    async def find(self, group: G, keys: Set[K]) -> Mapping[K, V]:
        """Read these keys in one command; leave out what does not exist."""

    async def load(self, group: G, keys: Set[K]) -> Mapping[K, V]:
        """The results of `find` for these keys, and perhaps for keys of other loads of the same batch.

        Raises what `find` raises, for each load of a batch an exception of its own.
        """
        name = group, len(keys) > self._batching.max_size
        if (queue := self._queues.get(name)) is None:
            queue = self._queues[name] = _Queue(name)
        if not self._has_room(queue):
            load: _Load[K, V] = _Load(keys, queue.loop.create_future(), copy_context())
            queue.waiting.append(load)
            try:
                return await load.answer
            finally:
                if load.shared_by:
                    self._batching.observer.answered(self.kind, load.shared_by)
        slot = self._acquire(queue)
        try:
            with self._batching.observer.batch(self.kind, 1):
                return await self.find(group, keys)
        finally:
            self._batching.observer.answered(self.kind, 1)
            self._finish(queue, slot)

    @property
    def waiting(self) -> int:
        """How many loads wait for a batch to return."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    def _has_room(self, queue: _Queue[G, K, V]) -> bool:
        most = self._batching.max_concurrent
        return len(queue.in_flight) < most and len(queue.outstanding) < most + MAX_LATE_BATCHES

    def _acquire(self, queue: _Queue[G, K, V]) -> object:
        """Take a slot; a late batch loses it."""
        slot = object()
        queue.in_flight[slot] = queue.loop.call_later(self.late_after, self._release, queue, slot)
        queue.outstanding.add(slot)
        return slot

    def _finish(self, queue: _Queue[G, K, V], slot: object) -> None:
        queue.outstanding.discard(slot)
        self._release(queue, slot)

    def _release(self, queue: _Queue[G, K, V], slot: object) -> None:
        """Give a slot back, and send the next batch if loads are waiting."""
        if timer := queue.in_flight.pop(slot, None):
            timer.cancel()
        while queue.waiting and self._has_room(queue):
            batch, keys = self._take(queue.waiting)
            if batch:
                slot = self._acquire(queue)
                send = self._send(queue, slot, batch, keys)
                # In the context of the first load, not of the request whose batch has returned.
                sending = queue.loop.create_task(send, context=batch[0].context)
                self._sending.add(sending)
                sending.add_done_callback(self._sending.discard)
        if not queue.outstanding and self._queues.get(queue.name) is queue:
            del self._queues[queue.name]

    def _take(self, waiting: deque[_Load[K, V]]) -> tuple[list[_Load[K, V]], set[K]]:
        """The first loads, as many as may share a command, without those that have ended."""
        batch: list[_Load[K, V]] = []
        keys: set[K] = set()
        while waiting:
            load = waiting[0]
            if load.deadline.remaining <= 0:
                _fail([load], DeadlineExceeded())
            if not load.answer.done():
                if batch and len(keys | load.keys) > self._batching.max_size:
                    break
                keys |= load.keys
                batch.append(load)
            waiting.popleft()
        return batch, keys

    async def _send(
        self, queue: _Queue[G, K, V], slot: object, batch: list[_Load[K, V]], keys: Set[K]
    ) -> None:
        for load in batch:
            load.shared_by = len(batch)
        try:
            latest = max((load.deadline for load in batch), key=lambda deadline: deadline.remaining)
            with until(latest), self._batching.observer.batch(self.kind, len(batch)):
                found = await self.find(queue.name[0], keys)
        except asyncio.CancelledError:
            _fail(batch, StoreUnavailable("cancelled"))
            raise
        except Exception as error:
            _fail(batch, error)
        else:
            for load in batch:
                if not load.answer.done():
                    load.answer.set_result(found)
        finally:
            self._finish(queue, slot)


def _fail(batch: list[_Load[K, V]], error: Exception) -> None:
    for load in batch:
        if not load.answer.done():
            # A shared exception would collect the tracebacks of every load that raises it.
            own = copy(error).with_traceback(error.__traceback__)
            own.__cause__ = error
            load.answer.set_exception(own)
