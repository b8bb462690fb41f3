"""Imports: each record counts once, in any order, and every rejected line has a reason."""

import gzip
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.auth.credentials import authorization
from gateway.commands import import_output
from gateway.commands.database import set_up
from gateway.commands.embedded_database import embedded_database
from gateway.commands.sample_data import PASSWORD, fill
from gateway.ingest import export
from gateway.ingest.importer import BATCH_LINES, Import, Line
from gateway.settings import Settings
from loaders import pending_events
from loaders.clients import Account, add_account
from loaders.enums import ClientKind
from loaders.organizations import find_organization
from loaders.store import Store
from tests.conftest import drop
from tests.helpers.commands import invoke, run, run_on_terminal
from tests.helpers.gateway import DOCUMENTED, PASSWORD_HASH, Gateway, children
from tests.helpers.records import CUSTOMER, ISSUANCE, ORGANIZATION, PROMOTION, changed
from tests.helpers.repository import ROOT


def lines_of(issuances: Iterable[dict[str, Any]]) -> list[str]:
    return [changed(ISSUANCE, **one) for one in issuances]


async def exported(store: Store) -> list[bytes]:
    return [line async for line in export.lines(store)]


async def imported(store: Store, lines: list[str], batch: int = 100) -> Import:
    """Import the lines in batches of this size; returns the import."""
    run_over = Import(store, 30)
    numbered = [Line(number, line.encode()) for number, line in enumerate(lines, 1)]
    for start in range(0, len(numbered), batch):
        await run_over.add(numbered[start : start + batch])
    await run_over.finish()
    return run_over


def counts(run_over: Import) -> tuple[int, int, int, int]:
    summary = run_over.summary
    return summary.new, summary.already_there, summary.pending, summary.rejected


def reasons(run_over: Import) -> dict[int, str]:
    return {line.number: reason for line, reason in run_over.summary.fresh_rejections}


BASE = [changed(ORGANIZATION), changed(PROMOTION), changed(CUSTOMER)]


async def test_imported_data_is_answered(gateway: Gateway, store: Store) -> None:
    organization = {"orgId": 700_001}
    file = [changed(record, **organization) for record in (ORGANIZATION, PROMOTION, CUSTOMER)]
    file += lines_of(
        {**organization, "eventId": f"e{n}", "amount": amount} for n, amount in enumerate([0.1, "0.2", 700])
    )
    assert counts(await imported(store, file)) == (6, 0, 0, 0)
    await add_account(store, Account("importer", "x", ClientKind.TILL, 700_001, "default", 0, PASSWORD_HASH))
    headers = {"Authorization": authorization("importer", PASSWORD)}
    for name, value in (("mobile", "919078345795"), ("id", "387729100")):
        answer = await gateway.ask(
            "rest", {**DOCUMENTED, "identifierName": name, "identifierValue": value}, headers
        )
        [currency] = answer["alternateCurrencies"]
        assert str(currency["alternateCurrencySubDetails"][0]["totalIssued"]) == "700.300"


def test_the_command_prints_a_summary_and_writes_the_rejected_lines(
    prepared: dict[str, str], directory: Path
) -> None:
    good = [*BASE, *lines_of({"eventId": f"e{n}"} for n in range(5))]
    bad = ["{", changed(ISSUANCE, amount="-1"), "\ufeffx"]
    file = directory / "day.ndjson"
    file.write_text("\n".join([*good[:4], bad[0], "", *good[4:], *bad[1:]]) + "\r\n")
    completed = invoke("import", "day.ndjson", variables=prepared)
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr == (
        "day.ndjson: 8 new, 0 already there, 3 rejected. See day.ndjson.rejected.ndjson.\n"
    )
    rejected = [
        json.loads(line) for line in (directory / "day.ndjson.rejected.ndjson").read_text().splitlines()
    ]
    assert [(one["line"], one["reason"]) for one in rejected] == [
        (5, "not valid JSON at line 1, column 2"),
        (11, "an amount must be above 0, with at most 24 digits before and 6 after the point"),
        (12, "not valid JSON at line 1, column 1"),
    ]
    assert rejected[0]["text"] == "{"
    # The good lines again, compressed: all records are there already, and no line is rejected.
    (directory / "day.ndjson.gz").write_bytes(gzip.compress("\n".join(good).encode()))
    completed = invoke("import", "day.ndjson.gz", variables=prepared)
    assert completed.returncode == 0
    assert completed.stderr == "day.ndjson.gz: 0 new, 8 already there, 0 rejected.\n"
    assert not (directory / "day.ndjson.gz.rejected.ndjson").exists()


