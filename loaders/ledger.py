"""The write side: organisations, promotions, customers and the ledger of issuances.

Everything here can be repeated: what is described by its key is put in place of what was there, and an
issuance that is already in the ledger stays as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

from loaders.customers import CustomerIdentifier
from loaders.documents import (
    CUSTOMER_IDENTIFIERS,
    ISSUANCES,
    ORGANIZATIONS,
    PROMOTIONS,
    Benefit,
    IssuanceType,
)
from loaders.organizations import Organization
from loaders.promotions import Promotion
from loaders.store import Int64, Store

# The sum of 10,000 such amounts has 34 digits, which is what Decimal128 holds.
LARGEST_AMOUNT, SMALLEST_AMOUNT = Decimal(10**24), Decimal("0.000001")
_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Issuance:
    """One thing issued to one customer by one promotion.

    `event_id` is unique within the organisation. Points have type and amount, currencies also their name as
    `item`, rewards and badges only their series id as `item`. `amount` is greater than 0 with at most 24
    digits before and 6 behind the point; `issued_on` is aware.
    """

    event_id: str
    customer_id: int
    promotion_id: int
    benefit: Benefit
    issued_on: datetime
    item: str | None = None
    type: IssuanceType | None = None
    amount: Decimal | None = None


async def put_organization(store: Store, organization: Organization) -> None:
    """Add the organisation, or change its name and time zone."""
    document = {
        "_id": Int64(organization.id),
        "name": organization.name,
        "timeZone": organization.time_zone.key,
    }
    await store.replace(ORGANIZATIONS.name, [document], key=("_id",))


async def put_promotions(
    store: Store, organization_id: int, promotions: Iterable[tuple[Promotion, str]]
) -> None:
    """Add or change promotions, each given with its name."""
    documents = [
        {
            "orgId": Int64(organization_id),
            "programId": Int64(promotion.program_id),
            "promotionId": Int64(promotion.promotion_id),
            "promotionIdentifier": promotion.promotion_identifier,
            "name": name,
        }
        for promotion, name in promotions
    ]
    await store.replace(PROMOTIONS.name, documents, key=("orgId", "promotionId"))


async def put_identifiers(
    store: Store, organization_id: int, identifiers: Iterable[tuple[CustomerIdentifier, int]]
) -> None:
    """Add identifiers, each given with its customer's id, or move them to that customer."""
    documents = [
        {
            "orgId": Int64(organization_id),
            "source": identifier.source,
            "name": identifier.name.value,
            "value": identifier.value,
            "customerId": Int64(customer_id),
        }
        for identifier, customer_id in identifiers
    ]
    await store.replace(CUSTOMER_IDENTIFIERS.name, documents, key=("orgId", "source", "name", "value"))


async def add_issuances(store: Store, organization_id: int, issuances: Iterable[Issuance]) -> int:
    """Add to the ledger what it does not hold yet; says how many were new."""
    return await store.insert_missing(
        ISSUANCES.name, [_issuance_document(organization_id, issuance) for issuance in issuances]
    )


def check_amount(amount: Decimal) -> None:
    """Raises `ValueError` unless the ledger can hold the amount, and sums of it, exactly."""
    if not (amount.is_finite() and 0 < amount < LARGEST_AMOUNT) or amount != amount.quantize(
        SMALLEST_AMOUNT, context=_EXACT
    ):
        raise ValueError("an amount is greater than 0, with at most 24 digits before and 6 behind the point")


def _issuance_document(organization_id: int, issuance: Issuance) -> dict[str, object]:
    if issuance.amount is not None:
        check_amount(issuance.amount)
    optional = {
        "item": issuance.item,
        "type": issuance.type,
        "amount": issuance.amount,
    }
    return {
        "_id": f"{organization_id}:{issuance.event_id}",
        "orgId": Int64(organization_id),
        "customerId": Int64(issuance.customer_id),
        "promotionId": Int64(issuance.promotion_id),
        "benefit": issuance.benefit.value,
        **{field: value for field, value in optional.items() if value is not None},
        "issuedOn": issuance.issued_on,
    }
