"""The write side: organisations, promotions, customers' identifiers, and the ledger of issuances.

Every write can be repeated. An organisation or a promotion replaces the one with its key; an issuance that is
already in the ledger stays as it is. A write with `as_of` does not change what a newer event wrote.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from loaders import merges_and_erasures
from loaders.customers import CustomerByIdentifierLoader, CustomerDispatcher, CustomerIdentifier, Person
from loaders.database_schema import (
    CUSTOMER_IDENTIFIERS,
    ISSUANCES,
    ORGANIZATIONS,
    PROMOTIONS,
    customer_promotion,
)
from loaders.enums import Benefit, IssuanceType
from loaders.errors import StoreUnavailable
from loaders.organizations import Organization
from loaders.promotions import Promotion, find_promotion_ids
from loaders.store import Document, Int64, Store, Upserted

# The sum of 10,000 such amounts has 34 digits, which is what Decimal128 holds.
LARGEST_AMOUNT, SMALLEST_AMOUNT = Decimal(10**24), Decimal("0.000001")
# One command writes at most so many issuances of an event.
BATCH_ISSUANCES = 500
_EXACT = Context(prec=60)


@dataclass(frozen=True, slots=True)
class Issuance:
    """What one promotion issued to one customer: points, a currency, a reward or a badge.

    `event_id` is unique within the organisation. Points have type and amount, currencies also their name as
    `item`, rewards and badges only their series id as `item`. `amount` is greater than 0 with at most 24
    digits before and 6 after the point; `issued_on` is aware.
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
    changes = [
        ({"_id": Int64(one.id)}, _set({"name": one.name, "timeZone": one.time_zone.key}))
        for one in organizations
    ]
    return await store.upsert(ORGANIZATIONS.name, changes)


async def put_promotions(
    store: Store, organization_id: int, promotions: Sequence[Promotion], as_of: datetime | None = None
) -> Upserted:
    """Add or change promotions; an identifier of another promotion is refused."""
    changes = []
    for one in promotions:
        key = {"orgId": Int64(organization_id), "promotionId": Int64(one.promotion_id)}
        identifier = one.promotion_identifier or None
        fields = {"programId": Int64(one.program_id), "promotionIdentifier": identifier, "name": one.name}
        changes.append((key, _set(fields, as_of)))
    upserted = await store.upsert(PROMOTIONS.name, changes)
    refused = [promotions[position] for position in upserted.refused]
    owners = await find_promotion_ids(store, organization_id, (one.promotion_identifier for one in refused))
    if any(owners.get(one.promotion_identifier) in (None, one.promotion_id) for one in refused):
        raise StoreUnavailable("an upsert of a promotion lost a race twice")
    return upserted


async def put_identifiers(
    store: Store, organization_id: int, identifiers: Sequence[tuple[CustomerIdentifier, int]]
) -> tuple[list[int], list[int]]:
    """Add identifiers, each given with its customer's id.

    Returns the positions of those that were added, and of those that belong to another customer, whose owner
    does not change. Identifiers of erased customers are not added.
    """
    customer_ids = {customer_id for _, customer_id in identifiers}
    persons = await merges_and_erasures.find_persons(store, organization_id, customer_ids)
    kept = [n for n, (_, customer_id) in enumerate(identifiers) if not persons[customer_id].erased]
    documents = [
        _present({**_identifier(organization_id, one), **_owner(persons[customer_id])})
        for one, customer_id in (identifiers[n] for n in kept)
    ]
    refused = [kept[n] for n in await store.insert_missing(CUSTOMER_IDENTIFIERS.name, documents)]
    await merges_and_erasures.settle(store, organization_id, persons)
    loader = CustomerByIdentifierLoader(CustomerDispatcher(store), organization_id)
    owners = await loader.find([identifiers[n][0] for n in refused])
    owned = {(identifier, owner.customer_id) for identifier, owner in owners.items()}
    taken = [n for n in refused if (identifiers[n][0], persons[identifiers[n][1]].customer_id) not in owned]
    return sorted({*kept} - {*refused}), taken


