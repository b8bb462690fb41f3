"""The address that a login is counted for.

Servers and proxies write an address in many ways. Two texts of one address give one result, and two IPv4
addresses never give the same one.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address, ip_network

from starlette.requests import HTTPConnection

# Longer than an address with a zone, a port and brackets.
_LONGEST = 64
# IPv4-compatible, IPv4-mapped, IPv4-translated and NAT64 addresses end with an IPv4 address.
_BEFORE_IPV4 = [IPv6Network(f"{prefix}/96") for prefix in ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::")]
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
    if any(address in network for network in _BEFORE_IPV4):
        return str(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address.sixtofour:
        return str(address.sixtofour)
    if address.teredo:
        return str(address.teredo[1])
    return str(ip_network((address, 128 if address in _LOCAL_NAT64 else 64), strict=False))
