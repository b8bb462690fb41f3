"""Records what events say: each event counts once, and an event that cannot be counted yet is kept pending.

An event and the promotion that it waits for may arrive at the same time. Each is written before the other is
looked up, so that neither misses the other: the event is kept pending, then its promotion is looked up again;
the promotion is written, then the events that wait for it are looked up.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

import structlog
from structlog.typing import FilteringBoundLogger

from gateway.ingest import notifications, records
from gateway.ingest.notifications import Notification
from gateway.ingest.records import IssuanceRecord, RecordInvalid
from loaders import ledger, pending_events
from loaders.enums import PayloadFormat
from loaders.ledger import Issuance
from loaders.pending_events import PendingEvent
from loaders.promotions import find_promotion_ids
from loaders.store import Store

REPLAY_BATCH = 500

UNKNOWN_PROMOTION = "its promotion is not known yet"
NO_PROMOTION = "it names no promotion"
CONTRADICTING = "another issuance with this eventId is there already"

log: FilteringBoundLogger = structlog.get_logger()


class Outcome(StrEnum):
    """What became of an event."""

    RECORDED = "recorded"
    PENDING = "pending"
    IGNORED = "ignored"


class Replayed(NamedTuple):
    """How many pending events are counted now, and how many contradict what is counted."""

    counted: int
    contradicting: int


async def record(store: Store, notification: Notification, payload: str, days: int) -> Outcome:
    """Record what an event says, or keep it pending; raises `RecordInvalid` for what cannot be recorded."""
    if not notification.known:
        return Outcome.IGNORED
    missing = await _write(store, notification)
    if not missing:
        return Outcome.RECORDED
    event = PendingEvent(
        notification.organization_id,
        notification.event_id,
        PayloadFormat.EVENT,
        payload,
        NO_PROMOTION if missing == {None} else UNKNOWN_PROMOTION,
        tuple(sorted(identifier for identifier in missing if identifier is not None)),
    )
    await pending_events.keep(store, [event], days)
    counted = bool(event.promotion_identifiers) and await _replay_event(store, event)
    return Outcome.RECORDED if counted else Outcome.PENDING


async def replay_all(
    store: Store,
    organization_id: int | None = None,
    promotion_identifier: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Count the events that waited for a promotion (for this one), until all are done or `stop` says so."""
    counted = contradicting = 0
    waiting = pending_events.waiting(store, organization_id, promotion_identifier)
    async for batch in _batches(waiting):
        if stop():
            break
        lines = [event for event in batch if event.format is PayloadFormat.RECORD]
        for owner in {event.organization_id for event in lines}:
            replayed = await _replay_records(store, owner, lines)
            counted += replayed.counted
            contradicting += replayed.contradicting
        for event in batch:
            if event.format is PayloadFormat.EVENT:
                counted += await _replay_event(store, event)
    return Replayed(counted, contradicting)


async def _batches(events: AsyncIterator[PendingEvent]) -> AsyncIterator[list[PendingEvent]]:
    batch: list[PendingEvent] = []
    async for event in events:
        # An event that names no promotion waits for nothing that could arrive.
        if event.promotion_identifiers:
            batch.append(event)
        if len(batch) == REPLAY_BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _replay_event(store: Store, event: PendingEvent) -> bool:
    try:
        missing = await _write(store, notifications.read(event.payload))
    except RecordInvalid:
        # The event was valid when it came. What is wrong with it now must not stop the others.
        log.warning("event_not_replayed", organization=event.organization_id)
        return False
    if not missing:
        await pending_events.delete(store, [event])
    return not missing


async def _replay_records(store: Store, organization_id: int, lines: list[PendingEvent]) -> Replayed:
    waiting: list[tuple[PendingEvent, IssuanceRecord]] = []
    for event in lines:
        record = records.decode(event.payload.encode())
        if record.org_id == organization_id and isinstance(record, IssuanceRecord):
            waiting.append((event, record))
    known = await find_promotion_ids(
        store, organization_id, (record.promotion_identifier for _, record in waiting)
    )
    found = [
        (event, record.issuance(known[record.promotion_identifier]))
        for event, record in waiting
        if record.promotion_identifier in known
    ]
    issuances = [issuance for _, issuance in found]
    _, differing = await ledger.add_issuances(store, organization_id, issuances)
    contradicting = [found[position][0] for position in differing]
    counted = [event for event, _ in found if event not in contradicting]
    await pending_events.delete(store, counted)
    await pending_events.stop_waiting(store, contradicting, CONTRADICTING)
    return Replayed(len(counted), len(contradicting))


async def _write(store: Store, notification: Notification) -> set[str | None]:
    """Write what an event says; returns the promotions that are not known, None for one that has no name."""
    organization_id = notification.organization_id
    await ledger.move_identifiers(store, organization_id, notification.identifiers, notification.created_at)
    for promotion, name in notification.promotions:
        described = [(promotion, name)]
        if (await ledger.put_promotions(store, organization_id, described, notification.created_at)).refused:
            raise RecordInvalid("externalIdentifier belongs to another promotion")
        await replay_all(store, organization_id, promotion.promotion_identifier)
    named = [item.promotion_identifier for item in notification.items if item.promotion_id is None]
    known = await find_promotion_ids(store, organization_id, named)
    issuances: list[Issuance] = []
    unknown: set[str | None] = set()
    for item in notification.items:
        promotion_id = item.promotion_id
        if promotion_id is None:
            promotion_id = known.get(item.promotion_identifier)
        if promotion_id is None:
            unknown.add(item.promotion_identifier)
        else:
            issuances.append(replace(item.issuance, promotion_id=promotion_id))
    await ledger.add_issuances(store, organization_id, issuances)
    return unknown
