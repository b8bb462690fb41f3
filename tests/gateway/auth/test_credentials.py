"""Basic credentials by the vendor's convention, and the refusal of missing, malformed and wrong ones."""

import base64
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from gateway.auth.credentials import Basic, Token, authorization, md5_hex, read_credentials
from gateway.auth.password_check import hash_secret
from gateway.commands.sample_data import DEMO, OAUTH_KEY, OAUTH_SECRET, OTHER_TILL, PASSWORD, TILL
from gateway.errors import Unauthenticated
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from loaders.clients import Account, add_account
from loaders.enums import ClientKind
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    PASSWORD_HASH,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
    data_commands,
)

DEMO_MD5 = md5_hex(PASSWORD)


def encoded(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_the_vendor_s_example_credentials_are_accepted(gateway: Gateway, store: Store) -> None:
    header = "Basic c3RvcmUuc2VydmVyOjhhMTZhNmI3MDUwNWViMWYxZmY3Y2RjMGNkNTU1OWE3"
    assert authorization("store.server", "server123") == header
    secret_hash = hash_secret(md5_hex("server123"))
    await add_account(
        store, Account("store.server", "Store", ClientKind.TILL, DEMO.id, "default", 0, secret_hash)
    )
    response = await gateway.rest(DOCUMENTED, {"Authorization": header})
    assert response.json()["orgId"] == DEMO.id


@pytest.fixture(scope="module", autouse=True)
async def _clients(store: Store) -> None:
    """A POS client whose password is guessed, and an OAuth client whose secret looks like an MD5."""
    for client_id, kind in (("guessed", ClientKind.TILL), ("hex-app", ClientKind.OAUTH)):
        await add_account(store, Account(client_id, "x", kind, DEMO.id, "default", 0, PASSWORD_HASH))


# Well-formed credentials that are wrong; the refusal gives no reason.
WRONG: dict[str, dict[str, str]] = {
    "a wrong password": {"Authorization": authorization("guessed", "wrong")},
    "an unknown POS client": {"Authorization": authorization("nobody", PASSWORD)},
    "an OAuth client's key and secret": {"Authorization": authorization(OAUTH_KEY, OAUTH_SECRET)},
    "an OAuth client whose secret is hex": {"Authorization": authorization("hex-app", PASSWORD)},
    "a MongoDB operator": {"Authorization": encoded(f"$ne:{DEMO_MD5}")},
    "a NUL in the name": {"Authorization": encoded(f"demo\0.till:{DEMO_MD5}")},
}
NO_CREDENTIALS = (
    "The request has no credentials. "
    "Send Authorization: Basic, Authorization: Bearer or X-CAP-API-OAUTH-TOKEN."
)
SCHEME = "The Authorization header must begin with Basic or Bearer."
FORM = "Basic is followed by the base64 of NAME:MD5, in UTF-8."
NAME = "The name in Basic credentials must have 1 to 255 characters."
MD5 = "The secret in Basic credentials is the MD5 of the password in 32 hex digits, not the password."
MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, NO_CREDENTIALS),
    "another header": ({"X-API-Key": OAUTH_KEY}, NO_CREDENTIALS),
    "empty": ({"Authorization": ""}, SCHEME),
    "another scheme": ({"Authorization": f"Digest {TILL}"}, SCHEME),
    "no scheme": ({"Authorization": DEMO_HEADER["Authorization"].removeprefix("Basic ")}, SCHEME),
    "a scheme with a colon": ({"Authorization": DEMO_HEADER["Authorization"].replace(" ", ": ")}, SCHEME),
    "scheme only": ({"Authorization": "Basic"}, FORM),
    "not base64": ({"Authorization": "Basic ???"}, FORM),
    "not encoded": ({"Authorization": f"Basic {TILL}:{DEMO_MD5}"}, FORM),
    "cut short": ({"Authorization": DEMO_HEADER["Authorization"][:-3]}, FORM),
    "no ASCII": ({"Authorization": b"Basic \xe9\xe9\xe9\xe9"}, FORM),
    "invalid UTF-8": ({"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()}, FORM),
    "no colon": ({"Authorization": encoded(TILL)}, FORM),
    "no name": ({"Authorization": encoded(f":{DEMO_MD5}")}, NAME),
    "a name of 256 characters": ({"Authorization": encoded(f"{'x' * 256}:{DEMO_MD5}")}, NAME),
    "a name of 10,000 characters": ({"Authorization": encoded(f"{'x' * 10_000}:{DEMO_MD5}")}, NAME),
    "no password": ({"Authorization": encoded(f"{TILL}:")}, MD5),
    "the password itself": ({"Authorization": encoded(f"{TILL}:{PASSWORD}")}, MD5),
    "an MD5 with a line feed": ({"Authorization": encoded(f"{TILL}:{DEMO_MD5}\n")}, MD5),
    "an MD5 of 31 digits": ({"Authorization": encoded(f"{TILL}:{DEMO_MD5[:-1]}")}, MD5),
    "a colon in the name": ({"Authorization": encoded(f'{{"$ne": ""}}:{DEMO_MD5}')}, MD5),
    "a SHA-256": ({"Authorization": encoded(f"{TILL}:{'0' * 64}")}, MD5),
    "an MD5 in base64": ({"Authorization": encoded(f"{TILL}:/gHOKnuslfrv7XyYKgTiKQ==")}, MD5),
}
BAD = {name: (headers, "") for name, headers in WRONG.items()} | MALFORMED


CHALLENGES = ['Bearer realm="promo-gateway"', 'Basic realm="promo-gateway", charset="UTF-8"']


@pytest.mark.parametrize(("headers", "reason"), BAD.values(), ids=BAD)
async def test_bad_credentials_are_refused_by_the_rest_api_and_no_data_is_read(
    gateway: Gateway, headers: dict[str, Any], reason: str
) -> None:
    response = await gateway.client.get(ACTION_SUMMARY_PATH, headers=httpx.Headers(headers))
    assert_rest_error(response, 401, 401, "Unauthorized")
    assert response.headers.get_list("www-authenticate") == CHALLENGES
    assert data_commands(gateway) == []


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("headers", "reason"), BAD.values(), ids=BAD)
async def test_bad_credentials_are_refused_by_the_graphql_api_with_a_reason_if_malformed(
    gateway: Gateway, method: str, headers: dict[str, Any], reason: str
) -> None:
    response = await gateway.client.request(method, "/graphql?query={x}", headers=httpx.Headers(headers))
    assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized", reason)
    assert response.headers.get_list("www-authenticate") == CHALLENGES
    assert data_commands(gateway) == []


