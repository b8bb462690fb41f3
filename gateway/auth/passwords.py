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
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from cachetools import TLRUCache, TTLCache
from starlette.requests import HTTPConnection

from gateway.errors import AuthorizationUnavailable, TooManyFailures, Unauthenticated
from loaders.clients import Client, find_account, find_client
from loaders.deadline import Deadline, until
from loaders.enums import ClientKind
from loaders.store import Store, StoreUnavailable

WAITING = 50
WAITING_PER_ADDRESS = 10
KNOWN_SECONDS = 3600
REMEMBERED_SECONDS = 60.0
REMEMBERED_CLIENTS = 10_000
FAILURES_ALLOWED = 10
FAILURES_REMEMBERED_SECONDS = 60
FAILURES_REMEMBERED = 100_000
# A check is shared, so what it reads has a deadline of its own.
READ_SECONDS = 5.0

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
        self._remembered: TLRUCache[bytes, _Checked] = TLRUCache(REMEMBERED_CLIENTS, _forget_at)
        self._was_good: TTLCache[bytes, bool] = TTLCache(REMEMBERED_CLIENTS, KNOWN_SECONDS)
        self._failures: TTLCache[bytes, int] = TTLCache(FAILURES_REMEMBERED, FAILURES_REMEMBERED_SECONDS)
        self._checks: dict[tuple[bytes, str], asyncio.Task[Client]] = {}
        # An unknown client is checked against this, so that it takes as long as a wrong secret.
        self._nobody = hash_secret(secrets.token_hex(16))

    async def check(self, kind: ClientKind, client_id: str, secret: str, address: str) -> Client:
        """The client of this kind whose secret this is; what was good is remembered for a minute.

        Raises `Unauthenticated`, `TooManyFailures`, `StoreUnavailable`, or `AuthorizationUnavailable` if too
        many checks are waiting already.
        """
        pair = self._digest(kind, client_id, secret)
        if (checked := self._remembered.get(pair)) is not None:
            return checked.client
        # Requests that come with the same secret at once share one check, which none of them can cancel.
        if (check := self._checks.get((pair, address))) is None:
            check = asyncio.create_task(self._check(pair, kind, client_id, secret, address))
            self._checks[pair, address] = check
            check.add_done_callback(lambda _: self._checks.pop((pair, address)))
        return await asyncio.shield(check)

    async def _check(
        self, pair: bytes, kind: ClientKind, client_id: str, secret: str, address: str
    ) -> Client:
        who = self._digest(address, client_id)
        known = pair in self._was_good
        if not known:
            self._turn_away(who)
        read_at = time.monotonic()
        with until(Deadline(READ_SECONDS)):
            account = await find_account(self._store, client_id)
        if account is not None and (account.kind is not kind or account.disabled):
            account = None
        kept = self._nobody if account is None else account.secret_hash
        lane = self._known if known else self._strangers
        async with lane.place(address):
            if not known:
                # Others like this one may have failed while it waited.
                self._turn_away(who)
            good = await asyncio.get_running_loop().run_in_executor(lane.executor, _verify, kept, secret)
        if account is None or not good:
            self._was_good.pop(pair, None)
            self._failures[who] = self._failures.get(who, 0) + 1
            raise Unauthenticated
        with until(Deadline(READ_SECONDS)):
            client = await find_client(self._store, account)
        if client is None:
            raise Unauthenticated
        self._was_good[pair] = True
        self._remembered[pair] = _Checked(client, read_at)
        return client

    def _digest(self, *texts: str) -> bytes:
        # Of a fixed length, because a caller may choose long ids; keyed, because it is kept.
        return hashlib.blake2b(repr(texts).encode(), key=self._key, digest_size=32).digest()

    def _turn_away(self, who: bytes) -> None:
        if self._failures.get(who, 0) >= FAILURES_ALLOWED:
            raise TooManyFailures


class _Checked(NamedTuple):
    client: Client
    read_at: float


def _forget_at(_: bytes, checked: _Checked, now: float) -> float:
    # From when its account was read, so that a change is in force a minute later at most.
    return checked.read_at + REMEMBERED_SECONDS


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from; of IPv6 the network, because whoever has one address there has them all."""
    return _address_of(connection.client.host if connection.client else "")


@lru_cache(1_000)
def _address_of(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else host


class _Lane:
    """Checks that wait for each other, and for no other lane's; each address has a few places."""

    def __init__(self, prepare_thread: Callable[[], None] | None = None) -> None:
        self.executor = ThreadPoolExecutor(1, "argon2", prepare_thread)
        self._turn = asyncio.Semaphore(1)
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def place(self, address: str) -> AsyncIterator[None]:
        """Wait for one's turn; raises `AuthorizationUnavailable` if too many wait."""
        if self._waiting[address] >= WAITING_PER_ADDRESS or self._waiting.total() >= WAITING:
            raise AuthorizationUnavailable
        self._waiting[address] += 1
        try:
            async with self._turn:
                yield
        finally:
            self._waiting[address] -= 1
            if not self._waiting[address]:
                del self._waiting[address]


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
