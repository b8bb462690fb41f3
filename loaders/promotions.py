"""Promotions, looked up by id or by their external identifier.

Both kinds of reference go through one loader that answers when both finds are back: with two loaders, the
summaries of a request would be ready at different times and split its one aggregation in two.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from loaders.batch import BatchLoader
from loaders.documents import PROMOTIONS
from loaders.store import Store

Field = Literal["promotionId", "promotionIdentifier"]


class PromotionReference(NamedTuple):
    """The field that names a promotion, and its value there."""

    field: Field
    value: int | str


@dataclass(frozen=True, slots=True)
class Promotion:
    """A loyalty promotion; it belongs to one programme."""

    program_id: int
    promotion_id: int
    promotion_identifier: str


class PromotionByReferenceLoader(BatchLoader[PromotionReference, Promotion | None]):
    """Reference → promotion, or None. One `find` per kind of reference, side by side."""

    def __init__(self, store: Store, organization_id: int) -> None:
        super().__init__()
        self._store = store
        self._organization_id = organization_id

    async def find(self, keys: list[PromotionReference]) -> dict[PromotionReference, Promotion | None]:
        values: defaultdict[Field, list[int | str]] = defaultdict(list)
        for field, value in keys:
            values[field].append(value)
        found = await asyncio.gather(*(self._find_one_kind(field, values[field]) for field in values))
        return {reference: promotion for kind in found for reference, promotion in kind.items()}

    async def _find_one_kind(
        self, field: Field, values: list[int | str]
    ) -> dict[PromotionReference, Promotion]:
        documents = await self._store.find(
            PROMOTIONS.name,
            {"orgId": self._organization_id, field: {"$in": values}},
            ("programId", "promotionId", "promotionIdentifier"),
        )
        return {
            PromotionReference(field, document[field]): Promotion(
                int(document["programId"]), int(document["promotionId"]), document["promotionIdentifier"]
            )
            for document in documents
        }


async def find_promotion_ids(
    store: Store, organization_id: int, identifiers: Iterable[str | None]
) -> dict[str | None, int]:
    """The ids of the promotions that have these identifiers; those that are not known are left out."""
    named = dict.fromkeys(one for one in identifiers if one is not None)
    loader = PromotionByReferenceLoader(store, organization_id)
    found = await loader.find([PromotionReference("promotionIdentifier", one) for one in named])
    return {one.promotion_identifier: one.promotion_id for one in found.values() if one is not None}