def test_standard_input_is_imported(prepared: dict[str, str], directory: Path) -> None:
    completed = run("import", "-", variables=prepared, given="\n".join(BASE).encode(), cwd=directory)
    assert (completed.returncode, completed.stderr) == (0, "-: 3 new, 0 already there, 0 rejected.\n")


def test_an_empty_file_has_no_line(prepared: dict[str, str], directory: Path) -> None:
    (directory / "empty").write_text("")
    completed = invoke("import", "empty", variables=prepared)
    assert (completed.returncode, completed.stderr) == (0, "empty: 0 new, 0 already there, 0 rejected.\n")


DAMAGED = bytearray(gzip.compress("\n".join(BASE).encode()))
DAMAGED[20:40] = bytes(20)
UNREACHABLE = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"


@pytest.mark.parametrize(
    ("file", "changes", "line"),
    [
        ("none", {}, r"Error: none: No such file or directory\."),
        ("damaged.gz", {}, r"Error: damaged\.gz: its gzip data is cut short or damaged\."),
        ("cut.gz", {}, r"Error: cut\.gz: its gzip data is cut short or damaged\."),
        ("empty", {"GATEWAY_PENDING_EVENT_DAYS": "x"}, r"Error: GATEWAY_PENDING_EVENT_DAYS is 'x'; .*"),
        ("empty", {"GATEWAY_DATABASE": "nothing_here"}, r"Error: Database nothing_here .* init-db\."),
        (
            "empty",
            {"GATEWAY_MONGODB_URI": UNREACHABLE},
            r"Error: The database cannot be used \(ServerSelectionTimeoutError, 127\.0\.0\.1:1\); .*",
        ),
    ],
)
def test_an_import_that_cannot_run_says_why(
    prepared: dict[str, str], directory: Path, file: str, changes: dict[str, str], line: str
) -> None:
    (directory / "empty").write_text("")
    (directory / "damaged.gz").write_bytes(DAMAGED)
    (directory / "cut.gz").write_bytes(gzip.compress("\n".join(BASE).encode())[:-20])
    completed = invoke("import", file, variables={**prepared, **changes})
    assert completed.returncode == 2
    assert re.fullmatch(line, completed.stderr.splitlines()[-1])


def test_a_50_mb_line_is_one_rejection(prepared: dict[str, str], directory: Path) -> None:
    with (directory / "long").open("w") as file:
        file.write(BASE[0] + "\n" + "x" * 50_000_000 + "\n" + BASE[1] + "\n")
    completed = invoke("import", "long", variables=prepared)
    assert completed.stderr == "long: 2 new, 0 already there, 1 rejected. See long.rejected.ndjson.\n"
    [rejected] = (directory / "long.rejected.ndjson").read_text().splitlines()
    assert json.loads(rejected)["reason"] == "a line may have at most 1048576 bytes"


def test_rejected_lines_of_a_pipe_go_to_standard_error(prepared: dict[str, str], directory: Path) -> None:
    """As in `promo-gateway import <(zcat day.ndjson.gz)`."""
    reading, writing = os.pipe()
    os.write(writing, "\n".join([BASE[0], "{", BASE[1]]).encode())
    os.close(writing)
    name = f"/dev/fd/{reading}"
    completed = invoke("import", name, variables=prepared)
    os.close(reading)
    rejected, summary = completed.stderr.splitlines()
    assert json.loads(rejected) == {"line": 2, "reason": "not valid JSON at line 1, column 2", "text": "{"}
    assert summary == f"{name}: 2 new, 0 already there, 1 rejected. See above."
    assert completed.returncode == 1


