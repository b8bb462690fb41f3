"""Password checks: their cost, the refusal of clients after failures, and changes of a client."""

import asyncio
import threading
import uuid
from collections.abc import Awaitable, Callable, Iterator
from unittest.mock import Mock

import pytest
from argon2 import PasswordHasher

from gateway.auth import password_check, password_queue
from gateway.auth.credentials import authorization, md5_hex
from gateway.auth.password_check import FAILURES_ALLOWED, REMEMBERED_SECONDS, hash_secret
from gateway.commands.sample_data import DEMO, OAUTH_KEY, OAUTH_SECRET, OTHER_TILL, PASSWORD, TILL
from gateway.rest.tokens import TOKEN_PATH
from loaders import clients
from loaders.clients import Account, add_account
from loaders.enums import ClientKind
from loaders.store import Int64, Store
from tests.conftest import OpenGateway
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    PASSWORD_HASH,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
)

WRONG = {"Authorization": authorization(TILL, "wrong")}
STRANGER = {"Authorization": authorization("stranger", "x")}
READ_CLIENT = ["access_groups", "api_clients", "organizations"]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """Counts the argon2 checks."""
    verify = Mock(wraps=password_check._verify)
    monkeypatch.setattr(password_check, "_verify", verify)
    return verify


class Blocked:
    """Checks begin, and end only after `release`; they accept the demo's password and no other."""

    def __init__(self) -> None:
        self.count = 0
        self._begun = threading.Event()
        self._released = threading.Event()

    def verify(self, _: str, secret: str) -> bool:
        self.count += 1
        self._begun.set()
        return self._released.wait(60) and secret == md5_hex(PASSWORD)

    async def begun(self) -> None:
        """Wait until a check has begun."""
        assert await asyncio.to_thread(self._begun.wait, 60)

    def release(self) -> None:
        self._released.set()


Block = Callable[[], Blocked]


@pytest.fixture
def block(monkeypatch: pytest.MonkeyPatch) -> Iterator[Block]:
    """Returns a function that makes all further checks block."""
    blocked = Blocked()

    def block() -> Blocked:
        monkeypatch.setattr(password_check, "_verify", blocked.verify)
        return blocked

    yield block
    blocked.release()


@pytest.fixture
def minute_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The minute for which a client is remembered has always passed."""
    monkeypatch.setattr(password_check, "REMEMBERED_SECONDS", 0.0)


async def new_client(store: Store, client_id: str) -> dict[str, str]:
    """A POS client with the demo's password, and the header that it sends."""
    account = Account(client_id, client_id, ClientKind.TILL, DEMO.id, "default", 0, PASSWORD_HASH)
    await add_account(store, account)
    return {"Authorization": authorization(client_id, PASSWORD)}


def from_address(address: str, headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "X-Forwarded-For": address}


async def status(gateway: Gateway, headers: dict[str, str]) -> int:
    return (await gateway.rest(DOCUMENTED, headers)).status_code


async def fail_until_throttled(gateway: Gateway, headers: dict[str, str]) -> None:
    for _ in range(FAILURES_ALLOWED):
        assert await status(gateway, headers) == 401
    assert await status(gateway, headers) == 429


def collections_read(gateway: Gateway) -> list[str]:
    return [command["find"] for command in gateway.commands.sent]


# The cost of good logins.


async def test_a_cold_request_reads_the_account_and_then_its_organisation_and_group(
    gateway_with: OpenGateway, verify: Mock
) -> None:
    async with gateway_with() as gateway:
        assert (await gateway.graphql("{ __typename }")).status_code == 200
        assert collections_read(gateway)[0] == "api_clients"
        assert sorted(collections_read(gateway)) == READ_CLIENT
    assert verify.call_count == 1


