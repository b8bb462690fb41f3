"""What a caller is, and why somebody is not one.

    Refused
    ├── Unauthenticated
    │   └── TokenExpired
    ├── TooManyFailures
    ├── AccessDenied
    └── AuthorizationUnavailable

How each of them looks is decided by `gateway.errors`.
"""

from dataclasses import dataclass

from gateway.errors import AccessDenied
from loaders.clients import Rights
from loaders.enums import Resource, Right
from loaders.organizations import Organization


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, the one organisation it speaks for, and what it may do there.

    A caller with a `customer_id` can read this customer and nothing else. `expires_at` is when its token
    ends, in epoch seconds.
    """

    client_id: str
    organization: Organization
    rights: Rights
    customer_id: int | None = None
    expires_at: float | None = None

    def require(self, right: Right, *resources: Resource) -> None:
        """Raises `AccessDenied` unless the caller has this right on each of the resources."""
        require(self.rights, right, *resources)


def require(rights: Rights, right: Right, *resources: Resource) -> None:
    """Raises `AccessDenied` unless the rights include this one on each of the resources."""
    order = list(Right)
    if any(order.index(rights[resource]) < order.index(right) for resource in resources):
        raise AccessDenied