def test_options_set_the_file_and_the_limit_of_rejected_lines(
    prepared: dict[str, str], directory: Path
) -> None:
    (directory / "bad").write_bytes(gzip.compress(b"\xef\xbb\xbf" + "\n".join([*BASE, *"{{{"]).encode()))
    completed = invoke("import", "bad", "--rejects", "why", variables=prepared)
    summary = "bad: 3 new, 0 already there, 3 rejected. See why.\n"
    assert (completed.returncode, completed.stderr) == (1, summary)
    assert [json.loads(line)["line"] for line in (directory / "why").read_text().splitlines()] == [4, 5, 6]
    completed = invoke("import", "bad", "--max-rejects", "2", variables=prepared)
    assert (completed.returncode, completed.stderr) == (
        2,
        "bad: 0 new, 3 already there, 3 rejected. See bad.rejected.ndjson.\n"
        "Error: bad: more than 2 lines were rejected.\n",
    )
    completed = invoke("import", "bad", "bad", "--rejects", "why", variables=prepared)
    assert completed.returncode == 2
    assert completed.stderr.endswith("Error: --rejects can be used with one input file only.\n")


def test_a_full_disk_is_reported_in_one_line(prepared: dict[str, str], directory: Path) -> None:
    (directory / "bad").write_text("\n".join([*BASE, "{"]))
    completed = invoke("import", "bad", "--rejects", "/dev/full", variables=prepared)
    assert (completed.returncode, completed.stderr.splitlines()) == (
        2,
        [
            "bad: 3 new, 0 already there, 1 rejected. See /dev/full.",
            "Error: /dev/full: No space left on device.",
        ],
    )
    with Path("/dev/full").open("wb") as full:
        completed = run("export", variables=prepared, stdout=full)
    assert (completed.returncode, completed.stderr) == (
        2,
        "Error: standard output: No space left on device.\n",
    )


def test_without_a_terminal_progress_is_printed_in_lines(
    prepared: dict[str, str], directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_output, "SECONDS_BETWEEN_LINES", 0)
    (directory / "day").write_text("\n".join(BASE))
    line, summary = invoke("import", "day", variables=prepared).stderr.splitlines()
    assert re.fullmatch(r"day: 100%, 3 lines, [0-9,]+ records/s", line)
    assert summary == "day: 3 new, 0 already there, 0 rejected."


async def test_on_a_terminal_the_summary_is_a_line_of_its_own(
    database: dict[str, str], empty_store: Store, tmp_path: Path
) -> None:
    await set_up(empty_store)
    name = "[red]evil\x1b[31m"
    (tmp_path / name).write_text("\n".join([*BASE, "{"]))
    status, received = run_on_terminal("import", name, variables=database, cwd=tmp_path)
    assert status == 1
    shown = "[red]evil\\x1b[31m"
    bar, _, summary = received.rpartition("\r\n\x1b[?25h")
    assert summary == f"{shown}: 3 new, 0 already there, 1 rejected. See {shown}.rejected.ndjson.\r\n"
    assert "records/s" in bar
    assert name not in received


REFUSED: list[tuple[list[str], dict[int, str]]] = [
    (
        [changed(PROMOTION), changed(PROMOTION, promotionId=1)],
        {2: "promotionIdentifier belongs to another promotion"},
    ),
    ([changed(PROMOTION), changed(PROMOTION, orgId=1)], {}),
    ([changed(CUSTOMER), changed(CUSTOMER)], {}),
    ([changed(CUSTOMER), changed(CUSTOMER, customerId=1)], {2: "an identifier belongs to another customer"}),
    (
        lines_of([{}, {"amount": 1}, {"amount": "700"}]),
        {2: "another issuance with this eventId is there already"},
    ),
    (
        lines_of(
            [{"eventId": "h", "promotionId": None, "promotionIdentifier": identifier} for identifier in "xxy"]
        ),
        {3: "another record with this eventId is pending"},
    ),
]


@pytest.mark.parametrize(("lines", "expected"), REFUSED)
@pytest.mark.parametrize("batch", [1, 100])
async def test_the_later_of_two_contradictory_lines_is_rejected(
    empty_store: Store, lines: list[str], expected: dict[int, str], batch: int
) -> None:
    await set_up(empty_store)
    assert reasons(await imported(empty_store, lines, batch)) == expected


