"""An external issuer over real HTTP, with real keys: its tokens, its rotations, its absences."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from gateway.auth import oidc
from gateway.auth.oidc import is_safe
from gateway.auth.tokens import SigningKey
from gateway.commands.sample_data import DEMO, OTHER
from gateway.settings import Settings
from tests.conftest import OpenGateway
from tests.gateway.auth.test_tokens import Forge, bearer
from tests.support import DOCUMENTED, Gateway, assert_graphql_refusal, assert_rest_error, data_commands


class Issuer:
    """A single sign-on server: it publishes its keys and counts how often they are fetched."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {"rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048)}
        self.fetched = 0
        self.broken = False
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(500 if issuer.broken else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def document(self, path: str) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        self.fetched += 1
        published = []
        for key_id, key in self.keys.items():
            to_jwk = RSAAlgorithm.to_jwk if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm.to_jwk
            published.append({**to_jwk(key.public_key(), as_dict=True), "kid": key_id})
        return {"keys": published}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def token(self, key_id: str = "rsa", algorithm: str = "RS256", key: Any = None, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "gateway",
            "iat": now,
            "exp": now + 60,
            "sub": "someone@example.com",
        }
        claims |= {"org_id": DEMO.id, **changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or self.keys[key_id], algorithm, {"kid": key_id})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.close()


def trusting(issuer: Issuer, **changes: Any) -> dict[str, Any]:
    """Settings that trust the issuer to speak for the demo's organisation."""
    return {
        "oidc_issuer": issuer.url,
        "oidc_audience": "gateway",
        "oidc_orgs": frozenset({DEMO.id, 404}),
        **changes,
    }


async def test_its_tokens_are_accepted_on_both_faces_with_one_fetch(
    gateway_with: OpenGateway, issuer: Issuer
) -> None:
    issuer.keys["ec"] = ec.generate_private_key(ec.SECP256R1())
    async with gateway_with(**trusting(issuer)) as gateway:
        for token in (issuer.token(), issuer.token(org_id=str(DEMO.id)), issuer.token("ec", "ES256")):
            assert (await gateway.ask("rest", DOCUMENTED, bearer(token)))["orgId"] == DEMO.id
            assert (await gateway.ask("graphql", DOCUMENTED, bearer(token)))["orgId"] == DEMO.id
        # The gateway's own tokens go on.
        assert (await gateway.rest(DOCUMENTED, bearer(await gateway.token()))).status_code == 200
    assert issuer.fetched == 1


async def test_its_group_and_claim_are_the_operator_s(gateway_with: OpenGateway, issuer: Issuer) -> None:
    async with gateway_with(**trusting(issuer, oidc_org_claim="tenant", oidc_group="ingest")) as gateway:
        token = issuer.token(org_id=None, tenant=DEMO.id)
        assert (await gateway.ask("rest", DOCUMENTED, bearer(token))) == {"error": 4000}
        assert data_commands(gateway) == []


async def test_every_bad_token_of_it_is_refused(
    gateway_with: OpenGateway, issuer: Issuer, settings: Settings, subtests: pytest.Subtests
) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    own = Forge(SigningKey.read(settings.signing_keys[0]))
    # Ours and theirs, each under the other's name.
    issuer.keys["shared-kid"] = stranger
    bad = {
        "another key": issuer.token(key=stranger),
        "an unknown kid": issuer.token("unknown", key=stranger),
        "HS256": issuer.token(algorithm="HS256", key="x" * 64),
        "another audience": issuer.token(aud="other"),
        "no audience": issuer.token(aud=None),
        "no end": issuer.token(exp=None),
        "no organisation": issuer.token(org_id=None),
        "an organisation it may not speak for": issuer.token(org_id=OTHER.id),
        "an organisation that does not exist": issuer.token(org_id=404),
        "an organisation that is a list": issuer.token(org_id=[DEMO.id]),
        "an organisation of 5,000 digits": issuer.token(org_id="9" * 5000),
        "an organisation that is true": issuer.token(org_id=True),
        "not yet valid": issuer.token(nbf=int(time.time()) + 60),
        "our name, their key": own.token(key=issuer.keys["rsa"]),
        "our name, their key and kid": own.token(key=issuer.keys["rsa"], headers={"kid": "rsa"}),
        "their name, our key": own.token(iss=issuer.url, aud="gateway"),
        "nobody's name": issuer.token(iss="https://elsewhere.example"),
        "a name that is a list": own.token(iss=None),
    }
    async with gateway_with(**trusting(issuer)) as gateway:
        for what, token in bad.items():
            with subtests.test(what):
                response = await gateway.rest(DOCUMENTED, bearer(token))
                assert_rest_error(response, 401, 401, "Unauthorized")
                response = await gateway.graphql("{ __typename }", headers=bearer(token))
                assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized")
                assert data_commands(gateway) == []
        expired = issuer.token(exp=1_750_000_000)
        response = await gateway.rest(DOCUMENTED, bearer(expired))
        assert_rest_error(response, 401, 498, "Token expired at 2025-06-15T15:06:40Z")
        assert data_commands(gateway) == []


@contextmanager
def a_minute_passes_quickly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setattr(oidc, "FETCH_AGAIN_SECONDS", 0)
        yield


async def test_an_unknown_kid_fetches_again_but_not_more_than_once_a_minute(
    gateway_with: OpenGateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert (await gateway.rest(DOCUMENTED, bearer(issuer.token()))).status_code == 200
        issuer.keys["new"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        for _ in range(3):
            assert (await gateway.rest(DOCUMENTED, bearer(issuer.token("new")))).status_code == 401
        assert issuer.fetched == 1
        with a_minute_passes_quickly(monkeypatch):
            assert (await gateway.rest(DOCUMENTED, bearer(issuer.token("new")))).status_code == 200
        assert issuer.fetched == 2


async def test_first_requests_that_come_at_once_fetch_once(gateway_with: OpenGateway, issuer: Issuer) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        tokens = [issuer.token(jti=str(n)) for n in range(10)]
        answers = await asyncio.gather(*(gateway.rest(DOCUMENTED, bearer(token)) for token in tokens))
        assert [answer.status_code for answer in answers] == [200] * 10
    assert issuer.fetched == 1


async def test_a_key_that_is_withdrawn_goes_without_anybody_waiting(
    gateway_with: OpenGateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert (await gateway.rest(DOCUMENTED, bearer(issuer.token()))).status_code == 200
        withdrawn = issuer.keys.pop("rsa")
        issuer.keys["new"] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        monkeypatch.setattr(oidc, "KEYS_FRESH_SECONDS", 0)
        late = [issuer.token(key=withdrawn, jti=str(n)) for n in range(2)]
        assert (await gateway.rest(DOCUMENTED, bearer(late[0]))).status_code == 200
        await asyncio.sleep(0.5)
        assert issuer.fetched == 2
        assert (await gateway.rest(DOCUMENTED, bearer(late[1]))).status_code == 401
        assert (await gateway.rest(DOCUMENTED, bearer(issuer.token("new")))).status_code == 200


@pytest.mark.parametrize("broken", [{"kid": ["x"]}, {"alg": ["x"]}, {"kty": 1}, None])
async def test_a_key_set_that_is_broken_is_4001(
    gateway_with: OpenGateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch, broken: dict[str, Any] | None
) -> None:
    document = issuer.document

    def damaged(path: str) -> dict[str, Any]:
        found = document(path)
        return {"keys": [broken and {**key, **broken} for key in found["keys"]]} if "keys" in found else found

    monkeypatch.setattr(issuer, "document", damaged)
    async with gateway_with(**trusting(issuer)) as gateway:
        response = await gateway.rest(DOCUMENTED, bearer(issuer.token()))
        assert_rest_error(response, 503, 4001, "Authorization status unavailable!")


async def test_keys_elsewhere_in_the_clear_are_not_fetched(
    gateway_with: OpenGateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = issuer.document
    monkeypatch.setattr(
        issuer, "document", lambda path: {**document(path), "jwks_uri": "http://sso.example/keys"}
    )
    async with gateway_with(**trusting(issuer)) as gateway:
        response = await gateway.rest(DOCUMENTED, bearer(issuer.token()))
        assert_rest_error(response, 503, 4001, "Authorization status unavailable!")


async def test_the_keys_live_on_when_the_issuer_is_down(
    gateway_with: OpenGateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_with(**trusting(issuer)) as gateway:
        assert (await gateway.rest(DOCUMENTED, bearer(issuer.token()))).status_code == 200
        unknown = issuer.token("gone", key=issuer.keys["rsa"])
        issuer.broken = True
        with a_minute_passes_quickly(monkeypatch):
            assert (await gateway.rest(DOCUMENTED, bearer(unknown))).status_code == 401
            issuer.close()
            assert (await gateway.rest(DOCUMENTED, bearer(unknown))).status_code == 401
        assert (await gateway.rest(DOCUMENTED, bearer(issuer.token(jti="another")))).status_code == 200


async def test_before_any_key_is_known_it_is_4001_and_never_401(
    gateway_with: OpenGateway, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuer.broken = True
    async with gateway_with(**trusting(issuer)) as gateway:
        response = await gateway.rest(DOCUMENTED, bearer(issuer.token()))
        assert_rest_error(response, 503, 4001, "Authorization status unavailable!")
        issuer.broken = False
        with a_minute_passes_quickly(monkeypatch):
            assert (await gateway.rest(DOCUMENTED, bearer(issuer.token()))).status_code == 200


async def test_a_discovery_document_of_somebody_else_is_not_believed(
    gateway_with: OpenGateway, issuer: Issuer
) -> None:
    async with gateway_with(**trusting(issuer, oidc_issuer=f"{issuer.url}/")) as gateway:
        response = await gateway.rest(DOCUMENTED, bearer(issuer.token(iss=f"{issuer.url}/")))
        assert_rest_error(response, 503, 4001, "Authorization status unavailable!")


async def test_without_an_issuer_its_tokens_are_refused(gateway: Gateway, issuer: Issuer) -> None:
    assert (await gateway.rest(DOCUMENTED, bearer(issuer.token()))).status_code == 401
    assert issuer.fetched == 0


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
