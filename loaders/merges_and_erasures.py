"""The status of customers: merged into another customer, or erased.

A merge moves no issuance. The ledger is append-only and sharded by customer and promotion, so moving
issuances could neither be one atomic write nor survive being killed in the middle. Instead, the identifiers
of the merged customers lead to the survivor and carry the ids of the others, and a read adds up the issuances
of all of them. Each identifier is one document, so a read finds the merge done or not done, and sends no
further command.

A status is written before the identifiers change. A writer of identifiers reads the statuses before it
writes, and again afterwards, so that it does not miss a merge or an erasure at the same time.

A merge changes the victim's status only if nothing changed it since it was read, which MongoDB does in one
atomic write: of merges into two survivors at the same time, the first to write counts. Merges at the same
time that make a cycle change different documents, so each is written. Every reader then takes the customer of
the cycle with the smallest id as the survivor, and the merge of this customer is undone and refused.
"""

from collections.abc import Iterable, Mapping

from loaders.customers import Person
from loaders.database_schema import CUSTOMER_IDENTIFIERS, CUSTOMER_STATUSES
from loaders.dataloader import BatchLoader
from loaders.store import Document, Int64, Store


class MergeRefused(ValueError):
    """The customers cannot be merged; the message says why, without identifiers."""


async def find_persons(store: Store, organization_id: int, customer_ids: Iterable[int]) -> dict[int, Person]:
    """Customer id → the person. A customer that was never merged costs one look-up by `_id`."""
    wanted = set(customer_ids)
    statuses = await _find_statuses(store, organization_id, wanted)
    return {customer_id: _person(customer_id, statuses) for customer_id in wanted}


class PersonLoader(BatchLoader[int, Person]):
    """Customer id → the person. One `find`, and one more for each link to a customer that was merged."""

    def __init__(self, store: Store, organization_id: int) -> None:
        super().__init__()
        self._store = store
        self._organization_id = organization_id

    async def find(self, keys: list[int]) -> dict[int, Person]:
        self.commands += 1
        return await find_persons(self._store, self._organization_id, keys)


async def merge(store: Store, organization_id: int, victim_id: int, survivor_id: int) -> bool:
    """Make the survivor's totals those of both customers; repeating it changes nothing.

    Returns whether it was not known before. Raises `MergeRefused` if the victim was merged into another
    customer, or the survivor into the victim.
    """
    statuses = await _find_statuses(store, organization_id, (victim_id, survivor_id))
    victim, survivor = _person(victim_id, statuses), _person(survivor_id, statuses)
    if victim_id in (survivor_id, survivor.customer_id):
        raise MergeRefused("the survivor was merged into this customer before")
    if victim.customer_id not in (victim_id, survivor.customer_id):
        raise MergeRefused("the customer was merged into another customer before")
    new = victim.customer_id == victim_id
    if new:
        read = {"survivorId": statuses[victim_id].get("survivorId")}
        change = {"$set": {"survivorId": Int64(survivor_id)}}
        if not await _set_status(store, organization_id, victim_id, change, read):
            # Another merge of the same victim was first.
            return await merge(store, organization_id, victim_id, survivor_id)
    # A repetition finishes a merge that was killed between the two writes.
    await _set_status(store, organization_id, survivor_id, {"$addToSet": {"victimIds": Int64(victim_id)}})
    statuses = await _find_statuses(store, organization_id, (victim_id,))
    for customer_id, status in statuses.items():
        if "survivorId" in status and _survivor(customer_id, statuses) == customer_id:
            # Merges at the same time made a cycle.
            read = {"survivorId": status["survivorId"]}
            await _set_status(store, organization_id, customer_id, {"$unset": {"survivorId": ""}}, read)
    if _survivor(victim_id, statuses) == victim_id:
        raise MergeRefused("the survivor was merged into this customer at the same time")
    await settle(store, organization_id, dict.fromkeys((victim_id, survivor_id)))
    return new


async def erase(store: Store, organization_id: int, customer_id: int) -> bool:
    """Delete the identifiers of a person.

    The issuances stay under the numeric ids. Repeating it changes nothing. Returns whether it was not known
    before.
    """
    persons = await find_persons(store, organization_id, (customer_id,))
    await _set_status(store, organization_id, customer_id, {"$set": {"erased": True}})
    await settle(store, organization_id, {customer_id: None})
    return not persons[customer_id].erased


async def settle(store: Store, organization_id: int, before: Mapping[int, Person | None]) -> None:
    """Make the identifiers of these customers follow the statuses, where these changed since `before`.

    The statuses are read again after the identifiers are written. Of several writers at the same time, the
    last one therefore writes the final state.
    """
    written: set[Person | None] = set(before.values())
    while (persons := {*(await find_persons(store, organization_id, before)).values()}) - written:
        for person in persons - written:
            owned = {"orgId": organization_id, "customerId": {"$in": [Int64(one) for one in person.ids]}}
            if person.erased:
                await store.delete(CUSTOMER_IDENTIFIERS.name, owned)
            elif person.merged_ids:
                change = {
                    "$set": {"customerId": Int64(person.customer_id)},
                    # Another merge into the same survivor may write at the same time.
                    "$addToSet": {"mergedIds": {"$each": [Int64(one) for one in person.merged_ids]}},
                }
                await store.update_many(CUSTOMER_IDENTIFIERS.name, owned, change)
        written = {*persons}


async def _find_statuses(
    store: Store, organization_id: int, customer_ids: Iterable[int]
) -> dict[int, Document]:
    """The statuses of these customers and of all that merges link to them, {} for a customer without one."""
    statuses: dict[int, Document] = {}
    new = set(customer_ids)
    while new:
        ids = [status_id(organization_id, one) for one in new]
        found = await store.get_many(CUSTOMER_STATUSES.name, ids)
        statuses |= {one: {} for one in new} | {int(one["customerId"]): one for one in found}
        new = {linked for one in found for linked in _links(one)} - statuses.keys()
    return statuses


async def _set_status(
    store: Store, organization_id: int, customer_id: int, change: Document, read: Document | None = None
) -> bool:
    """Change a status that still has the fields that were read, or add it; returns whether it did."""
    key = {"_id": status_id(organization_id, customer_id), **(read or {})}
    fields = {"orgId": Int64(organization_id), "customerId": Int64(customer_id)}
    upserted = await store.upsert(CUSTOMER_STATUSES.name, [(key, {"$setOnInsert": fields, **change})])
    return not upserted.refused


def status_id(organization_id: int, customer_id: int) -> str:
    """The `_id` of a customer's status."""
    return f"{organization_id}:{customer_id}"


def _links(status: Document) -> set[int]:
    survivor = [status["survivorId"]] if "survivorId" in status else []
    return {int(one) for one in (*survivor, *status.get("victimIds", ()))}


def _person(customer_id: int, statuses: Mapping[int, Document]) -> Person:
    survivor_id = _survivor(customer_id, statuses)
    ids, new = set[int](), {customer_id}
    while new:
        ids |= new
        new = {linked for one in new for linked in _links(statuses[one])} - ids
    erased = any(statuses[one].get("erased", False) for one in ids)
    return Person(survivor_id, tuple(sorted(ids - {survivor_id})), erased)


def _survivor(customer_id: int, statuses: Mapping[int, Document]) -> int:
    """The last survivor; in a cycle, which only merges at the same time make, the smallest of its ids."""
    passed: list[int] = []
    while customer_id not in passed:
        passed.append(customer_id)
        if "survivorId" not in statuses[customer_id]:
            return customer_id
        customer_id = int(statuses[customer_id]["survivorId"])
    return min(passed[passed.index(customer_id) :])
