"""What came but cannot be counted yet: kept whole with the reason, until its promotion is known."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from loaders.database_schema import PENDING_EVENTS
from loaders.enums import PayloadFormat
from loaders.store import Document, Int64, Store


@dataclass(frozen=True, slots=True)
class PendingEvent:
    """An event or a record of an import, as it came, and why it is not in the ledger.

    `promotion_identifiers` are those that it waits for; none where it names no promotion.
    """

    organization_id: int
    event_id: str
    form: PayloadFormat
    payload: str
    reason: str
    promotion_identifiers: tuple[str, ...] = ()
    received_on: datetime | None = None

    @property
    def id(self) -> str:
        return _id(self.organization_id, self.event_id, self.form)


async def keep(store: Store, things: Sequence[PendingEvent], days: int) -> list[int]:
    """Set things aside for so many days; returns the positions of those that are there already."""
    now = datetime.now(UTC)
    documents: list[Document] = [
        {
            "_id": thing.id,
            "orgId": Int64(thing.organization_id),
            "eventId": thing.event_id,
            "form": thing.form.value,
            "payload": thing.payload,
            "reason": thing.reason,
            "promotionIdentifiers": list(thing.promotion_identifiers),
            "receivedOn": now,
            "expireOn": now + timedelta(days=days),
        }
        for thing in things
    ]
    return await store.insert_missing(PENDING_EVENTS.name, documents)


async def find(store: Store, organization_id: int, event_id: str, form: PayloadFormat) -> PendingEvent | None:
    """What was set aside under this event id, if it is still there."""
    document = await store.get(PENDING_EVENTS.name, _id(organization_id, event_id, form))
    return None if document is None else _pending_events(document)


async def waiting(
    store: Store, organization_id: int | None = None, promotion_identifier: str | None = None
) -> AsyncIterator[PendingEvent]:
    """What is set aside, of one organisation and waiting for one promotion if these are given."""
    query: Document = {} if organization_id is None else {"orgId": organization_id}
    if promotion_identifier is not None:
        query["promotionIdentifiers"] = promotion_identifier
    async for document in store.stream(PENDING_EVENTS.name, query, ("_id",)):
        yield _pending_events(document)


async def give_up(store: Store, things: Sequence[PendingEvent], reason: str) -> None:
    """Keep things for another reason: no promotion that arrives will have them counted."""
    fields = {"reason": reason, "promotionIdentifiers": []}
    await store.upsert(PENDING_EVENTS.name, [({"_id": thing.id}, {"$set": fields}) for thing in things])


async def forget(store: Store, things: Sequence[PendingEvent]) -> None:
    """Take away what is counted now."""
    if things:
        await store.delete(PENDING_EVENTS.name, [thing.id for thing in things])


def _id(organization_id: int, event_id: str, form: PayloadFormat) -> str:
    return f"{form}:{organization_id}:{event_id}"


def _pending_events(document: Document) -> PendingEvent:
    return PendingEvent(
        int(document["orgId"]),
        document["eventId"],
        PayloadFormat(document["form"]),
        document["payload"],
        document["reason"],
        tuple(document["promotionIdentifiers"]),
        document["receivedOn"],
    )
