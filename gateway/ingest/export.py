"""The database as lines that an import takes: for backups, and for moving to another cluster.

The order and the spelling of the lines are fixed: an export that is imported and exported again is the same.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from datetime import UTC
from itertools import groupby

from gateway import json_format
from loaders.customers import Person
from loaders.database_schema import (
    CUSTOMER_IDENTIFIERS,
    CUSTOMER_STATUSES,
    ISSUANCES,
    ORGANIZATIONS,
    PROMOTIONS,
)
from loaders.enums import IdentifierName
from loaders.merges_and_erasures import status_id
from loaders.store import Document, Store

# The fields of each kind of record, in their order.
_FIELDS = {
    "organization": ("orgId", "name", "timeZone"),
    "promotion": ("orgId", "programId", "promotionId", "promotionIdentifier", "name"),
    "merge": ("orgId", "victimId", "survivorId"),
    "erasure": ("orgId", "customerId"),
    "customer": ("orgId", "customerId", "profiles"),
    "issuance": (
        *("orgId", "eventId", "customerId", "promotionId"),
        *("benefit", "item", "type", "amount", "issuedOn"),
    ),
}


async def lines(store: Store) -> AsyncIterator[bytes]:
    """Every organisation, promotion, merge and erasure, customer and issuance, a line each, in this order."""
    async for one in store.stream(ORGANIZATIONS.name, {}, ("_id",)):
        yield _line("organization", {**one, "orgId": one["_id"]})
    async for one in store.stream(PROMOTIONS.name, {}, ("orgId", "promotionId")):
        yield _line("promotion", one)
    async for line in _customers(store, {}, {}):
        yield line
    async for one in store.stream(ISSUANCES.name, {}, ("_id",)):
        yield _issuance(one)


async def customer_lines(store: Store, organization_id: int, person: Person) -> AsyncIterator[bytes]:
    """The merges and the erasure of one person, and the person's identifiers and issuances."""
    owned: Document = {"orgId": organization_id, "customerId": {"$in": list(person.ids)}}
    statuses = {"_id": {"$in": [status_id(organization_id, one) for one in person.ids]}}
    async for line in _customers(store, statuses, owned):
        yield line
    for customer_id in person.ids:
        # Each `customerPromotion` of the customer: ";" comes after ":".
        pairs = {"$gte": f"{customer_id}:", "$lt": f"{customer_id};"}
        query = {"orgId": organization_id, "customerPromotion": pairs}
        async for one in store.stream(ISSUANCES.name, query, ("customerPromotion", "_id")):
            yield _issuance(one)


async def _customers(store: Store, statuses: Document, identifiers: Document) -> AsyncIterator[bytes]:
    async for one in store.stream(CUSTOMER_STATUSES.name, statuses, ("_id",)):
        if "survivorId" in one:
            yield _line("merge", {**one, "victimId": one["customerId"]})
        if one.get("erased"):
            yield _line("erasure", one)
    order = ("orgId", "customerId", "source", "name", "value")
    owned: list[Document] = []
    async for identifier in store.stream(CUSTOMER_IDENTIFIERS.name, identifiers, order):
        if owned and _owner(owned[0]) != _owner(identifier):
            for line in _customer(owned):
                yield line
            owned = []
        owned.append(identifier)
    if owned:
        for line in _customer(owned):
            yield line


def _owner(identifier: Document) -> tuple[int, int]:
    return int(identifier["orgId"]), int(identifier["customerId"])


def _customer(identifiers: list[Document]) -> Iterator[bytes]:
    """A line for a customer, and one for each customer merged into it whose id a source knows.

    An import gives every customer its id by itself, in each source. Therefore, the other identifiers of a
    source go to a customer whose id the source knows, if there is one: after a merge, all are the survivor's.
    """
    organization_id, owner_id = _owner(identifiers[0])
    profiles: defaultdict[int, list[Document]] = defaultdict(list)
    for source, known in groupby(identifiers, key=lambda one: str(one["source"])):
        ids, others = set[int](), []
        for one in known:
            if one["name"] == IdentifierName.ID:
                ids.add(int(one["value"]))
            else:
                others.append({"type": one["name"], "value": one["value"]})
        first = owner_id if owner_id in ids else min(ids, default=owner_id)
        for customer_id in {first, *ids}:
            own = others if customer_id == first else []
            profiles[customer_id].append({"source": source, "identifiers": own})
    for customer_id, own in sorted(profiles.items()):
        yield _line("customer", {"orgId": organization_id, "customerId": customer_id, "profiles": own})


def _issuance(one: Document) -> bytes:
    amount = {"amount": format(one["amount"], "f")} if "amount" in one else {}
    event_id = one["_id"].partition(":")[2]
    issued_on = one["issuedOn"].astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _line("issuance", {**one, **amount, "eventId": event_id, "issuedOn": issued_on})


def _line(record: str, document: Document) -> bytes:
    """A record with the fields of its kind that the document has; `Int64` is no type of JSON."""
    line: Document = {"record": record}
    for name in _FIELDS[record]:
        if name in document:
            line[name] = int(document[name]) if isinstance(document[name], int) else document[name]
    return json_format.encode(line)
