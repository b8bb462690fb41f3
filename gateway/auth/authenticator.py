"""The caller of a request: credentials in, a `Caller` out.

The organisation of a caller comes from its credentials and from nowhere else. A caller is remembered for at
most a minute, under a keyed hash of its credentials that means nothing outside this process. A warm request
therefore spends no argon2 check, no signature check and no database command on its caller.
"""

import time

from cachetools import TLRUCache
from starlette.requests import HTTPConnection

from gateway.auth.callers import Caller
from gateway.auth.client_addresses import address_of
from gateway.auth.credentials import Basic, fingerprint, read_credentials
from gateway.auth.oidc import ExternalIssuer
from gateway.auth.password_check import REMEMBERED_SECONDS, Passwords
from gateway.auth.tokens import Tokens, UnverifiedToken
from gateway.errors import AuthorizationUnavailable
from gateway.telemetry.current_request import current_request_log
from loaders.enums import ClientKind
from loaders.errors import StoreUnavailable
from loaders.store import Store

REMEMBERED_TOKENS = 10_000


class Authenticator:
    """Checks the credentials of requests; there is one for the life of the application."""

    def __init__(
        self, store: Store, passwords: Passwords, tokens: Tokens, external: ExternalIssuer | None
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._tokens = tokens
        self._external = external
        self._remembered: TLRUCache[bytes, Caller] = TLRUCache(REMEMBERED_TOKENS, _forget_at)

    async def authenticate(self, connection: HTTPConnection) -> Caller:
        """The caller that sent a request; raises the kind of `Refused` that says why there is none."""
        credentials = read_credentials(connection.headers)
        try:
            if isinstance(credentials, Basic):
                address = address_of(connection)
                client = await self._passwords.check(
                    ClientKind.TILL, credentials.name, credentials.md5_hex, address
                )
                caller = Caller(client.account.id, client.organization, client.rights)
            else:
                caller = await self._check_token(credentials.text)
        except StoreUnavailable as error:
            raise AuthorizationUnavailable from error
        # Before the check, a request may name any client.
        current_request_log().client_id = caller.client_id
        return caller

    async def _check_token(self, token: str) -> Caller:
        token_hash = fingerprint(token)
        if (caller := self._remembered.get(token_hash)) is None:
            unverified = UnverifiedToken.read(token)
            if self._external is not None and unverified.issuer == self._external.issuer:
                caller = await self._external.check(self._store, unverified)
            else:
                caller = await self._tokens.check(self._store, unverified)
            self._remembered[token_hash] = caller
        return caller


def _forget_at(_: bytes, caller: Caller, now: float) -> float:
    left = REMEMBERED_SECONDS if caller.expires_at is None else caller.expires_at - time.time()
    return now + min(left, REMEMBERED_SECONDS)
