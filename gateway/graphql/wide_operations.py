"""Slots for wide operations, so that those of one organisation do not delay the requests of the others.

A wide operation costs as much as up to a hundred small ones. A process runs few of them at a time, and still
fewer of one organisation. The others wait in a queue of their organisation. Small operations never wait here.
"""

from asyncio import Semaphore
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException

# Summaries. An operation that reads more is wide.
MAX_SMALL = 25
MAX_RUNNING = 4
MAX_RUNNING_PER_ORGANIZATION = 2
# Running or waiting. Further ones would not be answered by their deadlines.
MAX_QUEUED_PER_ORGANIZATION = 20


@dataclass(slots=True)
class _Queue:
    """The wide operations of one organisation; `length` counts those that run, too."""

    slots: Semaphore = field(default_factory=lambda: Semaphore(MAX_RUNNING_PER_ORGANIZATION))
    length: int = 0


class WideOperations:
    """The wide operations of one process."""

    def __init__(self) -> None:
        self._slots = Semaphore(MAX_RUNNING)
        # Only of organisations with wide operations.
        self._queues: dict[int, _Queue] = {}

    @asynccontextmanager
    async def slot(self, organization_id: int) -> AsyncIterator[None]:
        """Run the block in a slot of the organisation; raises `HTTPException` if its queue is full."""
        queue = self._queues.setdefault(organization_id, _Queue())
        if queue.length >= MAX_QUEUED_PER_ORGANIZATION:
            raise HTTPException(503)
        queue.length += 1
        try:
            # In this order, an organisation has few operations that wait for a slot of the process.
            async with queue.slots, self._slots:
                yield
        finally:
            queue.length -= 1
            if not queue.length:
                del self._queues[organization_id]
