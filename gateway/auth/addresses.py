"""The address that failed logins are counted for."""

from functools import lru_cache
from ipaddress import ip_address, ip_network

from starlette.requests import HTTPConnection


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from; of IPv6 the network, because a caller there has all its addresses."""
    return _normalize(connection.client.host if connection.client else "")


@lru_cache(1_000)
def _normalize(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else host
