"""`promo-gateway customers`: a customer is exported, erased or merged, and no identifier is logged."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.database import set_up
from gateway.ingest import importer
from gateway.ingest.importer import Line
from loaders import pending_events
from loaders.database_schema import COLLECTIONS
from loaders.enums import PayloadFormat
from loaders.pending_events import PendingEvent
from loaders.store import Store
from tests.conftest import Logged
from tests.helpers.commands import error, invoke, invoke_in_thread
from tests.helpers.records import CUSTOMER, ISSUANCE, MERGE, ORGANIZATION, PROMOTION, changed

RECEIVED_ON = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ORG, SURVIVOR, VICTIM = 51135, 387729100, 387729101
MOBILE, OTHER_MOBILE, EXTERNAL_ID = "919078345795", "919000000101", "V-101"
BY_MOBILE = ("--org", str(ORG), "--source", "instore", "--identifier-name", "mobile", "--identifier-value")
BY_ID = ("--org", str(ORG), "--source", "INSTORE", "--identifier-name", "id", "--identifier-value")
MERGE_COMMAND = (
    "customers",
    "merge",
    "--org",
    str(ORG),
    "--victim",
    str(VICTIM),
    "--survivor",
    str(SURVIVOR),
)


def customer(customer_id: int, **identifiers: str) -> dict[str, Any]:
    known = [{"type": name, "value": value} for name, value in identifiers.items()]
    return {**CUSTOMER, "customerId": customer_id, "profiles": [{"source": "INSTORE", "identifiers": known}]}


def issuance(event_id: str, customer_id: int) -> dict[str, Any]:
    return {
        **ISSUANCE,
        "eventId": event_id,
        "customerId": customer_id,
        "issuedOn": "2025-07-22T12:06:21.000Z",
    }


WAITS = json.loads(changed(issuance("e-waits", VICTIM), promotionId=None, promotionIdentifier="never"))
RECORDS_OF_SURVIVOR = [customer(SURVIVOR, mobile=MOBILE), issuance("e-1", SURVIVOR)]
RECORDS_OF_VICTIM = [
    customer(VICTIM, externalId=EXTERNAL_ID, mobile=OTHER_MOBILE),
    issuance("e-2", VICTIM),
    WAITS,
]
# A customer whose id begins with the survivor's.
RECORDS_OF_OTHERS = [customer(SURVIVOR * 10, mobile="1"), issuance("e-3", SURVIVOR * 10)]
RECORDS = [ORGANIZATION, PROMOTION, *RECORDS_OF_SURVIVOR, *RECORDS_OF_VICTIM, *RECORDS_OF_OTHERS]


async def load(store: Store) -> None:
    run = importer.Import(store, 30_000)
    await run.add([Line(n, json.dumps(record).encode()) for n, record in enumerate(RECORDS)])
    await run.finish()
    assert run.summary.rejected == 0


@pytest.fixture
async def filled(empty_store: Store, database: dict[str, str]) -> dict[str, str]:
    """The environment of a database with three customers, and a pending event of the victim."""
    await set_up(empty_store)
    await load(empty_store)
    payload = json.dumps({"customerId": VICTIM, "mobile": OTHER_MOBILE})
    event = PendingEvent(ORG, "ev-1", PayloadFormat.EVENT, payload, "bad", RECEIVED_ON, (), (VICTIM,))
    await pending_events.keep(empty_store, [event], 30_000)
    return database


async def dump(store: Store) -> dict[str, list[str]]:
    return {
        one.name: [str(document) async for document in store.stream(one.name, {}, ("_id",))]
        for one in COLLECTIONS
    }


def exported(variables: dict[str, str], *named: str) -> list[dict[str, Any]]:
    completed = invoke("customers", "export", *named, variables=variables)
    assert completed.returncode == 0, completed.stderr
    return [json.loads(line) for line in completed.stdout.splitlines()]


def test_an_export_has_all_records_of_one_customer(filled: dict[str, str]) -> None:
    assert exported(filled, *BY_MOBILE, MOBILE) == RECORDS_OF_SURVIVOR
    completed = invoke("customers", "export", *BY_ID, str(VICTIM), variables=filled)
    assert [json.loads(line) for line in completed.stdout.splitlines()] == RECORDS_OF_VICTIM
    assert completed.stderr == (
        "Exported from organisation 51135: customer 387729101 (3 identifiers).\n"
        "A pending event names the customer; to print it: promo-gateway events show 51135 ev-1\n"
    )


def test_an_export_can_be_written_to_a_file(filled: dict[str, str], directory: Path) -> None:
    completed = invoke("customers", "export", *BY_MOBILE, MOBILE, "--output", "own", variables=filled)
    assert (completed.returncode, completed.stdout) == (0, "")
    assert [json.loads(line) for line in (directory / "own").read_text().splitlines()] == RECORDS_OF_SURVIVOR


def test_a_file_that_cannot_be_written_is_reported_in_one_line(filled: dict[str, str]) -> None:
    completed = invoke("customers", "export", *BY_MOBILE, MOBILE, "--output", "/no/own", variables=filled)
    assert error(completed) == "Error: /no/own: No such file or directory."


def test_a_merged_customer_is_exported_with_the_survivor(filled: dict[str, str]) -> None:
    for _ in range(2):
        completed = invoke(*MERGE_COMMAND, "--yes", variables=filled)
        assert completed.returncode == 0
    assert completed.stdout == (
        "To merge in organisation 51135: customer 387729101, which is now customer 387729100, "
        "with 387729101 merged into it (5 identifiers); "
        "into customer 387729100, with 387729101 merged into it (5 identifiers).\n"
        "Customer 387729101 was already merged into 387729100. "
        "Running gateways notice within GATEWAY_LOOKUP_CACHE_SECONDS.\n"
    )
    merged = customer(SURVIVOR, externalId=EXTERNAL_ID, mobile=OTHER_MOBILE)
    merged["profiles"][0]["identifiers"].append({"type": "mobile", "value": MOBILE})
    assert exported(filled, *BY_MOBILE, OTHER_MOBILE) == [
        MERGE,
        merged,
        customer(VICTIM),
        issuance("e-1", SURVIVOR),
        issuance("e-2", VICTIM),
        WAITS,
    ]


def test_a_merge_that_is_refused_says_why(filled: dict[str, str]) -> None:
    invoke(*MERGE_COMMAND, "--yes", variables=filled)
    back = ("--org", str(ORG), "--victim", str(SURVIVOR), "--survivor", str(VICTIM), "--yes")
    completed = invoke("customers", "merge", *back, variables=filled)
    assert (completed.returncode, completed.stderr) == (
        1,
        "Error: The merge is refused: the survivor was merged into this customer before.\n",
    )


BECAME = "customer 387729101, which is now customer 387729100, erased, with 387729101 merged into it"
FORGET = "Running gateways forget the identifiers within GATEWAY_LOOKUP_CACHE_SECONDS."
NOTICE = "Running gateways notice within GATEWAY_LOOKUP_CACHE_SECONDS."


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            ("customers", "export", *BY_ID, str(VICTIM), "--output", "own"),
            f"Exported from organisation 51135: {BECAME} (0 identifiers).\n",
        ),
        (
            ("customers", "erase", *BY_ID, str(VICTIM), "--yes"),
            f"To erase in organisation 51135: {BECAME} (0 identifiers).\n"
            f"Customer 387729100 was already erased. {FORGET}\n",
        ),
        (
            (*MERGE_COMMAND, "--yes"),
            f"To merge in organisation 51135: {BECAME} (0 identifiers); "
            "into customer 387729100, erased, with 387729101 merged into it (0 identifiers).\n"
            f"Customer 387729101 was already merged into 387729100. {NOTICE}\n",
        ),
    ],
    ids=["export", "erase", "merge"],
)
def test_a_command_reports_a_merged_and_erased_customer(
    filled: dict[str, str], directory: Path, command: tuple[str, ...], expected: str
) -> None:
    for one in (MERGE_COMMAND, ("customers", "erase", *BY_ID, str(VICTIM))):
        assert invoke(*one, "--yes", variables=filled).returncode == 0
    completed = invoke(*command, variables=filled)
    printed = completed.stdout + "".join(
        line for line in completed.stderr.splitlines(keepends=True) if not line.startswith("{")
    )
    assert (completed.returncode, printed) == (0, expected)


async def test_an_erasure_leaves_no_identifier_and_an_import_brings_none_back(
    filled: dict[str, str], empty_store: Store, logged: Logged
) -> None:
    invoked = await invoke_in_thread(
        "customers", "erase", *BY_MOBILE, OTHER_MOBILE, "--yes", variables=filled
    )
    assert (invoked.returncode, invoked.stdout) == (
        0,
        "To erase in organisation 51135: customer 387729101 (3 identifiers).\n"
        "Customer 387729101 is erased. "
        "Running gateways forget the identifiers within GATEWAY_LOOKUP_CACHE_SECONDS.\n",
    )
    again = await invoke_in_thread("customers", "erase", *BY_ID, str(VICTIM), "--yes", variables=filled)
    assert again.returncode == 0
    after = await dump(empty_store)
    # The pending record of the import stays, because it has no identifier.
    assert [one.event_id async for one in pending_events.waiting(empty_store)] == ["e-waits"]
    await load(empty_store)
    restored = await dump(empty_store)
    assert restored["customer_identifiers"] == after["customer_identifiers"]
    lines = logged().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["customer_erased"] * 2
    for value in (OTHER_MOBILE, EXTERNAL_ID):
        assert value not in f"{restored} {lines} {invoked.stdout} {again.stdout}"
    assert "e-2" in str(restored["issuances"])


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (("customers", "erase", *BY_MOBILE, MOBILE), "Erase the customer?"),
        (MERGE_COMMAND, "Merge the customers?"),
    ],
)
async def test_nothing_changes_unless_the_answer_is_yes(
    filled: dict[str, str], empty_store: Store, arguments: tuple[str, ...], question: str, answer: str
) -> None:
    before = await dump(empty_store)
    completed = await invoke_in_thread(*arguments, variables=filled, given=answer)
    assert (completed.returncode, completed.stderr) == (1, "Aborted!\n")
    assert f"This cannot be undone. {question} [y/N]: " in completed.stdout
    assert await dump(empty_store) == before


@pytest.mark.parametrize("command", ["export", "erase"])
@pytest.mark.parametrize("named", [(*BY_MOBILE, "918888888888"), (*BY_ID, "x"), (*BY_ID, str(2**63))])
def test_an_unknown_customer_is_an_error_without_the_identifier(
    filled: dict[str, str], command: str, named: tuple[str, ...]
) -> None:
    assert error(invoke("customers", command, *named, variables=filled)) == (
        "Error: No customer of organisation 51135 has this identifier. "
        "To repeat an erasure that was interrupted, use --identifier-name id."
    )


def test_an_unknown_organisation_is_an_error(filled: dict[str, str]) -> None:
    arguments = (*MERGE_COMMAND[:3], "7", *MERGE_COMMAND[4:], "--yes")
    line = error(invoke(*arguments, variables=filled))
    assert line == "Error: There is no organisation 7 in the database."
