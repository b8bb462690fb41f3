"""`POST /v3/events`: the loyalty platform's event notifications, one a request."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.auth.callers import Caller, require
from gateway.errors import AccessDenied
from gateway.http_headers import require_json
from gateway.ingest import event_recorder, notifications
from gateway.ingest.records import RecordInvalid
from gateway.telemetry.metrics import EVENTS
from loaders.enums import Resource, Right
from loaders.errors import StoreUnavailable
from loaders.store import Store

EVENTS_PATH = "/v3/events"
NOT_RECORDED = "The event is not recorded; send it again."


async def receive_event(
    request: Request,
    *,
    store: Store,
    authenticate: Callable[[Request], Awaitable[Caller]],
    pending_event_days: int,
    forget: Callable[..., None],
    is_set_up: Callable[[], bool],
    begin_counting: Callable[[], None],
) -> Response:
    """Record one notification of a caller that may write events.

    The response is 200 when a majority of the database's servers has stored the event.
    """
    if not is_set_up():
        raise HTTPException(503, NOT_RECORDED)
    caller = await authenticate(request)
    require(caller.rights, Right.WRITE, Resource.EVENT)
    require_json(request)
    body = await request.body()
    try:
        notification = notifications.read(body, datetime.now(UTC))
        if notification.organization_id != caller.organization.id:
            raise AccessDenied
        identifiers = [identifier for identifier, _ in notification.identifiers]
        # A promotion makes pending events count, and these may move any identifier, as a merge may.
        everything = notification.promotions or notification.merged or notification.erased is not None
        try:
            outcome = await event_recorder.record(store, notification, body.decode(), pending_event_days)
        finally:
            forget(notification.organization_id, None if everything else identifiers)
    except RecordInvalid as error:
        raise HTTPException(400, f"The body is not an event: {error}.") from error
    except StoreUnavailable as error:
        raise HTTPException(503, NOT_RECORDED) from error
    if outcome is event_recorder.Outcome.COUNTING:
        begin_counting()
    EVENTS.labels(outcome).inc()
    return Response(json_format.encode({"status": outcome}), media_type=json_format.MEDIA_TYPE)
