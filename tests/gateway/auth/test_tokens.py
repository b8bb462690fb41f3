"""Tokens: issued as the API documents it, accepted on both faces, and refused in every bad shape."""

import asyncio
import base64
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from gateway.auth import authenticator, passwords
from gateway.auth.credentials import Basic, Token, md5_hex
from gateway.auth.passwords import hash_secret
from gateway.auth.tokens import SigningKey, SigningKeyUnusable
from gateway.commands.sample_data import DEMO, OAUTH_KEY, OAUTH_SECRET, PASSWORD
from gateway.rest import tokens
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH
from gateway.settings import Settings
from loaders import clients
from loaders.clients import Account, add_account
from loaders.enums import ClientKind
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.support import (
    DOCUMENTED,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
    data_commands,
)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_key_and_its_secret_get_a_token_with_the_documented_claims(gateway: Gateway) -> None:
    response = await gateway.client.post(TOKEN_PATH, json={"key": OAUTH_KEY, "secret": OAUTH_SECRET})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    token = body["data"].pop("accessToken")
    assert body == {"data": {"ttlSeconds": 300}, "errors": None}
    # Checked as any other service would: with the published key and a library.
    jwks = (await gateway.client.get(JWKS_PATH)).json()
    [key] = jwt.PyJWKSet.from_dict(jwks).keys
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "kid": key.key_id, "typ": "JWT"}
    claims = jwt.decode(token, key, ["RS256"], issuer="promo-gateway")
    assert claims["exp"] - claims["iat"] == 300
    assert len(claims["jti"]) == 32
    for varying in ("iat", "exp", "jti"):
        del claims[varying]
    assert claims == {
        "iss": "promo-gateway",
        "sub": "Demo app",
        "client_id": OAUTH_KEY,
        "org_id": DEMO.id,
        "token_use": "access",
        "generation": 1,
    }


async def test_the_published_keys_are_public_halves_only(gateway: Gateway) -> None:
    response = await gateway.client.get(JWKS_PATH)
    [key] = response.json()["keys"]
    assert set(key) == {"kty", "key_ops", "n", "e", "kid", "use", "alg"}
    assert (key["kty"], key["key_ops"], key["use"], key["alg"]) == ("RSA", ["verify"], "sig", "RS256")


