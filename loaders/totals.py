"""What customers earned from promotions, added up by the database: the one aggregation."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from loaders.batch import BatchLoader
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


class TotalsByBenefitLoader(BatchLoader[BenefitKey, tuple[Total, ...]]):
    """Benefit key → its totals, () if nothing was issued. One `aggregate`, whatever the number of keys.

    Only what was issued at `since` (UTC) or later counts.
    """

    absent = ()

    def __init__(self, store: Store, organization_id: int, since: datetime) -> None:
        super().__init__()
        self._store = store
        self._organization_id = organization_id
        self._since = since

    async def find(self, keys: list[BenefitKey]) -> dict[BenefitKey, tuple[Total, ...]]:
        customers, promotions, benefits = (sorted(set(column)) for column in zip(*keys, strict=True))
        groups = await self._store.aggregate(
            ISSUANCES.name,
            [
                # Two stages, for the embedded server's sake: it uses an index for equalities and one `$in`.
                # MongoDB merges them. The cross product may bring groups that nobody asked for; they are
                # under keys that nobody reads.
                {"$match": {"orgId": self._organization_id, "customerId": {"$in": customers}}},
                {
                    "$match": {
                        "promotionId": {"$in": promotions},
                        "benefit": {"$in": benefits},
                        "issuedOn": {"$gte": self._since},
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
        for group in groups:
            of = group["_id"]
            key = BenefitKey(of["customerId"], of["promotionId"], Benefit(of["benefit"]))
            issuance_type = of.get("type")
            totals[key].append(
                Total(
                    of.get("item", ""),
                    None if issuance_type is None else IssuanceType(issuance_type),
                    Decimal(group["total"]),
                    group["times"],
                    group["lastIssuedOn"],
                )
            )
        return {key: tuple(found) for key, found in totals.items()}
