"""Promotions, looked up by id or by their external identifier.

One loader looks up both kinds of references and returns when both finds have: with two loaders, the summaries
of a request would be ready at different times and split its one aggregation in two.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from typing import Literal, NamedTuple

from loaders.database_schema import PROMOTIONS
from loaders.lookups import LookupDispatcher, LookupLoader
from loaders.store import Store

Field = Literal["promotionId", "promotionIdentifier"]


class PromotionReference(NamedTuple):
    """The field that names a promotion, and its value there."""

    field: Field
    value: int | str


@dataclass(frozen=True, slots=True)
class Promotion:
    """A loyalty promotion of one programme; `promotion_identifier` and `name` are empty where it has none."""

    program_id: int
    promotion_id: int
    promotion_identifier: str
    name: str = ""


class PromotionDispatcher(LookupDispatcher[PromotionReference, Promotion]):
    """Values of one kind of reference → promotions by value. One `find`."""

    kind = "promotions"

    async def find(self, group: tuple[int, Field], keys: Set[int | str]) -> dict[int | str, Promotion]:
        organization_id, field = group
        wanted: dict[str, object] = {"$in": list(keys)}
        if field == "promotionIdentifier":
            # The index holds only promotions that have an identifier, and serves only a query that says so.
            wanted["$gt"] = ""
        documents = await self._store.find(
            PROMOTIONS.name,
            {"orgId": organization_id, field: wanted},
            ("programId", "promotionId", "promotionIdentifier", "name"),
        )
        return {
            document[field]: Promotion(
                int(document["programId"]),
                int(document["promotionId"]),
                document.get("promotionIdentifier", ""),
                document.get("name", ""),
            )
            for document in documents
        }


class PromotionByReferenceLoader(LookupLoader[PromotionReference, Promotion]):
    """Reference → promotion, or None."""


async def find_promotion_ids(
    store: Store, organization_id: int, identifiers: Iterable[str | None]
) -> dict[str | None, int]:
    """The ids of the promotions that have these identifiers; unknown and empty identifiers are left out."""
    named = {one for one in identifiers if one}
    if not named:
        return {}
    found = await PromotionDispatcher(store).find((organization_id, "promotionIdentifier"), named)
    return {one.promotion_identifier: one.promotion_id for one in found.values()}
