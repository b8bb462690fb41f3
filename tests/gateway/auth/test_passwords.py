"""Under attack: failures are counted per client and address, good callers go on, costs stay bounded."""

import asyncio
import threading

import httpx
import pytest
from starlette.requests import HTTPConnection

from gateway.auth import passwords
from gateway.auth.credentials import authorization
from gateway.commands.sample_data import DEMO, OAUTH_KEY, OAUTH_SECRET, PASSWORD, TILL
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from loaders.clients import Account, add_account, rotate_secret
from loaders.enums import ClientKind
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.support import (
    DEMO_HEADER,
    DOCUMENTED,
    PASSWORD_HASH,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
)

WRONG = {"Authorization": authorization(TILL, "wrong")}


async def fail_until_throttled(gateway: Gateway, headers: dict[str, str]) -> None:
    for _ in range(passwords.FAILURES_ALLOWED):
        assert (await gateway.rest(DOCUMENTED, headers)).status_code == 401


async def test_after_ten_failures_it_is_429_before_any_check(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with gateway_with() as gateway:
        await fail_until_throttled(gateway, WRONG)
        monkeypatch.delattr(passwords, "_verify")
        gateway.commands.clear()
        response = await gateway.rest(DOCUMENTED, WRONG)
        assert_rest_error(response, 429, 429, "Too Many Requests")
        assert response.headers["retry-after"] == "60"
        response = await gateway.graphql("{ __typename }", headers=WRONG)
        assert_graphql_refusal(response, 429, "TOO_MANY_REQUESTS", 429, "Too Many Requests")
        assert gateway.commands.names == []


async def test_a_remembered_caller_is_never_throttled_and_others_are_not_either(
    gateway_with: OpenGateway,
) -> None:
    async with gateway_with() as gateway:
        await gateway.warm()
        await fail_until_throttled(gateway, WRONG)
        assert (await gateway.rest(DOCUMENTED, WRONG)).status_code == 429
        assert (await gateway.rest(DOCUMENTED)).status_code == 200
        stranger = {"Authorization": authorization("nobody.else", "wrong")}
        assert (await gateway.rest(DOCUMENTED, stranger)).status_code == 401


async def test_failures_from_elsewhere_lock_nobody_out(gateway_with: OpenGateway) -> None:
    """httpx sends from 127.0.0.1; a trusted proxy says who is behind it."""
    async with gateway_with(trusted_proxies=("127.0.0.1", "10.0.0.0/8")) as gateway:
        attacker = {**WRONG, "X-Forwarded-For": "203.0.113.7, 10.1.2.3"}
        await fail_until_throttled(gateway, attacker)
        assert (await gateway.rest(DOCUMENTED, attacker)).status_code == 429
        # What stands further left was written by whoever sent it.
        forged = {**WRONG, "X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
        assert (await gateway.rest(DOCUMENTED, forged)).status_code == 429
        elsewhere = {**DEMO_HEADER, "X-Forwarded-For": "198.51.100.1"}
        assert (await gateway.rest(DOCUMENTED, elsewhere)).status_code == 200


async def test_without_trusted_proxies_the_header_means_nothing(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        for n in range(passwords.FAILURES_ALLOWED):
            await gateway.rest(DOCUMENTED, {**WRONG, "X-Forwarded-For": f"203.0.113.{n}"})
        assert (await gateway.rest(DOCUMENTED, WRONG)).status_code == 429


async def test_the_token_endpoint_is_throttled_too(gateway_with: OpenGateway, settings: Settings) -> None:
    async with gateway_with() as gateway:
        for n in range(passwords.FAILURES_ALLOWED + 1):
            body = {"key": OAUTH_KEY, "secret": f"wrong-{n}"}
            response = await gateway.client.post(TOKEN_PATH, json=body)
        assert response.status_code == 429
        assert response.json() == {"data": None, "errors": [{"code": 429, "message": "Too Many Requests"}]}
        body = {"key": OAUTH_KEY, "secret": OAUTH_SECRET}
        assert (await gateway.client.post(TOKEN_PATH, json=body)).status_code == 429


async def test_a_burst_at_one_client_costs_no_more_checks_than_failures_allowed(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = 0

    def wrong(kept: str, secret: str) -> bool:
        nonlocal checks
        checks += 1
        return False

    monkeypatch.setattr(passwords, "_verify", wrong)
    async with gateway_with() as gateway:
        responses = await asyncio.gather(
            *(
                gateway.rest(DOCUMENTED, {"Authorization": authorization(TILL, f"wrong-{n}")})
                for n in range(40)
            )
        )
    assert checks == passwords.FAILURES_ALLOWED
    statuses = [response.status_code for response in responses]
    assert statuses.count(401) == passwords.FAILURES_ALLOWED
    assert set(statuses) <= {401, 429, 503}


async def test_too_many_waiting_checks_are_turned_away_at_once(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "WAITING_PER_ADDRESS", 3)
    others_are_answered = threading.Event()

    def wrong(kept: str, secret: str) -> bool:
        others_are_answered.wait(30)
        return False

    with monkeypatch.context() as slow:
        slow.setattr(passwords, "_verify", wrong)
        async with gateway_with() as gateway:
            asked = [
                asyncio.create_task(
                    gateway.rest(DOCUMENTED, {"Authorization": authorization(f"till-{n}", PASSWORD)})
                )
                for n in range(10)
            ]
            answered = asyncio.as_completed(asked)
            assert [(await next(answered)).status_code for _ in range(7)] == [503] * 7
            others_are_answered.set()
            assert [(await left).status_code for left in answered] == [401] * 3
            slow.undo()
            # They have left the queue: the next is checked again.
            assert (await gateway.rest(DOCUMENTED)).status_code == 200


async def test_many_guesses_from_one_address_leave_room_for_other_addresses(
    gateway_with: OpenGateway,
) -> None:
    async with gateway_with(trusted_proxies=("127.0.0.1",)) as gateway:
        guesses = [
            asyncio.ensure_future(
                gateway.rest(
                    DOCUMENTED,
                    {"Authorization": authorization(f"guess-{n}", "x"), "X-Forwarded-For": "203.0.113.7"},
                )
            )
            for n in range(100)
        ]
        await asyncio.sleep(0.05)
        cold = await gateway.rest(DOCUMENTED, {**DEMO_HEADER, "X-Forwarded-For": "198.51.100.1"})
        assert cold.status_code == 200
        statuses = [response.status_code for response in await asyncio.gather(*guesses)]
        assert statuses.count(401) >= passwords.WAITING_PER_ADDRESS
        assert set(statuses) == {401, 503}


async def test_known_credentials_pass_by_strangers_when_their_minute_is_over(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "REMEMBERED_SECONDS", 0.0)
    async with gateway_with() as gateway:
        assert (await gateway.rest(DOCUMENTED)).status_code == 200
        await fail_until_throttled(gateway, WRONG)
        assert (await gateway.rest(DOCUMENTED, WRONG)).status_code == 429
        assert (await gateway.rest(DOCUMENTED)).status_code == 200


async def test_credentials_that_were_good_lose_their_lane_with_their_first_failure(
    gateway_with: OpenGateway, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "REMEMBERED_SECONDS", 0.0)
    till = Account("rotated.till", "x", ClientKind.TILL, DEMO.id, "default", 0, PASSWORD_HASH)
    await add_account(store, till)
    headers = {"Authorization": authorization(till.id, PASSWORD)}
    async with gateway_with() as gateway:
        assert (await gateway.rest(DOCUMENTED, headers)).status_code == 200
        await rotate_secret(store, till.id, passwords.hash_secret("another"))
        await fail_until_throttled(gateway, headers)
        assert (await gateway.rest(DOCUMENTED, headers)).status_code == 429


@pytest.mark.parametrize(
    ("host", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("a unix socket", "a unix socket"),
    ],
)
def test_of_ipv6_the_network_is_counted(host: str, counted: str) -> None:
    assert passwords.address_of(HTTPConnection({"type": "http", "client": (host, 1)})) == counted


async def test_an_unknown_client_is_checked_like_a_known_one(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []

    def recorded(hashed: str, secret: str) -> bool:
        kept.append(hashed)
        return False

    monkeypatch.setattr(passwords, "_verify", recorded)
    async with gateway_with() as gateway:
        for till in (TILL, "nobody"):
            headers = {"Authorization": authorization(till, "wrong")}
            response: httpx.Response = await gateway.client.get(ACTION_SUMMARY_PATH, headers=headers)
            assert response.status_code == 401
    known, unknown = (hashed.rsplit("$", 2)[0] for hashed in kept)
    assert known == unknown == "$argon2id$v=19$m=19456,t=2,p=1"
