"""The database as lines that an import takes: for backups, and for moving to another cluster.

The lines come in a fixed order and spelling, so that an export of an import of an export is the same file.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from gateway import json_format
from loaders.customers import Person
from loaders.database_schema import CUSTOMER_IDENTIFIERS, ISSUANCES, ORGANIZATIONS, PROMOTIONS
from loaders.enums import IdentifierName
from loaders.store import Document, Store


async def lines(store: Store) -> AsyncIterator[bytes]:
    """Every organisation, promotion, customer and issuance, a line each, in this order."""
    async for one in store.stream(ORGANIZATIONS.name, {}, ("_id",)):
        yield _line("organization", orgId=int(one["_id"]), name=one["name"], timeZone=one["timeZone"])
    async for one in store.stream(PROMOTIONS.name, {}, ("orgId", "promotionId")):
        yield _line(
            "promotion",
            orgId=int(one["orgId"]),
            programId=int(one["programId"]),
            promotionId=int(one["promotionId"]),
            **{name: one[name] for name in ("promotionIdentifier", "name") if name in one},
        )
    async for identifiers in _customers(store, {}):
        yield _customer(identifiers)
    async for one in store.stream(ISSUANCES.name, {}, ("_id",)):
        yield _issuance(one)


async def customer_lines(store: Store, organization_id: int, person: Person) -> AsyncIterator[bytes]:
    """The identifiers and issuances of one person, a line for each customer and each issuance."""
    owned = {"orgId": organization_id, "customerId": {"$in": list(person.ids)}}
    async for identifiers in _customers(store, owned):
        yield _customer(identifiers)
    for customer_id in person.ids:
        # Each `customerPromotion` of the customer: ";" comes after ":".
        pairs = {"$gte": f"{customer_id}:", "$lt": f"{customer_id};"}
        query = {"orgId": organization_id, "customerPromotion": pairs}
        async for one in store.stream(ISSUANCES.name, query, ("customerPromotion", "_id")):
            yield _issuance(one)


async def _customers(store: Store, query: Document) -> AsyncIterator[list[Document]]:
    order = ("orgId", "customerId", "source", "name", "value")
    customer: list[Document] = []
    async for identifier in store.stream(CUSTOMER_IDENTIFIERS.name, query, order):
        if customer and _owner(customer[0]) != _owner(identifier):
            yield customer
            customer = []
        customer.append(identifier)
    if customer:
        yield customer


def _owner(identifier: Document) -> tuple[int, int]:
    return identifier["orgId"], identifier["customerId"]


def _customer(identifiers: list[Document]) -> bytes:
    organization_id, customer_id = _owner(identifiers[0])
    return _line(
        "customer",
        orgId=int(organization_id),
        customerId=int(customer_id),
        profiles=[
            {
                "source": source,
                "identifiers": [
                    {"type": one["name"], "value": one["value"]}
                    for one in known
                    # An import gives every customer its id by itself.
                    if one["name"] != IdentifierName.ID
                ],
            }
            for source, known in groupby(identifiers, key=lambda one: str(one["source"]))
        ],
    )


def _issuance(one: Document) -> bytes:
    optional: Document = {name: one[name] for name in ("item", "type") if name in one}
    if "amount" in one:
        optional["amount"] = format(one["amount"], "f")
    return _line(
        "issuance",
        orgId=int(one["orgId"]),
        eventId=one["_id"].partition(":")[2],
        customerId=int(one["customerId"]),
        promotionId=int(one["promotionId"]),
        benefit=one["benefit"],
        **optional,
        issuedOn=_utc(one["issuedOn"]),
    )


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(record: str, **fields: Any) -> bytes:
    return json_format.encode({"record": record, **fields})
