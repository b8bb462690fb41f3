"""Customers, looked up by the identifiers that their sources give them."""

from collections.abc import Iterable, Set
from typing import NamedTuple

from loaders.database_schema import CUSTOMER_IDENTIFIERS
from loaders.enums import IdentifierName
from loaders.lookups import LookupDispatcher, LookupLoader
from loaders.store import Store


class CustomerIdentifier(NamedTuple):
    """An identifier's value is unique within its organisation, source and name."""

    source: str
    name: IdentifierName
    value: str


class Person(NamedTuple):
    """The customers that merges made one, and whether their data was erased.

    `customer_id` is the survivor's, and `merged_ids` are the others' in ascending order.
    """

    customer_id: int
    merged_ids: tuple[int, ...] = ()
    erased: bool = False

    @property
    def ids(self) -> tuple[int, ...]:
        return self.customer_id, *self.merged_ids


async def count_identifiers(store: Store, organization_id: int, person: Person) -> int:
    """How many identifiers lead to a person."""
    owned = {"orgId": organization_id, "customerId": {"$in": list(person.ids)}}
    return len(await store.find(CUSTOMER_IDENTIFIERS.name, owned, ("value",)))


class CustomerDispatcher(LookupDispatcher[CustomerIdentifier, Person]):
    """Values of one kind of identifier → customers by value. One `find`."""

    kind = "customers"

    async def find(self, group: tuple[int, str, IdentifierName], keys: Set[str]) -> dict[str, Person]:
        organization_id, source, name = group
        documents = await self._store.find(
            CUSTOMER_IDENTIFIERS.name,
            {"orgId": organization_id, "source": source, "name": name.value, "value": {"$in": list(keys)}},
            ("value", "customerId", "mergedIds"),
        )
        return {one["value"]: _person(int(one["customerId"]), one.get("mergedIds", ())) for one in documents}


def _person(customer_id: int, merged_ids: Iterable[int]) -> Person:
    # After contradicting merges at the same time, the survivor may be among the merged customers.
    return Person(customer_id, tuple(sorted({*map(int, merged_ids)} - {customer_id})))


class CustomerByIdentifierLoader(LookupLoader[CustomerIdentifier, Person]):
    """Identifier → customer, or None.

    With `only`, any other customer is None, like one that does not exist, and takes the same commands.
    """

    def __init__(self, dispatcher: CustomerDispatcher, organization_id: int, only: int | None = None) -> None:
        super().__init__(dispatcher, organization_id)
        self._only = only

    async def find(self, keys: list[CustomerIdentifier]) -> dict[CustomerIdentifier, Person]:
        customers = await super().find(keys)
        return {key: found for key, found in customers.items() if self._only in (None, *found.ids)}
