"""What customers earned from promotions, added up by the database: the one aggregation."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from loaders.batch import BatchLoader
from loaders.dispatcher import IN_FLIGHT, LIMIT, Columns, Dispatcher
from loaders.documents import ISSUANCES
from loaders.store import Store
from loaders.vocabulary import Benefit, IssuanceType


class BenefitKey(NamedTuple):
    """One benefit that one customer may have earned from one promotion."""

    customer_id: int
    promotion_id: int
    benefit: Benefit


@dataclass(frozen=True, slots=True)
class Total:
    """Everything issued of one item and type.

    `item` is the currency's name or the series id ("" for points), `type` how it was issued (None for rewards
    and badges), `amount` the exact sum (0 for rewards and badges); `last_issued_on` is UTC.
    """

    item: str
    type: IssuanceType | None
    amount: Decimal
    times_issued: int
    last_issued_on: datetime


class Ledger(NamedTuple):
    """The part of an organisation's issuances that counts: those at `since` (UTC) or later."""

    organization_id: int
    since: datetime


class TotalsDispatcher(Dispatcher[Ledger, BenefitKey, tuple[Total, ...]]):
    """Columns of customers, promotions and benefits → totals by benefit key. One `aggregate`."""

    def __init__(self, store: Store, in_flight: int = IN_FLIGHT, limit: int = LIMIT) -> None:
        super().__init__(in_flight, limit)
        self._store = store

    async def find(self, group: Ledger, columns: Columns) -> dict[BenefitKey, tuple[Total, ...]]:
        customers, promotions, benefits = map(sorted, columns)
        rows = await self._store.aggregate(
            ISSUANCES.name,
            [
                # Two stages, for the embedded server's sake: it uses an index for equalities and one `$in`.
                # MongoDB merges them. The cross product may bring groups that nobody asked for; they are
                # under keys that nobody reads.
                {"$match": {"orgId": group.organization_id, "customerId": {"$in": customers}}},
                {
                    "$match": {
                        "promotionId": {"$in": promotions},
                        "benefit": {"$in": benefits},
                        "issuedOn": {"$gte": group.since},
                    }
                },
                {
                    "$group": {
                        "_id": {
                            "customerId": "$customerId",
                            "promotionId": "$promotionId",
                            "benefit": "$benefit",
                            "item": "$item",
                            "type": "$type",
                        },
                        "total": {"$sum": "$amount"},
                        "times": {"$sum": 1},
                        "lastIssuedOn": {"$max": "$issuedOn"},
                    }
                },
            ],
        )
        totals: defaultdict[BenefitKey, list[Total]] = defaultdict(list)
        for row in rows:
            of = row["_id"]
            key = BenefitKey(of["customerId"], of["promotionId"], Benefit(of["benefit"]))
            issuance_type = of.get("type")
            totals[key].append(
                Total(
                    of.get("item", ""),
                    None if issuance_type is None else IssuanceType(issuance_type),
                    Decimal(row["total"]),
                    row["times"],
                    row["lastIssuedOn"],
                )
            )
        return {key: tuple(found) for key, found in totals.items()}


class TotalsByBenefitLoader(BatchLoader[BenefitKey, tuple[Total, ...]]):
    """Benefit key → its totals, () if nothing was issued. One load, whatever the number of keys."""

    absent = ()

    def __init__(self, totals: TotalsDispatcher, ledger: Ledger) -> None:
        super().__init__()
        self._totals = totals
        self._ledger = ledger

    async def find(self, keys: list[BenefitKey]) -> Mapping[BenefitKey, tuple[Total, ...]]:
        return await self._totals.load(self._ledger, *map(set, zip(*keys, strict=True)))
