"""Tokens of an external issuer: the operator's own single sign-on, for the organisations it may speak for."""

import asyncio
import time
from collections.abc import Collection
from typing import Any

import httpx
import jwt
import structlog
from structlog.typing import FilteringBoundLogger

from gateway.auth.callers import Caller
from gateway.auth.tokens import key_id_of, verified_claims
from gateway.errors import AuthorizationUnavailable, Unauthenticated
from gateway.telemetry.request_log import current_request_log
from loaders.clients import NO_RIGHTS, find_rights
from loaders.organizations import find_organization
from loaders.store import Store

log: FilteringBoundLogger = structlog.get_logger()

FETCH_AGAIN_SECONDS = 60
FETCH_TIMEOUT_SECONDS = 5
KEYS_FRESH_SECONDS = 600

# Signatures that need a private key; never `none`, never one that a public key could make.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class ExternalIssuer:
    """Checks the tokens of one issuer against the keys that it publishes.

    `organization_claim` is the claim that holds the organisation; only those in `organizations` are
    accepted, with the rights of `group`.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        organization_claim: str,
        organizations: Collection[int],
        group: str,
    ) -> None:
        self.issuer = issuer
        self._audience = audience
        self._organization_claim = organization_claim
        self._organizations = organizations
        self._group = group
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = -float(FETCH_AGAIN_SECONDS)
        self._fetching = asyncio.Lock()
        self._fetches: set[asyncio.Task[None]] = set()
        self._refresh: asyncio.Task[None] | None = None

    async def check(self, store: Store, token: str) -> Caller:
        """The caller whom the token names; raises one of `gateway.auth.callers`, or `StoreUnavailable`."""
        key = await self._key(key_id_of(token))
        claims = verified_claims(
            token,
            key,
            _ALGORITHMS,
            issuer=self.issuer,
            audience=self._audience,
            required=["iss", "aud", "exp", "iat", self._organization_claim],
        )
        # As a number or as its digits; a text of any length is compared, never converted.
        claimed = str(claims[self._organization_claim])
        organization_id = next((one for one in self._organizations if str(one) == claimed), None)
        if organization_id is None:
            raise Unauthenticated
        organization, rights = await asyncio.gather(
            find_organization(store, organization_id), find_rights(store, self._group)
        )
        if organization is None:
            raise Unauthenticated
        return Caller(self.issuer, organization, rights or NO_RIGHTS, expires_at=claims["exp"])

    async def _key(self, key_id: str) -> jwt.PyJWK:
        if key_id not in self._keys:
            # Others wait for the keys too, so no request that gives up stops this.
            fetch = asyncio.create_task(self._fetch_unless_fresh(FETCH_AGAIN_SECONDS, key_id))
            self._fetches.add(fetch)
            fetch.add_done_callback(self._fetches.discard)
            await asyncio.shield(fetch)
        elif time.monotonic() - self._fetched_at > KEYS_FRESH_SECONDS and self._refresh is None:
            # A key that was withdrawn must go too, but nobody waits for that.
            self._refresh = asyncio.create_task(self._fetch_unless_fresh(KEYS_FRESH_SECONDS))
            self._refresh.add_done_callback(lambda _: setattr(self, "_refresh", None))
        if key_id in self._keys:
            return self._keys[key_id]
        # Without any key nothing is known of the token; with some, this one is not among them.
        raise Unauthenticated if self._keys else AuthorizationUnavailable

    async def _fetch_unless_fresh(self, seconds: float, key_id: str | None = None) -> None:
        async with self._fetching:
            if key_id in self._keys or time.monotonic() - self._fetched_at < seconds:
                return
            self._fetched_at = time.monotonic()
            await self._fetch()

    async def _fetch(self) -> None:
        try:
            discovery = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            traced = current_request_log().traceparent
            headers = {} if traced is None else {"traceparent": traced}
            async with asyncio.timeout(FETCH_TIMEOUT_SECONDS), httpx.AsyncClient(headers=headers) as http:
                configuration = await _get_object(http, discovery)
                if configuration.get("issuer") != self.issuer or not is_safe(str(configuration["jwks_uri"])):
                    raise ValueError("the discovery document is not this issuer's")
                published = await _get_object(http, configuration["jwks_uri"])
            keys = jwt.PyJWKSet.from_dict(published).keys
            self._keys = {key.key_id: key for key in keys if isinstance(key.key_id, str)}
        # Whatever a broken issuer may publish.
        except (httpx.HTTPError, OSError, LookupError, TypeError, ValueError, jwt.PyJWTError) as error:
            # The keys that are known live on.
            log.warning("issuer_keys_not_fetched", issuer=self.issuer, error=type(error).__name__)


def is_safe(url: str) -> bool:
    """True for https, and for plain http that does not leave this machine."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme == "https" or (
        parsed.scheme == "http" and parsed.host in ("127.0.0.1", "::1", "localhost")
    )


async def _get_object(http: httpx.AsyncClient, url: str) -> dict[str, Any]:
    response = (await http.get(url)).raise_for_status()
    document = response.json()
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document
