"""Customers, looked up by the identifiers that a source knows them by."""

import asyncio
from collections import defaultdict
from typing import NamedTuple

from loaders.batch import BatchLoader
from loaders.documents import CUSTOMER_IDENTIFIERS
from loaders.store import Store
from loaders.vocabulary import IdentifierName


class CustomerIdentifier(NamedTuple):
    """An identifier's value is unique within its organisation, source and name."""

    source: str
    name: IdentifierName
    value: str


class CustomerByIdentifierLoader(BatchLoader[CustomerIdentifier, int | None]):
    """Identifier → customer id, or None. One `find` per (source, name), side by side.

    With `only`, every other customer is as absent as one that does not exist, and costs the same commands.
    """

    def __init__(self, store: Store, organization_id: int, only: int | None = None) -> None:
        super().__init__()
        self._store = store
        self._organization_id = organization_id
        self._only = only

    async def find(self, keys: list[CustomerIdentifier]) -> dict[CustomerIdentifier, int | None]:
        values: defaultdict[tuple[str, IdentifierName], list[str]] = defaultdict(list)
        for source, name, value in keys:
            values[source, name].append(value)
        found = await asyncio.gather(*(self._find_one_kind(*kind, values[kind]) for kind in values))
        return {identifier: customer for kind in found for identifier, customer in kind.items()}

    async def _find_one_kind(
        self, source: str, name: IdentifierName, values: list[str]
    ) -> dict[CustomerIdentifier, int]:
        documents = await self._store.find(
            CUSTOMER_IDENTIFIERS.name,
            {"orgId": self._organization_id, "source": source, "name": name.value, "value": {"$in": values}},
            ("value", "customerId"),
        )
        return {
            CustomerIdentifier(source, name, document["value"]): int(document["customerId"])
            for document in documents
            if self._only in (None, document["customerId"])
        }
