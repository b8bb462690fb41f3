"""The totals of customers from promotions, added up by one aggregation of the database.

`loaders.earned_promotions` adds up the promotions of a page with the same stage.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from itertools import chain
from typing import Any, NamedTuple

from loaders.database_schema import ISSUANCES, customer_promotion
from loaders.dataloader import BatchLoader
from loaders.dispatcher import Dispatcher
from loaders.enums import Benefit, IssuanceType
from loaders.errors import SummaryTooLarge
from loaders.store import Document

# A row is one category of points, type of a currency, reward or badge. A real promotion has some ten of them.
MAX_ROWS = 10_000
# A request reads the totals of up to so many pairs of a customer and a promotion in one command.
MAX_PAIRS = 25
# A larger request reads so many in each command, so that commands of other requests run in between. The
# embedded database runs one at a time. It takes 156 ms of CPU for a hundred pairs, 19 for 25, and 7 for ten:
# its p99 for one pair is 102 ms beside commands of a hundred pairs, 69 beside 25, and 36 beside ten.
PAIRS_OF_LARGE_REQUEST = 10
# Calling the enums would take four times as long.
_BENEFITS: dict[str, Benefit] = {one.value: one for one in Benefit}
_TYPES: dict[str | None, IssuanceType | None] = {None: None, **{one.value: one for one in IssuanceType}}
# More digits than a sum of Decimal128 amounts has.
_EXACT = Context(prec=60)


class BenefitsKey(NamedTuple):
    """One customer, one promotion, and the benefits whose totals are needed.

    The issuances of the customers that were merged into this one count too.
    """

    customer_id: int
    promotion_id: int
    benefits: frozenset[Benefit]
    merged_ids: tuple[int, ...] = ()

    @property
    def pairs(self) -> list["CustomerPromotion"]:
        return [CustomerPromotion(one, self.promotion_id) for one in (self.customer_id, *self.merged_ids)]


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of all issuances of one item and type.

    `item` is the currency's name or the series id, and empty for points. Rewards and badges have no type, and
    0 as their `amount`. `amount` is exact, `last_issued_on` is UTC.
    """

    item: str
    type: IssuanceType | None
    amount: Decimal
    times_issued: int
    last_issued_on: datetime


class TotalsScope(NamedTuple):
    """The issuances of an organisation that count: of these benefits, at `since` (UTC) or later."""

    organization_id: int
    since: datetime
    benefits: frozenset[Benefit]


class CustomerPromotion(NamedTuple):
    """One customer and one promotion."""

    customer_id: int
    promotion_id: int


Totals = Mapping[Benefit, tuple[Total, ...]]


class TotalsDispatcher(Dispatcher[TotalsScope, CustomerPromotion, Totals | Exception]):
    """Pairs of a customer and a promotion → their totals by benefit, or an error.

    One `aggregate`, unless the pairs have more than `MAX_ROWS` rows together.
    """

    kind = "totals"

    async def find(
        self, group: TotalsScope, keys: Set[CustomerPromotion]
    ) -> Mapping[CustomerPromotion, Totals | Exception]:
        pairs = {customer_promotion(*key): key for key in keys}
        rows = await self._store.aggregate(
            ISSUANCES.name,
            [
                # Two stages, because the embedded database uses an index only for equalities and one `$in`.
                # MongoDB merges the two.
                {"$match": {"orgId": group.organization_id, "customerPromotion": {"$in": list(pairs)}}},
                {"$match": {"benefit": {"$in": sorted(group.benefits)}, "issuedOn": {"$gte": group.since}}},
                add_up_by("customerPromotion"),
                {"$limit": MAX_ROWS + 1},
            ],
        )
        if len(rows) > MAX_ROWS:
            if len(keys) == 1:
                return dict.fromkeys(keys, _too_large())
            # Some rows are missing, so the halves of the pairs are read again.
            listed = sorted(keys)
            half = len(listed) // 2
            first = await self.find(group, set(listed[:half]))
            return {**first, **await self.find(group, set(listed[half:]))}
        by_pair: defaultdict[str, list[Document]] = defaultdict(list)
        for row in rows:
            by_pair[row["_id"]["customerPromotion"]].append(row)
        found: dict[CustomerPromotion, Totals | Exception] = {}
        for pair, own in by_pair.items():
            try:
                found[pairs[pair]] = read_totals(own)
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                # A document that the schema forbids fails its own pair, not the whole batch.
                found[pairs[pair]] = error
        return found


