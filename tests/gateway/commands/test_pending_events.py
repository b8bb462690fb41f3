"""`promo-gateway events` shows pending events, and escapes control characters of their senders."""

import json
from datetime import UTC, datetime

import pytest

from gateway.commands.database import set_up
from loaders import ledger, pending_events
from loaders.enums import PayloadFormat
from loaders.pending_events import PendingEvent
from loaders.promotions import Promotion
from loaders.store import Store
from tests.helpers.commands import invoke, invoke_in_thread, run_on_terminal
from tests.helpers.records import ISSUANCE, changed

RECEIVED_ON = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
EVIL = "evil\t\x1b[31mRED\x1b[0m\nORG\tfake"
SHOWN = "evil\\t\\x1b[31mRED\\x1b[0m\\nORG\\tfake"
PAYLOAD = '{"eventName":\n "\x7f\x9b31m\u202efake"}'


@pytest.fixture
async def pending(empty_store: Store, database: dict[str, str]) -> dict[str, str]:
    """The environment of a database with an event and a record that are pending."""
    await set_up(empty_store)
    record = changed(ISSUANCE, promotionId=None, promotionIdentifier="021a")
    events = [
        # Databases can have such an event from before ids with control characters were refused.
        PendingEvent(51135, EVIL, PayloadFormat.EVENT, PAYLOAD, "bad\x1b", RECEIVED_ON),
        PendingEvent(51135, "e-1", PayloadFormat.RECORD, record, "waits", RECEIVED_ON, ("021a",)),
    ]
    await pending_events.keep(empty_store, events, 30_000)
    return database


@pytest.mark.parametrize("terminal", [False, True])
def test_a_row_cannot_be_forged(pending: dict[str, str], terminal: bool) -> None:
    if terminal:
        status, listed = run_on_terminal("events", "list", variables=pending)
    else:
        completed = invoke("events", "list", variables=pending)
        status, listed = completed.returncode, completed.stdout
    assert status == 0
    assert listed.splitlines() == [
        "ORGANISATION\tEVENT\tRECEIVED\tREASON",
        f"51135\t{SHOWN}\t2026-01-02T03:04:05+00:00\tbad\\x1b",
        "51135\te-1\t2026-01-02T03:04:05+00:00\twaits",
    ]


def test_the_json_output_has_an_object_per_line(pending: dict[str, str]) -> None:
    listed = invoke("events", "list", "--json", variables=pending).stdout
    assert listed.isascii()
    assert [json.loads(line) for line in listed.splitlines()] == [
        {
            "orgId": 51135,
            "eventId": EVIL,
            "format": "event",
            "receivedOn": "2026-01-02T03:04:05.678+00:00",
            "reason": "bad\x1b",
            "promotionIdentifiers": [],
        },
        {
            "orgId": 51135,
            "eventId": "e-1",
            "format": "record",
            "receivedOn": "2026-01-02T03:04:05.678+00:00",
            "reason": "waits",
            "promotionIdentifiers": ["021a"],
        },
    ]


def test_an_event_is_shown_as_it_came_but_escaped_on_a_terminal(pending: dict[str, str]) -> None:
    assert invoke("events", "show", "51135", EVIL, variables=pending).stdout == f"{PAYLOAD}\n"
    shown = run_on_terminal("events", "show", "51135", EVIL, variables=pending)
    assert shown == (0, '{"eventName":\r\n "\\x7f\\x9b31m\\u202efake"}\r\n')


def test_an_event_that_is_not_pending_is_reported_in_one_line(pending: dict[str, str]) -> None:
    completed = invoke("events", "show", "1", EVIL, variables=pending)
    assert completed.stderr == f"Error: Organisation 1 has no pending event {SHOWN}.\n"
    assert (completed.returncode, completed.stdout) == (1, "")


async def test_a_replay_counts_what_can_be_counted_and_explains_the_rest(
    pending: dict[str, str], empty_store: Store
) -> None:
    await ledger.put_promotions(empty_store, 51135, [Promotion(2568, 2000065, "021a", "Summer")])
    assert (
        await invoke_in_thread("events", "replay", variables=pending)
    ).stdout == "1 pending events counted.\n"
    [event] = [event async for event in pending_events.waiting(empty_store)]
    assert (event.event_id, event.reason) == (EVIL, "orgId is missing")
