"""Merges and erasures of customers, and what an erasure means for pending events.

An event keeps the numeric ids of its customers, so that the rest of it can be counted when its promotion
arrives. An event that names erased customers only is deleted.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace

from gateway.ingest.payloads import named_customers, without_identifiers
from loaders import merges_and_erasures, pending_events
from loaders.enums import PayloadFormat
from loaders.pending_events import PendingEvent
from loaders.store import Store


async def merge(store: Store, organization_id: int, victim_id: int, survivor_id: int) -> bool:
    """Merge the victim into the survivor; returns whether it was not known before, raises `MergeRefused`."""
    new = await merges_and_erasures.merge(store, organization_id, victim_id, survivor_id)
    # One of the two may have been erased.
    await forget_erased(store, organization_id, (survivor_id,))
    return new


async def erase(store: Store, organization_id: int, customer_id: int) -> bool:
    """Delete the identifiers of a customer; returns whether it was not known before."""
    new = await merges_and_erasures.erase(store, organization_id, customer_id)
    await forget_erased(store, organization_id, (customer_id,))
    return new


async def forget_erased(store: Store, organization_id: int, customer_ids: Iterable[int]) -> set[int]:
    """Delete the data of erased customers from pending events; returns the ids of these customers."""
    erased = await find_erased(store, organization_id, customer_ids)
    if not erased:
        return erased
    # Another erasure may change an event at the same time: the event is then read again.
    while events := [
        # A record of an import has no identifiers.
        one
        async for one in pending_events.naming(store, organization_id, erased)
        if one.format is PayloadFormat.EVENT
    ]:
        kept = [(event, without(event, erased)) for event in events]
        await pending_events.delete(store, [event for event, rest in kept if rest is None])
        for event, rest in kept:
            if rest is not None:
                await pending_events.change(store, event, rest)
    return erased


async def find_erased(store: Store, organization_id: int, customer_ids: Iterable[int]) -> set[int]:
    """The ids of the erased customers among these, and of those that were merged with them."""
    persons = await merges_and_erasures.find_persons(store, organization_id, customer_ids)
    return {one for person in persons.values() if person.erased for one in person.ids}


def without(event: PendingEvent, erased: Collection[int]) -> PendingEvent | None:
    """The event without the identifiers of erased customers; None if it names no other customer."""
    named = event.customer_ids or named_customers(event.payload)
    others = tuple(one for one in named if one not in erased)
    if named and not others:
        return None
    payload = event.payload if others == named else without_identifiers(event.payload, erased)
    return replace(event, payload=payload, customer_ids=others)