def add_up_by(field: str) -> Document:
    """The stage that adds up issuances by this field, and by benefit, item and type."""
    return {
        "$group": {
            "_id": {name: f"${name}" for name in (field, "benefit", "item", "type")},
            "total": {"$sum": "$amount"},
            "times": {"$sum": 1},
            "lastIssuedOn": {"$max": "$issuedOn"},
        }
    }


def read_totals(rows: Iterable[Document]) -> Totals:
    """The totals by benefit in the rows of `add_up_by` that have the same value of its field."""
    totals: defaultdict[Benefit, list[Total]] = defaultdict(list)
    for row in rows:
        of = row["_id"]
        total = Total(
            # Absent, or null: MongoDB reads only the index, which does not distinguish the two.
            of.get("item") or "",
            _TYPES[of.get("type")],
            Decimal(row["total"]),
            row["times"],
            row["lastIssuedOn"],
        )
        totals[_BENEFITS[of["benefit"]]].append(total)
    return {benefit: tuple(found) for benefit, found in totals.items()}


class TotalsByBenefitLoader(BatchLoader[BenefitsKey, Totals]):
    """Benefits key → totals by benefit, () for a benefit without issuances.

    One load for up to `MAX_PAIRS` pairs of a customer and a promotion; several, one after another, for more.
    """

    def __init__(self, totals: TotalsDispatcher, organization_id: int, since: datetime) -> None:
        super().__init__()
        self._totals = totals
        self._organization_id = organization_id
        self._since = since

    async def find(self, keys: list[BenefitsKey]) -> dict[BenefitsKey, Any]:
        if len(keys) <= MAX_PAIRS:
            return await self._find(keys)
        by_pair: defaultdict[CustomerPromotion, list[BenefitsKey]] = defaultdict(list)
        for key in keys:
            by_pair[CustomerPromotion(key.customer_id, key.promotion_id)].append(key)
        pairs = list(by_pair.values())
        size = MAX_PAIRS if len(pairs) <= MAX_PAIRS else PAIRS_OF_LARGE_REQUEST
        found: dict[BenefitsKey, Any] = {}
        for start in range(0, len(pairs), size):
            found |= await self._find(list(chain.from_iterable(pairs[start : start + size])))
        return found

    async def _find(self, keys: list[BenefitsKey]) -> dict[BenefitsKey, Any]:
        benefits = frozenset[Benefit]().union(*[key.benefits for key in keys])
        pairs = {key: key.pairs for key in keys}
        scope = TotalsScope(self._organization_id, self._since, benefits)
        self.commands += 1
        found = await self._totals.load(scope, {pair for named in pairs.values() for pair in named})
        return {
            key: _total(key.benefits, [found.get(pair, {}) for pair in named]) for key, named in pairs.items()
        }


def _total(benefits: frozenset[Benefit], parts: list[Totals | Exception]) -> Totals | Exception:
    """The sums of the parts, or an error, which aiodataloader then raises."""
    read: list[Totals] = []
    for part in parts:
        if isinstance(part, Exception):
            return part
        read.append(part)
    totals = {benefit: _add([part.get(benefit, ()) for part in read]) for benefit in benefits}
    return _too_large() if count_rows(totals) > MAX_ROWS else totals


def count_rows(totals: Totals) -> int:
    """How many rows a summary with these totals has."""
    return sum(map(len, totals.values()))


def _too_large() -> SummaryTooLarge:
    return SummaryTooLarge(f"The summary has more than {MAX_ROWS} rows.")


def _add(parts: list[tuple[Total, ...]]) -> tuple[Total, ...]:
    """The totals of one benefit, each row the sum of the rows of its item and type."""
    if len(parts) == 1:
        return parts[0]
    rows: dict[tuple[str, IssuanceType | None], Total] = {}
    for total in (total for part in parts for total in part):
        key = total.item, total.type
        held = rows.get(key)
        rows[key] = total if held is None else _sum(held, total)
    return tuple(rows.values())


def _sum(one: Total, other: Total) -> Total:
    return Total(
        one.item,
        one.type,
        _EXACT.add(one.amount, other.amount),
        one.times_issued + other.times_issued,
        max(one.last_issued_on, other.last_issued_on),
    )
