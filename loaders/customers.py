"""Customers, looked up by the identifiers that their sources give them."""

from collections import defaultdict
from collections.abc import Set
from typing import NamedTuple

from loaders.batch import BatchLoader, gather
from loaders.database_schema import CUSTOMER_IDENTIFIERS
from loaders.dispatcher import Dispatcher
from loaders.enums import LONGEST_NAME, IdentifierName
from loaders.lookup_cache import LookupCache


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


class CustomerDispatcher(Dispatcher[IdentifierKind, str, int]):
    """Values of one kind of identifier → customer ids by value. One `find`."""

    kind = "customers"
    # Remembers nothing; `Dispatchers` gives it one that does.
    cache: LookupCache[CustomerIdentifier, int] = LookupCache(0)

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


class CustomerByIdentifierLoader(BatchLoader[CustomerIdentifier, int | None]):
    """Identifier → customer id, or None. One load per (source, name), concurrently.

    With `only`, any other customer is None, like one that does not exist, and takes the same commands.
    """

    def __init__(self, customers: CustomerDispatcher, organization_id: int, only: int | None = None) -> None:
        super().__init__()
        self._customers = customers
        self._organization_id = organization_id
        self._only = only

    async def find(self, keys: list[CustomerIdentifier]) -> dict[CustomerIdentifier, int | None]:
        generation = self._customers.cache.generation
        values: defaultdict[IdentifierKind, set[str]] = defaultdict(set)
        for source, name, value in keys:
            if len(value) <= LONGEST_NAME:
                values[IdentifierKind(self._organization_id, source, name)].add(value)
        self.commands += len(values)
        found = await gather([self._customers.load(kind, values[kind]) for kind in values])
        by_kind = dict(zip(values, found, strict=True))
        customers = {
            key: customer_id
            for key in keys
            if len(key.value) <= LONGEST_NAME
            and (kind := IdentifierKind(self._organization_id, key.source, key.name)) in by_kind
            and (customer_id := by_kind[kind].get(key.value)) is not None
        }
        self._customers.cache.remember(self._organization_id, customers, generation)
        return {key: found for key, found in customers.items() if self._only in (None, found)}
