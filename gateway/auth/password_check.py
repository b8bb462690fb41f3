"""Secrets of clients, checked against their argon2id hashes.

A check takes tens of milliseconds of a core on purpose. A secret that was good is therefore remembered with
the stored hash that it was checked against: every minute the account is read again, and while its stored hash
is the same, the secret is good without another check. All other checks run one at a time, in the order of
`CheckQueue`. A client id that failed too often from one address is refused before its next check; no other
address is affected.
"""

import asyncio
import secrets
import time
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from cachetools import LRUCache, TLRUCache, TTLCache

from gateway.auth.credentials import fingerprint
from gateway.auth.password_queue import CheckQueue
from gateway.errors import AuthorizationUnavailable, TooManyFailures, Unauthenticated
from loaders.clients import Client, find_account, find_client
from loaders.deadline import Deadline, until
from loaders.enums import ClientKind
from loaders.errors import StoreUnavailable
from loaders.store import Store

REMEMBERED_SECONDS = 60.0
REMEMBERED_CLIENTS = 10_000
FAILURES_ALLOWED = 10
FAILURES_REMEMBERED_SECONDS = 60
FAILURES_REMEMBERED = 100_000
WAIT_SECONDS = 3.0
# Several requests share a check, so what it reads has a deadline of its own.
READ_SECONDS = 5.0

# OWASP's least memory for argon2id: a check takes 19 MiB and one core for about 20 ms.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_secret(secret: str) -> str:
    """The argon2id hash to store of a secret."""
    return HASHER.hash(secret)


class Passwords:
    """Checks the secrets of clients; there is one for the life of the application."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue = CheckQueue()
        self._remembered: TLRUCache[bytes, _Remembered] = TLRUCache(REMEMBERED_CLIENTS, _forget_at)
        # The stored hash that a client's secret was good for.
        self._proved: LRUCache[bytes, str] = LRUCache(REMEMBERED_CLIENTS)
        self._failures: TTLCache[bytes, int] = TTLCache(FAILURES_REMEMBERED, FAILURES_REMEMBERED_SECONDS)
        self._checks: dict[tuple[bytes, str], asyncio.Task[Client]] = {}
        # An unknown client is checked against this hash, so that it takes as long as a wrong secret.
        self._no_client = hash_secret(secrets.token_hex(16))

    async def check(self, kind: ClientKind, client_id: str, secret: str, address: str) -> Client:
        """The client of this kind with this id and secret; a good answer is remembered for a minute.

        Raises `Unauthenticated`, `TooManyFailures`, or `AuthorizationUnavailable` if the database fails, too
        many checks are waiting, or this one has waited too long.
        """
        credentials = fingerprint(kind, client_id, secret)
        if (remembered := self._remembered.get(credentials)) is not None:
            return remembered.client
        # Concurrent requests with the same secret share one check, which none of them can cancel.
        if (check := self._checks.get((credentials, address))) is None:
            check = asyncio.create_task(self._check(credentials, kind, client_id, secret, address))
            self._checks[credentials, address] = check
            check.add_done_callback(lambda _: self._checks.pop((credentials, address)))
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await asyncio.shield(check)
        except (TimeoutError, StoreUnavailable) as error:
            # After a time-out the check continues, so that the next attempt of the client may succeed.
            raise AuthorizationUnavailable from error

    async def _check(
        self, credentials: bytes, kind: ClientKind, client_id: str, secret: str, address: str
    ) -> Client:
        failed = fingerprint(address, client_id)
        if credentials not in self._proved:
            self._refuse_after_failures(failed)
        read_at = time.monotonic()
        with until(Deadline(READ_SECONDS)):
            account = await find_account(self._store, client_id)
        if account is not None and (account.kind is not kind or account.disabled):
            account = None
        stored_hash = self._no_client if account is None else account.secret_hash
        if self._proved.get(credentials) != stored_hash:
            await self._prove(credentials, stored_hash, secret, address, failed)
        with until(Deadline(READ_SECONDS)):
            client = None if account is None else await find_client(self._store, account)
        if client is None:
            raise Unauthenticated
        self._remembered[credentials] = _Remembered(client, read_at)
        return client

    async def _prove(
        self, credentials: bytes, stored_hash: str, secret: str, address: str, failed: bytes
    ) -> None:
        """Check a secret against a stored hash; raises `Unauthenticated` if it is wrong."""
        async with self._queue.slot(address):
            # Other checks have ended while this one waited.
            if self._proved.get(credentials) == stored_hash:
                return
            self._refuse_after_failures(failed)
            if await asyncio.to_thread(_verify, stored_hash, secret):
                self._proved[credentials] = stored_hash
                return
            self._proved.pop(credentials, None)
            self._failures[failed] = self._failures.get(failed, 0) + 1
            self._queue.note_failure(address)
            raise Unauthenticated

    def _refuse_after_failures(self, failed: bytes) -> None:
        if self._failures.get(failed, 0) >= FAILURES_ALLOWED:
            raise TooManyFailures


class _Remembered(NamedTuple):
    client: Client
    read_at: float


def _forget_at(_: bytes, remembered: _Remembered, now: float) -> float:
    # The minute begins when the account is read, so a change takes effect within a minute.
    return remembered.read_at + REMEMBERED_SECONDS


def _verify(stored_hash: str, secret: str) -> bool:
    try:
        return HASHER.verify(stored_hash, secret)
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError) as error:
        raise StoreUnavailable("a secret's hash is damaged") from error
