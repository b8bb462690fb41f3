"""Events and records of imports that cannot be counted yet: kept unchanged, with the reason."""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from loaders.database_schema import PENDING_EVENTS
from loaders.enums import PayloadFormat
from loaders.store import Document, Int64, Store

# A batch is also full at this size, so that large events do not take much memory.
BATCH_EVENTS, BATCH_CHARACTERS = 500, 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event or a record of an import, unchanged, and the reason why it is not in the ledger.

    `promotion_identifiers` name the promotions that it waits for; there are none where it names no promotion.
    `customer_ids` are the customers whose identifiers the payload may have.
    """

    organization_id: int
    event_id: str
    format: PayloadFormat
    payload: str
    reason: str
    received_on: datetime
    promotion_identifiers: tuple[str, ...] = ()
    customer_ids: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        return _id(self.organization_id, self.event_id, self.format)


async def keep(store: Store, events: Sequence[PendingEvent], days: int) -> list[int]:
    """Keep events for so many days; returns the positions of those that are pending already."""
    documents: list[Document] = [
        {
            "_id": event.id,
            "orgId": Int64(event.organization_id),
            "eventId": event.event_id,
            "format": event.format.value,
            "payload": event.payload,
            "reason": event.reason,
            "promotionIdentifiers": list(event.promotion_identifiers),
            "customerIds": [Int64(one) for one in event.customer_ids],
            "receivedOn": event.received_on,
            "expireOn": event.received_on + timedelta(days=days),
        }
        for event in events
    ]
    return await store.insert_missing(PENDING_EVENTS.name, documents)


async def find(
    store: Store, organization_id: int, event_id: str, format: PayloadFormat
) -> PendingEvent | None:
    """The pending event with this id, if there is one."""
    document = await store.get(PENDING_EVENTS.name, _id(organization_id, event_id, format))
    return None if document is None else _pending_event(document)


def waiting(
    store: Store, organization_id: int | None = None, promotion_identifier: str | None = None
) -> AsyncIterator[PendingEvent]:
    """The pending events: of one organisation, or of those that wait for one of its promotions, if given."""
    query: Document = {} if organization_id is None else {"orgId": organization_id}
    if promotion_identifier is not None:
        query["promotionIdentifiers"] = promotion_identifier
    return _stream(store, query)


async def in_batches(events: AsyncIterator[PendingEvent]) -> AsyncIterator[list[PendingEvent]]:
    """The events in batches of one organisation and of a bounded size."""
    batch: list[PendingEvent] = []
    size = 0
    async for event in events:
        full = len(batch) == BATCH_EVENTS or size >= BATCH_CHARACTERS
        if batch and (full or event.organization_id != batch[0].organization_id):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += len(event.payload)
    if batch:
        yield batch


def naming(store: Store, organization_id: int, customer_ids: Collection[int]) -> AsyncIterator[PendingEvent]:
    """The pending events that may have identifiers of one of these customers, of which there is at least one.

    An earlier version wrote events without `customerIds`.
    """
    named = rf'"customerId"\s*:\s*"?0*({"|".join(map(str, customer_ids))})\b'
    old = {"customerIds": {"$exists": False}, "payload": {"$regex": named}}
    recorded = {"customerIds": {"$in": [Int64(one) for one in customer_ids]}}
    return _stream(store, {"orgId": organization_id, "$or": [recorded, old]})


def with_reason(store: Store, reason: str) -> AsyncIterator[PendingEvent]:
    """The events of all organisations that are pending for this reason."""
    return _stream(store, {"reason": reason}, batch=10)


async def explain(
    store: Store, event: PendingEvent, reason: str, promotion_identifiers: Sequence[str]
) -> None:
    """Change the reason why an event is pending, and the promotions that it waits for."""
    fields = {"reason": reason, "promotionIdentifiers": list(promotion_identifiers)}
    await store.update(PENDING_EVENTS.name, event.id, {"$set": fields})


async def change(store: Store, event: PendingEvent, to: PendingEvent) -> None:
    """Change the payload and the customers of an event, unless the payload changed meanwhile."""
    fields = {"payload": to.payload, "customerIds": [Int64(one) for one in to.customer_ids]}
    query = {"_id": event.id, "payload": event.payload}
    await store.update_many(PENDING_EVENTS.name, query, {"$set": fields})


async def delete(store: Store, events: Sequence[PendingEvent]) -> None:
    """Delete events that are counted now."""
    if events:
        await store.delete(PENDING_EVENTS.name, {"_id": {"$in": [event.id for event in events]}})


def _id(organization_id: int, event_id: str, format: PayloadFormat) -> str:
    return f"{format}:{organization_id}:{event_id}"


async def _stream(store: Store, query: Document, batch: int = 1_000) -> AsyncIterator[PendingEvent]:
    async for document in store.stream(PENDING_EVENTS.name, query, ("_id",), batch=batch):
        yield _pending_event(document)


def _pending_event(document: Document) -> PendingEvent:
    return PendingEvent(
        int(document["orgId"]),
        document["eventId"],
        PayloadFormat(document["format"]),
        document["payload"],
        document["reason"],
        document["receivedOn"],
        tuple(document["promotionIdentifiers"]),
        tuple(map(int, document.get("customerIds", ()))),
    )
