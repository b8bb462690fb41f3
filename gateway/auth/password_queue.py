"""The order in which secrets are checked: one check at a time, and addresses take turns.

A check takes tens of milliseconds of a core, and a client needs no credentials to cause one. So the queue has
bounds, and a flood of logins, from one address or from many, does not keep the others out.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cachetools import TTLCache

from gateway.errors import AuthorizationUnavailable

MAX_WAITING = 100
MAX_WAITING_PER_ADDRESS = 50
FAILED_ADDRESSES = 100_000
FAILED_SECONDS = 60


class CheckQueue:
    """Lets one check run at a time.

    Addresses with a failed login within the last minute come after the others; among equals, addresses take
    turns. A full queue drops a check of the address that comes last: of those, the one with the most checks.
    """

    def __init__(self) -> None:
        self._running = False
        # In the order of their turns.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._failed: TTLCache[str, None] = TTLCache(FAILED_ADDRESSES, FAILED_SECONDS)

    @asynccontextmanager
    async def slot(self, address: str) -> AsyncIterator[None]:
        """Wait for the turn of a check; raises `AuthorizationUnavailable` if too many wait."""
        if self._running:
            self._make_room(address)
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(address, deque()).append(turn)
            await turn
        self._running = True
        try:
            yield
        finally:
            self._running = False
            self._begin_next()

    def note_failure(self, address: str) -> None:
        """Let the address come after the others for a minute."""
        self._failed[address] = None

    def _begin_next(self) -> None:
        while self._waiting and not self._running:
            address = min(self._waiting, key=self._failed.__contains__)
            turns = self._waiting.pop(address)
            turn = turns.popleft()
            if turns:
                self._waiting[address] = turns
            # At shutdown, tasks that wait are cancelled.
            if not turn.cancelled():
                turn.set_result(None)
                self._running = True

    def _make_room(self, address: str) -> None:
        own = len(self._waiting.get(address, ()))
        if own >= MAX_WAITING_PER_ADDRESS:
            raise AuthorizationUnavailable
        if sum(map(len, self._waiting.values())) < MAX_WAITING:
            return
        last = max(self._waiting, key=self._rank)
        if self._rank(last) <= (address in self._failed, own + 1):
            raise AuthorizationUnavailable
        turns = self._waiting[last]
        turns.pop().set_exception(AuthorizationUnavailable())
        if not turns:
            del self._waiting[last]

    def _rank(self, address: str) -> tuple[bool, int]:
        return address in self._failed, len(self._waiting[address])
