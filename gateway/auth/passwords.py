"""Secrets of clients, checked against argon2id hashes, under attack too.

To check a secret costs tens of milliseconds of a core on purpose. So checks run off the event loop, one at
a time and at the lowest priority, and a client id that failed too often from one address is turned away
before the next check. The count is per address: nobody can lock a till out from elsewhere. Credentials that
were good within the last hour have a lane of their own, in which strangers cannot stand before them.
"""

import asyncio
import hashlib
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from cachetools import TTLCache

from gateway.auth.callers import AuthorizationUnavailable, TooManyFailures, Unauthenticated
from loaders.clients import Client, find_client
from loaders.documents import ClientKind
from loaders.store import Store, StoreUnavailable

CHECKS_WAITING = 50
KNOWN_SECONDS = 3600
KNOWN_CREDENTIALS = 10_000
FAILURES_ALLOWED = 10
FAILURES_REMEMBERED_SECONDS = 60
FAILURES_REMEMBERED = 100_000

# OWASP's least memory for argon2id: a check takes 19 MiB and one core for about 20 ms.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_secret(secret: str) -> str:
    """The argon2id hash that is kept of a secret."""
    return _hasher.hash(secret)


class Passwords:
    """Checks clients' secrets; one for the life of the application."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known = _Lane()
        self._strangers = _Lane(_lower_priority)
        self._key = secrets.token_bytes(32)
        self._was_good: TTLCache[bytes, bool] = TTLCache(KNOWN_CREDENTIALS, KNOWN_SECONDS)
        self._failures: TTLCache[bytes, int] = TTLCache(FAILURES_REMEMBERED, FAILURES_REMEMBERED_SECONDS)
        # An unknown client is checked against this, so that it takes as long as a wrong secret.
        self._nobody = hash_secret(secrets.token_hex(16))

    async def check(self, kind: ClientKind, client_id: str, secret: str, address: str) -> Client:
        """The client of this kind whose secret this is.

        Raises `Unauthenticated`, `TooManyFailures`, `StoreUnavailable`, or `AuthorizationUnavailable` if too
        many checks are waiting already.
        """
        pair = self._digest(kind, client_id, secret)
        if pair in self._was_good:
            client, good = await self._verify(self._known, kind, client_id, secret)
        else:
            who = self._digest(address, client_id)
            self._turn_away(who)
            client, good = await self._verify(self._strangers, kind, client_id, secret, who)
            if not good:
                self._failures[who] = self._failures.get(who, 0) + 1
        if client is None or not good:
            raise Unauthenticated
        self._was_good[pair] = True
        return client

    async def _verify(
        self, lane: "_Lane", kind: ClientKind, client_id: str, secret: str, who: bytes | None = None
    ) -> tuple[Client | None, bool]:
        if lane.waiting >= CHECKS_WAITING:
            raise AuthorizationUnavailable
        lane.waiting += 1
        try:
            client = await find_client(self._store, client_id)
            if client is not None and client.account.kind is not kind:
                client = None
            kept = self._nobody if client is None else client.account.secret_hash
            async with lane.turn:
                if who is not None:
                    # Others like this one may have failed while it waited.
                    self._turn_away(who)
                good = await asyncio.get_running_loop().run_in_executor(lane.executor, _verify, kept, secret)
        finally:
            lane.waiting -= 1
        return client, good and client is not None

    def _digest(self, *texts: str) -> bytes:
        # Of a fixed length, because a caller may choose long ids; keyed, because it is kept.
        return hashlib.blake2b("\0".join(texts).encode(), key=self._key, digest_size=32).digest()

    def _turn_away(self, who: bytes) -> None:
        if self._failures.get(who, 0) >= FAILURES_ALLOWED:
            raise TooManyFailures


class _Lane:
    """Checks that wait for each other, and for no other lane's."""

    def __init__(self, prepare_thread: Callable[[], None] | None = None) -> None:
        self.executor = ThreadPoolExecutor(1, "argon2", prepare_thread)
        self.turn = asyncio.Semaphore(1)
        self.waiting = 0


def _lower_priority() -> None:
    # Requests are answered before passwords are guessed. Only on Linux has a thread a priority of its own.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def _verify(kept: str, secret: str) -> bool:
    try:
        return _hasher.verify(kept, secret)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as error:
        raise StoreUnavailable("a secret's hash is damaged") from error
