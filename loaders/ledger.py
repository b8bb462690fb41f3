"""The write side: organisations, promotions, customers' identifiers, and the ledger of issuances.

Everything here can be repeated. What is described by its key is put in place of what was there; an issuance
that is already in the ledger stays as it is. With `as_of`, something newer that came by an event stays too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal

from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier
from loaders.database_schema import (
    CUSTOMER_IDENTIFIERS,
    ISSUANCES,
    ORGANIZATIONS,
    PROMOTIONS,
    customer_promotion,
)
from loaders.enums import Benefit, IssuanceType
from loaders.organizations import Organization
from loaders.promotions import Promotion
from loaders.store import Document, Int64, Store, Upserted

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


async def put_organizations(store: Store, organizations: Iterable[Organization]) -> Upserted:
    """Add organisations, or change their names and time zones."""
    return await store.upsert(
        ORGANIZATIONS.name,
        [
            ({"_id": Int64(one.id)}, _set({"name": one.name, "timeZone": one.time_zone.key}))
            for one in organizations
        ],
    )


async def put_promotions(
    store: Store,
    organization_id: int,
    promotions: Iterable[tuple[Promotion, str]],
    as_of: datetime | None = None,
) -> Upserted:
    """Add or change promotions, each given with its name; refused if its identifier is another's."""
    return await store.upsert(
        PROMOTIONS.name,
        [
            (
                {"orgId": Int64(organization_id), "promotionId": Int64(one.promotion_id)},
                _set(
                    {
                        "programId": Int64(one.program_id),
                        "promotionIdentifier": one.promotion_identifier,
                        "name": name,
                    },
                    as_of,
                ),
            )
            for one, name in promotions
        ],
    )


async def put_identifiers(
    store: Store, organization_id: int, identifiers: Sequence[tuple[CustomerIdentifier, int]]
) -> tuple[list[int], list[int]]:
    """Add identifiers, each given with its customer's id.

    Returns the positions of those that were there already, and, of these, of those that belong to another
    customer, and stay there.
    """
    there = await store.insert_missing(
        CUSTOMER_IDENTIFIERS.name,
        [
            {**_identifier(organization_id, identifier), "customerId": Int64(customer_id)}
            for identifier, customer_id in identifiers
        ],
    )
    if not there:
        return [], []
    loader = CustomerByIdentifierLoader(CustomerDispatcher(store), organization_id)
    owners = await loader.find([identifiers[position][0] for position in there])
    wanted = {position: identifiers[position] for position in there}
    taken = [position for position, (one, customer_id) in wanted.items() if owners.get(one) != customer_id]
    return there, taken


async def move_identifiers(
    store: Store,
    organization_id: int,
    identifiers: Iterable[tuple[CustomerIdentifier, int]],
    as_of: datetime,
) -> None:
    """Add identifiers, or take them from their old owners, unless something newer is known of them."""
    await store.upsert(
        CUSTOMER_IDENTIFIERS.name,
        [
            (_identifier(organization_id, identifier), _set({"customerId": Int64(customer_id)}, as_of))
            for identifier, customer_id in identifiers
        ],
    )


async def add_issuances(store: Store, organization_id: int, issuances: Iterable[Issuance]) -> list[int]:
    """Add to the ledger what it does not hold yet; returns the positions of what it holds."""
    return await add_documents(store, [issuance_document(organization_id, one) for one in issuances])


async def add_documents(store: Store, documents: Sequence[Document]) -> list[int]:
    """The same for issuances as the ledger holds them, of any organisation."""
    return await store.insert_missing(ISSUANCES.name, documents)


async def differing(store: Store, documents: Sequence[Document]) -> list[bool]:
    """Of each of these issuance documents, whether the ledger holds something else under its `_id`."""
    if not documents:
        return []
    ids = [document["_id"] for document in documents]
    held = {document["_id"]: document for document in await store.get_many(ISSUANCES.name, ids)}
    return [held.get(document["_id"]) != document for document in documents]


def check_amount(amount: Decimal) -> None:
    """Raises `ValueError` unless the ledger can hold the amount, and sums of it, exactly."""
    if not (amount.is_finite() and 0 < amount < LARGEST_AMOUNT) or amount != amount.quantize(
        SMALLEST_AMOUNT, context=_EXACT
    ):
        raise ValueError("an amount is greater than 0, with at most 24 digits before and 6 behind the point")


def issuance_document(organization_id: int, issuance: Issuance) -> Document:
    """The issuance as the ledger holds it; raises `ValueError` for an amount it cannot hold."""
    document: Document = {
        "_id": f"{organization_id}:{issuance.event_id}",
        "orgId": Int64(organization_id),
        "customerId": Int64(issuance.customer_id),
        "promotionId": Int64(issuance.promotion_id),
        "customerPromotion": customer_promotion(issuance.customer_id, issuance.promotion_id),
        "benefit": issuance.benefit.value,
        # The ledger's clock ticks in milliseconds.
        "issuedOn": issuance.issued_on.replace(microsecond=issuance.issued_on.microsecond // 1000 * 1000),
    }
    if issuance.item is not None:
        document["item"] = issuance.item
    if issuance.type is not None:
        document["type"] = issuance.type.value
    if issuance.amount is not None:
        check_amount(issuance.amount)
        document["amount"] = issuance.amount
    return document


def _identifier(organization_id: int, identifier: CustomerIdentifier) -> Document:
    return {
        "orgId": Int64(organization_id),
        "source": identifier.source,
        "name": identifier.name.value,
        "value": identifier.value,
    }


def _set(fields: Document, as_of: datetime | None = None) -> Document | list[Document]:
    if as_of is None:
        return {"$set": fields}
    # Decided by the server, field by field, because somebody else may write something newer meanwhile.
    # Of two that are equally old, what came first stays: a repetition changes nothing.
    newer = {"$gte": ["$createdAt", as_of]}
    kept = {name: {"$cond": [newer, f"${name}", {"$literal": value}]} for name, value in fields.items()}
    return [{"$set": {**kept, "createdAt": {"$max": ["$createdAt", as_of]}}}]