REPLACED: list[tuple[list[str], dict[str, Any]]] = [
    ([changed(ORGANIZATION), changed(ORGANIZATION, name="Later")], {"name": "Later"}),
    (
        [changed(ORGANIZATION), changed(ORGANIZATION, timeZone="UTC"), changed(ORGANIZATION)],
        {"timeZone": "Asia/Kolkata"},
    ),
    ([changed(PROMOTION), changed(PROMOTION, name="Later", programId=1)], {"name": "Later", "programId": 1}),
    ([changed(PROMOTION), changed(PROMOTION, promotionIdentifier="b")], {"promotionIdentifier": "b"}),
]


@pytest.mark.parametrize(("lines", "expected"), REPLACED)
@pytest.mark.parametrize("batch", [1, 100])
async def test_a_later_line_replaces_an_organisation_or_a_promotion(
    empty_store: Store, lines: list[str], expected: dict[str, Any], batch: int
) -> None:
    await set_up(empty_store)
    run_over = await imported(empty_store, lines, batch)
    assert counts(run_over) == (1, len(lines) - 1, 0, 0)
    [line] = await exported(empty_store)
    assert expected.items() <= json.loads(line).items()


async def test_promotions_without_identifier_are_imported_and_exported(
    empty_store: Store, settings: Settings
) -> None:
    await set_up(empty_store)
    lines = [changed(PROMOTION, promotionId=n, promotionIdentifier=None) for n in (1, 2)]
    lines.append(changed(PROMOTION, promotionId=3))
    assert counts(await imported(empty_store, lines)) == (3, 0, 0, 0)
    first = await exported(empty_store)
    assert ["promotionIdentifier" in json.loads(line) for line in first] == [False, False, True]
    drop(settings.mongodb_uri.get_secret_value(), empty_store.name)
    await set_up(empty_store)
    assert counts(await imported(empty_store, [line.decode() for line in first])) == (3, 0, 0, 0)
    assert await exported(empty_store) == first


async def test_a_later_line_removes_the_identifier_of_a_promotion(empty_store: Store) -> None:
    await set_up(empty_store)
    lines = [changed(PROMOTION), changed(PROMOTION, promotionIdentifier=None)]
    assert counts(await imported(empty_store, lines, batch=1)) == (1, 1, 0, 0)
    assert "promotionIdentifier" not in json.loads((await exported(empty_store))[0])


async def test_a_later_line_of_a_customer_adds_identifiers(empty_store: Store) -> None:
    await set_up(empty_store)
    line = changed(CUSTOMER, profiles=[{"source": "LINE", "identifiers": []}])
    assert counts(await imported(empty_store, [changed(CUSTOMER), line])) == (2, 0, 0, 0)
    [customer] = [json.loads(line) for line in await exported(empty_store)]
    assert [profile["source"] for profile in customer["profiles"]] == ["INSTORE", "LINE"]


async def test_a_later_file_replaces_records_but_takes_no_identifier_of_others(
    empty_store: Store,
) -> None:
    await set_up(empty_store)
    await imported(empty_store, BASE)
    later = [
        changed(ORGANIZATION, name="New"),
        changed(PROMOTION, name="Autumn", programId=1),
        changed(CUSTOMER, customerId=2),
        changed(PROMOTION, promotionId=2),
    ]
    assert reasons(await imported(empty_store, later)) == {
        3: "an identifier belongs to another customer",
        4: "promotionIdentifier belongs to another promotion",
    }
    names = [json.loads(line).get("name") for line in await exported(empty_store)]
    assert names[:2] == ["New", "Autumn"]


async def test_the_order_of_the_lines_does_not_matter(empty_store: Store, settings: Settings) -> None:
    await set_up(empty_store)
    by_identifier = [
        {"eventId": f"i{n}", "promotionId": None, "promotionIdentifier": "021a"} for n in range(30)
    ]
    lines = [*BASE, *lines_of(by_identifier), *lines_of({"eventId": f"e{n}"} for n in range(30))]
    await imported(empty_store, lines)
    expected = await exported(empty_store)
    assert len(expected) == 63
    for seed in range(3):
        shuffled = random.Random(seed).sample(lines, len(lines))
        drop(settings.mongodb_uri.get_secret_value(), empty_store.name)
        await set_up(empty_store)
        run_over = await imported(empty_store, shuffled, batch=7)
        assert counts(run_over) == (63, 0, 0, 0)
        assert await exported(empty_store) == expected
        assert [event async for event in pending_events.waiting(empty_store)] == []


