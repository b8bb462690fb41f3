"""Counts the events that took too long for their requests.

Such an event is kept pending before its request is answered. So it survives the end of the process: after a
restart, or in another process, it is counted from the beginning. Several processes may count one event at the
same time, because each issuance counts once.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from gateway.ingest import event_recorder
from gateway.telemetry.logs import log, without_message
from loaders import pending_events
from loaders.errors import StoreUnavailable
from loaders.store import Store

# The interval of the search for events that another process left unfinished, or that failed.
RESUME_SECONDS = 30.0


async def count_unfinished(store: Store, forget: Callable[[int], None], begin: asyncio.Event) -> None:
    """Count unfinished events, one at a time, until cancelled: at each `begin`, and after `RESUME_SECONDS`.

    An event that is not finished then stays pending. `forget` drops what is remembered of an organisation.
    """
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(RESUME_SECONDS):
                await begin.wait()
        begin.clear()
        with suppress(StoreUnavailable):
            async for event in pending_events.with_reason(store, event_recorder.UNFINISHED):
                try:
                    await event_recorder.replay(store, [event])
                except Exception as error:
                    log.error("event_not_counted", **without_message(error))
                finally:
                    forget(event.organization_id)
