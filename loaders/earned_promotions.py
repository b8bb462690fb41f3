"""The promotions from which a customer earned anything, a page at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from loaders.customers import Person
from loaders.database_schema import ISSUANCES, PROMOTIONS
from loaders.enums import Benefit
from loaders.errors import SummaryTooLarge
from loaders.store import Document, Int64, Store
from loaders.totals import MAX_ROWS, Totals, add_up_by, read_totals


@dataclass(frozen=True, slots=True)
class Page:
    """The totals of every benefit by promotion id, the highest id first, and whether there are more."""

    totals: Mapping[int, Totals]
    has_next: bool


async def find_promotions_of(store: Store, organization_id: int, program_id: int) -> list[int]:
    """The ids of the promotions of a programme. One `find`."""
    of_program = {"orgId": organization_id, "programId": program_id}
    found = await store.find(PROMOTIONS.name, of_program, ("promotionId",))
    return [one["promotionId"] for one in found]


async def find_earned(
    store: Store,
    organization_id: int,
    since: datetime,
    person: Person,
    *,
    first: int,
    before: int | None,
    promotion_ids: list[int] | None,
) -> Page:
    """The first promotions, by descending id, from which the person earned anything at `since` or later.

    Only ids below `before`, and only these `promotion_ids`, count, if they are given. One `aggregate`, which
    reads the customer's own range of the index. An issuance without a known promotion makes an entry too.
    Raises `SummaryTooLarge`.
    """
    ranges = [{"customerPromotion": {"$gte": f"{one}:", "$lt": f"{one};"}} for one in person.ids]
    mine: Document = ranges[0] if len(ranges) == 1 else {"$or": ranges}
    wanted: dict[str, Any] = {}
    if before is not None:
        wanted["$lt"] = Int64(before)
    if promotion_ids is not None:
        wanted["$in"] = promotion_ids
    promotion: Document = {"promotionId": wanted} if wanted else {}
    rows = await store.aggregate(
        ISSUANCES.name,
        [
            # Two stages, because the embedded database uses an index only if the first has nothing else. It
            # reads all issuances for a merged customer; MongoDB reads one range for each of the customers.
            {"$match": {"orgId": organization_id, **mine}},
            {"$match": {"issuedOn": {"$gte": since}, **promotion}},
            add_up_by("promotionId"),
            {"$group": {"_id": "$_id.promotionId", "rows": {"$push": "$$ROOT"}}},
            {"$sort": {"_id": -1}},
            {"$limit": first + 1},
            {"$project": {"rows": {"$slice": ["$rows", MAX_ROWS + 1]}}},
        ],
    )
    if sum(len(one["rows"]) for one in rows[:first]) > MAX_ROWS:
        raise SummaryTooLarge(f"The page has more than {MAX_ROWS} rows.")
    nothing: Totals = dict.fromkeys(Benefit, ())
    totals = {int(one["_id"]): {**nothing, **read_totals(one["rows"])} for one in rows[:first]}
    return Page(totals, len(rows) > first)
