"""A caller, and the check of its rights."""

from dataclasses import dataclass

from gateway.errors import AccessDenied
from loaders.clients import NO_RIGHTS, Rights
from loaders.enums import Resource, Right
from loaders.organizations import Organization


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that sent a request, its organisation, and its rights there.

    A caller with a `customer_id` can read this customer and nothing else. `expires_at` is the end of its
    token, in epoch seconds.
    """

    client_id: str
    organization: Organization
    rights: Rights
    customer_id: int | None = None
    expires_at: float | None = None

    @classmethod
    def of_token(
        cls, client_id: str, organization: Organization, rights: Rights, customer_id: int | None, end: float
    ) -> "Caller":
        """The sender of a token; if it reads one customer, it has at most `read`, and no right on events."""
        if customer_id is not None:
            readable = (Resource.CUSTOMER, Resource.PROMOTION)
            read = {one: min(rights[one], Right.READ, key=list(Right).index) for one in readable}
            rights = {**NO_RIGHTS, **read}
        return cls(client_id, organization, rights, customer_id, end)


def require(rights: Rights, right: Right, *resources: Resource) -> None:
    """Raises `AccessDenied` unless the rights include this one on each of the resources."""
    order = list(Right)
    if any(order.index(rights[resource]) < order.index(right) for resource in resources):
        raise AccessDenied
