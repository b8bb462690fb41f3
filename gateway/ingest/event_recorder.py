"""Records what events say: each event counts once, and an event that cannot be counted yet is kept pending.

An event and the promotion that it waits for may arrive at the same time. Each is written before the other is
looked up, so that neither misses the other: the event is kept pending, then its promotion is looked up again;
the promotion is written, then the events that wait for it are looked up.

An event that takes half of its request's time is kept pending too. `background_counting` then counts it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from gateway.ingest import customer_changes, notifications, records
from gateway.ingest.customer_changes import find_erased, forget_erased, without
from gateway.ingest.notifications import Notification
from gateway.ingest.payloads import named_customers
from gateway.ingest.records import IssuanceRecord, RecordInvalid
from loaders import ledger, pending_events
from loaders.deadline import Deadline, current_deadline, until
from loaders.enums import PayloadFormat
from loaders.errors import DeadlineExceeded
from loaders.ledger import Issuance
from loaders.merges_and_erasures import MergeRefused
from loaders.pending_events import PendingEvent
from loaders.promotions import find_promotion_ids
from loaders.store import Store

# The rest of the time is left to keep an event that is not counted by then.
COUNTING_SHARE = 0.5

UNFINISHED = "it is being counted"
UNKNOWN_PROMOTION = "its promotion is not known yet"
NO_PROMOTION = "it names no promotion"
CONTRADICTING = "another issuance with this eventId is there already"
IDENTIFIER_TAKEN = "externalIdentifier belongs to another promotion"


class Outcome(StrEnum):
    """The outcome of an event."""

    RECORDED = "recorded"
    COUNTING = "counting"
    PENDING = "pending"
    IGNORED = "ignored"


class Replayed(NamedTuple):
    """How many pending events are counted now, and how many contradict what is counted."""

    counted: int
    contradicting: int


async def record(store: Store, notification: Notification, payload: str, days: int) -> Outcome:
    """Record what an event says, or keep it pending for so many days.

    Raises `DeadlineExceeded` for an event that is not counted in time and names erased customers only.
    """
    if not notification.known:
        return Outcome.IGNORED
    organization_id = notification.organization_id
    try:
        with until(Deadline(current_deadline().remaining * COUNTING_SHARE)):
            await _write(store, [notification])
    except DeadlineExceeded:
        # If one of its promotions arrives meanwhile, the event is found.
        notification.missing = {one.promotion_identifier for one in notification.issuances}
        notification.problem = UNFINISHED
    if (reason := _reason(notification)) is None:
        return Outcome.RECORDED
    event = PendingEvent(
        organization_id,
        notification.event_id,
        PayloadFormat.EVENT,
        payload,
        reason,
        datetime.now(UTC),
        _awaited(notification),
        named_customers(payload),
    )
    if not await _keep(store, event, days):
        if reason == UNFINISHED:
            raise DeadlineExceeded
        return Outcome.IGNORED
    if reason == UNFINISHED:
        return Outcome.COUNTING
    written = event.promotion_identifiers
    while written:
        unknown, _, _ = await issue(store, organization_id, notification.issuances)
        notification.missing = {notification.issuances[position].promotion_identifier for position in unknown}
        if (reason := _reason(notification)) is None:
            await pending_events.delete(store, [event])
            return Outcome.RECORDED
        if (awaited := _awaited(notification)) == written:
            break
        # Some of its promotions have arrived, and others may arrive before this is written.
        await pending_events.explain(store, event, reason, awaited)
        written = awaited
    return Outcome.PENDING


async def issue(
    store: Store, organization_id: int, issuances: Sequence[IssuanceRecord]
) -> tuple[list[int], list[int], list[int]]:
    """Add the issuances to the ledger whose promotions are known.

    Returns the positions of those with an unknown promotion, of those that are there already, and, of these,
    of those that differ from what is there.
    """
    named = [one.promotion_identifier for one in issuances if one.promotion_id is None]
    known = await find_promotion_ids(store, organization_id, named)
    found: dict[int, Issuance] = {}
    for position, one in enumerate(issuances):
        promotion_id = known.get(one.promotion_identifier) if one.promotion_id is None else one.promotion_id
        if promotion_id is not None:
            found[position] = one.issuance(promotion_id)
    positions = list(found)
    there, contradicting = await ledger.add_issuances(store, organization_id, found.values())
    unknown = [position for position in range(len(issuances)) if position not in found]
    return unknown, [positions[n] for n in there], [positions[n] for n in contradicting]


async def replay_all(
    store: Store,
    organization_id: int | None = None,
    promotion_identifier: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Count the pending events that can be counted now, until all are done or `stop` says so.

    Of one organisation, only those are tried that wait for a promotion, or for this promotion.
    """
    counted = contradicting = 0
    waiting = (
        event
        async for event in pending_events.waiting(store, organization_id, promotion_identifier)
        if event.promotion_identifiers or organization_id is None
    )
    async for batch in pending_events.in_batches(waiting):
        if stop():
            break
        replayed = await replay(store, batch)
        counted += replayed.counted
        contradicting += replayed.contradicting
    return Replayed(counted, contradicting)


