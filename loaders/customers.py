"""Customers, looked up by the identifiers that their sources give them."""

from collections.abc import Set
from typing import NamedTuple

from loaders.database_schema import CUSTOMER_IDENTIFIERS
from loaders.enums import IdentifierName
from loaders.lookups import LookupDispatcher, LookupLoader


class CustomerIdentifier(NamedTuple):
    """An identifier's value is unique within its organisation, source and name."""

    source: str
    name: IdentifierName
    value: str


class IdentifierKind(NamedTuple):
    """The identifiers that one `find` can look up together."""

    organization_id: int
    source: str
    name: IdentifierName


class CustomerDispatcher(LookupDispatcher[CustomerIdentifier, IdentifierKind, int]):
    """Values of one kind of identifier → customer ids by value. One `find`."""

    kind = "customers"

    async def find(self, group: IdentifierKind, keys: Set[str]) -> dict[str, int]:
        documents = await self._store.find(
            CUSTOMER_IDENTIFIERS.name,
            {
                "orgId": group.organization_id,
                "source": group.source,
                "name": group.name.value,
                "value": {"$in": list(keys)},
            },
            ("value", "customerId"),
        )
        return {document["value"]: int(document["customerId"]) for document in documents}


class CustomerByIdentifierLoader(LookupLoader[CustomerIdentifier, IdentifierKind, int]):
    """Identifier → customer id, or None.

    With `only`, any other customer is None, like one that does not exist, and takes the same commands.
    """

    def __init__(self, dispatcher: CustomerDispatcher, organization_id: int, only: int | None = None) -> None:
        super().__init__(dispatcher, organization_id)
        self._only = only

    def group(self, key: CustomerIdentifier) -> IdentifierKind:
        return IdentifierKind(self._organization_id, key.source, key.name)

    async def find(self, keys: list[CustomerIdentifier]) -> dict[CustomerIdentifier, int]:
        customers = await super().find(keys)
        return {key: found for key, found in customers.items() if self._only in (None, found)}