async def test_an_issuance_waits_for_the_promotion_of_a_later_file(empty_store: Store) -> None:
    await set_up(empty_store)
    [line] = lines_of([{"promotionId": None, "promotionIdentifier": "021a"}])
    run_over = await imported(empty_store, [line, line])
    assert counts(run_over) == (0, 1, 1, 0)
    [event] = [event async for event in pending_events.waiting(empty_store)]
    assert (event.event_id, event.payload, event.reason) == ("e-1", line, "its promotion is not known yet")
    run_over = await imported(empty_store, BASE)
    assert counts(run_over) == (4, 0, 0, 0)
    assert [event async for event in pending_events.waiting(empty_store)] == []


async def test_a_pending_issuance_that_contradicts_the_ledger_is_reported_and_kept(
    empty_store: Store,
) -> None:
    await set_up(empty_store)
    held = changed(ISSUANCE, promotionId=None, promotionIdentifier="021a", amount=1)
    run_over = await imported(empty_store, [held, changed(ISSUANCE, amount=2), *BASE], batch=1)
    assert (counts(run_over), run_over.summary.contradicting) == ((4, 0, 0, 0), 1)
    [event] = [event async for event in pending_events.waiting(empty_store)]
    assert event.reason == "another issuance with this eventId is there already"
    assert run_over.summary.contradicting == 1


async def test_identifiers_of_other_types_are_ignored_and_counted(empty_store: Store) -> None:
    await set_up(empty_store)
    others = [{"type": type_, "value": "x"} for type_ in ("email", "cardnumber", "wechat")]
    run_over = await imported(
        empty_store, [changed(CUSTOMER, profiles=[{"source": "INSTORE", "identifiers": others}])]
    )
    assert run_over.summary.ignored_identifiers == 3
    assert [json.loads(line)["profiles"] for line in await exported(empty_store)] == [
        [{"source": "INSTORE", "identifiers": []}]
    ]


async def test_a_repeated_time_with_microseconds_is_the_same_issuance(
    empty_store: Store,
) -> None:
    await set_up(empty_store)
    lines = lines_of([{"issuedOn": "2025-07-22T17:36:21.123456+05:30", "amount": "1.50"}])
    assert counts(await imported(empty_store, lines)) == (1, 0, 0, 0)
    assert counts(await imported(empty_store, lines)) == (0, 1, 0, 0)


@pytest.mark.slow
async def test_an_export_of_an_import_of_an_export_is_the_same_file(
    database: dict[str, str], empty_store: Store, tmp_path: Path
) -> None:
    await fill(empty_store)
    first = run("export", variables=database)
    (tmp_path / "all.ndjson").write_text(first.stdout)
    drop(database["GATEWAY_MONGODB_URI"], empty_store.name)
    await set_up(empty_store)
    completed = run("import", "all.ndjson", variables=database, cwd=tmp_path)
    assert completed.returncode == 0, completed.stderr
    assert run("export", variables=database).stdout == first.stdout
    assert len(first.stdout.splitlines()) > 5_000


def many(count: int, organization: int = 51135) -> list[str]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return lines_of(
        {
            "orgId": organization,
            "eventId": f"e{n}",
            "customerId": n % 97,
            "amount": f"{n + 1}.001",
            "issuedOn": (start + timedelta(seconds=n)).isoformat(),
        }
        for n in range(count)
    )


