"""Failed logins are counted by address; all spellings of an address are counted as one."""

from itertools import pairwise

import pytest
from starlette.requests import HTTPConnection

from gateway.auth.client_addresses import address_of
from gateway.auth.credentials import authorization
from gateway.auth.password_check import FAILURES_ALLOWED
from gateway.commands.sample_data import TILL
from tests.conftest import OpenGateway
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, Gateway

IPV4 = "198.51.100.1"
SPELLINGS = {
    "plain": "198.51.100.1",
    "with a port": "198.51.100.1:1234",
    "with spaces": " 198.51.100.1 ",
    "in brackets": "[198.51.100.1]:443",
    "mapped": "::ffff:198.51.100.1",
    "mapped, in hex": "::ffff:c633:6401",
    "mapped, in full": "0:0:0:0:0:FFFF:C633:6401",
    "mapped, with a port": "[::ffff:198.51.100.1]:443",
    "mapped, with a zone": "::ffff:198.51.100.1%eth0",
    "compatible": "::198.51.100.1",
    "translated": "::ffff:0:198.51.100.1",
    "NAT64": "64:ff9b::198.51.100.1",
    "NAT64, in hex": "64:ff9b::c633:6401",
    "6to4": "2002:c633:6401::1",
    "6to4, another host": "2002:c633:6401:99::abcd",
    "Teredo": "2001:0:4136:e378:8000:63bf:39cc:9bfe",
}
IPV6 = "2001:db8:1:2::/64"
IPV6_SPELLINGS = {
    "one host": "2001:db8:1:2:3:4:5:6",
    "another host": "2001:db8:1:2::ffff",
    "in upper case": "2001:DB8:1:2::A",
    "in full": "2001:0db8:0001:0002:0000:0000:0000:0001",
    "in brackets": "[2001:db8:1:2::1]",
    "with a port": "[2001:db8:1:2::1]:443",
    "with a zone": "2001:db8:1:2::1%eth0",
    "with an encoded zone": "2001:db8:1:2::1%25eth0",
    "with a zone and a port": "[2001:db8:1:2::1%eth0]:443",
}


def counted_address(host: str) -> str:
    return address_of(HTTPConnection({"type": "http", "client": (host, 1)}))


@pytest.mark.parametrize("host", SPELLINGS.values(), ids=SPELLINGS)
def test_an_ipv4_address_is_the_same_however_it_is_written(host: str) -> None:
    assert counted_address(host) == IPV4


@pytest.mark.parametrize("host", IPV6_SPELLINGS.values(), ids=IPV6_SPELLINGS)
def test_an_ipv6_address_is_its_network_however_it_is_written(host: str) -> None:
    assert counted_address(host) == IPV6


FORMS = [
    "{}",
    "{}:80",
    "::ffff:{}",
    "[::ffff:{}]:80",
    "::{}",
    "::ffff:0:{}",
    "64:ff9b::{}",
    "64:ff9b:1::{}",
    "64:ff9b:1:ffff:ffff::{}",
]


@pytest.mark.parametrize("form", FORMS)
def test_two_ipv4_addresses_are_never_the_same(form: str) -> None:
    addresses = ["198.51.100.1", "203.0.113.99", "198.51.100.2", "0.0.0.1", "255.255.255.255"]
    for one, other in pairwise(addresses):
        assert counted_address(form.format(one)) != counted_address(form.format(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2002:c633:6401::1", "2002:c633:6402::1"),
        ("2001:0:4136:e378:8000:63bf:39cc:9bfe", "2001:0:4136:e378:8000:63bf:39cc:9bfd"),
        ("64:ff9b:1:c633:64:100::", "64:ff9b:1:cb00:71:100::"),
        ("2001:db8:1:2::1", "2001:db8:1:3::1"),
        ("fe80::1%eth0", "2001:db8::1%eth0"),
        ("::1", "127.0.0.1"),
    ],
)
def test_different_addresses_are_counted_apart(one: str, other: str) -> None:
    assert counted_address(one) != counted_address(other)


@pytest.mark.parametrize("host", ["a unix socket", "unknown", "_hidden", "[", ":", "%", "1.2.3", ""])
def test_a_text_that_is_no_address_is_counted_as_it_is(host: str) -> None:
    assert counted_address(host) == host


def test_a_connection_without_a_client_is_counted() -> None:
    assert address_of(HTTPConnection({"type": "http", "client": None})) == ""


WRONG = {"Authorization": authorization(TILL, "wrong")}


async def status(gateway: Gateway, headers: dict[str, str], address: str) -> int:
    response = await gateway.rest(DOCUMENTED, {**headers, "X-Forwarded-For": address})
    return response.status_code


@pytest.mark.parametrize(
    "host", ["198.51.100.1:1234", "::ffff:198.51.100.1", "[::ffff:c633:6401]:443", "64:ff9b::c633:6401"]
)
async def test_failures_are_counted_by_address_and_not_by_text(gateway_with: OpenGateway, host: str) -> None:
    async with gateway_with(trusted_proxies=("127.0.0.1",)) as gateway:
        for _ in range(FAILURES_ALLOWED):
            assert await status(gateway, WRONG, IPV4) == 401
        assert await status(gateway, WRONG, host) == 429
        assert await status(gateway, DEMO_HEADER, host) == 429
        assert await status(gateway, DEMO_HEADER, "::ffff:203.0.113.99") == 200
