"""Bulk import: lines in, a batch at a time, written while the next batch is decoded.

Organisations, promotions and customers are written in the order of the file; of a batch, its merges and
erasures come before its customers. Issuances are written on several connections at once: their order does
not matter, because each is counted once.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

from gateway.ingest import customer_changes
from gateway.ingest.event_recorder import CONTRADICTING, UNKNOWN_PROMOTION, issue, replay_all
from gateway.ingest.records import (
    CustomerRecord,
    ErasureRecord,
    IssuanceRecord,
    MergeRecord,
    OrganizationRecord,
    PromotionRecord,
    Record,
    RecordInvalid,
    decode,
)
from loaders import ledger, pending_events
from loaders.enums import PayloadFormat
from loaders.merges_and_erasures import MergeRefused
from loaders.pending_events import PendingEvent
from loaders.store import Store

BATCH_LINES = 500
CONNECTIONS = 4

R = TypeVar("R", bound=Record)


class Line(NamedTuple):
    """A line of a file, and its number, from 1."""

    number: int
    text: bytes


@dataclass
class Summary:
    """The counts of the lines so far; `fresh_rejections` are not written to the file of rejects yet."""

    lines: int = 0
    last_line: int = 0
    new: int = 0
    already_there: int = 0
    pending: int = 0
    contradicting: int = 0
    ignored_identifiers: int = 0
    rejected: int = 0
    fresh_rejections: list[tuple[Line, str]] = field(default_factory=list)
    organizations: set[int] = field(default_factory=set)

    def accept(self, lines: int, new: int) -> None:
        """Count lines that were taken; those that are not new repeat known records."""
        self.new += new
        self.already_there += lines - new

    def reject(self, line: Line, reason: str) -> None:
        self.rejected += 1
        self.fresh_rejections.append((line, reason))


class Import:
    """One run over one file. `add` takes a batch of lines; `finish` waits until all of them are written."""

    def __init__(self, store: Store, pending_event_days: int) -> None:
        self.summary = Summary()
        self._store = store
        self._days = pending_event_days
        # Each running write, with its events as (organisation, event id).
        self._writes: dict[asyncio.Task[None], set[tuple[int, str]]] = {}

    async def add(self, lines: Sequence[Line]) -> None:
        """Decode the lines and start to write them; raises `StoreUnavailable`."""
        records = self._decoded(lines)
        await self._describe(records)
        events = {(one.org_id, one.event_id) for _, one in records if isinstance(one, IssuanceRecord)}
        # Of two different lines for one event the first must win, so it is written first.
        while len(self._writes) == CONNECTIONS or any(events & others for others in self._writes.values()):
            done, _ = await asyncio.wait(self._writes, return_when=asyncio.FIRST_COMPLETED)
            for write in done:
                del self._writes[write]
                write.result()
        self._writes[asyncio.create_task(self._issue(records))] = events
        self.summary.lines += len(lines)
        self.summary.last_line = lines[-1].number

    async def finish(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Wait for the writes, then count what was pending for promotions that are known now."""
        await asyncio.gather(*self._writes)
        self._writes.clear()
        for organization_id in self.summary.organizations:
            replayed = await replay_all(self._store, organization_id, stop=stop)
            self.summary.new += replayed.counted
            self.summary.contradicting += replayed.contradicting
            self.summary.pending = max(0, self.summary.pending - sum(replayed))

    async def abandon(self) -> None:
        """Let the running writes end, however they end."""
        await asyncio.gather(*self._writes, return_exceptions=True)

    def _decoded(self, lines: Sequence[Line]) -> list[tuple[Line, Record]]:
        records: list[tuple[Line, Record]] = []
        for line in lines:
            try:
                records.append((line, decode(line.text)))
            except RecordInvalid as error:
                self.summary.reject(line, str(error))
        self.summary.organizations.update(record.org_id for _, record in records)
        return records

    async def _describe(self, records: list[tuple[Line, Record]]) -> None:
        organizations = _by_organization(records, OrganizationRecord).values()
        latest = [lines[-1][1].organization() for lines in organizations]
        new = (await ledger.put_organizations(self._store, latest)).new
        self.summary.accept(sum(len(lines) for lines in organizations), new)
        for organization_id, promotions in _by_organization(records, PromotionRecord).items():
            await self._put_promotions(organization_id, promotions)
        for line, record in records:
            if isinstance(record, MergeRecord | ErasureRecord):
                await self._put_status(line, record)
        for organization_id, customers in _by_organization(records, CustomerRecord).items():
            await self._put_customers(organization_id, customers)

    async def _put_promotions(
        self, organization_id: int, records: list[tuple[Line, PromotionRecord]]
    ) -> None:
        latest = list({one.promotion_id: (line, one) for line, one in records}.values())
        promotions = [one.promotion() for _, one in latest]
        upserted = await ledger.put_promotions(self._store, organization_id, promotions)
        for position in upserted.refused:
            self.summary.reject(latest[position][0], "promotionIdentifier belongs to another promotion")
        self.summary.accept(len(records) - len(upserted.refused), upserted.new)

    async def _put_status(self, line: Line, record: MergeRecord | ErasureRecord) -> None:
        try:
            if isinstance(record, MergeRecord):
                ids = record.victim_id, record.survivor_id
                new = await customer_changes.merge(self._store, record.org_id, *ids)
            else:
                new = await customer_changes.erase(self._store, record.org_id, record.customer_id)
            self.summary.accept(1, int(new))
        except MergeRefused as error:
            self.summary.reject(line, str(error))

    async def _put_customers(self, organization_id: int, records: list[tuple[Line, CustomerRecord]]) -> None:
        identifiers = [(one, record.customer_id) for _, record in records for one in record.identifiers()]
        # The position of the record of each identifier.
        owners = [n for n, (_, record) in enumerate(records) for _ in record.identifiers()]
        added, taken = await ledger.put_identifiers(self._store, organization_id, identifiers)
        new, rejected = {owners[n] for n in added}, {owners[n] for n in taken}
        for position in sorted(rejected):
            self.summary.reject(records[position][0], "an identifier belongs to another customer")
        self.summary.accept(len(records) - len(rejected), len(new - rejected))
        self.summary.ignored_identifiers += sum(one.ignored() for _, one in records)

    async def _issue(self, records: list[tuple[Line, Record]]) -> None:
        for organization_id, numbered in _by_organization(records, IssuanceRecord).items():
            issuances = [one for _, one in numbered]
            unknown, there, contradicting = await issue(self._store, organization_id, issuances)
            for position in contradicting:
                self.summary.reject(numbered[position][0], CONTRADICTING)
            found = len(issuances) - len(unknown)
            self.summary.accept(found - len(contradicting), found - len(there))
            await self._keep([numbered[position] for position in unknown])

    async def _keep(self, records: list[tuple[Line, IssuanceRecord]]) -> None:
        now = datetime.now(UTC)
        events = [
            PendingEvent(
                one.org_id,
                one.event_id,
                PayloadFormat.RECORD,
                line.text.decode(),
                UNKNOWN_PROMOTION,
                now,
                (one.promotion_identifier or "",),
                (one.customer_id,),
            )
            for line, one in records
        ]
        there = await pending_events.keep(self._store, events, self._days)
        self.summary.pending += len(events) - len(there)
        for position in there:
            line, one = records[position]
            kept = await pending_events.find(self._store, one.org_id, one.event_id, PayloadFormat.RECORD)
            if kept is not None and decode(kept.payload.encode()) != one:
                self.summary.reject(line, "another record with this eventId is pending")
            else:
                self.summary.already_there += 1


def _by_organization(records: list[tuple[Line, Record]], kind: type[R]) -> dict[int, list[tuple[Line, R]]]:
    found: defaultdict[int, list[tuple[Line, R]]] = defaultdict(list)
    for line, record in records:
        if isinstance(record, kind):
            found[record.org_id].append((line, record))
    return found