async def test_a_warm_request_spends_no_command_and_no_check_on_its_caller(
    gateway_with: OpenGateway, verify: Mock
) -> None:
    async with gateway_with() as gateway:
        await gateway.warm()
        assert (await gateway.graphql("{ __typename }")).status_code == 200
        assert gateway.commands.names == []
    assert verify.call_count == 1


@pytest.mark.usefixtures("minute_is_over")
async def test_after_a_minute_the_account_is_read_again_and_no_check_is_spent(
    gateway_with: OpenGateway, verify: Mock
) -> None:
    async with gateway_with() as gateway:
        for _ in range(3):
            gateway.commands.clear()
            assert (await gateway.graphql("{ __typename }")).status_code == 200
            assert sorted(collections_read(gateway)) == READ_CLIENT
    assert verify.call_count == 1


def test_a_client_is_remembered_for_a_minute() -> None:
    assert REMEMBERED_SECONDS == 60


@pytest.mark.usefixtures("minute_is_over")
async def test_a_known_secret_is_good_while_another_check_runs(
    gateway_with: OpenGateway, verify: Mock, block: Block
) -> None:
    async with gateway_with() as gateway:
        assert await status(gateway, DEMO_HEADER) == 200
        blocked = block()
        stranger = asyncio.create_task(status(gateway, STRANGER))
        await blocked.begun()
        assert await status(gateway, DEMO_HEADER) == 200
        assert not stranger.done()
        blocked.release()
        assert await stranger == 401
    assert verify.call_count == 1


async def test_concurrent_requests_share_one_check_that_none_of_them_cancels(
    gateway_with: OpenGateway, block: Block
) -> None:
    blocked = block()
    async with gateway_with() as gateway:
        first, *others = [asyncio.create_task(status(gateway, DEMO_HEADER)) for _ in range(20)]
        await blocked.begun()
        first.cancel()
        blocked.release()
        assert await asyncio.gather(*others) == [200] * 19
    assert blocked.count == 1


async def test_one_secret_from_many_addresses_is_checked_once(
    gateway_with: OpenGateway, verify: Mock
) -> None:
    async with gateway_with(trusted_proxies=("127.0.0.1",)) as gateway:
        headers = [from_address(f"198.51.100.{n}", DEMO_HEADER) for n in range(20)]
        assert await asyncio.gather(*(status(gateway, sent) for sent in headers)) == [200] * 20
    assert verify.call_count == 1


async def test_fifteen_pos_clients_behind_one_address_log_in_at_once(
    gateway_with: OpenGateway, store: Store, verify: Mock
) -> None:
    headers = [await new_client(store, f"shop.{n}") for n in range(15)]
    async with gateway_with() as gateway:
        assert await asyncio.gather(*(status(gateway, sent) for sent in headers)) == [200] * 15
    assert verify.call_count == 15


# The cost of bad logins.


@pytest.mark.parametrize(
    "client_id", [TILL, "nobody.at.all", OAUTH_KEY], ids=["known", "unknown", "another kind"]
)
async def test_every_bad_login_costs_one_command_and_one_check_of_the_same_strength(
    gateway_with: OpenGateway, verify: Mock, client_id: str
) -> None:
    async with gateway_with() as gateway:
        assert await status(gateway, {"Authorization": authorization(client_id, "wrong")}) == 401
        assert collections_read(gateway) == ["api_clients"]
    [(stored_hash, _)] = [call.args for call in verify.call_args_list]
    assert not password_check.HASHER.check_needs_rehash(stored_hash)


def test_a_hash_has_the_strength_that_owasp_asks_for(production_hasher: PasswordHasher) -> None:
    assert production_hasher.hash("secret").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


async def test_after_ten_failures_it_is_429_without_command_or_check(
    gateway_with: OpenGateway, verify: Mock
) -> None:
    async with gateway_with() as gateway:
        await fail_until_throttled(gateway, WRONG)
        gateway.commands.clear()
        response = await gateway.rest(DOCUMENTED, WRONG)
        assert_rest_error(response, 429, 429, "Too Many Requests")
        assert response.headers["retry-after"] == "60"
        response = await gateway.graphql("{ __typename }", headers=WRONG)
        assert_graphql_refusal(response, 429, "TOO_MANY_REQUESTS", 429, "Too Many Requests")
        assert gateway.commands.names == []
    assert verify.call_count == FAILURES_ALLOWED == 10


