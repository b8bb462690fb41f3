"""The benefits from a list of promotions, and from all promotions: the use cases of `Customer`."""

import asyncio
import base64
import binascii
from collections.abc import Iterable, Sequence

from loaders import Loaders
from loaders.customers import CustomerIdentifier, Person
from loaders.enums import Benefit
from loaders.errors import StoreUnavailable
from loaders.promotions import Field, Promotion, PromotionReference
from resolvers.action_summary import make_summary, read_summary
from resolvers.arguments import NOT_AN_ID, parse_id
from resolvers.errors import ArgumentInvalid, CustomerNotFound, PromotionInOtherProgram, PromotionNotFound
from resolvers.summary_types import (
    CustomerPromotionActionSummary,
    CustomerPromotionActionSummaryConnection,
    CustomerPromotionActionSummaryEdge,
    PageInfo,
)

MOST = 100
DEFAULT_PAGE = 20
# Cursors of another version are refused, so that their meaning can change.
_CURSOR_VERSION = "1"


async def find_customer(loaders: Loaders, identifier: CustomerIdentifier | None) -> Person:
    """The customer with this identifier; without one, the customer that the caller's token names.

    Raises `ArgumentInvalid` or `CustomerNotFound`.
    """
    if identifier is None:
        found = await loaders.find_only_customer()
        if found is None:
            raise ArgumentInvalid(
                "source, identifierName and identifierValue are required: the credentials name no customer."
            )
    else:
        found = loaders.remembered_customer(identifier) or await loaders.customers.load(identifier)
    if found is None or found.erased:
        raise CustomerNotFound
    return found


async def summarize_list(
    loaders: Loaders,
    customer: Person,
    program_id: str | None,
    promotion_ids: Sequence[str] | None,
    promotion_identifiers: Sequence[str] | None,
    benefits: frozenset[Benefit],
) -> list[CustomerPromotionActionSummary | BaseException]:
    """A summary or an error for each promotion, in the order of the list.

    Raises `ArgumentInvalid`, or `StoreUnavailable` once for all entries.
    """
    references = _references(promotion_ids, promotion_identifiers)
    program = _program(program_id)
    promotions = await _find_promotions(loaders, {one for one in references if one is not None})

    async def summary(reference: PromotionReference | None) -> CustomerPromotionActionSummary:
        promotion = None if reference is None else promotions[reference]
        if promotion is None:
            is_number = reference is not None or promotion_ids is None
            raise PromotionNotFound("" if is_number else f"promotionIds {NOT_AN_ID}")
        if program not in (None, promotion.program_id):
            raise PromotionInOtherProgram
        return await read_summary(loaders, customer, promotion, benefits)

    summaries = await asyncio.gather(*map(summary, references), return_exceptions=True)
    for one in summaries:
        if isinstance(one, StoreUnavailable):
            raise one
    return summaries


async def summarize_earned(
    loaders: Loaders, customer: Person, program_id: str | None, first: int, after: str | None
) -> CustomerPromotionActionSummaryConnection:
    """A page of the promotions from which the customer earned anything, by descending id.

    Raises `ArgumentInvalid` or `SummaryTooLarge`.
    """
    if not 1 <= first <= MOST:
        raise ArgumentInvalid(f"first must be 1 to {MOST}.")
    program = _program(program_id)
    before = None if after is None else _read_cursor(loaders, customer, after)
    page = await loaders.earned(customer, first=first, before=before, program_id=program)
    references = {one: PromotionReference("promotionId", one) for one in page.totals}
    promotions = await _find_promotions(loaders, set(references.values()))
    edges = [
        CustomerPromotionActionSummaryEdge(
            cursor=_cursor(loaders, customer, one), node=make_summary(loaders, customer, promotion, totals)
        )
        for one, totals in page.totals.items()
        # The ledger may have issuances of a promotion that nothing has described yet.
        if (promotion := promotions[references[one]]) is not None
    ]
    position = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=False,
        start_cursor=edges[0].cursor if edges else None,
        # An entry whose promotion is unknown counts too, so that the next page always moves on.
        end_cursor=_cursor(loaders, customer, min(page.totals)) if page.totals else None,
    )
    return CustomerPromotionActionSummaryConnection(edges=edges, page_info=position)


def _references(
    promotion_ids: Sequence[str] | None, promotion_identifiers: Sequence[str] | None
) -> list[PromotionReference | None]:
    """The promotions of the list; None for an id that no promotion can have."""
    if (promotion_ids is None) == (promotion_identifiers is None):
        raise ArgumentInvalid("Exactly one of promotionIds and promotionIdentifiers is required.")
    field: Field
    values: Iterable[int | str | None]
    if promotion_ids is None:
        field, values = "promotionIdentifier", promotion_identifiers or ()
    else:
        field, values = "promotionId", map(parse_id, promotion_ids)
    references = [None if one is None or one == "" else PromotionReference(field, one) for one in values]
    if not 1 <= len(references) <= MOST:
        raise ArgumentInvalid(f"{field}s must have 1 to {MOST} entries; it has {len(references)}.")
    return references


def _program(program_id: str | None) -> int | None:
    if program_id is None:
        return None
    if (program := parse_id(program_id)) is None:
        raise ArgumentInvalid(f"programId {NOT_AN_ID}")
    return program


async def _find_promotions(
    loaders: Loaders, references: set[PromotionReference]
) -> dict[PromotionReference, Promotion | None]:
    found: dict[PromotionReference, Promotion | None] = {
        one: loaders.remembered_promotion(one) for one in references
    }
    missing = [one for one, promotion in found.items() if promotion is None]
    if missing:
        found |= dict(zip(missing, await asyncio.gather(*map(loaders.promotions.load, missing)), strict=True))
    return found


def _cursor(loaders: Loaders, customer: Person, promotion_id: int) -> str:
    parts = _CURSOR_VERSION, str(loaders.organization.id), str(customer.customer_id), str(promotion_id)
    return base64.urlsafe_b64encode(":".join(parts).encode()).decode().rstrip("=")


def _read_cursor(loaders: Loaders, customer: Person, cursor: str) -> int:
    """The promotion id of a cursor of this customer. Raises `ArgumentInvalid`."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    promotion_id = parse_id(text.rpartition(":")[2])
    if promotion_id is None or _cursor(loaders, customer, promotion_id) != cursor:
        raise ArgumentInvalid("after is not a cursor of this customer's promotions.")
    return promotion_id