async def move_identifiers(
    store: Store, organization_id: int, identifiers: Sequence[tuple[CustomerIdentifier, int, datetime]]
) -> None:
    """Add identifiers, or move them to other customers, each as of the time of its event.

    What a newer event wrote does not change. An identifier of a merged customer leads to the survivor; an
    identifier of an erased customer is not written.
    """
    customer_ids = {customer_id for _, customer_id, _ in identifiers}
    persons = await merges_and_erasures.find_persons(store, organization_id, customer_ids)
    upserts = [
        (_identifier(organization_id, identifier), _set(_owner(persons[customer_id]), as_of))
        for identifier, customer_id, as_of in identifiers
        if not persons[customer_id].erased
    ]
    if (await store.upsert(CUSTOMER_IDENTIFIERS.name, upserts)).refused:
        raise StoreUnavailable("an upsert of an identifier lost a race twice")
    await merges_and_erasures.settle(store, organization_id, persons)


async def add_issuances(
    store: Store, organization_id: int, issuances: Iterable[Issuance]
) -> tuple[list[int], list[int]]:
    """Add issuances to the ledger.

    Returns the positions of those whose event id is there already, and, of these, of those that differ from
    what is there. The ledger does not change for either.
    """
    there: list[int] = []
    contradicting: list[int] = []
    documents = [issuance_document(organization_id, one) for one in issuances]
    for start in range(0, len(documents), BATCH_ISSUANCES):
        batch = documents[start : start + BATCH_ISSUANCES]
        if refused := await store.insert_missing(ISSUANCES.name, batch):
            found = await store.get_many(ISSUANCES.name, [batch[n]["_id"] for n in refused])
            held = {document["_id"]: document for document in found}
            there += [start + n for n in refused]
            contradicting += [start + n for n in refused if held.get(batch[n]["_id"]) != batch[n]]
    return there, contradicting


def check_amount(amount: Decimal) -> None:
    """Raises `ValueError` unless the ledger can hold the amount exactly, and sums of such amounts."""
    if not (amount.is_finite() and 0 < amount < LARGEST_AMOUNT) or amount != amount.quantize(
        SMALLEST_AMOUNT, context=_EXACT
    ):
        raise ValueError("an amount must be above 0, with at most 24 digits before and 6 after the point")


def round_amount(amount: Decimal) -> Decimal:
    """The amount with at most 6 digits after the point, rounded half up."""
    if abs(amount) >= LARGEST_AMOUNT or amount == amount.quantize(SMALLEST_AMOUNT, context=_EXACT):
        return amount
    return amount.quantize(SMALLEST_AMOUNT, ROUND_HALF_UP, _EXACT)


def issuance_document(organization_id: int, issuance: Issuance) -> Document:
    """The issuance as a document of the ledger; raises `ValueError` for an amount that it cannot hold."""
    if issuance.amount is not None:
        check_amount(issuance.amount)
    return _present(
        {
            "_id": f"{organization_id}:{issuance.event_id}",
            "orgId": Int64(organization_id),
            "customerId": Int64(issuance.customer_id),
            "promotionId": Int64(issuance.promotion_id),
            "customerPromotion": customer_promotion(issuance.customer_id, issuance.promotion_id),
            "benefit": issuance.benefit.value,
            # BSON dates have milliseconds.
            "issuedOn": issuance.issued_on.replace(microsecond=issuance.issued_on.microsecond // 1000 * 1000),
            "item": issuance.item,
            "type": issuance.type and issuance.type.value,
            "amount": issuance.amount,
        }
    )


def _identifier(organization_id: int, identifier: CustomerIdentifier) -> Document:
    return {
        "orgId": Int64(organization_id),
        "source": identifier.source,
        "name": identifier.name.value,
        "value": identifier.value,
    }


def _owner(person: Person) -> Document:
    merged = [Int64(one) for one in person.merged_ids]
    return {"customerId": Int64(person.customer_id), "mergedIds": merged or None}


def _present(fields: Document) -> Document:
    return {name: value for name, value in fields.items() if value is not None}


def _set(fields: Document, as_of: datetime | None = None) -> list[Document]:
    """Set fields, or remove those whose value is None."""
    values = {name: "$$REMOVE" if value is None else {"$literal": value} for name, value in fields.items()}
    if as_of is None:
        return [{"$set": values}]
    # The server decides, because another writer may write something newer at the same time. Of two events
    # with the same time, the first stays: a repetition changes nothing.
    newer = {"$gte": ["$createdAt", as_of]}
    kept = {name: {"$cond": [newer, f"${name}", value]} for name, value in values.items()}
    return [{"$set": {**kept, "createdAt": {"$max": ["$createdAt", as_of]}}}]
