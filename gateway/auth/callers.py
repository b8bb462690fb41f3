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


def only_reading_one_customer(rights: Rights) -> Rights:
    """The part of these rights for a caller that reads one customer: at most `read`, and none on events."""
    left = dict(NO_RIGHTS)
    for resource in (Resource.CUSTOMER, Resource.PROMOTION):
        left[resource] = min(rights[resource], Right.READ, key=list(Right).index)
    return left


def require(rights: Rights, right: Right, *resources: Resource) -> None:
    """Raises `AccessDenied` unless the rights include this one on each of the resources."""
    order = list(Right)
    if any(order.index(rights[resource]) < order.index(right) for resource in resources):
        raise AccessDenied
