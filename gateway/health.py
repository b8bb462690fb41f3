"""The probes: whether this process lives, and whether to send it requests. They need no credentials."""

import asyncio
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from gateway.middleware.admission import InFlightRequests
from loaders.deadline import Deadline, until
from loaders.store import Store, StoreUnavailable

LIVE, READY = "/health/live", "/health/ready"
NOT_READY = DRAINING, OVERLOADED, WITHOUT_DATABASE = "draining", "overloaded", "without database"
PING_SECONDS = 1.0


class Health:
    """`GET /health/live` and `GET /health/ready`."""

    def __init__(self, store: Store, in_flight: InFlightRequests) -> None:
        self._store = store
        self._in_flight = in_flight
        self._ping: asyncio.Task[bool] | None = None

    async def live(self, _: Request) -> Response:
        """Answer without asking anybody: a process whose database is away is no better after a restart."""
        return _answer("alive")

    async def ready(self, _: Request) -> Response:
        """Say whether this process would answer now, and why not."""
        if self._in_flight.draining:
            return _answer(DRAINING, HTTPStatus.SERVICE_UNAVAILABLE)
        if self._in_flight.full:
            return _answer(OVERLOADED, HTTPStatus.SERVICE_UNAVAILABLE)
        # Probes that come together share a ping: whoever sends many of them reaches no database.
        if self._ping is None or self._ping.done():
            self._ping = asyncio.create_task(self._database_answers())
        if not await asyncio.shield(self._ping):
            return _answer(WITHOUT_DATABASE, HTTPStatus.SERVICE_UNAVAILABLE)
        return _answer("ready")

    async def warm_up(self) -> None:
        """Open a connection to the database before the first request; without one, others will try."""
        await self._database_answers()

    async def _database_answers(self) -> bool:
        with until(Deadline(PING_SECONDS)):
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._store.ping()
            except (StoreUnavailable, TimeoutError):
                return False
        return True


def _answer(status: str, code: HTTPStatus = HTTPStatus.OK) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(json_format.encode({"status": status}), code, headers, json_format.MEDIA_TYPE)
