"""Event notifications in: each counted once, those that cannot be counted yet set aside, none lost.

To leave no gap between an event and the promotion it waits for, each side writes first and then looks: the
event is set aside, and its promotion looked up again; the promotion is written, and what waits for it looked
up.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import codec
from gateway.auth import AccessDenied, Caller
from gateway.ingest import notifications, records
from gateway.ingest.notifications import Notification, Part
from gateway.ingest.records import IssuanceRecord, RecordInvalid
from loaders import ledger, set_aside
from loaders.ledger import issuance_document
from loaders.promotions import PromotionByReferenceLoader, PromotionReference
from loaders.set_aside import SetAside
from loaders.store import Store, StoreUnavailable
from loaders.vocabulary import Form, Resource, Right

PATH = "/v3/events"
LONGEST_EVENT = 1024 * 1024

logger = logging.getLogger("promo_gateway")


class EventsEndpoint:
    """`POST /v3/events`: one notification a request, from a caller who may write events."""

    def __init__(
        self, store: Store, authenticate: Callable[[Request], Awaitable[Caller]], set_aside_days: int
    ) -> None:
        self._store = store
        self._authenticate = authenticate
        self._days = set_aside_days

    async def receive(self, request: Request) -> Response:
        """Answer 200 only when the majority of the database has what the event says."""
        caller = await self._authenticate(request)
        caller.require(Right.WRITE, Resource.EVENT)
        body = await _read(request)
        try:
            notification = notifications.read(body)
            if notification is None:
                outcome = "ignored"
                logger.info("event ignored: its name means nothing here")
            elif notification.organization_id != caller.organization.id:
                raise AccessDenied
            else:
                outcome = await take(self._store, notification, body.decode(), self._days)
        except RecordInvalid as error:
            raise HTTPException(400, f"{error}.") from error
        except StoreUnavailable as error:
            raise HTTPException(503, "The event is not recorded; send it again.") from error
        headers = {"Cache-Control": "no-store"}
        return Response(codec.encode({"status": outcome}), headers=headers, media_type=codec.MEDIA_TYPE)


async def take(store: Store, notification: Notification, payload: str, days: int) -> str:
    """Record what an event says, or set it aside: "recorded" or "set aside".

    Raises `RecordInvalid` for what can never be taken.
    """
    missing = await _record(store, notification)
    if not missing:
        return "recorded"
    unnamed = missing == {None}
    reason = "it names no promotion" if unnamed else "its promotion is not known yet"
    thing = SetAside(
        notification.organization_id,
        notification.event_id,
        Form.EVENT,
        payload,
        reason,
        tuple(sorted(identifier for identifier in missing if identifier is not None)),
    )
    await set_aside.keep(store, [thing], days)
    logger.info("event %r set aside: %s", notification.event_id, reason)
    return "recorded" if not unnamed and await replay(store, thing) else "set aside"


async def replay(store: Store, thing: SetAside) -> bool:
    """Count what was set aside, if that is possible now."""
    if thing.form is Form.EVENT:
        notification = notifications.read(thing.payload)
        counted = notification is not None and not await _record(store, notification)
    else:
        record = records.decode(thing.payload.encode())
        assert isinstance(record, IssuanceRecord), "only issuances wait for promotions"
        counted = await _record_issuance(store, record)
    if counted:
        await set_aside.forget(store, [thing])
    return counted


async def replay_all(
    store: Store, organization_id: int | None = None, promotion_identifier: str | None = None
) -> int:
    """Replay all that is set aside (for one promotion); returns how many could be counted."""
    counted = 0
    async for thing in set_aside.waiting(store, organization_id, promotion_identifier):
        counted += await replay(store, thing)
    return counted


async def _record(store: Store, said: Notification) -> set[str | None]:
    """Write what an event says; returns the promotions that it lacks, None for one that is not named."""
    organization_id = said.organization_id
    await ledger.move_identifiers(store, organization_id, said.identifiers, said.created_at)
    for promotion, name in said.promotions:
        described = [(promotion, name)]
        if (await ledger.put_promotions(store, organization_id, described, said.created_at)).refused:
            raise RecordInvalid("externalIdentifier belongs to another promotion")
        await replay_all(store, organization_id, promotion.promotion_identifier)
    promotion_ids = await _promotion_ids(store, organization_id, said.parts)
    found = [
        replace(part.issuance, promotion_id=promotion_id)
        for part, promotion_id in zip(said.parts, promotion_ids, strict=True)
        if promotion_id is not None
    ]
    await ledger.add_issuances(store, organization_id, found)
    return {
        part.promotion_identifier
        for part, promotion_id in zip(said.parts, promotion_ids, strict=True)
        if promotion_id is None
    }


async def _promotion_ids(store: Store, organization_id: int, parts: list[Part]) -> list[int | None]:
    loader = PromotionByReferenceLoader(store, organization_id)
    keys = [
        PromotionReference("promotionIdentifier", part.promotion_identifier)
        for part in parts
        if part.promotion_id is None and part.promotion_identifier is not None
    ]
    known = {
        key.value: promotion.promotion_id
        for key, promotion in zip(keys, await loader.load_many(keys), strict=True)
        if promotion is not None
    }
    return [
        known.get(part.promotion_identifier or "") if part.promotion_id is None else part.promotion_id
        for part in parts
    ]


async def _record_issuance(store: Store, record: IssuanceRecord) -> bool:
    loader = PromotionByReferenceLoader(store, record.org_id)
    reference = PromotionReference("promotionIdentifier", record.promotion_identifier or "")
    promotion = await loader.load(reference)
    if promotion is None:
        return False
    issuance = record.issuance(promotion.promotion_id)
    if await ledger.add_issuances(store, record.org_id, [issuance]):
        # Something with this event id is there: counted already, or not to be overwritten.
        [differs] = await ledger.differing(store, [issuance_document(record.org_id, issuance)])
        return not differs
    return True


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_EVENT:
            raise HTTPException(413, f"An event has at most {LONGEST_EVENT} bytes.")
    return bytes(body)
