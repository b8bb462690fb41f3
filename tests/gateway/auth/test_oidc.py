"""Tokens of an external issuer, failures of the issuer, and documents of it that cannot be used."""

import asyncio
import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import RSAAlgorithm

from gateway.auth import oidc
from gateway.auth.oidc import IssuerKeys, is_safe
from gateway.commands.sample_data import (
    CUSTOMER,
    CUSTOMER_WITHOUT_BENEFITS,
    DEMO,
    MOBILE_WITHOUT_BENEFITS,
    OTHER,
)
from gateway.errors import AuthorizationUnavailable, Unauthenticated
from gateway.rest.events import EVENTS_PATH
from gateway.settings import Settings
from tests.conftest import OpenGateway
from tests.helpers.clock import Clock
from tests.helpers.forged_tokens import Forge, bearer
from tests.helpers.gateway import (
    DOCUMENTED,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
    data_commands,
)
from tests.helpers.issuer import CONFIGURATION, KEYS, Issuer, jwk, key_set, rsa_key, trusting


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Issuer]:
    # A busy machine may take longer than the gateway would wait.
    monkeypatch.setattr(oidc, "FETCH_TIMEOUT_SECONDS", 60)
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(oidc, "time", clock)
    return clock


async def status(gateway: Gateway, token: str) -> int:
    return (await gateway.rest(DOCUMENTED, bearer(token))).status_code


async def assert_unavailable(gateway: Gateway, token: str) -> None:
    response = await gateway.rest(DOCUMENTED, bearer(token))
    assert_rest_error(response, 503, 4001, "Authorization status unavailable!")


async def assert_no_key_is_known(keys: IssuerKeys) -> None:
    with pytest.raises(AuthorizationUnavailable):
        await keys.find("rsa")


GOOD: dict[str, Callable[[Issuer], str]] = {
    "an organisation that is a number": lambda issuer: issuer.token(),
    "an organisation that is a string": lambda issuer: issuer.token(org_id=str(DEMO.id)),
    "an elliptic curve": lambda issuer: issuer.token("ec", "ES256"),
}


@pytest.mark.parametrize("make", GOOD.values(), ids=GOOD)
async def test_a_token_of_the_issuer_is_accepted_by_both_apis_with_one_fetch(
    gateway_with: OpenGateway, issuer: Issuer, make: Callable[[Issuer], str]
) -> None:
    issuer.keys["ec"] = ec.generate_private_key(ec.SECP256R1())
    async with gateway_with(**trusting(issuer)) as gateway:
        headers = bearer(make(issuer))
        assert (await gateway.ask("rest", DOCUMENTED, headers))["orgId"] == DEMO.id
        assert (await gateway.ask("graphql", DOCUMENTED, headers))["orgId"] == DEMO.id
    assert issuer.key_fetches == 1