async def test_a_token_is_accepted_in_both_headers_on_both_faces(gateway: Gateway) -> None:
    token = await gateway.token()
    for headers in (bearer(token), {"X-CAP-API-OAUTH-TOKEN": token}):
        assert (await gateway.ask("rest", DOCUMENTED, headers))["orgId"] == DEMO.id
        assert (await gateway.ask("graphql", DOCUMENTED, headers))["orgId"] == DEMO.id


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        ({"key": OAUTH_KEY, "secret": "wrong"}, 401, 320001, "Invalid client key and secret"),
        ({"key": "nobody", "secret": OAUTH_SECRET}, 401, 320001, "Invalid client key and secret"),
        ({"key": "demo.till", "secret": "demo"}, 401, 320001, "Invalid client key and secret"),
        ({"key": "demo.till", "secret": md5_hex(PASSWORD)}, 401, 320001, "Invalid client key and secret"),
        ({"key": "x" * 1025, "secret": ""}, 400, 400, "Expected `str` of length <= 1024 - at `$.key`."),
        ({"key": "", "secret": ""}, 401, 320001, "Invalid client key and secret"),
        ({"key": OAUTH_KEY}, 400, 400, "Object missing required field `secret`."),
        ({"key": 1, "secret": "x"}, 400, 400, "Expected `str`, got `int` - at `$.key`."),
        ([], 400, 400, "Expected `object`, got `array`."),
        (
            {"key": OAUTH_KEY, "secret": OAUTH_SECRET, "customer": {"identifierValue": 919078345795}},
            400,
            400,
            "Expected `str`, got `int` - at `$.customer[...]`.",
        ),
    ],
)
async def test_a_bad_token_request_keeps_the_vendor_s_shape(
    gateway: Gateway, body: object, status: int, code: int, message: str
) -> None:
    response = await gateway.client.post(TOKEN_PATH, json=body)
    assert response.json() == {"data": None, "errors": [{"code": code, "message": message}]}
    assert response.status_code == status


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b'{"x": ' + b"[" * 5_000])
async def test_a_token_request_that_is_not_json(gateway: Gateway, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    response = await gateway.client.post(TOKEN_PATH, content=content, headers=headers)
    expected = {"code": 400, "message": "the body is not valid JSON."}
    assert response.json() == {"data": None, "errors": [expected]}


async def test_without_signing_keys_only_the_token_endpoint_says_why(gateway_with: OpenGateway) -> None:
    async with gateway_with(signing_keys=()) as gateway:
        await gateway.warm()
        response = await gateway.client.post(TOKEN_PATH, json={"key": OAUTH_KEY, "secret": OAUTH_SECRET})
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        message = "This gateway has no signing keys: GATEWAY_SIGNING_KEYS is not set."
        assert response.json() == {"data": None, "errors": [{"code": 503, "message": message}]}
        assert (await gateway.client.get(JWKS_PATH)).json() == {"keys": []}


class Forge:
    """Makes tokens like the gateway's, with something wrong about them."""

    def __init__(self, key: SigningKey) -> None:
        self.key = key
        self.public_pem = key.public.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": "promo-gateway",
            "iat": now,
            "exp": now + 60,
            "jti": "1",
            "sub": "Demo app",
            "client_id": OAUTH_KEY,
            "org_id": DEMO.id,
            "token_use": "access",
            "generation": 1,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self, key: Any = None, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        headers = {"kid": self.key.id} if headers is None else headers
        return jwt.encode(self.claims(**changes), key or self.key.private, algorithm, headers)

    def raw(self, **changes: Any) -> str:
        """Signed, but with claims that the library would not write."""
        payload = json.dumps(self.claims(**changes)).encode()
        return jwt.PyJWS().encode(payload, self.key.private, "RS256", {"kid": self.key.id})

    def unsigned(self, algorithm: str) -> str:
        """By hand, as no library would: without a signature, or with the public key as an HMAC secret."""
        header = {"alg": algorithm, "kid": self.key.id, "typ": "JWT"}
        parts = [json.dumps(part).encode() for part in (header, self.claims())]
        text = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        if algorithm == "none":
            return f"{text}."
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
            text.encode(), self.public_pem
        )
        return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def bad(self) -> dict[str, str]:
        stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        now = int(time.time())
        good = self.token()
        missing = {
            f"no {claim}": jwt.encode(
                self.claims(**{claim: None}), self.key.private, "RS256", {"kid": self.key.id}
            )
            for claim in ("iss", "exp", "iat", "jti", "sub", "client_id", "org_id", "token_use")
        }
        return {
            "empty": "",
            "not a JWT": "abc",
            "two parts": good.rpartition(".")[0],
            "cut short": good[:-20],
            "one letter changed": good[:-30] + ("A" if good[-30] != "A" else "B") + good[-29:],
            "alg none": self.unsigned("none"),
            "HS256 with the public key": self.unsigned("HS256"),
            "RS384": self.token(algorithm="RS384"),
            "PS256": self.token(algorithm="PS256"),
            "another key under our kid": self.token(key=stranger),
            "an unknown kid": self.token(headers={"kid": "0" * 32}),
            "no kid": self.token(headers={}),
            "an end that is a text": self.raw(exp=str(int(time.time()) + 60)),
            "an end beyond the calendar": self.raw(exp=10**18),
            "an end before time": self.raw(exp=-(10**18)),
            "another issuer": self.token(iss="https://sso.example"),
            "not yet valid": self.token(nbf=now + 60),
            "issued in the future": self.token(iat=now + 60),
            "an audience that is not ours": self.token(aud="other"),
            "another organisation": self.token(org_id=51136),
            "an organisation that is a text": self.token(org_id=str(DEMO.id)),
            "an unknown client": self.token(client_id="nobody"),
            "a till": self.token(client_id="demo.till"),
            "an older secret's": self.token(generation=0),
            "no generation": self.token(generation=None),
            "another use": self.token(token_use="refresh"),
            "a customer token without a customer": self.token(token_use="customer"),
            "a customer token for a text": self.token(token_use="customer", customer_id="1"),
            **missing,
        }


@pytest.fixture
def forge(signing_keys: tuple[Path, Path]) -> Forge:
    return Forge(SigningKey.read(signing_keys[0]))


async def test_the_forge_can_make_a_good_token(gateway: Gateway, forge: Forge) -> None:
    assert (await gateway.rest(DOCUMENTED, bearer(forge.token()))).status_code == 200


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
async def test_every_bad_token_is_refused_on_both_faces_and_no_data_is_read(
    gateway_with: OpenGateway, forge: Forge, subtests: pytest.Subtests, rest_status: str
) -> None:
    bad = forge.bad()
    assert len(bad) >= 35
    async with gateway_with(rest_status=rest_status) as gateway:
        for what, token in bad.items():
            with subtests.test(what):
                gateway.commands.clear()
                for headers in (bearer(token), {"X-CAP-API-OAUTH-TOKEN": token}):
                    response = await gateway.rest(DOCUMENTED, headers)
                    assert_rest_error(response, 401, 401, "Unauthorized")
                    challenges = response.headers.get_list("www-authenticate")
                    assert challenges[0] == 'Bearer realm="promo-gateway"'
                response = await gateway.graphql("{ __typename }", headers=bearer(token))
                assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized")
                assert data_commands(gateway) == []


