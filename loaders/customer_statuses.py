"""What became of customers: merged into another customer, or erased.

A merge moves no issuance. The ledger is append-only and sharded by customer and promotion, so moving
issuances could neither be one atomic write nor survive being killed in the middle. Instead, the identifiers
of the merged customers lead to the survivor and carry the ids of the others, and a read adds up the issuances
of all of them. Each identifier is one document, so a read finds the merge done or not done, and sends no
further command.

A status is written before the identifiers change. A writer of identifiers reads the statuses before it
writes, and again afterwards, so that it does not miss a merge or an erasure at the same time.
"""

from collections.abc import Iterable, Mapping

from loaders.customers import Person
from loaders.database_schema import CUSTOMER_IDENTIFIERS, CUSTOMER_STATUSES
from loaders.store import Document, Int64, Store


class MergeRefused(ValueError):
    """The customers cannot be merged; the message says why, without identifiers."""


async def find_persons(store: Store, organization_id: int, customer_ids: Iterable[int]) -> dict[int, Person]:
    """Customer id → the person. A customer that was never merged costs one look-up by `_id`."""
    wanted = set(customer_ids)
    statuses: dict[int, Document] = {}
    new = wanted
    while new:
        ids = [status_id(organization_id, one) for one in new]
        found = await store.get_many(CUSTOMER_STATUSES.name, ids)
        statuses |= {one: {} for one in new} | {one["customerId"]: one for one in found}
        new = {linked for one in found for linked in _links(one)} - statuses.keys()
    return {customer_id: _person(customer_id, statuses) for customer_id in wanted}


async def merge(store: Store, organization_id: int, victim_id: int, survivor_id: int) -> bool:
    """Make the survivor's totals those of both customers; repeating it changes nothing.

    Returns whether it was not known before. Raises `MergeRefused` if the victim was merged into another
    customer, or the survivor into the victim.
    """
    persons = await find_persons(store, organization_id, (victim_id, survivor_id))
    victim, survivor = persons[victim_id], persons[survivor_id]
    if victim_id in (survivor_id, survivor.customer_id):
        raise MergeRefused("the survivor was merged into this customer before")
    if victim.customer_id == victim_id:
        await _set_status(store, organization_id, victim_id, {"$set": {"survivorId": Int64(survivor_id)}})
    elif victim.customer_id != survivor.customer_id:
        raise MergeRefused("the customer was merged into another customer before")
    # A repetition finishes a merge that was killed between the two writes.
    await _set_status(store, organization_id, survivor_id, {"$addToSet": {"victimIds": Int64(victim_id)}})
    await settle(store, organization_id, (victim_id, survivor_id))
    return victim.customer_id == victim_id


async def erase(store: Store, organization_id: int, customer_id: int) -> bool:
    """Delete the identifiers of a person.

    The issuances stay under the numeric ids. Repeating it changes nothing. Returns whether it was not known
    before.
    """
    persons = await find_persons(store, organization_id, (customer_id,))
    await _set_status(store, organization_id, customer_id, {"$set": {"erased": True}})
    await settle(store, organization_id, (customer_id,))
    return not persons[customer_id].erased


async def settle(
    store: Store,
    organization_id: int,
    customer_ids: Iterable[int],
    before: Mapping[int, Person] | None = None,
) -> None:
    """Make identifiers follow the statuses, where these changed since `before`."""
    persons = await find_persons(store, organization_id, customer_ids)
    for customer_id, person in persons.items():
        if person == (before or {}).get(customer_id):
            continue
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


async def _set_status(store: Store, organization_id: int, customer_id: int, change: Document) -> None:
    key = {"_id": status_id(organization_id, customer_id)}
    fields = {"orgId": Int64(organization_id), "customerId": Int64(customer_id)}
    await store.upsert(CUSTOMER_STATUSES.name, [(key, {"$setOnInsert": fields, **change})])


def status_id(organization_id: int, customer_id: int) -> str:
    """The `_id` of a customer's status."""
    return f"{organization_id}:{customer_id}"


def _links(status: Document) -> set[int]:
    survivor = [status["survivorId"]] if "survivorId" in status else []
    return {int(one) for one in (*survivor, *status.get("victimIds", ()))}


def _person(customer_id: int, statuses: dict[int, Document]) -> Person:
    survivor, passed = customer_id, {customer_id}
    while "survivorId" in statuses[survivor] and statuses[survivor]["survivorId"] not in passed:
        survivor = int(statuses[survivor]["survivorId"])
        passed.add(survivor)
    ids: set[int] = set()
    new = passed
    while new:
        ids |= new
        new = {linked for one in new for linked in _links(statuses[one])} - ids
    erased = any(statuses[one].get("erased", False) for one in ids)
    return Person(survivor, tuple(sorted(ids - {survivor})), erased)
