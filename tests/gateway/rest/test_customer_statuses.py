"""Events that merge and erase customers: a survivor has exact sums, an erased customer leaves no data."""

import itertools
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway.commands.database import set_up
from gateway.ingest import event_recorder, export, importer, notifications
from gateway.ingest.importer import Line
from loaders.database_schema import COLLECTIONS, CUSTOMER_STATUSES
from loaders.driver import DriverName
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers import events
from tests.helpers.events import CREATED_AT, Sender, changed, event, new_sender, wrapped
from tests.helpers.gateway import Gateway, data_commands, new_tenant
from tests.helpers.stepped_store import SteppedStore, steps

SURVIVOR = 387729100
VICTIM = 387729101
VICTIM_ADDED = event(
    "customerAdded",
    {
        "customerIdentifiers": {
            "customerId": VICTIM,
            "instore": {"mobile": "919000000101", "externalId": "V-101"},
        }
    },
    "c-101",
)
MERGED = changed(
    events.CUSTOMER_MERGED, "data", "victimCustomerIdentifiers", to={"customerId": VICTIM, "instore": {}}
)
VICTIM_POINTS = changed(
    changed(events.POINTS_ISSUED, "data", "customerIdentifiers", to={"customerId": VICTIM}),
    "eventId",
    to="ev-101",
)


@pytest.fixture
async def sender(gateway: Gateway, store: Store) -> Sender:
    tenant = await new_tenant(store, time_zone="Asia/Kolkata", mobile="918000000000")
    return await new_sender(gateway, store, tenant)


@pytest.fixture
async def exporting_sender(gateway_with: OpenGateway, empty_store: Store) -> AsyncIterator[Sender]:
    """A sender with a database of its own, because an export reads a whole database."""
    await set_up(empty_store)
    async with gateway_with(database=empty_store.name) as gateway:
        tenant = await new_tenant(empty_store, time_zone="Asia/Kolkata", mobile="918000000000")
        yield await new_sender(gateway, empty_store, tenant)


async def totals(
    sender: Sender, name: str, value: str, api: str = "rest"
) -> tuple[int, dict[str, tuple[Decimal, int]]]:
    answer = await sender.answer(api, identifierName=name, identifierValue=value)
    points = {row["pointsCategory"]: row for row in answer["points"]}
    return answer["customerId"], {
        category: (row["totalPointsIssued"], row["numberOfTimesIssued"]) for category, row in points.items()
    }


BOTH = {
    "REGULAR_POINTS": (Decimal("50.45"), 4),
    "PROMISED_POINTS": (Decimal("100"), 2),
    "EXTERNAL_TRIGGER_BASED_POINTS": (Decimal("14"), 2),
}
HISTORY = {
    "survivor added": events.CUSTOMER_ADDED,
    "victim added": VICTIM_ADDED,
    "survivor earns": events.POINTS_ISSUED,
    "victim earns": VICTIM_POINTS,
    "merge": MERGED,
}


@pytest.mark.parametrize("order", list(itertools.permutations(HISTORY))[::9], ids=", ".join)
async def test_a_survivor_has_the_sum_of_both_in_whatever_order_the_events_come(
    sender: Sender, order: tuple[str, ...]
) -> None:
    for name in (*order, *reversed(order)):
        assert (await sender.send(HISTORY[name])).json() == {"status": "recorded"}
    for name, value in (
        ("id", str(SURVIVOR)),
        ("id", str(VICTIM)),
        ("mobile", "919078345795"),
        ("mobile", "919000000101"),
        ("externalId", "V-101"),
    ):
        assert await totals(sender, name, value) == (SURVIVOR, BOTH)


async def test_a_merged_customer_is_read_with_the_same_commands_as_any_other(sender: Sender) -> None:
    for one in HISTORY.values():
        await sender.send(one)
    sender.gateway.commands.clear()
    await totals(sender, "mobile", "919000000101")
    assert data_commands(sender.gateway) == ["customer_identifiers", "promotions", "issuances"]


