"""The probes: whether this process lives, and whether it takes requests. They need no credentials."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.middleware.admission import InFlightRequests
from gateway.telemetry.logs import log
from loaders.database_setup import find_problems
from loaders.deadline import Deadline, until
from loaders.errors import StoreUnavailable
from loaders.store import Store

LIVE, READY = "/health/live", "/health/ready"
NOT_READY = "draining", "overloaded", "database unavailable", "database not set up"
DRAINING, OVERLOADED, DATABASE_UNAVAILABLE, DATABASE_NOT_SET_UP = NOT_READY
PING_SECONDS = 1.0
SCHEMA_CHECK_SECONDS = 30.0


class Health:
    """`GET /health/live` and `GET /health/ready`."""

    def __init__(self, store: Store, in_flight: InFlightRequests) -> None:
        self._store = store
        self._in_flight = in_flight
        self._ping: asyncio.Task[bool] | None = None
        self._set_up = True

    async def live(self, _: Request) -> Response:
        """Respond without a command to the database: a restart does not help if the database is down."""
        return _answer("alive")

    async def ready(self, _: Request) -> Response:
        """Say whether this process takes requests, and if not, why."""
        if self._in_flight.draining:
            return _answer(DRAINING)
        if self._in_flight.full:
            return _answer(OVERLOADED)
        # Concurrent probes share a ping, because anybody may send them.
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self.database_answers())
        if not await asyncio.shield(self._ping):
            return _answer(DATABASE_UNAVAILABLE)
        if not self._set_up:
            return _answer(DATABASE_NOT_SET_UP)
        return _answer("ready")

    def is_set_up(self) -> bool:
        """Whether the database had all collections and indexes when it was checked last."""
        return self._set_up

    async def check_schema(self) -> None:
        """Notice that the database was emptied: without its indexes, events could be counted twice."""
        while True:
            await asyncio.sleep(SCHEMA_CHECK_SECONDS)
            try:
                problems = await find_problems(self._store)
            except StoreUnavailable:
                continue
            if problems and self._set_up:
                log.error("database_not_set_up", problems=problems)
            self._set_up = not problems

    async def database_answers(self) -> bool:
        """Whether the database answers a ping in time."""
        with until(Deadline(PING_SECONDS)):
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._store.ping()
            except (StoreUnavailable, TimeoutError):
                return False
        return True


def _answer(status: str) -> Response:
    code = 503 if status in NOT_READY else 200
    return Response(json_format.encode({"status": status}), code, media_type=json_format.MEDIA_TYPE)
