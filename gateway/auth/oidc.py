"""Tokens of an external issuer: the operator's own single sign-on, for a fixed list of organisations.

PyJWT's key client is not used to fetch the keys: it reads a document of any size, its time-out is for each
read and not for the whole response, and it makes callers whose key it knows wait while it fetches. The
gateway fetches the documents itself, and PyJWT reads the keys in them.
"""

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import get_args

import httpx
import jwt
import msgspec
from jwt.algorithms import AllowedPublicKeys

from gateway.auth.callers import Caller
from gateway.auth.tokens import UnverifiedToken, verified_claims
from gateway.errors import AuthorizationUnavailable, Unauthenticated
from gateway.telemetry.current_request import current_request_log
from gateway.telemetry.logs import log
from loaders.clients import NO_RIGHTS, find_rights
from loaders.organizations import find_organization
from loaders.store import Store
from resolvers.arguments import parse_id

FETCH_TIMEOUT_SECONDS = 5
FETCH_INTERVAL_SECONDS = 60
KEYS_REFRESH_SECONDS = 300
KEYS_EXPIRE_SECONDS = 600
MAX_DOCUMENT_BYTES = 128 * 1024

# Signatures that need a private key; neither `none` nor a signature that a public key could make.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class IssuerKeys:
    """The keys that an issuer publishes.

    They are fetched when an unknown key is asked for and when they are five minutes old, at most once a
    minute, and are forgotten ten minutes after the last successful fetch.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetch: asyncio.Task[None]

    async def find(self, key_id: str) -> jwt.PyJWK:
        """The key with this id; only a request with an unknown key waits for a fetch.

        Raises `Unauthenticated` if the issuer has no such key, and `AuthorizationUnavailable` if none of its
        keys is known.
        """
        age = time.monotonic() - self._fetched_at
        if age > KEYS_EXPIRE_SECONDS:
            self._keys = {}
        if key_id not in self._keys:
            # Other requests wait for the same fetch, so none of them may cancel it.
            await asyncio.shield(self._fetch_once_a_minute())
        elif age > KEYS_REFRESH_SECONDS:
            self._fetch_once_a_minute()
        if key_id in self._keys:
            return self._keys[key_id]
        raise Unauthenticated if self._keys else AuthorizationUnavailable

    def _fetch_once_a_minute(self) -> asyncio.Task[None]:
        """The latest fetch; it has ended long before the next one may begin."""
        now = time.monotonic()
        if now - self._tried_at >= FETCH_INTERVAL_SECONDS:
            self._tried_at = now
            self._fetch = asyncio.create_task(self._fetch_keys())
        return self._fetch

    async def _fetch_keys(self) -> None:
        traceparent = current_request_log().traceparent
        headers = {} if traceparent is None else {"traceparent": traceparent}
        try:
            async with (
                asyncio.timeout(FETCH_TIMEOUT_SECONDS),
                httpx.AsyncClient(
                    headers=headers,
                    # Reading the certificates of the system takes 30 ms, too long for the event loop.
                    verify=await asyncio.to_thread(httpx.create_ssl_context),
                ) as http,
            ):
                url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                configuration = msgspec.json.decode(await _get(http, url))
                if configuration["issuer"] != self._issuer or not is_safe(configuration["jwks_uri"]):
                    raise ValueError("the discovery document is not this issuer's")
                document = await _get(http, configuration["jwks_uri"])
                self._keys = await asyncio.to_thread(_read_keys, document)
            self._fetched_at = time.monotonic()
        # What an issuer publishes can make any library fail in any way, and must fail no other request.
        except Exception as error:
            log.warning("issuer_keys_not_fetched", issuer=self._issuer, error=type(error).__name__)


@dataclass
class ExternalIssuer:
    """Checks the tokens of one issuer against the keys that it publishes.

    `organization_claim` is the claim that holds the organisation; only those in `organizations` are
    accepted, with the rights of `group`. A token that has the `customer_claim` reads this customer only.
    """

    issuer: str
    audience: str
    organization_claim: str
    organizations: Collection[int]
    group: str
    customer_claim: str = ""

    def __post_init__(self) -> None:
        self._keys = IssuerKeys(self.issuer)

    async def check(self, store: Store, token: UnverifiedToken) -> Caller:
        """The caller that the token names; raises a kind of `Refused`, or `StoreUnavailable`."""
        key = await self._keys.find(token.key_id)
        claims = verified_claims(
            token,
            key,
            _ALGORITHMS,
            issuer=self.issuer,
            audience=self.audience,
            required=["iss", "aud", "exp", "iat", self.organization_claim],
        )
        # As a number or as its digits; a text of any length is compared, never converted.
        claimed = str(claims[self.organization_claim])
        organization_id = next((one for one in self.organizations if str(one) == claimed), None)
        if organization_id is None:
            raise Unauthenticated
        organization, rights = await asyncio.gather(
            find_organization(store, organization_id), find_rights(store, self.group)
        )
        if organization is None:
            raise Unauthenticated
        customer_id = None
        if self.customer_claim and self.customer_claim in claims:
            digits = str(claims[self.customer_claim])
            if len(digits) > 19 or (customer_id := parse_id(digits)) is None:
                raise Unauthenticated
        return Caller.of_token(self.issuer, organization, rights or NO_RIGHTS, customer_id, token.end)


def is_safe(url: str) -> bool:
    """True for https, and for plain http that does not leave this machine."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme == "https" or (
        parsed.scheme == "http" and parsed.host in ("127.0.0.1", "::1", "localhost")
    )


async def _get(http: httpx.AsyncClient, url: str) -> bytes:
    # Without compression, the size that is received is the size in memory.
    async with http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
        response.raise_for_status()
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise ValueError("the document is too large")
        return bytes(body)


def _read_keys(document: bytes) -> dict[str, jwt.PyJWK]:
    keys: dict[str, jwt.PyJWK] = {}
    for published in msgspec.json.decode(document)["keys"]:
        # PyJWT raises many kinds of errors for keys that are damaged or not for signatures.
        with suppress(Exception):
            key = jwt.PyJWK(published)
            key.Algorithm.prepare_key(key.key)
            if (
                key.key_id
                and isinstance(key.key_id, str)
                and key.public_key_use in ("sig", None)
                and isinstance(key.key, get_args(AllowedPublicKeys))
                # PyJWT's own rule: an RSA key has at least 2,048 bits.
                and key.Algorithm.check_key_length(key.key) is None
            ):
                keys[key.key_id] = key
    if not keys:
        raise ValueError("the issuer publishes no usable key")
    return keys
