"""Commands, the gateway or the database are killed before each of their writes.

After a repetition or a restart, the database has the same documents as after a run without interruption.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pymongo.monitoring import (
    CommandFailedEvent,
    CommandListener,
    CommandStartedEvent,
    CommandSucceededEvent,
)

from gateway.commands.database import set_up
from gateway.ingest import event_recorder, notifications
from gateway.rest.events import EVENTS_PATH
from gateway.settings import Settings
from loaders.database_schema import CUSTOMER_IDENTIFIERS, CUSTOMER_STATUSES, ISSUANCES, PENDING_EVENTS
from loaders.driver import DriverName
from loaders.errors import StoreUnavailable
from loaders.store import Store
from tests.conftest import drop
from tests.helpers import events
from tests.helpers.commands import run
from tests.helpers.events import changed, new_writer
from tests.helpers.faults import PATIENCE, Database
from tests.helpers.gateway import environment, free_port, new_tenant, wait_until_served
from tests.helpers.repository import ROOT

pytestmark = pytest.mark.slow

ORG, SURVIVOR, VICTIM, ERASED = 51135, 387729100, 387729101, 387729102
WRITES = {"insert", "update", "delete"}
# `promo-gateway`, killed before the write whose number is its first argument. A busy machine may take longer
# to check the sender's password, or to deliver a body, than a gateway waits for it.
KILLED = f"""
import os, signal, sys
from pymongo import monitoring
from gateway.auth import password_check
from gateway.commands.main import main
from gateway.middleware import deadline

password_check.WAIT_SECONDS = password_check.READ_SECONDS = deadline.BODY_SECONDS = 60

class Killer(monitoring.CommandListener):
    left = int(sys.argv.pop(1))
    def started(self, event):
        if event.command_name in {WRITES}:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
    def succeeded(self, event): ...
    def failed(self, event): ...

monitoring.register(Killer())
main()
"""
# The same program, with one issuance per write, and with all events counted in the background.
KILLED_IN_BACKGROUND = f"""
from gateway.ingest import background_counting, event_recorder
from loaders import ledger
background_counting.RESUME_SECONDS, event_recorder.COUNTING_SHARE, ledger.BATCH_ISSUANCES = 0.05, 0, 1
{KILLED}
"""


def for_customer(customer_id: int, sample: dict[str, Any], event_id: str) -> dict[str, Any]:
    identifiers = {
        "customerId": customer_id,
        "instore": {"mobile": f"91{customer_id}", "externalId": f"E-{customer_id}"},
    }
    return {**changed(sample, "data", "customerIdentifiers", to=identifiers), "eventId": event_id}


WAITS = changed(events.BADGE_EARNED, "data", "promotionIdentifier", to="never")
# Two customers share this event, and one of them is erased.
SHARED = changed(
    changed(events.COUPON_ISSUE, "data", "promotionId", to=...), "data", "promotionIdentifier", to="never"
)
SHARED["data"]["coupons"] = [
    {"customerIdentifiers": for_customer(one, events.CUSTOMER_ADDED, "")["data"]["customerIdentifiers"]}
    for one in (SURVIVOR, ERASED)
]
BEFORE = [
    {**SHARED, "eventId": "shared"},
    *(
        for_customer(customer_id, sample, f"{name}-{customer_id}")
        for customer_id in (SURVIVOR, VICTIM, ERASED)
        for name, sample in (
            ("added", events.CUSTOMER_ADDED),
            ("points", events.POINTS_ISSUED),
            ("waits", WAITS),
        )
    ),
]
MERGED = events.event(
    "loyaltyCustomerMerge",
    {
        "survivorCustomerIdentifiers": {"customerId": SURVIVOR},
        "victimCustomerIdentifiers": {"customerId": VICTIM},
    },
    "merged",
)
DELETED = for_customer(ERASED, events.CUSTOMER_DELETED, "deleted")
# The events of each customer come again after the merge and the erasure, as the platform may repeat them.
HISTORY = [json.dumps(one) for one in (*BEFORE, MERGED, DELETED, *BEFORE)]
COMMANDS = {
    "merge": ("customers", "merge", "--org", str(ORG), "--victim", str(VICTIM), "--survivor", str(SURVIVOR)),
    "erase": (
        *("customers", "erase", "--org", str(ORG), "--source", "INSTORE"),
        *("--identifier-name", "id", "--identifier-value", str(ERASED)),
    ),
}


class DatabaseKiller(CommandListener):
    """Kills the database before the write with this number, or, for a negative number, after it."""

    def __init__(self, database: Database, write: int) -> None:
        self._database = database
        self._before, self._after = (write, 0) if write > 0 else (0, -write)
        self.killed = False

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in WRITES:
            self._before -= 1
            self._kill(self._before)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.command_name in WRITES:
            self._after -= 1
            self._kill(self._after)

    def failed(self, event: CommandFailedEvent) -> None:
        """Failed writes do not count, because they are sent again."""

    def _kill(self, left: int) -> None:
        if left == 0:
            self._database.signal(signal.SIGKILL)
            self.killed = True


async def prepare(store: Store) -> dict[str, str]:
    await set_up(store)
    tenant = await new_tenant(store, organization_id=ORG, mobile="918000000000")
    return {**await new_writer(store, tenant), "Content-Type": "application/json"}


async def record(store: Store, payload: str) -> None:
    await event_recorder.record(store, notifications.read(payload, datetime.now(UTC)), payload, 30)


async def dump(store: Store) -> dict[str, list[str]]:
    """All documents, without the fields that differ between runs: times of arrival and generated ids."""
    found = {}
    for collection in (CUSTOMER_IDENTIFIERS, CUSTOMER_STATUSES, ISSUANCES, PENDING_EVENTS):
        documents = [one async for one in store.stream(collection.name, {}, ("_id",))]
        for one in documents:
            for name in ("receivedOn", "expireOn", *(["_id"] if collection is CUSTOMER_IDENTIFIERS else [])):
                one.pop(name, None)
        found[collection.name] = sorted(json.dumps(one, default=str, sort_keys=True) for one in documents)
    return found


@pytest.fixture
async def clean(mongodb_uri: str, driver: DriverName) -> AsyncIterator[Store]:
    """A separate database for the run without interruption."""
    store = Store(mongodb_uri, f"test_{uuid.uuid4().hex}", driver=driver)
    await prepare(store)
    yield store
    await store.close()
    drop(mongodb_uri, store.name)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("write", [1, 2, 3])
async def test_a_second_run_completes_a_killed_command(
    clean: Store, empty_store: Store, settings: Settings, command: str, write: int
) -> None:
    for store in (clean, empty_store):
        if store is empty_store:
            await prepare(store)
        for one in BEFORE:
            await record(store, json.dumps(one))
    arguments = (*COMMANDS[command], "--yes")
    variables = environment(settings, GATEWAY_DATABASE=empty_store.name, PYTHONPATH=str(ROOT))
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", KILLED, str(write), *arguments],
        env=variables,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    for name in (clean.name, empty_store.name):
        own = {**variables, "GATEWAY_DATABASE": name}
        assert (await asyncio.to_thread(run, *arguments, variables=own)).returncode == 0
    assert await dump(empty_store) == await dump(clean)


async def serve(
    program: str, write: int, variables: dict[str, str]
) -> tuple[asyncio.subprocess.Process, str]:
    """Start a gateway that kills itself before this write, or never if it is 0; returns its address too."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, str(write), "serve", "--port", str(port)),
        env=variables,
        stderr=subprocess.DEVNULL,
    )
    await asyncio.to_thread(wait_until_served, port)
    return process, f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("write", range(1, 39, 2))