async def test_an_expired_token_is_498_and_says_since_when(gateway: Gateway, forge: Forge) -> None:
    token = forge.token(exp=1_750_000_000, iat=1_749_999_000)
    message = "Token expired at 2025-06-15T15:06:40Z"
    assert_rest_error(await gateway.rest(DOCUMENTED, bearer(token)), 401, 498, message)
    response = await gateway.graphql("{ __typename }", headers=bearer(token))
    assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 498, message)
    assert gateway.commands.names == []


async def test_a_token_is_not_remembered_beyond_its_end(gateway: Gateway, forge: Forge) -> None:
    # Within the leeway for clocks that differ, so that it is accepted now and for a second more.
    token = forge.token(exp=int(time.time()) - 3)
    assert (await gateway.rest(DOCUMENTED, bearer(token))).status_code == 200
    await asyncio.sleep(3)
    assert (await gateway.rest(DOCUMENTED, bearer(token))).json()["errors"][0]["code"] == 498


async def test_keys_rotate_while_requests_run(
    gateway_with: OpenGateway, signing_keys: tuple[Path, Path]
) -> None:
    old, new = signing_keys
    steps = [(old,), (old, new), (new, old), (new,)]
    tokens: list[str] = []
    for before, after in pairwise(steps):
        # Two processes, one of which has made the step already: each accepts what the other issues.
        async with gateway_with(signing_keys=before) as first, gateway_with(signing_keys=after) as second:
            for issuer in (first, second):
                tokens = [await issuer.token() for _ in range(3)]
                answers = await asyncio.gather(
                    *(
                        gateway.rest(DOCUMENTED, bearer(token))
                        for gateway in (first, second)
                        for token in tokens
                    )
                )
                assert [answer.status_code for answer in answers] == [200] * 6
    async with gateway_with(signing_keys=(old,)) as gateway:
        assert (await gateway.rest(DOCUMENTED, bearer(tokens[0]))).status_code == 401


@pytest.mark.parametrize("change", ["disable", "rotate"])
async def test_a_changed_client_and_its_tokens_are_refused_within_a_minute(
    gateway_with: OpenGateway, store: Store, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(authenticator, "REMEMBERED_SECONDS", 0.5)
    monkeypatch.setattr(passwords, "REMEMBERED_SECONDS", 0.5)
    account = Account(
        f"app-{change}", "App", ClientKind.OAUTH, DEMO.id, "default", 300, hash_secret("secret")
    )
    await add_account(store, account)
    pair = {"key": account.id, "secret": "secret"}
    async with gateway_with() as gateway:
        token = (await gateway.client.post(TOKEN_PATH, json=pair)).json()["data"]["accessToken"]
        assert (await gateway.rest(DOCUMENTED, bearer(token))).status_code == 200
        if change == "disable":
            assert await clients.disable_account(store, account.id)
        else:
            assert await clients.rotate_secret(store, account.id, hash_secret("other"))
        assert (await gateway.rest(DOCUMENTED, bearer(token))).status_code == 200
        await asyncio.sleep(0.6)
        assert (await gateway.rest(DOCUMENTED, bearer(token))).status_code == 401
        assert (await gateway.client.post(TOKEN_PATH, json=pair)).status_code == 401


def test_no_secret_is_in_a_repr() -> None:
    account = Account("id", "name", ClientKind.TILL, 1, "group", 0, "geheim")
    shown = [Basic("till", "geheim"), Token("geheim"), account, tokens.TokenRequest("key", "geheim")]
    assert "geheim" not in repr([*shown, Settings(mongodb_uri=SecretStr("mongodb://user:geheim@host"))])


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PRIVATE KEY-----", "small", "encrypted"])
def test_an_unusable_signing_key_is_one_line_that_names_the_file(
    tmp_path: Path, content: bytes | str | None
) -> None:
    path = tmp_path / "key.pem"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        small = rsa.generate_private_key(public_exponent=65537, key_size=1024 if content == "small" else 2048)
        protection: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if content == "encrypted":
            protection = serialization.BestAvailableEncryption(b"password")
        path.write_bytes(
            small.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)
        )
    with pytest.raises(SigningKeyUnusable) as raised:
        SigningKey.read(path)
    assert str(raised.value) in (
        f"{path} cannot be read as a PEM private key.",
        f"{path} is not an RSA key of at least 2048 bits.",
    )
