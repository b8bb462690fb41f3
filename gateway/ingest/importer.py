"""Bulk import: lines in, a batch at a time, written while the next batch is decoded.

Organisations, promotions and customers are written in the order of the file, issuances side by side on
several connections: their order does not matter, and each is counted once however often it comes.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator

import msgspec

from gateway.ingest.import_summary import Line, Summary
from gateway.ingest.recorder import CONTRADICTING, UNKNOWN_PROMOTION, replay_all
from gateway.ingest.records import (
    CustomerRecord,
    IssuanceRecord,
    OrganizationRecord,
    PromotionRecord,
    Record,
    RecordInvalid,
    decode,
)
from gateway.ingest.seen import Seen
from loaders import ledger, pending_events
from loaders.enums import PayloadFormat
from loaders.pending_events import PendingEvent
from loaders.promotions import find_promotion_ids
from loaders.store import Document, Store, Upserted

BATCH_LINES = 500
CONNECTIONS = 4


class Import:
    """One run over one file. `add` takes a batch of lines; `finish` waits for all that is under way."""

    def __init__(self, store: Store, pending_event_days: int) -> None:
        self.summary = Summary()
        self._store = store
        self._days = pending_event_days
        self._seen = Seen()
        self._free = asyncio.Semaphore(CONNECTIONS)
        # What is being written, with its events as (organisation, event id).
        self._writes: dict[asyncio.Task[None], set[tuple[int, str]]] = {}

    async def add(self, lines: list[Line]) -> None:
        """Decode the lines and see to it that they are written; raises `StoreUnavailable`."""
        records = list(self._decoded(lines))
        await self._describe([(line, one) for line, one in records if not isinstance(one, IssuanceRecord)])
        issuances = [(line, one) for line, one in records if isinstance(one, IssuanceRecord)]
        events = {(one.org_id, one.event_id) for _, one in issuances}
        if any(events & under_way for under_way in self._writes.values()):
            # Of two different lines for one event the first must win, so it is written first.
            await asyncio.gather(*self._writes)
        await self._free.acquire()
        self._raise_failures()
        write = asyncio.create_task(self._issue(issuances))
        self._writes[write] = events
        write.add_done_callback(lambda _: self._free.release())
        self.summary.lines += len(lines)
        self.summary.last_line = lines[-1].number

    async def finish(self) -> None:
        """Wait until everything that was added is written."""
        await asyncio.gather(*self._writes)
        self._writes.clear()
        self._seen.close()

    async def resolve(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Count what waited for a promotion that is known now, be it of this file or not."""
        for organization_id in self.summary.organizations:
            replayed = await replay_all(self._store, organization_id, stop=stop)
            self.summary.new += replayed.counted
            self.summary.contradicting += replayed.contradicting
            self.summary.pending_events = max(0, self.summary.pending_events - sum(replayed))

    async def abandon(self) -> None:
        """Let what is being written come to its end, and forget how it ended."""
        await asyncio.gather(*self._writes, return_exceptions=True)
        self._seen.close()

    def _raise_failures(self) -> None:
        for write in [write for write in self._writes if write.done()]:
            del self._writes[write]
            write.result()

    def _decoded(self, lines: list[Line]) -> Iterator[tuple[Line, Record]]:
        for line in lines:
            try:
                record = decode(line.text)
                self._refuse_contradiction(record)
            except RecordInvalid as error:
                self.summary.reject(line, str(error))
            else:
                self.summary.organizations.add(record.org_id)
                yield line, record

    def _refuse_contradiction(self, record: Record) -> None:
        if isinstance(record, IssuanceRecord):
            # The ledger itself knows what it holds.
            return
        said = msgspec.json.encode(record)
        match record:
            case OrganizationRecord():
                contradicts = self._seen.contradicts(("organization", record.org_id), said)
            case PromotionRecord():
                named = (record.org_id, record.promotion_identifier)
                contradicts = self._seen.contradicts(
                    ("promotion", record.org_id, record.promotion_id), said
                ) or self._seen.contradicts(("identifier", *named), str(record.promotion_id).encode())
            case CustomerRecord():
                contradicts = self._seen.contradicts(("customer", record.org_id, record.customer_id), said)
                owner = str(record.customer_id).encode()
                for identifier in record.identifiers():
                    if self._seen.contradicts((record.org_id, *identifier), owner):
                        raise RecordInvalid("an earlier line gives an identifier to another customer")
        if contradicts:
            raise RecordInvalid(f"an earlier line says something else of this {record.__struct_config__.tag}")

    async def _describe(self, records: list[tuple[Line, Record]]) -> None:
        organizations = [one.organization() for _, one in records if isinstance(one, OrganizationRecord)]
        self._count(await ledger.put_organizations(self._store, organizations), len(organizations))
        promotions: defaultdict[int, list[tuple[Line, PromotionRecord]]] = defaultdict(list)
        customers: defaultdict[int, list[tuple[Line, CustomerRecord]]] = defaultdict(list)
        for line, one in records:
            if isinstance(one, PromotionRecord):
                promotions[one.org_id].append((line, one))
            elif isinstance(one, CustomerRecord):
                customers[one.org_id].append((line, one))
        for organization_id, described in promotions.items():
            await self._put_promotions(organization_id, described)
        for organization_id, known in customers.items():
            await self._put_customers(organization_id, known)

    async def _put_promotions(
        self, organization_id: int, records: list[tuple[Line, PromotionRecord]]
    ) -> None:
        given = [(one.promotion(), one.name) for _, one in records]
        upserted = await ledger.put_promotions(self._store, organization_id, given)
        for position in upserted.refused:
            self.summary.reject(records[position][0], "promotionIdentifier belongs to another promotion")
        self._count(upserted, len(records))

    def _count(self, upserted: Upserted, records: int) -> None:
        self.summary.new += upserted.new
        self.summary.already_there += records - upserted.new - len(upserted.refused)

    async def _put_customers(self, organization_id: int, records: list[tuple[Line, CustomerRecord]]) -> None:
        identifiers = [
            (position, identifier, one.customer_id)
            for position, (_, one) in enumerate(records)
            for identifier in one.identifiers()
        ]
        pairs = [(identifier, customer_id) for _, identifier, customer_id in identifiers]
        there, taken = await ledger.put_identifiers(self._store, organization_id, pairs)
        new = {identifiers[position][0] for position in set(range(len(pairs))) - set(there)}
        rejected = {identifiers[position][0] for position in taken}
        for position, (line, one) in enumerate(records):
            self.summary.ignored_identifiers += one.ignored()
            if position in rejected:
                self.summary.reject(line, "an identifier belongs to another customer")
        self.summary.new += len(new - rejected)
        self.summary.already_there += len(records) - len(new | rejected)

    async def _issue(self, records: list[tuple[Line, IssuanceRecord]]) -> None:
        promotion_ids = await self._promotion_ids([one for _, one in records])
        found: list[tuple[Line, Document]] = []
        unknown: list[tuple[Line, IssuanceRecord]] = []
        for line, one in records:
            promotion_id = one.promotion_id
            if promotion_id is None:
                promotion_id = promotion_ids.get((one.org_id, one.promotion_identifier))
            if promotion_id is None:
                unknown.append((line, one))
            else:
                found.append((line, ledger.issuance_document(one.org_id, one.issuance(promotion_id))))
        await self._insert(found)
        await self._pending_events(unknown)

    async def _promotion_ids(self, records: list[IssuanceRecord]) -> dict[tuple[int, str | None], int]:
        named: defaultdict[int, list[str | None]] = defaultdict(list)
        for one in records:
            named[one.org_id].append(one.promotion_identifier)
        return {
            (organization_id, identifier): promotion_id
            for organization_id, identifiers in named.items()
            for identifier, promotion_id in (
                await find_promotion_ids(self._store, organization_id, identifiers)
            ).items()
        }

    async def _insert(self, issuances: list[tuple[Line, Document]]) -> None:
        documents = [document for _, document in issuances]
        there = await ledger.add_documents(self._store, documents)
        self.summary.new += len(documents) - len(there)
        if there:
            others = await ledger.differing(self._store, [documents[position] for position in there])
            for position, other in zip(there, others, strict=True):
                if other:
                    self.summary.reject(issuances[position][0], CONTRADICTING)
                else:
                    self.summary.already_there += 1

    async def _pending_events(self, records: list[tuple[Line, IssuanceRecord]]) -> None:
        things = [
            PendingEvent(
                one.org_id,
                one.event_id,
                PayloadFormat.RECORD,
                line.text.decode(),
                UNKNOWN_PROMOTION,
                (one.promotion_identifier or "",),
            )
            for line, one in records
        ]
        there = await pending_events.keep(self._store, things, self._days)
        self.summary.pending_events += len(things) - len(there)
        for position in there:
            line, one = records[position]
            kept = await pending_events.find(self._store, one.org_id, one.event_id, PayloadFormat.RECORD)
            if kept is not None and decode(kept.payload.encode()) != one:
                self.summary.reject(line, "another record with this eventId is pending")
            else:
                self.summary.already_there += 1