TOTALS_OF_ONE = {
    "REGULAR_POINTS": (Decimal("25.225"), 2),
    "PROMISED_POINTS": (Decimal("50"), 1),
    "EXTERNAL_TRIGGER_BASED_POINTS": (Decimal("7"), 1),
}
BEFORE_THE_MERGE = {SURVIVOR: (SURVIVOR, TOTALS_OF_ONE), VICTIM: (VICTIM, TOTALS_OF_ONE)}
AFTER_THE_MERGE = dict.fromkeys(BEFORE_THE_MERGE, (SURVIVOR, BOTH))


@pytest.mark.parametrize("api", ["rest", "graphql"])
async def test_a_read_between_the_writes_of_a_merge_has_the_old_or_the_new_sum(
    sender: Sender, store: Store, mongodb_uri: str, driver: DriverName, api: str
) -> None:
    for name in ("survivor added", "victim added", "survivor earns", "victim earns"):
        await sender.send(HISTORY[name])
    payload = json.dumps({**MERGED, "orgId": sender.tenant.organization.id})
    notification = notifications.read(payload, datetime.now(UTC))
    stepped = SteppedStore(mongodb_uri, store.name, driver=driver)
    seen = []
    async for _ in steps(stepped, lambda one: event_recorder.record(one, notification, payload, 30)):
        seen.append({one: await totals(sender, "id", str(one), api) for one in BEFORE_THE_MERGE})
    await stepped.close()
    # The writes: the statuses in two steps, the victim's identifiers, and the identifiers of the event.
    assert seen == [BEFORE_THE_MERGE, BEFORE_THE_MERGE, BEFORE_THE_MERGE, AFTER_THE_MERGE, AFTER_THE_MERGE]


def merge(victim: int, survivor: int) -> dict[str, Any]:
    data = {
        "survivorCustomerIdentifiers": {"customerId": survivor},
        "victimCustomerIdentifiers": {"customerId": victim},
    }
    return event("loyaltyCustomerMerge", data, f"m-{victim}-{survivor}")


