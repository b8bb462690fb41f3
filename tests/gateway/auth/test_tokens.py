"""Tokens: issued as documented, accepted by both APIs, and refused if they are malformed or forged."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from itertools import pairwise
from pathlib import Path
from unittest.mock import Mock

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from gateway import OperatorError
from gateway.auth import authenticator, tokens
from gateway.auth.credentials import Basic, Token, md5_hex
from gateway.auth.password_check import hash_secret
from gateway.auth.tokens import SigningKey
from gateway.commands.sample_data import DEMO, OAUTH_KEY, OAUTH_SECRET, PASSWORD
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH, TokenRequest
from gateway.settings import Settings
from loaders import clients
from loaders.clients import Account, add_account
from loaders.enums import ClientKind
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers.forged_tokens import FORGED, Forge, bearer
from tests.helpers.gateway import (
    DOCUMENTED,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
    data_commands,
)


async def test_a_key_and_its_secret_get_a_token_with_the_documented_claims(gateway: Gateway) -> None:
    response = await gateway.client.post(TOKEN_PATH, json={"key": OAUTH_KEY, "secret": OAUTH_SECRET})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    token = body["data"].pop("accessToken")
    assert body == {"data": {"ttlSeconds": 300}, "errors": None}
    # The token is checked as another service would check it, with a library and the published key.
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


async def test_a_token_is_accepted_in_both_headers_by_both_apis(gateway: Gateway) -> None:
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


MALFORMED_CLIENTS = {
    "nothing": {"key": "", "secret": ""},
    "no key": {"key": "", "secret": OAUTH_SECRET},
    "no secret": {"key": OAUTH_KEY, "secret": ""},
    "a key of 256 characters": {"key": "x" * 256, "secret": OAUTH_SECRET},
}


@pytest.mark.parametrize("body", MALFORMED_CLIENTS.values(), ids=MALFORMED_CLIENTS)
async def test_a_malformed_key_or_secret_is_refused_with_a_reason(
    gateway: Gateway, body: dict[str, str]
) -> None:
    response = await gateway.client.post(TOKEN_PATH, json=body)
    error = {
        "code": 320001,
        "message": "Invalid client key and secret",
        "reason": "key must have 1 to 255 characters; secret must not be empty.",
    }
    assert response.json() == {"data": None, "errors": [error]}
    assert response.status_code == 401
    assert gateway.commands.names == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The body is not valid JSON at line 1, column 1."),
        (b'{"key":\n', "The body is not valid JSON at line 2, column 1."),
        (b"\xff", "The body is not valid JSON at line 1, column 1."),
        (b'{"x": ' + b"[" * 5_000, "The body is nested too deeply."),
    ],
)
async def test_a_token_request_that_is_not_json_gets_the_place_of_the_error(
    gateway: Gateway, content: bytes, message: str
) -> None:
    headers = {"Content-Type": "application/json"}
    response = await gateway.client.post(TOKEN_PATH, content=content, headers=headers)
    expected = {"code": 400, "message": message}
    assert response.json() == {"data": None, "errors": [expected]}


async def test_without_signing_keys_the_token_endpoint_is_503(gateway_with: OpenGateway) -> None:
    async with gateway_with(signing_keys=()) as gateway:
        await gateway.warm()
        response = await gateway.client.post(TOKEN_PATH, json={"key": OAUTH_KEY, "secret": OAUTH_SECRET})
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        message = "This gateway has no signing keys: GATEWAY_SIGNING_KEYS is not set."
        assert response.json() == {"data": None, "errors": [{"code": 503, "message": message}]}
        assert (await gateway.client.get(JWKS_PATH)).json() == {"keys": []}


@pytest.fixture
def forge(signing_keys: tuple[Path, Path]) -> Forge:
    return Forge(signing_keys[0])


async def test_the_forge_can_make_a_good_token(gateway: Gateway, forge: Forge) -> None:
    assert (await gateway.rest(DOCUMENTED, bearer(forge.token()))).status_code == 200


def _cut_short(by: int) -> Callable[[Forge], str]:
    return lambda forge: forge.token()[:-by]


FORM = "The token is not a whole JWT of three parts with dots between them. It may have been cut short."
MALFORMED: dict[str, tuple[Callable[[Forge], str], str]] = {
    "empty": (lambda _: "", FORM),
    "no JWT": (lambda _: "abc", FORM),
    "the scheme twice": (lambda forge: f"Bearer {forge.token()}", FORM),
    "in quotes": (lambda forge: f'"{forge.token()}"', FORM),
    "one part": (lambda forge: forge.token().partition(".")[0], FORM),
    "two parts": (lambda forge: forge.token().rpartition(".")[0], FORM),
    "four parts": (lambda forge: f"{forge.token()}.AAAA", FORM),
    **{f"cut short by {n}": (_cut_short(n), FORM) for n in (1, 2, 3, 4, 20, 341, 342)},
    "cut off at the beginning": (lambda forge: forge.token()[4:], FORM),
    "alg none": (lambda forge: forge.unsigned("none"), FORM),
    "no kid": (
        lambda forge: forge.token(headers={}),
        "The header of the token has no kid, which names the key that signed it.",
    ),
}
BAD = {name: (make, "") for name, make in FORGED.items()} | MALFORMED


@pytest.mark.parametrize("header", ["Authorization", "X-CAP-API-OAUTH-TOKEN"])
@pytest.mark.parametrize(("make", "reason"), BAD.values(), ids=BAD)
async def test_a_bad_token_is_refused_by_the_rest_api_and_no_data_is_read(
    gateway: Gateway, forge: Forge, make: Callable[[Forge], str], reason: str, header: str
) -> None:
    token = make(forge)
    headers = bearer(token) if header == "Authorization" else {header: token}
    response = await gateway.rest(DOCUMENTED, headers)
    assert_rest_error(response, 401, 401, "Unauthorized")
    assert response.headers.get_list("www-authenticate") == [
        'Bearer realm="promo-gateway"',
        'Basic realm="promo-gateway", charset="UTF-8"',
    ]
    assert data_commands(gateway) == []


@pytest.mark.parametrize(("make", "reason"), BAD.values(), ids=BAD)
async def test_a_bad_token_is_refused_by_the_graphql_api_with_a_reason_if_malformed(
    gateway: Gateway, forge: Forge, make: Callable[[Forge], str], reason: str
) -> None:
    response = await gateway.graphql("{ __typename }", headers=bearer(make(forge)))
    assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized", reason)
    assert data_commands(gateway) == []


async def test_a_bad_token_is_401_with_semantic_statuses_too(gateway_with: OpenGateway, forge: Forge) -> None:
    async with gateway_with(rest_status="semantic") as gateway:
        response = await gateway.rest(DOCUMENTED, bearer(forge.token(generation=0)))
    assert_rest_error(response, 401, 401, "Unauthorized")


async def test_an_expired_token_is_498_and_says_since_when(gateway: Gateway, forge: Forge) -> None:
    token = forge.token(exp=1_750_000_000, iat=1_749_999_000)
    message = "Token expired at 2025-06-15T15:06:40Z"
    assert_rest_error(await gateway.rest(DOCUMENTED, bearer(token)), 401, 498, message)
    response = await gateway.graphql("{ __typename }", headers=bearer(token))
    assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 498, message)
    assert gateway.commands.names == []


@pytest.mark.parametrize(("seconds_left", "verified"), [(3600, 1), (-60, 2)])
async def test_a_token_is_remembered_until_its_end(
    gateway: Gateway, forge: Forge, monkeypatch: pytest.MonkeyPatch, seconds_left: int, verified: int
) -> None:
    # Within the leeway for clocks that differ, an expired token is accepted, but verified each time.
    monkeypatch.setattr(tokens, "LEEWAY_SECONDS", 3600)
    verify = Mock(wraps=tokens.verified_claims)
    monkeypatch.setattr(tokens, "verified_claims", verify)
    token = forge.token(exp=int(time.time()) + seconds_left)
    for _ in range(2):
        assert (await gateway.rest(DOCUMENTED, bearer(token))).status_code == 200
    assert verify.call_count == verified


async def test_keys_rotate_while_requests_run(
    gateway_with: OpenGateway, signing_keys: tuple[Path, Path]
) -> None:
    old, new = signing_keys
    steps = [(old,), (old, new), (new, old), (new,)]
    issued: list[str] = []
    for before, after in pairwise(steps):
        # One of two processes has made the step already; each accepts the tokens of the other.
        async with gateway_with(signing_keys=before) as first, gateway_with(signing_keys=after) as second:
            for issuer in (first, second):
                issued = [await issuer.token() for _ in range(3)]
                answers = await asyncio.gather(
                    *(
                        gateway.rest(DOCUMENTED, bearer(token))
                        for gateway in (first, second)
                        for token in issued
                    )
                )
                assert [answer.status_code for answer in answers] == [200] * 6
    async with gateway_with(signing_keys=(old,)) as gateway:
        assert (await gateway.rest(DOCUMENTED, bearer(issued[0]))).status_code == 401


CHANGES: dict[str, Callable[[Store, str], Awaitable[bool]]] = {
    "disabled": clients.disable_account,
    "another secret": lambda store, client_id: clients.rotate_secret(store, client_id, hash_secret("other")),
}


@pytest.mark.parametrize(("minute_is_over", "status"), [(False, 200), (True, 401)])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_the_tokens_of_a_changed_client_are_refused_after_a_minute(
    gateway_with: OpenGateway,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Store, str], Awaitable[bool]],
    minute_is_over: bool,
    status: int,
) -> None:
    client_id = f"app-{uuid.uuid4().hex}"
    await add_account(
        store, Account(client_id, "App", ClientKind.OAUTH, DEMO.id, "default", 300, hash_secret("secret"))
    )
    if minute_is_over:
        monkeypatch.setattr(authenticator, "REMEMBERED_SECONDS", 0.0)
    async with gateway_with() as gateway:
        body = {"key": client_id, "secret": "secret"}
        token = (await gateway.client.post(TOKEN_PATH, json=body)).json()["data"]["accessToken"]
        assert (await gateway.rest(DOCUMENTED, bearer(token))).status_code == 200
        assert await change(store, client_id)
        assert (await gateway.rest(DOCUMENTED, bearer(token))).status_code == status


def test_no_secret_is_in_a_repr() -> None:
    account = Account("id", "name", ClientKind.TILL, 1, "group", 0, "geheim")
    shown = [Basic("name", "geheim"), Token("geheim"), account, TokenRequest("key", "geheim")]
    assert "geheim" not in repr([*shown, Settings(mongodb_uri=SecretStr("mongodb://user:geheim@host"))])


@pytest.mark.parametrize("content", [None, b"", b"-----BEGIN PRIVATE KEY-----", "small", "encrypted"])
def test_an_unusable_signing_key_is_reported_in_one_line_with_its_file(
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
    with pytest.raises(OperatorError) as raised:
        SigningKey.read(path)
    assert str(raised.value) == (
        f"{path} is not an RSA key of at least 2048 bits."
        if content == "small"
        else f"{path} cannot be read as a PEM private key."
    )