async def test_a_burst_at_one_client_costs_ten_checks(gateway_with: OpenGateway, verify: Mock) -> None:
    guesses = [{"Authorization": authorization(TILL, f"wrong-{n}")} for n in range(40)]
    async with gateway_with() as gateway:
        statuses = await asyncio.gather(*(status(gateway, guess) for guess in guesses))
    assert sorted(statuses) == [401] * 10 + [429] * 30
    assert verify.call_count == 10


async def test_the_token_endpoint_counts_failures_too(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        for n in range(FAILURES_ALLOWED):
            body = {"key": OAUTH_KEY, "secret": f"wrong-{n}"}
            assert (await gateway.client.post(TOKEN_PATH, json=body)).status_code == 401
        body = {"key": OAUTH_KEY, "secret": OAUTH_SECRET}
        response = await gateway.client.post(TOKEN_PATH, json=body)
    assert response.status_code == 429
    assert response.json() == {"data": None, "errors": [{"code": 429, "message": "Too Many Requests"}]}


# The effect of failures on other logins.


async def test_failures_do_not_affect_a_secret_that_is_remembered(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        await gateway.warm()
        await fail_until_throttled(gateway, WRONG)
        assert await status(gateway, DEMO_HEADER) == 200


@pytest.mark.usefixtures("minute_is_over")
async def test_failures_do_not_affect_a_secret_that_was_good_before(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        assert await status(gateway, DEMO_HEADER) == 200
        await fail_until_throttled(gateway, WRONG)
        assert await status(gateway, DEMO_HEADER) == 200


async def test_failures_do_not_affect_other_clients_of_the_address(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        await fail_until_throttled(gateway, WRONG)
        assert await status(gateway, {"Authorization": authorization(OTHER_TILL, "wrong")}) == 401


async def test_failures_from_one_address_do_not_affect_another(gateway_with: OpenGateway) -> None:
    """The test's requests come from 127.0.0.1."""
    async with gateway_with(trusted_proxies=("127.0.0.1", "10.0.0.0/8")) as gateway:
        await fail_until_throttled(gateway, from_address("203.0.113.7, 10.1.2.3", WRONG))
        # The sender of a request can write any address further left.
        assert await status(gateway, from_address("198.51.100.1, 203.0.113.7", WRONG)) == 429
        assert await status(gateway, from_address("198.51.100.1", DEMO_HEADER)) == 200


async def test_without_trusted_proxies_x_forwarded_for_is_ignored(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        for n in range(FAILURES_ALLOWED):
            assert await status(gateway, from_address(f"203.0.113.{n}", WRONG)) == 401
        assert await status(gateway, WRONG) == 429


# Changes of a client.


CHANGES: dict[str, Callable[[Store, str], Awaitable[bool]]] = {
    "disabled": clients.disable_account,
    "another secret": lambda store, client_id: clients.rotate_secret(store, client_id, hash_secret("other")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.usefixtures("minute_is_over")
async def test_a_changed_client_is_refused_when_its_account_is_read_again(
    gateway_with: OpenGateway, store: Store, change: Callable[[Store, str], Awaitable[bool]]
) -> None:
    client_id = f"changed.{uuid.uuid4().hex}"
    headers = await new_client(store, client_id)
    async with gateway_with() as gateway:
        assert await status(gateway, headers) == 200
        assert await change(store, client_id)
        # Failures count although the secret was good before.
        await fail_until_throttled(gateway, headers)
        gateway.commands.clear()
        assert await status(gateway, headers) == 429
        assert gateway.commands.names == []


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_changed_client_is_refused_after_a_restart(
    gateway_with: OpenGateway, store: Store, change: Callable[[Store, str], Awaitable[bool]]
) -> None:
    client_id = f"changed.{uuid.uuid4().hex}"
    headers = await new_client(store, client_id)
    assert await change(store, client_id)
    async with gateway_with() as gateway:
        assert await status(gateway, headers) == 401


@pytest.mark.usefixtures("minute_is_over")
async def test_a_new_secret_costs_one_check(gateway_with: OpenGateway, store: Store, verify: Mock) -> None:
    headers = await new_client(store, "new.secret")
    async with gateway_with() as gateway:
        assert await status(gateway, headers) == 200
        assert await clients.rotate_secret(store, "new.secret", hash_secret(md5_hex("other")))
        for _ in range(3):
            assert await status(gateway, {"Authorization": authorization("new.secret", "other")}) == 200
    assert verify.call_count == 2


@pytest.mark.usefixtures("minute_is_over")
async def test_the_same_secret_with_another_hash_costs_one_check(
    gateway_with: OpenGateway, store: Store, verify: Mock
) -> None:
    headers = await new_client(store, "same.secret")
    async with gateway_with() as gateway:
        assert await status(gateway, headers) == 200
        assert await clients.rotate_secret(store, "same.secret", hash_secret(md5_hex(PASSWORD)))
        for _ in range(3):
            assert await status(gateway, headers) == 200
    assert verify.call_count == 2


# Accounts that cannot be used.


async def test_a_damaged_hash_is_4001_and_never_401(gateway: Gateway, store: Store) -> None:
    account = Account("damaged", "x", ClientKind.TILL, DEMO.id, "default", 0, "$argon2id$damaged")
    await add_account(store, account)
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization("damaged", PASSWORD)})
    assert_rest_error(response, 503, 4001, "Authorization status unavailable!")


async def test_an_organisation_with_an_unknown_time_zone_is_4001(gateway: Gateway, store: Store) -> None:
    document = {"_id": Int64(404404), "name": "Broken", "timeZone": "Mars/Base"}
    await store.insert("organizations", document)
    account = Account("on.mars", "x", ClientKind.TILL, 404404, "default", 0, PASSWORD_HASH)
    await add_account(store, account)
    response = await gateway.rest(DOCUMENTED, {"Authorization": authorization("on.mars", PASSWORD)})
    assert_rest_error(response, 503, 4001, "Authorization status unavailable!")


# Floods.


async def first(count: int, pending: list[asyncio.Task[int]]) -> list[int]:
    """The statuses of the requests that are answered first."""
    answered = asyncio.as_completed(pending)
    return [await next(answered) for _ in range(count)]


async def test_a_full_queue_answers_4001_at_once(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch, block: Block
) -> None:
    blocked = block()
    monkeypatch.setattr(password_queue, "MAX_WAITING_PER_ADDRESS", 2)
    async with gateway_with() as gateway:
        headers = [{"Authorization": authorization(f"till-{n}", "x")} for n in range(10)]
        logins = [asyncio.create_task(gateway.rest(DOCUMENTED, sent)) for sent in headers]
        answered = asyncio.as_completed(logins)
        for _ in range(7):
            assert_rest_error(await next(answered), 503, 4001, "Authorization status unavailable!")
        blocked.release()
        assert [(await left).status_code for left in answered] == [401] * 3
        # The queue is empty again.
        assert await status(gateway, DEMO_HEADER) == 200


async def test_a_login_that_waits_too_long_is_4001_and_goes_on(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch, block: Block
) -> None:
    blocked = block()
    async with gateway_with() as gateway:
        with monkeypatch.context() as impatient:
            impatient.setattr(password_check, "WAIT_SECONDS", 0.01)
            response = await gateway.rest(DOCUMENTED)
        assert_rest_error(response, 503, 4001, "Authorization status unavailable!")
        await blocked.begun()
        blocked.release()
        assert await status(gateway, DEMO_HEADER) == 200
    assert blocked.count == 1


FLOODS: dict[str, tuple[Callable[[int], str], int]] = {
    "one address": (lambda _: "203.0.113.7", 40),
    "sixty networks": (lambda n: f"203.0.{n % 60}.7", 80),
    "one IPv6 network": (lambda n: f"2001:db8:1:2::{n}", 40),
    "sixty IPv6 networks": (lambda n: f"2001:db8:1:{n % 60}::1", 80),
}


@pytest.mark.parametrize(("address", "waiting"), FLOODS.values(), ids=FLOODS)
async def test_a_flood_of_logins_keeps_no_other_address_out(
    gateway_with: OpenGateway,
    block: Block,
    monkeypatch: pytest.MonkeyPatch,
    address: Callable[[int], str],
    waiting: int,
) -> None:
    blocked = block()
    monkeypatch.setattr(password_queue, "MAX_WAITING", 80)
    monkeypatch.setattr(password_queue, "MAX_WAITING_PER_ADDRESS", 40)
    async with gateway_with(trusted_proxies=("127.0.0.1",)) as gateway:
        flood = [
            asyncio.create_task(
                status(gateway, from_address(address(n), {"Authorization": authorization(f"guess-{n}", "x")}))
            )
            for n in range(120)
        ]
        # One check runs, `waiting` checks wait, and the rest is refused.
        assert await first(119 - waiting, flood) == [503] * (119 - waiting)
        login = asyncio.create_task(status(gateway, from_address("198.51.100.1", DEMO_HEADER)))
        dropped = waiting == 80
        if dropped:
            assert await first(120 - waiting, flood) == [503] * (120 - waiting)
        blocked.release()
        assert await login == 200
        statuses = await asyncio.gather(*flood)
    assert statuses.count(401) == waiting + 1 - dropped


@pytest.mark.usefixtures("minute_is_over")
async def test_a_secret_that_was_good_before_is_good_while_new_networks_fill_the_queue(
    gateway_with: OpenGateway, block: Block
) -> None:
    async with gateway_with(trusted_proxies=("127.0.0.1",)) as gateway:
        assert await status(gateway, from_address("198.51.100.1", DEMO_HEADER)) == 200
        blocked = block()
        # Each login is the first of its network, so none of them has failed before.
        flood = [
            asyncio.create_task(status(gateway, from_address(f"203.0.{n}.7", STRANGER)))
            for n in range(password_queue.MAX_WAITING + 20)
        ]
        assert await first(19, flood) == [503] * 19
        await blocked.begun()
        assert blocked.count == 1
        assert await status(gateway, from_address("198.51.100.1", DEMO_HEADER)) == 200
        # The secret is good from the network of a waiting login too.
        assert await status(gateway, from_address("203.0.7.7", DEMO_HEADER)) == 200
        assert blocked.count == 1
        blocked.release()
        assert sorted(await asyncio.gather(*flood)) == [401] * 101 + [503] * 19


async def test_an_address_that_failed_leaves_its_slot_to_others(
    gateway_with: OpenGateway, monkeypatch: pytest.MonkeyPatch, block: Block
) -> None:
    monkeypatch.setattr(password_queue, "MAX_WAITING", 1)
    async with gateway_with(trusted_proxies=("127.0.0.1",)) as gateway:
        assert await status(gateway, from_address("203.0.113.7", STRANGER)) == 401
        blocked = block()
        running = asyncio.create_task(status(gateway, STRANGER))
        await blocked.begun()
        failed = asyncio.create_task(status(gateway, from_address("203.0.113.7", WRONG)))
        login = asyncio.create_task(status(gateway, from_address("198.51.100.1", DEMO_HEADER)))
        assert await failed == 503
        blocked.release()
        assert await login == 200
        assert await running == 401