async def test_a_killed_gateway_loses_no_event_and_counts_none_twice(
    clean: Store, empty_store: Store, settings: Settings, write: int
) -> None:
    for payload in HISTORY:
        await record(clean, payload)
    headers = await prepare(empty_store)
    variables = environment(settings, GATEWAY_DATABASE=empty_store.name, PYTHONPATH=str(ROOT))
    waiting, codes = list(HISTORY), []
    for number in (write, 0):
        process, address = await serve(KILLED, number, variables)
        async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
            with suppress(httpx.TransportError):
                while waiting:
                    response = await client.post(EVENTS_PATH, content=waiting[0])
                    assert response.status_code == 200, response.text
                    del waiting[0]
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        codes.append((number, bool(waiting)))
    assert codes == [(write, True), (0, False)]
    assert await dump(empty_store) == await dump(clean)


# The seven writes: the pending event, its identifiers, four issuances, and the deletion of the event.
@pytest.mark.parametrize("write", range(1, 8))
async def test_background_counting_resumes_after_the_gateway_is_killed(
    clean: Store, empty_store: Store, settings: Settings, write: int
) -> None:
    payload = json.dumps(events.POINTS_ISSUED)
    await record(clean, payload)
    expected = await dump(clean)
    headers = await prepare(empty_store)
    variables = environment(settings, GATEWAY_DATABASE=empty_store.name, PYTHONPATH=str(ROOT))
    taken = False
    for number in (write, 0):
        process, address = await serve(KILLED_IN_BACKGROUND, number, variables)
        if not taken:
            async with httpx.AsyncClient(base_url=address, headers=headers, timeout=60) as client:
                with suppress(httpx.TransportError):
                    response = await client.post(EVENTS_PATH, content=payload)
                    assert response.json() == {"status": "counting"}
                    taken = True
        async with asyncio.timeout(60):
            while number == 0:
                await asyncio.sleep(0.05)
                if await dump(empty_store) == expected:
                    process.kill()
                    break
            assert await process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("write", [*range(2, 42, 4), *range(-38, 0, 4)])
async def test_a_killed_database_loses_no_event_and_counts_none_twice(
    clean: Store, tmp_path: Path, write: int, driver: DriverName
) -> None:
    if "GATEWAY_TEST_MONGODB_URI" in os.environ:
        pytest.skip("only the embedded server can be killed")
    for payload in HISTORY:
        await record(clean, payload)
    with Database.running(tmp_path) as database:
        store = Store(f"{database.uri}/?{PATIENCE}", "killed", driver=driver)
        await prepare(store)
        await store.close()
        killer = DatabaseKiller(database, write)
        store = Store(database.uri, "killed", driver=driver, listeners=[killer], server_seconds=1)
        restarted = False
        try:
            async with asyncio.timeout(600):
                for payload in HISTORY:
                    # The platform repeats an event until it is recorded.
                    while True:
                        try:
                            await record(store, payload)
                            break
                        except StoreUnavailable:
                            # A busy database may be unavailable for a moment before it is killed.
                            if killer.killed and not restarted:
                                database.stop()
                                database.start()
                                restarted = True
            assert killer.killed
            assert await dump(store) == await dump(clean)
        finally:
            await store.close()
