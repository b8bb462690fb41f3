"""Basic credentials by the vendor's convention, and what happens when they cannot be checked."""

import asyncio
import base64
from contextlib import suppress
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from gateway.auth import passwords
from gateway.auth.credentials import Basic, Token, authorization, md5_hex, read_credentials
from gateway.auth.passwords import hash_secret
from gateway.commands.sample_data import DEMO, OAUTH_KEY, OAUTH_SECRET, OTHER_TILL, PASSWORD, TILL
from gateway.errors import Unauthenticated
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from loaders.clients import Account, add_account
from loaders.enums import ClientKind
from loaders.store import AlreadyExists, Int64, Store
from tests.conftest import OpenGateway
from tests.support import (
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


async def test_the_vendor_s_check_vector_logs_in(gateway: Gateway, store: Store) -> None:
    header = "Basic c3RvcmUuc2VydmVyOjhhMTZhNmI3MDUwNWViMWYxZmY3Y2RjMGNkNTU1OWE3"
    assert authorization("store.server", "server123") == header
    secret_hash = hash_secret(md5_hex("server123"))
    await add_account(
        store, Account("store.server", "Store", ClientKind.TILL, DEMO.id, "default", 0, secret_hash)
    )
    response = await gateway.rest(DOCUMENTED, {"Authorization": header})
    assert response.json()["orgId"] == DEMO.id


BAD: dict[str, dict[str, Any]] = {
    "nothing": {},
    "empty": {"Authorization": ""},
    "scheme only": {"Authorization": "Basic"},
    "not base64": {"Authorization": "Basic ???"},
    "no ASCII": {"Authorization": b"Basic \xe9\xe9\xe9\xe9"},
    "no colon": {"Authorization": encoded(TILL)},
    "no till": {"Authorization": encoded(f":{DEMO_MD5}")},
    "no password": {"Authorization": encoded(f"{TILL}:")},
    "the password itself": {"Authorization": encoded(f"{TILL}:{PASSWORD}")},
    "a wrong password": {"Authorization": authorization(TILL, "wrong")},
    "an unknown till": {"Authorization": authorization("nobody", PASSWORD)},
    "an OAuth client's key and secret": {"Authorization": authorization(OAUTH_KEY, OAUTH_SECRET)},
    "an OAuth client whose secret is hex": {"Authorization": authorization("hex-app", PASSWORD)},
    "invalid UTF-8": {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
    "a MongoDB operator": {"Authorization": encoded(f'{{"$ne": ""}}:{DEMO_MD5}')},
    "a till of 10,000 characters": {"Authorization": encoded(f"{'x' * 10_000}:{DEMO_MD5}")},
    "a NUL in the till": {"Authorization": encoded(f"demo\0.till:{DEMO_MD5}")},
    "another scheme": {"Authorization": f"Digest {TILL}"},
    "no scheme": {"Authorization": DEMO_HEADER["Authorization"].removeprefix("Basic ")},
}


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
async def test_bad_credentials_are_refused_on_both_faces_before_any_data_command(
    gateway_with: OpenGateway, store: Store, subtests: pytest.Subtests, rest_status: str
) -> None:
    hex_app = Account("hex-app", "x", ClientKind.OAUTH, DEMO.id, "default", 0, PASSWORD_HASH)
    with suppress(AlreadyExists):
        await add_account(store, hex_app)
    async with gateway_with(rest_status=rest_status) as gateway:
        for what, headers in BAD.items():
            for method, url in (
                ("GET", ACTION_SUMMARY_PATH),
                ("POST", "/graphql"),
                ("GET", "/graphql?query={x}"),
            ):
                with subtests.test(what, method=method, url=url):
                    gateway.commands.clear()
                    request = gateway.client.build_request(method, url, headers=httpx.Headers(headers))
                    response = await gateway.client.send(request)
                    if url == ACTION_SUMMARY_PATH:
                        assert_rest_error(response, 401, 401, "Unauthorized")
                    else:
                        assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized")
                    assert response.headers.get_list("www-authenticate") == [
                        'Bearer realm="promo-gateway"',
                        'Basic realm="promo-gateway", charset="UTF-8"',
                    ]
                    assert data_commands(gateway) == []


@pytest.mark.parametrize(("length", "commands"), [(255, ["find"]), (256, [])])
async def test_a_till_s_name_that_is_too_long_never_reaches_the_database(
    gateway: Gateway, length: int, commands: list[str]
) -> None:
    gateway.commands.clear()
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization("x" * length, PASSWORD)})
    assert_rest_error(response, 401, 401, "Unauthorized")
    assert gateway.commands.names == commands


async def test_different_credentials_in_one_request_are_refused(gateway: Gateway) -> None:
    basic = ("Authorization", DEMO_HEADER["Authorization"])
    other = ("Authorization", authorization(OTHER_TILL, PASSWORD))
    for headers in ([basic, other], [basic, ("X-CAP-API-OAUTH-TOKEN", "x")], [basic, ("Authorization", "")]):
        response = await gateway.client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=headers)
        assert_rest_error(response, 401, 401, "Unauthorized")
    response = await gateway.client.get(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=[basic, basic])
    assert response.status_code == 200


