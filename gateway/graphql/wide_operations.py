"""Slots for wide operations, so that those of one organisation do not delay the requests of the others.

A wide operation costs as much as up to a hundred small ones. An organisation runs one at a time, and the
process runs few; the others wait in a queue of their organisation. Small operations never wait here. Large
documents that are prepared have such slots too.
"""

from asyncio import Lock, Semaphore
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException

# An operation that reads more summaries is wide.
MAX_SMALL = 25
MAX_RUNNING = 2
# Operations that run or wait. Further ones would not be answered by their deadlines.
MAX_QUEUED_PER_ORGANIZATION = 20


@dataclass(slots=True)
class _Queue:
    """The wide operations of one organisation; `length` counts the one that runs, too."""

    running: Lock = field(default_factory=Lock)
    length: int = 0


class WideOperations:
    """The wide operations of one process."""

    def __init__(self) -> None:
        self._slots = Semaphore(MAX_RUNNING)
        # Holds only organisations with wide operations.
        self._queues: dict[int, _Queue] = {}

    @asynccontextmanager
    async def slot(self, organization_id: int) -> AsyncIterator[None]:
        """Run the block when the organisation has a slot; raises `HTTPException` if its queue is full."""
        queue = self._queues.setdefault(organization_id, _Queue())
        if queue.length >= MAX_QUEUED_PER_ORGANIZATION:
            raise HTTPException(503)
        queue.length += 1
        try:
            # In this order, one operation of each organisation waits for a slot of the process.
            async with queue.running, self._slots:
                yield
        finally:
            queue.length -= 1
            if not queue.length:
                del self._queues[organization_id]
