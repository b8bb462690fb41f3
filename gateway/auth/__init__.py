"""Who is calling: credentials in, a `Caller` out.

A caller's organisation comes from its credentials and from nowhere else. Whatever the credentials were, what
they proved is remembered for at most a minute, under a keyed hash that means nothing outside this process: a
warm request spends neither argon2 nor a signature nor a database command on its caller.
"""

import asyncio
import hashlib
import secrets
import time

from cachetools import TLRUCache
from starlette.requests import HTTPConnection

from gateway.auth.callers import (
    AccessDenied,
    AuthorizationUnavailable,
    Caller,
    TokenExpired,
    TooManyFailures,
    Unauthenticated,
)
from gateway.auth.headers import Basic, Token, read_credentials
from gateway.auth.oidc import ExternalIssuer
from gateway.auth.passwords import Passwords
from gateway.auth.tokens import Tokens, claimed_issuer
from loaders.documents import ClientKind
from loaders.store import Store, StoreUnavailable

__all__ = [
    "AccessDenied",
    "Authenticator",
    "AuthorizationUnavailable",
    "Caller",
    "TokenExpired",
    "TooManyFailures",
    "Unauthenticated",
]

REMEMBERED_SECONDS = 60.0
REMEMBERED_CALLERS = 10_000


class Authenticator:
    """Checks a request's credentials; one for the life of the application."""

    def __init__(
        self, store: Store, passwords: Passwords, tokens: Tokens, external: ExternalIssuer | None
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._tokens = tokens
        self._external = external
        self._key = secrets.token_bytes(32)
        self._checks: dict[tuple[bytes, str], asyncio.Task[Caller]] = {}
        self._remembered: TLRUCache[bytes, Caller] = TLRUCache(REMEMBERED_CALLERS, _forget_at)

    async def authenticate(self, connection: HTTPConnection) -> Caller:
        """The caller whom these credentials prove; raises one of this module's exceptions."""
        credentials = read_credentials(connection.headers)
        fingerprint = hashlib.blake2b("\0".join(credentials).encode(), key=self._key).digest()
        if (caller := self._remembered.get(fingerprint)) is not None:
            return caller
        address = connection.client.host if connection.client else ""
        # Requests that come with the same credentials at once share one check, which none of them can cancel.
        if (check := self._checks.get((fingerprint, address))) is None:
            check = asyncio.create_task(self._check_and_remember(fingerprint, credentials, address))
            self._checks[fingerprint, address] = check
            check.add_done_callback(lambda _: self._checks.pop((fingerprint, address)))
        return await asyncio.shield(check)

    async def _check_and_remember(
        self, fingerprint: bytes, credentials: Basic | Token, address: str
    ) -> Caller:
        try:
            caller = await self._check(credentials, address)
        except StoreUnavailable as error:
            raise AuthorizationUnavailable from error
        self._remembered[fingerprint] = caller
        return caller

    async def _check(self, credentials: Basic | Token, address: str) -> Caller:
        if isinstance(credentials, Basic):
            client = await self._passwords.check(
                ClientKind.TILL, credentials.till, credentials.md5_hex, address
            )
            return Caller(client.account.id, client.organization, client.rights)
        if self._external is not None and claimed_issuer(credentials.text) == self._external.issuer:
            return await self._external.check(self._store, credentials.text)
        return await self._tokens.check(self._store, credentials.text)


def _forget_at(_: bytes, caller: Caller, now: float) -> float:
    left = REMEMBERED_SECONDS if caller.expires_at is None else caller.expires_at - time.time()
    return now + min(left, REMEMBERED_SECONDS)