async def replay(store: Store, events: Sequence[PendingEvent]) -> Replayed:
    """Count these events of one organisation; those that cannot be counted stay pending."""
    read = [_read(event) for event in events]
    await _write(store, read)
    counted: list[PendingEvent] = []
    contradicting = 0
    for event, notification in zip(events, read, strict=True):
        # An event with the id of an earlier one repeats it; a record of an import must be the same.
        if notification.contradicting and event.format is PayloadFormat.RECORD:
            notification.problem, contradicting = CONTRADICTING, contradicting + 1
        reason, awaited = _reason(notification), _awaited(notification)
        if reason is None:
            counted.append(event)
        elif (reason, awaited) != (event.reason, event.promotion_identifiers):
            await pending_events.explain(store, event, reason, awaited)
    await pending_events.delete(store, counted)
    return Replayed(len(counted), contradicting)


def _read(event: PendingEvent) -> Notification:
    read = Notification(event.organization_id, event.event_id, event.received_on)
    try:
        if event.format is PayloadFormat.EVENT:
            return notifications.read(event.payload, event.received_on, event.event_id)
        record = records.decode(event.payload.encode())
        assert isinstance(record, IssuanceRecord), "only issuances wait for promotions"
        read.issuances.append(record)
    except RecordInvalid as error:
        # The event arrived when other rules were in force.
        read.problem = str(error)
    return read


async def _keep(store: Store, event: PendingEvent, days: int) -> bool:
    """Keep an event without the identifiers of erased customers; False if it names no other customer."""
    kept = without(event, await find_erased(store, event.organization_id, event.customer_ids))
    if kept is None:
        return False
    there = await pending_events.keep(store, [kept], days)
    if there and event.reason == UNFINISHED:
        await pending_events.explain(store, event, UNFINISHED, event.promotion_identifiers)
    # An erasure at the same time may have missed the event.
    return without(kept, await forget_erased(store, event.organization_id, kept.customer_ids)) is not None


async def _write(store: Store, events: Sequence[Notification]) -> None:
    """Write what these events of one organisation say, and set their problems and missing promotions."""
    organization_id = events[0].organization_id
    for event in events:
        if event.erased is not None:
            await customer_changes.erase(store, organization_id, event.erased)
        if event.merged is not None:
            try:
                await customer_changes.merge(store, organization_id, *event.merged)
            except MergeRefused as error:
                event.problem = str(error)
    identifiers = [(*one, event.created_at) for event in events for one in event.identifiers]
    await ledger.move_identifiers(store, organization_id, identifiers)
    for event in events:
        for promotion in event.promotions:
            if (await ledger.put_promotions(store, organization_id, [promotion], event.created_at)).refused:
                event.problem = IDENTIFIER_TAKEN
            elif promotion.promotion_identifier:
                await replay_all(store, organization_id, promotion.promotion_identifier)
    issuances = [(event, one) for event in events for one in event.issuances]
    unknown, _, contradicting = await issue(store, organization_id, [one for _, one in issuances])
    for position in unknown:
        event, one = issuances[position]
        event.missing.add(one.promotion_identifier)
    for position in contradicting:
        issuances[position][0].contradicting = True


def _reason(event: Notification) -> str | None:
    """Why the event must be kept pending, if it must."""
    if event.problem or not event.missing:
        return event.problem
    return NO_PROMOTION if event.missing == {None} else UNKNOWN_PROMOTION


def _awaited(event: Notification) -> tuple[str, ...]:
    return tuple(sorted(identifier for identifier in event.missing if identifier))