async def test_the_gateway_s_own_tokens_are_accepted_beside_the_issuer_s(
    gateway_with: OpenGateway, issuer: Issuer
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert await status(gateway, await gateway.token()) == 200
    assert issuer.key_fetches == 0


async def test_a_warm_request_verifies_no_signature_and_reads_no_account(
    gateway_with: OpenGateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        token = issuer.token()
        assert await status(gateway, token) == 200
        monkeypatch.delattr(oidc, "verified_claims")
        gateway.commands.clear()
        assert (await gateway.graphql("{ __typename }", headers=bearer(token))).status_code == 200
        assert gateway.commands.names == []


async def test_the_operator_chooses_the_group_and_the_claim_of_the_organisation(
    gateway_with: OpenGateway, issuer: Issuer
) -> None:
    async with gateway_with(**trusting(issuer, oidc_org_claim="tenant", oidc_group="ingest")) as gateway:
        token = issuer.token(org_id=None, tenant=DEMO.id)
        assert (await gateway.ask("rest", DOCUMENTED, bearer(token))) == {"error": 4000}
        assert data_commands(gateway) == []


CUSTOMERS: dict[str, object] = {"a number": CUSTOMER, "a string": str(CUSTOMER)}
BAD_CUSTOMERS: dict[str, object] = {
    "empty": "",
    "true": True,
    "a list": [CUSTOMER],
    "a fraction": CUSTOMER + 0.5,
    "negative": -CUSTOMER,
    "digits of another script": "١٢٣",
    "2**63": 2**63,
    "5,000 digits": "9" * 5000,
}


@pytest.mark.parametrize("api", ["rest", "graphql"])
@pytest.mark.parametrize("claimed", CUSTOMERS.values(), ids=CUSTOMERS)
async def test_a_token_with_the_customer_claim_reads_this_customer_only(
    gateway_with: OpenGateway, issuer: Issuer, api: str, claimed: object
) -> None:
    async with gateway_with(**trusting(issuer, oidc_customer_claim="member")) as gateway:
        headers = bearer(issuer.token(member=claimed))
        other = {**DOCUMENTED, "identifierValue": MOBILE_WITHOUT_BENEFITS}
        assert (await gateway.ask(api, DOCUMENTED, headers))["customerId"] == CUSTOMER
        assert await gateway.ask(api, other, headers) == {"error": 8015}


@pytest.mark.parametrize("claimed", BAD_CUSTOMERS.values(), ids=BAD_CUSTOMERS)
async def test_a_customer_claim_that_is_no_id_is_refused(
    gateway_with: OpenGateway, issuer: Issuer, claimed: object
) -> None:
    async with gateway_with(**trusting(issuer, oidc_customer_claim="member")) as gateway:
        response = await gateway.rest(DOCUMENTED, bearer(issuer.token(member=claimed)))
        assert_rest_error(response, 401, 401, "Unauthorized")
        assert data_commands(gateway) == []


@pytest.mark.parametrize(
    ("setting", "claims"),
    [({"oidc_customer_claim": "member"}, {}), ({}, {"member": CUSTOMER})],
    ids=["no claim", "no setting"],
)
async def test_a_token_without_the_customer_claim_reads_every_customer(
    gateway_with: OpenGateway, issuer: Issuer, setting: dict[str, str], claims: dict[str, Any]
) -> None:
    async with gateway_with(**trusting(issuer, **setting)) as gateway:
        other = {**DOCUMENTED, "identifierValue": MOBILE_WITHOUT_BENEFITS}
        answer = await gateway.ask("rest", other, bearer(issuer.token(**claims)))
        assert answer["customerId"] == CUSTOMER_WITHOUT_BENEFITS


@pytest.mark.parametrize(
    ("claims", "code"), [({}, 400), ({"member": CUSTOMER}, 4000)], ids=["no claim", "a customer"]
)
async def test_a_token_with_the_customer_claim_writes_no_events_whatever_its_group_allows(
    gateway_with: OpenGateway, issuer: Issuer, claims: dict[str, Any], code: int
) -> None:
    changes = {"oidc_customer_claim": "member", "oidc_group": "ingest"}
    async with gateway_with(**trusting(issuer, **changes)) as gateway:
        headers = bearer(issuer.token(**claims))
        response = await gateway.client.post(EVENTS_PATH, json={}, headers=headers)
        assert response.json()["errors"][0]["code"] == code


BAD: dict[str, Callable[[Issuer, Forge], str]] = {
    "another key": lambda issuer, _: issuer.token(key=rsa_key("stranger")),
    "an unknown kid": lambda issuer, _: issuer.token("unknown", key=rsa_key("stranger")),
    "HS256": lambda issuer, _: issuer.token(algorithm="HS256", key="x" * 64),
    "another audience": lambda issuer, _: issuer.token(aud="other"),
    "no audience": lambda issuer, _: issuer.token(aud=None),
    "no expiry": lambda issuer, _: issuer.token(exp=None),
    "no organisation": lambda issuer, _: issuer.token(org_id=None),
    "an organisation it may not speak for": lambda issuer, _: issuer.token(org_id=OTHER.id),
    "an organisation that does not exist": lambda issuer, _: issuer.token(org_id=404),
    "an organisation that is a list": lambda issuer, _: issuer.token(org_id=[DEMO.id]),
    "an organisation of 5,000 digits": lambda issuer, _: issuer.token(org_id="9" * 5000),
    "an organisation that is true": lambda issuer, _: issuer.token(org_id=True),
    "not yet valid": lambda issuer, _: issuer.token(nbf=int(time.time()) + 3600),
    "the gateway's iss, the issuer's key": lambda issuer, own: own.token(key=issuer.keys["rsa"]),
    "the gateway's iss, the issuer's key and kid": lambda issuer, own: own.token(
        key=issuer.keys["rsa"], headers={"kid": "rsa"}
    ),
    "the issuer's iss, the gateway's key": lambda issuer, own: own.token(iss=issuer.url, aud="gateway"),
    "the iss of another issuer": lambda issuer, _: issuer.token(iss="https://elsewhere.example"),
    "no iss": lambda _, own: own.token(iss=None),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
async def test_a_bad_token_is_refused_by_both_apis_and_no_data_is_read(
    gateway_with: OpenGateway, issuer: Issuer, settings: Settings, make: Callable[[Issuer, Forge], str]
) -> None:
    headers = bearer(make(issuer, Forge(settings.signing_keys[0])))
    async with gateway_with(**trusting(issuer)) as gateway:
        assert_rest_error(await gateway.rest(DOCUMENTED, headers), 401, 401, "Unauthorized")
        response = await gateway.graphql("{ __typename }", headers=headers)
        assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized")
        assert data_commands(gateway) == []


BAD_ENDS: dict[str, object] = {
    "a string": "4102444800",
    "a list": [4_102_444_800],
    "true": True,
    "a number that is too large": 10**18,
    "an infinite number": float("inf"),
    "a negative number": -1,
}


@pytest.mark.parametrize("end", BAD_ENDS.values(), ids=BAD_ENDS)
async def test_a_token_with_an_invalid_end_is_refused_before_its_key_is_looked_up(
    gateway_with: OpenGateway, issuer: Issuer, end: object
) -> None:
    issuer.broken = True
    async with gateway_with(**trusting(issuer)) as gateway:
        response = await gateway.rest(DOCUMENTED, bearer(issuer.token(exp=end)))
        assert_rest_error(response, 401, 401, "Unauthorized")
        assert issuer.requests == []
        await assert_unavailable(gateway, issuer.token())


async def test_an_expired_token_of_the_issuer_is_498(gateway_with: OpenGateway, issuer: Issuer) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        response = await gateway.rest(DOCUMENTED, bearer(issuer.token(exp=1_750_000_000)))
        assert_rest_error(response, 401, 498, "Token expired at 2025-06-15T15:06:40Z")
        assert data_commands(gateway) == []


async def test_without_an_issuer_its_tokens_are_refused(gateway: Gateway, issuer: Issuer) -> None:
    assert await status(gateway, issuer.token()) == 401
    assert issuer.key_fetches == 0


async def test_an_unknown_kid_causes_at_most_one_fetch_a_minute(
    gateway_with: OpenGateway, issuer: Issuer, clock: Clock
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert await status(gateway, issuer.token()) == 200
        issuer.keys["new"] = rsa_key("new")
        clock.advance(59)
        assert await status(gateway, issuer.token("new")) == 401
        assert issuer.key_fetches == 1
        clock.advance(1)
        assert await status(gateway, issuer.token("new")) == 200
        assert issuer.key_fetches == 2


async def test_an_unknown_kid_of_a_broken_issuer_causes_at_most_one_fetch_a_minute(
    gateway_with: OpenGateway, issuer: Issuer, clock: Clock
) -> None:
    issuer.documents[KEYS] = b"broken"
    async with gateway_with(**trusting(issuer)) as gateway:
        for seconds, fetched in ((0, 1), (59, 1), (1, 2)):
            clock.advance(seconds)
            await assert_unavailable(gateway, issuer.token())
            assert issuer.key_fetches == fetched


async def test_first_requests_at_once_share_one_fetch(gateway_with: OpenGateway, issuer: Issuer) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        statuses = await asyncio.gather(*(status(gateway, issuer.token(jti=str(n))) for n in range(10)))
    assert statuses == [200] * 10
    assert issuer.key_fetches == 1


async def test_a_request_that_is_cancelled_does_not_cancel_the_fetch_of_others(
    gateway_with: OpenGateway, issuer: Issuer
) -> None:
    issuer.hang()
    async with gateway_with(**trusting(issuer)) as gateway:
        first = asyncio.create_task(status(gateway, issuer.token(jti="1")))
        await issuer.wait_for_request()
        second = asyncio.create_task(status(gateway, issuer.token(jti="2")))
        first.cancel()
        issuer.responding.set()
        assert await second == 200
    assert first.cancelled()


async def test_keys_are_refreshed_after_five_minutes_while_requests_go_on(
    gateway_with: OpenGateway, issuer: Issuer, clock: Clock
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert await status(gateway, issuer.token()) == 200
        withdrawn, issuer.keys = issuer.keys["rsa"], {"new": rsa_key("new")}
        clock.advance(301)
        issuer.hang()
        # The fetch hangs, and the known key is still good.
        assert await status(gateway, issuer.token("rsa", key=withdrawn, jti="1")) == 200
        await issuer.wait_for_request()
        issuer.responding.set()
        assert await status(gateway, issuer.token("new")) == 200
        assert await status(gateway, issuer.token("rsa", key=withdrawn, jti="2")) == 401
    assert issuer.key_fetches == 2


async def test_a_withdrawn_key_is_refused_after_ten_minutes_without_requests(
    gateway_with: OpenGateway, issuer: Issuer, clock: Clock
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert await status(gateway, issuer.token()) == 200
        withdrawn, issuer.keys = issuer.keys["rsa"], {"new": rsa_key("new")}
        clock.advance(601)
        assert await status(gateway, issuer.token("rsa", key=withdrawn, jti="1")) == 401
    assert issuer.key_fetches == 2


async def test_keys_are_good_for_ten_minutes_when_the_issuer_is_broken(
    gateway_with: OpenGateway, issuer: Issuer, clock: Clock
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert await status(gateway, issuer.token()) == 200
        issuer.broken = True
        clock.advance(590)
        assert await status(gateway, issuer.token("unknown", key=rsa_key("stranger"))) == 401
        assert await status(gateway, issuer.token(jti="1")) == 200
        clock.advance(11)
        await assert_unavailable(gateway, issuer.token(jti="2"))
        issuer.broken = False
        clock.advance(60)
        assert await status(gateway, issuer.token(jti="3")) == 200


async def test_an_unreachable_issuer_is_treated_like_a_broken_one(
    gateway_with: OpenGateway, issuer: Issuer, clock: Clock
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert await status(gateway, issuer.token()) == 200
        issuer.close()
        clock.advance(60)
        assert await status(gateway, issuer.token("unknown", key=rsa_key("stranger"))) == 401
        clock.advance(541)
        await assert_unavailable(gateway, issuer.token(jti="1"))


async def test_a_hanging_issuer_makes_no_caller_with_a_known_key_wait(
    gateway_with: OpenGateway, issuer: Issuer, clock: Clock
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert await status(gateway, issuer.token()) == 200
        clock.advance(60)
        issuer.hang()
        unknown = asyncio.create_task(status(gateway, issuer.token("unknown", key=rsa_key("stranger"))))
        await issuer.wait_for_request()
        assert await status(gateway, issuer.token(jti="1")) == 200
        assert await status(gateway, await gateway.token()) == 200
        assert not unknown.done()
        issuer.responding.set()
        assert await unknown == 401


@pytest.mark.parametrize("trickle", [False, True], ids=["hangs", "sends a byte at a time"])
async def test_an_issuer_that_is_too_slow_is_4001_while_no_key_is_known(
    gateway_with: OpenGateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, trickle: bool
) -> None:
    monkeypatch.setattr(oidc, "FETCH_TIMEOUT_SECONDS", 0.3)
    if trickle:
        issuer.seconds_per_byte = 0.1
    else:
        issuer.hang()
    async with gateway_with(**trusting(issuer)) as gateway:
        await assert_unavailable(gateway, issuer.token())


def nested(opening: bytes) -> bytes:
    """A document of the maximal length that consists of this opening only."""
    return (opening * oidc.MAX_DOCUMENT_BYTES)[: oidc.MAX_DOCUMENT_BYTES]


BROKEN_DOCUMENTS = {
    "empty": b"",
    "not JSON": b"<html>",
    "not UTF-8": b'{"keys": ["\xff"], "issuer": "\xff"}',
    "a list": b"[]",
    "null": b"null",
    "without what is needed": b"{}",
    "of other types": b'{"keys": {}, "issuer": 1, "jwks_uri": []}',
    "lists in lists": nested(b"["),
    "objects in objects": nested(b'{"a":'),
    "lists in the keys": b'{"keys":' + nested(b"["),
    "too large": b" " * oidc.MAX_DOCUMENT_BYTES + b"{}",
}


@pytest.mark.parametrize("path", [CONFIGURATION, KEYS], ids=["configuration", "keys"])
@pytest.mark.parametrize("document", BROKEN_DOCUMENTS.values(), ids=BROKEN_DOCUMENTS)
async def test_a_broken_document_gives_no_key(issuer: Issuer, path: str, document: bytes) -> None:
    issuer.documents[path] = document
    await assert_no_key_is_known(IssuerKeys(issuer.url))


@pytest.mark.parametrize("path", [CONFIGURATION, KEYS], ids=["configuration", "keys"])
async def test_a_document_may_be_as_large_as_the_limit_and_no_larger(issuer: Issuer, path: str) -> None:
    document = issuer.document(path)
    issuer.documents[path] = document.ljust(oidc.MAX_DOCUMENT_BYTES + 1)
    await assert_no_key_is_known(IssuerKeys(issuer.url))
    issuer.documents[path] = document.ljust(oidc.MAX_DOCUMENT_BYTES)
    assert (await IssuerKeys(issuer.url).find("rsa")).key_id == "rsa"


async def test_a_compressed_document_is_not_unpacked(issuer: Issuer) -> None:
    issuer.headers["Content-Encoding"] = "gzip"
    for path in (CONFIGURATION, KEYS):
        issuer.documents[path] = gzip.compress(issuer.document(path))
    await assert_no_key_is_known(IssuerKeys(issuer.url))


async def test_a_broken_document_is_4001_and_never_500(gateway_with: OpenGateway, issuer: Issuer) -> None:
    issuer.documents[KEYS] = nested(b"[")
    async with gateway_with(**trusting(issuer)) as gateway:
        await assert_unavailable(gateway, issuer.token())


RSA = rsa_key("rsa")
UNUSABLE_KEYS: dict[str, object] = {
    "no object": "key",
    "null": None,
    "for encryption": jwk("rsa", RSA, use="enc"),
    "for something else": jwk("rsa", RSA, use=["sig"]),
    "of 1,024 bits": jwk("rsa", rsa_key("small", 1024)),
    "of 2,040 bits": jwk("rsa", rsa_key("smaller", 2040)),
    "without a kid": jwk("rsa", RSA, kid=None),
    "with a kid that is a list": jwk("rsa", RSA, kid=["rsa"]),
    "with an algorithm that is a list": jwk("rsa", RSA, alg=["RS256"]),
    "with no algorithm": jwk("rsa", RSA, alg="none"),
    "for HMAC": jwk("rsa", RSA, alg="HS256"),
    "of a type that is a number": jwk("rsa", RSA, kty=1),
    "of another type": jwk("rsa", RSA, kty="oct"),
    "without its modulus": jwk("rsa", RSA, n=None),
    "with a modulus of zero": jwk("rsa", RSA, n="AA"),
    "a shared secret": {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa", "alg": "HS256"},
    "a private key": {**RSAAlgorithm.to_jwk(RSA, as_dict=True), "kid": "rsa"},
    "a curve of another algorithm": jwk("rsa", ec.generate_private_key(ec.SECP256R1()), alg="ES384"),
}


@pytest.mark.parametrize("key", UNUSABLE_KEYS.values(), ids=UNUSABLE_KEYS)
async def test_an_unusable_key_is_passed_over_and_the_others_are_used(issuer: Issuer, key: object) -> None:
    issuer.documents[KEYS] = key_set(key)
    await assert_no_key_is_known(IssuerKeys(issuer.url))
    issuer.documents[KEYS] = key_set(key, jwk("good", rsa_key("good")))
    keys = IssuerKeys(issuer.url)
    assert (await keys.find("good")).key_id == "good"
    with pytest.raises(Unauthenticated):
        await keys.find("rsa")


@pytest.mark.parametrize("changes", [{"use": "sig"}, {"use": None}, {"alg": "RS256"}], ids=str)
async def test_a_key_for_signatures_is_used(issuer: Issuer, changes: dict[str, Any]) -> None:
    issuer.documents[KEYS] = key_set(jwk("rsa", RSA, **changes))
    assert (await IssuerKeys(issuer.url).find("rsa")).key_id == "rsa"


ELSEWHERE = [
    {"issuer": "http://127.0.0.1"},
    {"jwks_uri": "http://sso.example/keys"},
    {"jwks_uri": "file:///etc/passwd"},
    {"jwks_uri": "https://"},
    {"jwks_uri": "http://127.0.0.1:99999/keys"},
    {"jwks_uri": "/keys"},
]


@pytest.mark.parametrize("changes", ELSEWHERE, ids=str)
async def test_a_discovery_document_that_leads_elsewhere_is_not_followed(
    issuer: Issuer, changes: dict[str, str]
) -> None:
    configuration = {**json.loads(issuer.document(CONFIGURATION)), **changes}
    issuer.documents[CONFIGURATION] = json.dumps(configuration).encode()
    await assert_no_key_is_known(IssuerKeys(issuer.url))
    assert issuer.key_fetches == 0


async def test_a_redirect_is_not_followed(issuer: Issuer) -> None:
    issuer.redirects[KEYS] = f"{issuer.url}/other-keys"
    issuer.documents["/other-keys"] = issuer.document(KEYS)
    await assert_no_key_is_known(IssuerKeys(issuer.url))


async def test_the_issuer_s_name_is_compared_exactly(issuer: Issuer) -> None:
    await assert_no_key_is_known(IssuerKeys(f"{issuer.url}/"))


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://sso.example", True),
        ("http://127.0.0.1:8080/realm", True),
        ("http://localhost", True),
        ("http://[::1]:1", True),
        ("http://sso.example", False),
        ("http://127.0.0.1.example", False),
        ("ftp://127.0.0.1", False),
        ("sso.example", False),
        ("", False),
    ],
)
def test_keys_are_fetched_over_https_or_from_this_machine(url: str, safe: bool) -> None:
    assert is_safe(url) is safe
