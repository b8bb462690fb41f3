"""The address that a login is counted for.

Servers and proxies write an address in many ways. Two texts of one address give one result, and two IPv4
addresses never give the same one.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

# Longer than an address with a zone, a port and brackets.
_LONGEST = 64
# IPv6 networks whose addresses each stand for an IPv4 address: the number of bits behind it, and what it is
# XORed with.
_EMBEDDED = (
    # IPv4-compatible, IPv4-mapped and IPv4-translated addresses
    (IPv6Network("::/96"), 0, 0),
    (IPv6Network("::ffff:0:0/96"), 0, 0),
    (IPv6Network("::ffff:0:0:0/96"), 0, 0),
    # NAT64, 6to4 and Teredo
    (IPv6Network("64:ff9b::/96"), 0, 0),
    (IPv6Network("2002::/16"), 80, 0),
    (IPv6Network("2001::/32"), 0, 0xFFFF_FFFF),
)
# NAT64 with a prefix of the operator's choice: each address is a client, but where its IPv4 is, is unknown.
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")


def address_of(connection: HTTPConnection) -> str:
    """The IPv4 address of the client, or its IPv6 network, because one client can use all addresses there."""
    return _normalize(connection.client.host[:_LONGEST] if connection.client else "")


@lru_cache(1_000)
def _normalize(host: str) -> str:
    text = host.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return host
    if address.version == 4:
        return str(address)
    for network, behind, mask in _EMBEDDED:
        if address in network:
            return str(IPv4Address(int(address) >> behind & 0xFFFF_FFFF ^ mask))
    return str(ip_network((address, 128 if address in _LOCAL_NAT64 else 64), strict=False))
