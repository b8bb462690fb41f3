"""Event notifications in: each counted once, those that cannot be counted yet set aside, none lost.

To leave no gap between an event and the promotion it waits for, each side writes first and then looks: the
event is set aside, and its promotion looked up again; the promotion is written, and what waits for it looked
up.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import NamedTuple

import structlog
from structlog.typing import FilteringBoundLogger

from gateway.ingest import notifications, records
from gateway.ingest.notifications import IssuedItem, Notification
from gateway.ingest.records import IssuanceRecord, RecordInvalid
from loaders import ledger, pending_events
from loaders.enums import PayloadFormat
from loaders.ledger import issuance_document
from loaders.pending_events import PendingEvent
from loaders.promotions import find_promotion_ids
from loaders.store import Document, Store

REPLAYED_AT_ONCE = 500

RECORDED, PENDING, IGNORED = OUTCOMES = ("recorded", "pending", "ignored")
UNKNOWN_PROMOTION = "its promotion is not known yet"
CONTRADICTING = "another issuance with this eventId is there already"

log: FilteringBoundLogger = structlog.get_logger()


async def take(store: Store, notification: Notification, payload: str, days: int) -> str:
    """Record what an event says, or set it aside: "recorded" or "pending".

    Raises `RecordInvalid` for what can never be taken.
    """
    missing = await _record(store, notification)
    if not missing:
        return RECORDED
    unnamed = missing == {None}
    reason = "it names no promotion" if unnamed else UNKNOWN_PROMOTION
    thing = PendingEvent(
        notification.organization_id,
        notification.event_id,
        PayloadFormat.EVENT,
        payload,
        reason,
        tuple(sorted(identifier for identifier in missing if identifier is not None)),
    )
    await pending_events.keep(store, [thing], days)
    return RECORDED if not unnamed and await _replay_event(store, thing) else PENDING


class Replayed(NamedTuple):
    """How many things were counted that were set aside, and how many contradict what is counted."""

    counted: int
    contradicting: int


async def replay_all(
    store: Store,
    organization_id: int | None = None,
    promotion_identifier: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Replay what waits for a promotion (for this one), until all is done or `stop` says so."""
    counted = contradicting = 0
    waiting = pending_events.waiting(store, organization_id, promotion_identifier)
    async for batch in _batched(waiting, REPLAYED_AT_ONCE):
        if stop():
            break
        records = [thing for thing in batch if thing.form is PayloadFormat.RECORD]
        replayed = await _replay_records(store, records)
        contradicting += replayed.contradicting
        counted += replayed.counted
        for thing in batch:
            if thing.form is PayloadFormat.EVENT:
                counted += await _replay_event(store, thing)
    return Replayed(counted, contradicting)


async def _batched(things: AsyncIterator[PendingEvent], size: int) -> AsyncIterator[list[PendingEvent]]:
    batch: list[PendingEvent] = []
    async for thing in things:
        # What names no promotion waits for nothing that could come.
        if thing.promotion_identifiers:
            batch.append(thing)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def _replay_event(store: Store, thing: PendingEvent) -> bool:
    try:
        missing = await _record(store, notifications.read(thing.payload))
    except RecordInvalid:
        # It could be read once; whatever is wrong with it now must not stop the others.
        log.warning("event_not_replayed", organization=thing.organization_id)
        return False
    if not missing:
        await pending_events.forget(store, [thing])
    return not missing


async def _replay_records(store: Store, things: list[PendingEvent]) -> Replayed:
    decoded = [(thing, records.decode(thing.payload.encode())) for thing in things]
    found: list[tuple[PendingEvent, Document]] = []
    for organization_id in {thing.organization_id for thing in things}:
        own = [pair for pair in decoded if pair[0].organization_id == organization_id]
        issuances = [(thing, one) for thing, one in own if isinstance(one, IssuanceRecord)]
        known = await find_promotion_ids(
            store, organization_id, (one.promotion_identifier for _, one in issuances)
        )
        found += [
            (thing, issuance_document(organization_id, one.issuance(known[one.promotion_identifier])))
            for thing, one in issuances
            if one.promotion_identifier in known
        ]
    there = await ledger.add_documents(store, [document for _, document in found])
    differs = await ledger.differing(store, [found[position][1] for position in there])
    contradicting = [found[position][0] for position, other in zip(there, differs, strict=True) if other]
    counted = [thing for thing, _ in found if thing not in contradicting]
    await pending_events.forget(store, counted)
    await pending_events.give_up(store, contradicting, CONTRADICTING)
    return Replayed(len(counted), len(contradicting))


async def _record(store: Store, said: Notification) -> set[str | None]:
    """Write what an event says; returns the promotions that it lacks, None for one that is not named."""
    organization_id = said.organization_id
    await ledger.move_identifiers(store, organization_id, said.identifiers, said.created_at)
    for promotion, name in said.promotions:
        described = [(promotion, name)]
        if (await ledger.put_promotions(store, organization_id, described, said.created_at)).refused:
            raise RecordInvalid("externalIdentifier belongs to another promotion")
        await replay_all(store, organization_id, promotion.promotion_identifier)
    promotion_ids = await _promotion_ids(store, organization_id, said.items)
    found = [
        replace(part.issuance, promotion_id=promotion_id)
        for part, promotion_id in zip(said.items, promotion_ids, strict=True)
        if promotion_id is not None
    ]
    await ledger.add_issuances(store, organization_id, found)
    return {
        part.promotion_identifier
        for part, promotion_id in zip(said.items, promotion_ids, strict=True)
        if promotion_id is None
    }


async def _promotion_ids(store: Store, organization_id: int, items: list[IssuedItem]) -> list[int | None]:
    known = await find_promotion_ids(
        store, organization_id, (part.promotion_identifier for part in items if part.promotion_id is None)
    )
    return [
        known.get(part.promotion_identifier) if part.promotion_id is None else part.promotion_id
        for part in items
    ]