CHAIN = [merge(VICTIM, 500), merge(500, 600), merge(600, SURVIVOR)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_merges_chain_in_any_order(sender: Sender, order: tuple[int, ...]) -> None:
    for one in (VICTIM_ADDED, VICTIM_POINTS, *(CHAIN[n] for n in order), events.POINTS_ISSUED):
        assert await sender.status(one) == "recorded"
    assert await totals(sender, "mobile", "919000000101") == (SURVIVOR, BOTH)
    assert (await sender.answer(identifierName="id", identifierValue="500"))["customerId"] == SURVIVOR


@pytest.mark.parametrize(
    ("refused", "reason"),
    [
        (merge(600, VICTIM), "the survivor was merged into this customer before"),
        (merge(VICTIM, VICTIM), "the survivor was merged into this customer before"),
        (merge(VICTIM, 700), "the customer was merged into another customer before"),
    ],
    ids=["a cycle", "into itself", "into a second survivor"],
)
async def test_an_impossible_merge_is_kept_pending_with_its_reason(
    sender: Sender, refused: dict[str, Any], reason: str
) -> None:
    for one in (VICTIM_ADDED, VICTIM_POINTS, *CHAIN[:2]):
        await sender.send(one)
    for _ in range(2):
        assert await sender.status(refused) == "pending"
    assert list((await sender.pending()).values()) == [reason]
    answer = await sender.answer(identifierName="mobile", identifierValue="919000000101")
    assert answer["customerId"] == 600


ERASURES = {
    "customerUpdated": events.CUSTOMER_DELETED,
    "customerUpdated, wrapped": wrapped(events.CUSTOMER_DELETED),
    "requestUpdated": events.REQUEST_UPDATED,
    "requestUpdated, wrapped": wrapped(events.REQUEST_UPDATED),
}


def unknown_promotion(sample: dict[str, Any]) -> dict[str, Any]:
    return changed(changed(sample, "data", "promotionIdentifier", to="never"), "eventId", to="ev-waits")


async def exported(store: Store, organization_id: int) -> list[str]:
    lines = [line.decode() async for line in export.lines(store)]
    return [line for line in lines if json.loads(line)["orgId"] == organization_id]


async def imported(store: Store, lines: list[str], batch: int = 100) -> tuple[int, int, int, int]:
    """Import the lines; returns how many are new, already there, pending and rejected."""
    run = importer.Import(store, 1)
    numbered = [Line(number, line.encode()) for number, line in enumerate(lines, 1)]
    for start in range(0, len(numbered), batch):
        await run.add(numbered[start : start + batch])
    await run.finish()
    return run.summary.new, run.summary.already_there, run.summary.pending, run.summary.rejected


async def written(sender: Sender) -> str:
    """All documents and all exported lines of the sender's organisation, as one text."""
    store, organization_id = sender.store, sender.tenant.organization.id
    documents = [
        str(document)
        for collection in COLLECTIONS
        async for document in store.stream(collection.name, {"orgId": organization_id}, ("_id",))
    ]
    return "\n".join((*documents, *await exported(store, organization_id)))


@pytest.mark.parametrize("form", ERASURES)
async def test_an_erased_customer_leaves_no_data_and_later_input_restores_none(
    exporting_sender: Sender, form: str
) -> None:
    sender = exporting_sender
    everything = [events.CUSTOMER_ADDED, events.POINTS_ISSUED, unknown_promotion(events.BADGE_EARNED)]
    assert [await sender.status(one) for one in everything] == ["recorded", "recorded", "pending"]
    assert (await sender.answer())["customerId"] == SURVIVOR
    assert await sender.status(ERASURES[form]) == "recorded"
    organization_id = sender.tenant.organization.id
    line = {
        "record": "customer",
        "orgId": organization_id,
        "customerId": SURVIVOR,
        "profiles": [{"source": "INSTORE", "identifiers": [{"type": "mobile", "value": "919078345795"}]}],
    }
    for _ in range(2):
        for name, value in (("mobile", "919078345795"), ("externalId", "EXT-1"), ("id", str(SURVIVOR))):
            assert await sender.answer(identifierName=name, identifierValue=value) == {"error": 8015}
        assert await sender.pending() == {}
        text = await written(sender)
        for value in ("919078345795", "EXT-1"):
            assert value not in text
        statuses = [await sender.status(one) for one in everything]
        assert statuses == ["recorded", "recorded", "ignored"]
        assert await imported(sender.store, [json.dumps(line)]) == (0, 1, 0, 0)


ERASURE_OF_A_VICTIM = {
    "survivor added": events.CUSTOMER_ADDED,
    "victim added": VICTIM_ADDED,
    "merge": MERGED,
    "victim deleted": changed(
        events.REQUEST_UPDATED, "data", "customerIdentifiers", to={"customerId": VICTIM}
    ),
}


@pytest.mark.parametrize("order", list(itertools.permutations(ERASURE_OF_A_VICTIM))[::5], ids=", ".join)
async def test_an_erasure_of_a_merged_customer_erases_the_survivor_whichever_comes_first(
    exporting_sender: Sender, order: tuple[str, ...]
) -> None:
    sender = exporting_sender
    for name in (*order, *order):
        assert await sender.status(ERASURE_OF_A_VICTIM[name]) == "recorded"
    text = await written(sender)
    for value in ("919078345795", "EXT-1", "919000000101", "V-101"):
        assert value not in text
    assert await sender.answer(identifierName="id", identifierValue=str(SURVIVOR)) == {"error": 8015}
    assert await sender.answer(identifierName="id", identifierValue=str(VICTIM)) == {"error": 8015}


async def test_a_new_customer_can_have_the_mobile_number_of_an_erased_one(sender: Sender) -> None:
    added = changed(events.CUSTOMER_ADDED, "data", "customerIdentifiers", "customerId", to=900)
    newer = {**added, "createdAt": CREATED_AT + 1, "eventId": "c-900"}
    for one in (events.CUSTOMER_ADDED, events.CUSTOMER_DELETED, newer, events.CUSTOMER_DELETED):
        assert await sender.status(one) == "recorded"
    assert (await sender.answer())["customerId"] == 900


def known_by(source: str, customer_id: int, **identifiers: str) -> str:
    """A line of an import, with a customer and its identifiers in a source."""
    known = [{"type": name, "value": value} for name, value in identifiers.items()]
    profiles = [{"source": source, "identifiers": known}]
    return json.dumps({"record": "customer", "customerId": customer_id, "profiles": profiles})


# A source may know only a victim, by its id or also by other identifiers; TMALL knows two victims.
CUSTOMERS_OF_SOURCES = [
    known_by("LINE", VICTIM),
    known_by("WECHAT", VICTIM, mobile="919000000101"),
    known_by("TMALL", VICTIM, mobile="1"),
    known_by("TMALL", 500, mobile="2"),
    known_by("LINE", 800, externalId="E-800"),
    known_by("LINE", 801, externalId="E-801"),
]
ERASED = [
    merge(801, 800),
    event(
        "customerUpdated",
        {"customerIdentifiers": {"customerId": 801}, "customerStatus": {"currentLabel": "Deleted"}},
        "deleted-801",
    ),
]
ALL_IDENTIFIERS = [
    (source, name, value)
    for source in ("INSTORE", "LINE", "WECHAT", "TMALL")
    for name, values in {
        "id": map(str, (SURVIVOR, VICTIM, 500, 600, 800, 801)),
        "mobile": ("919078345795", "919000000101", "1", "2"),
        "externalId": ("EXT-1", "V-101", "E-800", "E-801"),
    }.items()
    for value in values
]


@pytest.mark.parametrize(
    ("batch", "order"),
    [
        pytest.param(100, -1, id="one batch, reversed"),
        pytest.param(100, 1, id="one batch, in order", marks=pytest.mark.slow),
        pytest.param(1, -1, id="batches of one line, reversed", marks=pytest.mark.slow),
        pytest.param(1, 1, id="batches of one line, in order", marks=pytest.mark.slow),
    ],
)
async def test_an_export_and_import_keep_merges_and_erasures(
    sender: Sender, store: Store, empty_store: Store, gateway_with: OpenGateway, order: int, batch: int
) -> None:
    organization = sender.tenant.organization
    of_sources = [json.dumps({**json.loads(line), "orgId": organization.id}) for line in CUSTOMERS_OF_SOURCES]
    assert await imported(store, of_sources) == (6, 0, 0, 0)
    for one in (events.CUSTOMER_ADDED, VICTIM_ADDED, events.POINTS_ISSUED, VICTIM_POINTS, *CHAIN, *ERASED):
        assert await sender.status(one) == "recorded"
    lines = await exported(store, organization.id)
    await set_up(empty_store)
    await new_tenant(empty_store, organization_id=organization.id, mobile="918000000000")
    already_there = 2  # The tenant's organisation and promotion.
    for _ in range(2):
        assert await imported(empty_store, lines[::order], batch) == (
            len(lines) - already_there,
            already_there,
            0,
            0,
        )
        already_there = len(lines)
    assert await exported(empty_store, organization.id) == lines

    async def statuses(of: Store) -> list[dict[str, Any]]:
        query = {"orgId": organization.id}
        return [one async for one in of.stream(CUSTOMER_STATUSES.name, query, ("_id",))]

    assert await statuses(empty_store) == await statuses(store)
    async with gateway_with(database=empty_store.name) as gateway:
        restored = replace(sender, gateway=gateway, store=empty_store)
        for source, name, value in ALL_IDENTIFIERS:
            identifier = {"source": source, "identifierName": name, "identifierValue": value}
            assert await restored.answer(**identifier) == await sender.answer(**identifier)
        assert await totals(restored, "mobile", "919000000101") == (SURVIVOR, BOTH)