async def test_bad_credentials_are_401_with_semantic_statuses_too(gateway_with: OpenGateway) -> None:
    async with gateway_with(rest_status="semantic") as gateway:
        assert_rest_error(await gateway.rest(DOCUMENTED, {}), 401, 401, "Unauthorized")


@pytest.mark.parametrize(("length", "commands"), [(255, ["find"]), (256, [])])
async def test_a_name_that_is_too_long_never_reaches_the_database(
    gateway: Gateway, length: int, commands: list[str]
) -> None:
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization("x" * length, PASSWORD)})
    assert_rest_error(response, 401, 401, "Unauthorized")
    assert gateway.commands.names == commands


BASIC = ("Authorization", DEMO_HEADER["Authorization"])
DIFFERENT = "The request has credentials that differ. Send only one of them."
SECOND = {
    "another POS client": (("Authorization", authorization(OTHER_TILL, PASSWORD)), DIFFERENT),
    "a token": (("X-CAP-API-OAUTH-TOKEN", "x"), DIFFERENT),
    "an empty token": (("X-CAP-API-OAUTH-TOKEN", ""), DIFFERENT),
    "a bearer token": (("Authorization", "Bearer x"), DIFFERENT),
    "an empty header": (("Authorization", ""), SCHEME),
}


@pytest.mark.parametrize(("second", "reason"), SECOND.values(), ids=SECOND)
async def test_different_credentials_in_one_request_are_refused(
    gateway: Gateway, second: tuple[str, str], reason: str
) -> None:
    response = await gateway.client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=[BASIC, second])
    assert_rest_error(response, 401, 401, "Unauthorized")
    response = await gateway.client.get("/graphql?query={x}", headers=[BASIC, second])
    assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized", reason)


async def test_the_same_credentials_may_be_sent_twice(gateway: Gateway) -> None:
    response = await gateway.client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=[BASIC, BASIC])
    assert response.status_code == 200


async def test_credentials_are_checked_before_anything_is_parsed(gateway: Gateway) -> None:
    assert (await gateway.client.post("/graphql", content=b"{")).status_code == 401
    assert (await gateway.client.get(ACTION_SUMMARY_PATH)).status_code == 401
    assert gateway.commands.names == []


async def test_a_web_page_is_not_challenged_for_basic_credentials(gateway: Gateway) -> None:
    response = await gateway.rest(DOCUMENTED, {"Sec-Fetch-Mode": "cors"})
    assert response.headers.get_list("www-authenticate") == ['Bearer realm="promo-gateway"']


async def test_the_md5_hex_may_be_in_upper_case(gateway: Gateway) -> None:
    headers = {"Authorization": encoded(f"{TILL}:{DEMO_MD5.upper()}")}
    assert (await gateway.rest(DOCUMENTED, headers)).status_code == 200


async def test_a_wrong_password_is_refused_while_the_right_one_is_remembered(gateway: Gateway) -> None:
    assert (await gateway.rest(DOCUMENTED, {"Authorization": authorization("guessed", PASSWORD)})).is_success
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization("guessed", "wrong")})
    assert response.status_code == 401


async def test_two_clients_with_the_same_password_are_told_apart(gateway: Gateway) -> None:
    for client_id, organization_id in ((TILL, 51135), (OTHER_TILL, 51136), (TILL, 51135)):
        headers = {"Authorization": authorization(client_id, PASSWORD)}
        response = await gateway.rest(DOCUMENTED, headers)
        assert response.json()["orgId"] == organization_id


@pytest.mark.parametrize("scheme", ["basic {}", "BASIC {}", "Basic  {} "])
def test_the_scheme_is_read_without_regard_to_case(scheme: str) -> None:
    value = scheme.format(DEMO_HEADER["Authorization"].removeprefix("Basic "))
    assert read_credentials(Headers({"Authorization": value})) == Basic(TILL, DEMO_MD5)


TOKENS = [
    {"Authorization": "Bearer a.b.c"},
    {"X-CAP-API-OAUTH-TOKEN": "a.b.c"},
    {"Authorization": "bearer a.b.c", "x-cap-api-oauth-token": " a.b.c"},
]


@pytest.mark.parametrize("headers", TOKENS, ids=str)
def test_a_token_may_travel_in_either_header_or_in_both(headers: dict[str, str]) -> None:
    assert read_credentials(Headers(headers)) == Token("a.b.c")


def test_two_tokens_are_refused() -> None:
    with pytest.raises(Unauthenticated):
        read_credentials(Headers({"Authorization": "Bearer a.b.c", "X-CAP-API-OAUTH-TOKEN": "d.e.f"}))


def test_an_md5_digest_is_not_hashed_again() -> None:
    assert md5_hex("server123") == md5_hex(md5_hex("server123")) == md5_hex(md5_hex("server123").upper())