@pytest.mark.slow
async def test_an_interrupted_import_says_how_far_it_came_and_leaves_the_rest(
    database: dict[str, str], empty_store: Store, tmp_path: Path
) -> None:
    await set_up(empty_store)
    (tmp_path / "many").write_text("\n".join([*BASE, *many(60_000)]))
    importing = subprocess.Popen(
        [sys.executable, "-m", "gateway", "import", "many"],
        env={**database, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        text=True,
    )
    while not await empty_store.find("issuances", {"_id": "51135:e2000"}, ("orgId",)):
        time.sleep(0.05)
    importing.send_signal(signal.SIGINT)
    _, printed = importing.communicate(timeout=120)
    assert importing.returncode == 130
    *_, summary, interrupted = printed.splitlines()
    new = int(summary.split()[1])
    assert f"many: interrupted after line {new}; run it again to continue." == interrupted
    assert 0 < new < 60_003
    assert len(await exported(empty_store)) == new


async def test_an_import_that_waits_for_its_input_can_be_interrupted(
    database: dict[str, str], empty_store: Store, tmp_path: Path
) -> None:
    await set_up(empty_store)
    importing = subprocess.Popen(
        [sys.executable, "-m", "gateway", "import", "-"],
        env={**database, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert importing.stdin is not None
    for number in range(BATCH_LINES):
        importing.stdin.write(changed(ORGANIZATION, orgId=number).encode() + b"\n")
    importing.stdin.flush()
    while await find_organization(empty_store, BATCH_LINES - 1) is None:
        time.sleep(0.05)
    importing.send_signal(signal.SIGINT)
    assert importing.wait(timeout=120) == 130
    printed = importing.communicate()[1].decode().splitlines()
    assert printed[-1] == "-: interrupted after line 500; run it again to continue."


async def _kill_at_random(
    tmp_path: Path, database: dict[str, str], store: Store, lines: list[str], times: int
) -> None:
    (tmp_path / "many").write_text("\n".join(lines))
    dice = random.Random(1)
    for _ in range(times):
        importing = subprocess.Popen(
            [sys.executable, "-m", "gateway", "import", "many"],
            env={**database, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        time.sleep(0.7 + dice.random() * 2)
        importing.kill()
        importing.wait()
    assert run("import", "many", variables=database, cwd=tmp_path).returncode == 0
    killed = await exported(store)
    drop(database["GATEWAY_MONGODB_URI"], store.name)
    await set_up(store)
    assert run("import", "many", variables=database, cwd=tmp_path).returncode == 0
    assert killed == await exported(store)


@pytest.mark.slow
@pytest.mark.parametrize(("times", "count"), [(1, 2_000), (20, 20_000)])
async def test_an_importer_that_is_killed_and_run_again_leaves_the_ledger_of_one_clean_run(
    database: dict[str, str], empty_store: Store, tmp_path: Path, times: int, count: int
) -> None:
    await set_up(empty_store)
    held = lines_of(
        {"eventId": f"h{n}", "promotionId": None, "promotionIdentifier": "021a"} for n in range(200)
    )
    lines = [*held, *many(count), *BASE]
    await _kill_at_random(tmp_path, database, empty_store, lines, times)


@pytest.mark.slow
async def test_a_database_that_is_killed_during_an_import_loses_nothing_it_acknowledged(
    database: dict[str, str], settings: Settings, tmp_path: Path
) -> None:
    """The database is killed at twenty random moments; one more run leads to the ledger of a clean run."""
    if "GATEWAY_TEST_MONGODB_URI" in os.environ:
        pytest.skip("only the embedded server can be killed")
    lines = [*many(3_000), *BASE]
    (tmp_path / "many").write_text("\n".join(lines))
    dice = random.Random(2)
    data = tmp_path / "data"
    for attempt in range(21):
        before = set(children(os.getpid()))
        with embedded_database(data, durable=True) as uri:
            [server] = set(children(os.getpid())) - before
            own = {**database, "GATEWAY_MONGODB_URI": uri, "GATEWAY_DATABASE": "killed"}
            store = Store(uri, "killed")
            await set_up(store)
            if attempt == 20:
                assert run("import", "many", variables=own, cwd=tmp_path).returncode == 0
                survived = await exported(store)
            else:
                # The import waits only a second for a server that was killed.
                impatient = {**own, "GATEWAY_MONGODB_URI": f"{uri}/?serverSelectionTimeoutMS=1000"}
                importing = subprocess.Popen(
                    [sys.executable, "-m", "gateway", "import", "many"],
                    env={**impatient, "PYTHONPATH": str(ROOT)},
                    stderr=subprocess.DEVNULL,
                    cwd=tmp_path,
                )
                time.sleep(0.8 + dice.random())
                os.kill(server, signal.SIGKILL)
                importing.wait(timeout=60)
            await store.close()
    clean = Store(settings.mongodb_uri.get_secret_value(), f"test_{uuid.uuid4().hex}")
    await set_up(clean)
    await imported(clean, lines)
    assert survived == await exported(clean)
    await clean.close()
    drop(settings.mongodb_uri.get_secret_value(), clean.name)
