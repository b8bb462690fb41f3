"""Basic credentials by the vendor's convention: a till sends the MD5 hex of its password.

What is kept is an argon2id hash of that hex. To check one costs tens of milliseconds on purpose, so a good
check is remembered in memory for a minute, under a keyed hash that means nothing outside this process.
"""

import asyncio
import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from cachetools import TTLCache

from loaders.clients import Client, find_client
from loaders.store import Store

REMEMBERED_SECONDS = 60
REMEMBERED_CLIENTS = 10_000
# Each check takes 64 MiB and a core; more of them side by side would only starve the event loop.
CHECKS_AT_ONCE = 2

_MD5_HEX = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
_hasher = PasswordHasher()
# An unknown till is checked against this, so that it takes as long as a wrong password.
_NOBODY = _hasher.hash(secrets.token_hex(16))


class BasicCredentials(NamedTuple):
    """A till's name and the MD5 hex it sent."""

    till: str
    md5_hex: str


def read_basic(headers: Sequence[str]) -> BasicCredentials | None:
    """The credentials in the `Authorization` headers of a request, if they are Basic and whole."""
    if len(headers) != 1:
        return None
    scheme, _, encoded = headers[0].partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    till, colon, secret = decoded.partition(":")
    return BasicCredentials(till, secret.lower()) if till and colon and _MD5_HEX.fullmatch(secret) else None


def md5_hex(password: str) -> str:
    """What a till sends for `password`; an MD5 hex stands for itself, whatever its case."""
    if _MD5_HEX.fullmatch(password):
        return password.lower()
    return hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()


def hash_secret(secret: str) -> str:
    """The argon2id hash that is kept of a secret."""
    return _hasher.hash(secret)


class Tills:
    """Checks tills' credentials against `api_clients`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = secrets.token_bytes(32)
        self._good: TTLCache[bytes, Client] = TTLCache(REMEMBERED_CLIENTS, REMEMBERED_SECONDS)
        self._turn = asyncio.Semaphore(CHECKS_AT_ONCE)

    async def check(self, credentials: BasicCredentials) -> Client | None:
        """The client, if the credentials are its own; raises `StoreUnavailable`."""
        fingerprint = self._fingerprint(credentials)
        if (client := self._good.get(fingerprint)) is not None:
            return client
        client = await find_client(self._store, credentials.till)
        kept = _NOBODY if client is None else client.secret_hash
        async with self._turn:
            # Another request with the same credentials may have had its turn meanwhile.
            good = fingerprint in self._good or await asyncio.to_thread(_verify, kept, credentials.md5_hex)
        if client is None or not good:
            return None
        self._good[fingerprint] = client
        return client

    def _fingerprint(self, credentials: BasicCredentials) -> bytes:
        # The MD5 hex has a fixed length, so no two pairs spell the same text.
        return hashlib.blake2b("".join(credentials).encode(), key=self._key).digest()


def _verify(kept: str, secret: str) -> bool:
    try:
        return _hasher.verify(kept, secret)
    except VerificationError:
        return False
