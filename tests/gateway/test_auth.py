"""Who may call: the vendor's Basic convention, and what happens when it cannot be checked."""

import asyncio
import base64

import pytest

from gateway import legacy
from gateway.auth import basic
from gateway.auth.basic import hash_secret, md5_hex, read_basic
from gateway.demo import DEMO, OTHER_TILL, PASSWORD, TILL, authorization
from loaders.clients import add_till
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.support import (
    DEMO_HEADER,
    DOCUMENTED,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
)


def encoded(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


async def test_the_vendor_s_check_vector_logs_in(gateway: Gateway, store: Store) -> None:
    header = "Basic c3RvcmUuc2VydmVyOjhhMTZhNmI3MDUwNWViMWYxZmY3Y2RjMGNkNTU1OWE3"
    assert authorization("store.server", "server123") == header
    await add_till(store, "store.server", DEMO.id, hash_secret(md5_hex("server123")))
    response = await gateway.rest(DOCUMENTED, {"Authorization": header})
    assert response.json()["orgId"] == DEMO.id


DEMO_MD5 = md5_hex(PASSWORD)
BAD = {
    "nothing": {},
    "empty": {"Authorization": ""},
    "scheme only": {"Authorization": "Basic"},
    "not base64": {"Authorization": "Basic ???"},
    "no colon": {"Authorization": encoded(TILL)},
    "no till": {"Authorization": encoded(f":{DEMO_MD5}")},
    "no password": {"Authorization": encoded(f"{TILL}:")},
    "the password itself": {"Authorization": encoded(f"{TILL}:{PASSWORD}")},
    "a wrong password": {"Authorization": authorization(TILL, "wrong")},
    "an unknown till": {"Authorization": authorization("nobody", PASSWORD)},
    "invalid UTF-8": {"Authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
    "a MongoDB operator": {"Authorization": encoded(f'{{"$ne": ""}}:{DEMO_MD5}')},
    "another scheme": {"Authorization": f"Digest {TILL}"},
}


@pytest.mark.parametrize("headers", BAD.values(), ids=BAD.keys())
async def test_bad_credentials_are_refused_on_both_faces_before_any_data_command(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    response = await gateway.rest(DOCUMENTED, headers)
    assert_rest_error(response, 401, 401, "Unauthorized")
    assert response.headers.get_list("www-authenticate") == [
        'Bearer realm="promo-gateway"',
        'Basic realm="promo-gateway", charset="UTF-8"',
    ]
    response = await gateway.graphql("{ __typename }", headers=headers)
    assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized")
    assert {command["find"] for command in gateway.commands.sent} <= {"api_clients", "organizations"}


async def test_two_authorization_headers_are_refused(gateway: Gateway) -> None:
    twice = [("Authorization", DEMO_HEADER["Authorization"])] * 2
    response = await gateway.client.get(legacy.PATH, params=DOCUMENTED, headers=twice)
    assert response.status_code == 401


async def test_credentials_are_checked_before_anything_is_parsed(gateway: Gateway) -> None:
    assert (await gateway.client.post("/graphql", content=b"{")).status_code == 401
    assert (await gateway.client.get(legacy.PATH)).status_code == 401
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
        assert [command.get("find") for command in gateway.commands.sent[:2]] == [
            "api_clients",
            "organizations",
        ]
        gateway.commands.clear()
        await gateway.rest(DOCUMENTED)
        assert gateway.commands.names == ["find", "find", "aggregate"]


async def test_callers_who_come_at_once_are_checked_a_few_at_a_time(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    verify = basic._verify

    def counted(kept: str, secret: str) -> bool:
        checked.append(secret)
        return verify(kept, secret)

    monkeypatch.setattr(basic, "_verify", counted)
    async with gateway_with() as gateway:
        responses = await asyncio.gather(*(gateway.rest(DOCUMENTED) for _ in range(20)))
        assert [response.status_code for response in responses] == [200] * 20
    assert checked == [DEMO_MD5] * basic.CHECKS_AT_ONCE


async def test_a_good_check_is_remembered_for_a_minute(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert basic.REMEMBERED_SECONDS == 60
    monkeypatch.setattr(basic, "REMEMBERED_SECONDS", 0.2)
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


@pytest.mark.parametrize(
    "header", ["basic {}", "BASIC {}", "Basic  {}"], ids=["lower case", "upper case", "two blanks"]
)
def test_the_scheme_is_read_without_regard_to_case(header: str) -> None:
    credentials = DEMO_HEADER["Authorization"].removeprefix("Basic ")
    assert read_basic([header.format(credentials)]) == (TILL, DEMO_MD5)


def test_an_md5_hex_stands_for_itself() -> None:
    assert md5_hex("server123") == md5_hex(md5_hex("server123")) == md5_hex(md5_hex("server123").upper())