async def test_credentials_are_checked_before_anything_is_parsed(gateway: Gateway) -> None:
    assert (await gateway.client.post("/graphql", content=b"{")).status_code == 401
    assert (await gateway.client.get(ACTION_SUMMARY_PATH)).status_code == 401
    assert gateway.commands.names == []


async def test_a_page_is_not_challenged_for_basic(gateway: Gateway) -> None:
    response = await gateway.rest(DOCUMENTED, {"Sec-Fetch-Mode": "cors"})
    assert response.headers.get_list("www-authenticate") == ['Bearer realm="promo-gateway"']


async def test_the_md5_hex_may_be_in_upper_case(gateway: Gateway) -> None:
    headers = {"Authorization": encoded(f"{TILL}:{DEMO_MD5.upper()}")}
    assert (await gateway.rest(DOCUMENTED, headers)).status_code == 200


async def test_a_warm_request_spends_no_command_on_its_caller(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        await gateway.rest(DOCUMENTED)
        read = [command["find"] for command in gateway.commands.sent[:3]]
        assert (read[0], set(read[1:])) == ("api_clients", {"organizations", "access_groups"})
        gateway.commands.clear()
        await gateway.rest(DOCUMENTED)
        assert gateway.commands.names == ["find", "find", "aggregate"]


async def test_a_wrong_password_and_an_unknown_till_cost_the_same_commands(gateway: Gateway) -> None:
    for till in (TILL, "nobody.at.all"):
        gateway.commands.clear()
        await gateway.rest(DOCUMENTED, {"Authorization": authorization(till, "wrong again")})
        assert [command["find"] for command in gateway.commands.sent] == ["api_clients"]


async def test_callers_who_come_at_once_share_one_check(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    verify = passwords._verify

    def counted(kept: str, secret: str) -> bool:
        checked.append(secret)
        return verify(kept, secret)

    monkeypatch.setattr(passwords, "_verify", counted)
    async with gateway_with() as gateway:
        first, *others = [asyncio.ensure_future(gateway.rest(DOCUMENTED)) for _ in range(20)]
        await asyncio.sleep(0.01)
        first.cancel()
        assert [response.status_code for response in await asyncio.gather(*others)] == [200] * 19
    assert checked == [DEMO_MD5]


async def test_a_good_check_is_remembered_for_a_minute(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert passwords.REMEMBERED_SECONDS == 60
    monkeypatch.setattr(passwords, "REMEMBERED_SECONDS", 0.2)
    async with gateway_with() as gateway:
        await gateway.warm()
        await asyncio.sleep(0.3)
        await gateway.rest(DOCUMENTED)
        assert gateway.commands.sent[0]["find"] == "api_clients"


async def test_a_wrong_password_is_refused_while_the_right_one_is_remembered(gateway: Gateway) -> None:
    await gateway.warm()
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization(TILL, "wrong")})
    assert response.status_code == 401
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization(OTHER_TILL, PASSWORD)})
    assert response.json()["orgId"] == 51136


@pytest.mark.parametrize("broken", ["time zone", "hash"])
async def test_a_broken_record_is_4001_and_never_401(gateway: Gateway, store: Store, broken: str) -> None:
    till, organization_id = f"broken.{broken}", DEMO.id
    secret_hash = passwords.hash_secret(DEMO_MD5)
    if broken == "time zone":
        organization_id = 404404
        await store.insert(
            "organizations", {"_id": Int64(organization_id), "name": "Broken", "timeZone": "Mars/Base"}
        )
    else:
        secret_hash = "$argon2id$damaged"
    await add_account(store, Account(till, till, ClientKind.TILL, organization_id, "default", 0, secret_hash))
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization(till, PASSWORD)})
    assert_rest_error(response, 503, 4001, "Authorization status unavailable!")


@pytest.mark.parametrize("scheme", ["basic {}", "BASIC {}", "Basic  {} "])
def test_the_scheme_is_read_without_regard_to_case(scheme: str) -> None:
    value = scheme.format(DEMO_HEADER["Authorization"].removeprefix("Basic "))
    assert read_credentials(Headers({"Authorization": value})) == Basic(TILL, DEMO_MD5)


def test_a_token_may_travel_in_either_header_or_in_both() -> None:
    for headers in (
        {"Authorization": "Bearer a.b.c"},
        {"X-CAP-API-OAUTH-TOKEN": "a.b.c"},
        {"Authorization": "bearer a.b.c", "x-cap-api-oauth-token": " a.b.c"},
    ):
        assert read_credentials(Headers(headers)) == Token("a.b.c")
    with pytest.raises(Unauthenticated):
        read_credentials(Headers({"Authorization": "Bearer a.b.c", "X-CAP-API-OAUTH-TOKEN": "d.e.f"}))


def test_an_md5_hex_stands_for_itself() -> None:
    assert md5_hex("server123") == md5_hex(md5_hex("server123")) == md5_hex(md5_hex("server123").upper())
