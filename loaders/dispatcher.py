"""Reads that concurrent requests share: the process-wide layer under the loaders of each request.

What one command can answer is a group: nothing is ever shared across groups, and a group belongs to one
organisation. While fewer than `in_flight` batches of a group are under way, a load leaves at once and waits
for no company. Otherwise it waits until one returns and joins the next, so the busier an organisation is, the
fewer commands a request costs. Nobody waits for another organisation, nor long for somebody else's slow
batch: one that is late is no longer waited for, unless so many are that the organisation would take the
database's connections from the others.

Strangers share a command only while it reads at most `limit` keys; a load that exceeds this alone travels
alone, in a lane of its own, so that no small load waits behind it.

Each load has the deadline of its request. A batch may take as long as the last of its loads can wait, and
nothing is sent for those whose deadline has passed.
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
from functools import reduce
from typing import ClassVar, Generic, TypeVar

from loaders.deadline import Deadline, current, until
from loaders.store import DeadlineExceeded, Store, StoreUnavailable

G = TypeVar("G")
K = TypeVar("K")
V = TypeVar("V")

# Measured with `make bench`: more batches in flight make them smaller, larger ones make their waiters wait.
IN_FLIGHT = 1
LIMIT = 100
# On top of those in flight. Connections are for everybody, an organisation whose batches are slow included.
LATE_AT_MOST = 4


class BatchObserver:
    """Is told what dispatchers do; this one makes nothing of it."""

    def batch(self, kind: str, loads: int) -> AbstractContextManager[object]:
        """The context in which a batch is read that so many loads share."""
        return nullcontext()

    def answered(self, kind: str, loads: int) -> None:
        """A batch that so many loads shared is back; told to each of them, where it was asked for."""


UNOBSERVED = BatchObserver()


@dataclass(slots=True, eq=False)
class _Load(Generic[K, V]):
    keys: Set[K]
    answer: "Future[Mapping[K, V]]"
    context: Context
    shared_by: int = 0
    deadline: Deadline = field(default_factory=current)


@dataclass(slots=True, eq=False)
class _Lane(Generic[G, K, V]):
    """Loads of one group that wait for each other; named by it and by whether they are large."""

    name: tuple[G, bool]
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    # Each until its time is up.
    under_way: dict[object, asyncio.TimerHandle] = field(default_factory=dict)
    # Those under way, and those that are late.
    out: set[object] = field(default_factory=set)
    waiting: deque[_Load[K, V]] = field(default_factory=deque)


class Dispatcher(ABC, Generic[G, K, V]):
    """Sends the loads of one kind; one for the life of the application."""

    kind: ClassVar[str]
    # Ten times what a batch takes that is not large or in trouble.
    late_after: ClassVar[float] = 0.1

    def __init__(
        self,
        store: Store,
        in_flight: int = IN_FLIGHT,
        limit: int = LIMIT,
        watcher: BatchObserver = UNOBSERVED,
    ) -> None:
        self._store = store
        self._in_flight = in_flight
        self._limit = limit
        self._watcher = watcher
        # Only those with something out.
        self._lanes: dict[tuple[G, bool], _Lane[G, K, V]] = {}
        self._sending: set[Task[None]] = set()

    @abstractmethod
    async def find(self, group: G, keys: Set[K]) -> Mapping[K, V]:
        """Read these keys in one command; leave out what does not exist."""

    async def load(self, group: G, keys: Set[K]) -> Mapping[K, V]:
        """What `find` finds for these keys, and perhaps for others that are asked for at the same time.

        Raises what `find` raises, to each of those who share a batch an exception of its own.
        """
        name = group, len(keys) > self._limit
        if (lane := self._lanes.get(name)) is None:
            lane = self._lanes[name] = _Lane(name)
        if not self._has_room(lane):
            load: _Load[K, V] = _Load(keys, lane.loop.create_future(), copy_context())
            lane.waiting.append(load)
            try:
                return await load.answer
            finally:
                if load.shared_by:
                    self._watcher.answered(self.kind, load.shared_by)
        place = self._depart(lane)
        try:
            with self._watcher.batch(self.kind, 1):
                return await self.find(group, keys)
        finally:
            self._watcher.answered(self.kind, 1)
            self._leave(lane, place)

    @property
    def waiting(self) -> int:
        """How many loads wait for a batch to return."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    def _has_room(self, lane: _Lane[G, K, V]) -> bool:
        return len(lane.under_way) < self._in_flight and len(lane.out) < self._in_flight + LATE_AT_MOST

    def _depart(self, lane: _Lane[G, K, V]) -> object:
        """Take a place among the batches under way; who is late loses it."""
        place = object()
        lane.under_way[place] = lane.loop.call_later(self.late_after, self._give_back, lane, place)
        lane.out.add(place)
        return place

    def _leave(self, lane: _Lane[G, K, V], place: object) -> None:
        lane.out.discard(place)
        self._give_back(lane, place)

    def _give_back(self, lane: _Lane[G, K, V], place: object) -> None:
        """The next batch leaves, if anybody is waiting for one."""
        if timer := lane.under_way.pop(place, None):
            timer.cancel()
        while lane.waiting and self._has_room(lane):
            batch, keys = self._take(lane.waiting)
            if batch:
                place = self._depart(lane)
                send = self._send(lane, place, batch, keys)
                # On behalf of who asked first, not of the request whose batch is back.
                sending = lane.loop.create_task(send, context=batch[0].context)
                self._sending.add(sending)
                sending.add_done_callback(self._sending.discard)
        if not lane.out and self._lanes.get(lane.name) is lane:
            del self._lanes[lane.name]

    def _take(self, queue: deque[_Load[K, V]]) -> tuple[list[_Load[K, V]], set[K]]:
        """From the front of `queue`, as many loads as may share a command, without those who wait no more."""
        batch: list[_Load[K, V]] = []
        keys: set[K] = set()
        while queue:
            load = queue[0]
            if load.deadline.left <= 0:
                _fail([load], DeadlineExceeded())
            if not load.answer.done():
                if batch and len(keys | load.keys) > self._limit:
                    break
                keys |= load.keys
                batch.append(load)
            queue.popleft()
        return batch, keys

    async def _send(
        self, lane: _Lane[G, K, V], place: object, batch: list[_Load[K, V]], keys: Set[K]
    ) -> None:
        for load in batch:
            load.shared_by = len(batch)
        try:
            latest = reduce(Deadline.latest, (load.deadline for load in batch))
            with until(latest), self._watcher.batch(self.kind, len(batch)):
                found = await self.find(lane.name[0], keys)
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
            self._leave(lane, place)


def _fail(batch: list[_Load[K, V]], error: Exception) -> None:
    for load in batch:
        if not load.answer.done():
            # Shared, an exception would collect the tracebacks of all who raise it.
            own = copy(error).with_traceback(error.__traceback__)
            own.__cause__ = error
            load.answer.set_exception(own)
