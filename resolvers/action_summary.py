"""The benefits that a customer earned from a promotion: the use case of the GraphQL API and the REST API."""

import asyncio

from loaders import Loaders
from loaders.customers import CustomerIdentifier, Person
from loaders.enums import Benefit
from loaders.promotions import Promotion, PromotionReference
from loaders.totals import BenefitsKey, Totals
from resolvers.arguments import NOT_AN_ID, check_summary
from resolvers.errors import CustomerNotFound, PromotionInOtherProgram, PromotionNotFound
from resolvers.summary_types import CustomerPromotionActionSummary


async def summarize(
    loaders: Loaders,
    identifier: CustomerIdentifier,
    program_id: str | None,
    promotion_id: str | None,
    promotion_identifier: str | None,
    benefits: frozenset[Benefit],
) -> CustomerPromotionActionSummary:
    """Look up the customer and the promotion concurrently, then read the totals of these benefits.

    If both promotion arguments are given, they must name the same promotion. Raises what `check_summary`
    raises, then `CustomerNotFound`, `PromotionNotFound` or `PromotionInOtherProgram`, in this order.
    """
    program, reference = check_summary(identifier, program_id, promotion_id, promotion_identifier)
    customer, promotion = await _look_up(loaders, identifier, reference)
    if customer is None:
        raise CustomerNotFound
    if reference is None:
        raise PromotionNotFound(f"promotionId {NOT_AN_ID}")
    if promotion is None or (promotion_identifier and promotion_identifier != promotion.promotion_identifier):
        raise PromotionNotFound
    if promotion.program_id != program:
        raise PromotionInOtherProgram
    return await read_summary(loaders, customer, promotion, benefits)


async def read_summary(
    loaders: Loaders, customer: Person, promotion: Promotion, benefits: frozenset[Benefit]
) -> CustomerPromotionActionSummary:
    """The summary of these benefits."""
    key = BenefitsKey(customer.customer_id, promotion.promotion_id, benefits, customer.merged_ids)
    totals = await loaders.totals.load(key) if benefits else {}
    return make_summary(loaders, customer, promotion, totals)


def make_summary(
    loaders: Loaders, customer: Person, promotion: Promotion, totals: Totals
) -> CustomerPromotionActionSummary:
    return CustomerPromotionActionSummary(
        org_id=loaders.organization.id,
        program_id=promotion.program_id,
        customer_id=customer.customer_id,
        promotion_id=promotion.promotion_id,
        promotion_identifier=promotion.promotion_identifier,
        found=promotion,
        totals=totals,
        time_zone=loaders.organization.time_zone,
    )


async def _look_up(
    loaders: Loaders, identifier: CustomerIdentifier, reference: PromotionReference | None
) -> tuple[Person | None, Promotion | None]:
    """The customer and the promotion: from the cache, or else from the database, concurrently."""
    customer = loaders.remembered_customer(identifier)
    promotion = None if reference is None else loaders.remembered_promotion(reference)
    if promotion is None and reference is not None:
        if customer is not None:
            return customer, await loaders.promotions.load(reference)
        return await asyncio.gather(loaders.customers.load(identifier), loaders.promotions.load(reference))
    if customer is None:
        customer = await loaders.customers.load(identifier)
    return customer, promotion
