"""The benefits that a customer earned from a promotion: the use case of the GraphQL API and the REST API."""

import asyncio

from loaders import Loaders
from loaders.customers import Person
from loaders.enums import Benefit
from loaders.promotions import Promotion
from loaders.totals import BenefitsKey, Totals
from resolvers.arguments import NOT_AN_ID, SummaryArguments
from resolvers.errors import CustomerNotFound, PromotionInOtherProgram, PromotionNotFound
from resolvers.summary_types import CustomerPromotionActionSummary


async def summarize(
    loaders: Loaders, arguments: SummaryArguments, benefits: frozenset[Benefit]
) -> CustomerPromotionActionSummary:
    """Look up the customer and the promotion concurrently, then read the totals of these benefits.

    Raises `CustomerNotFound`, `PromotionNotFound` or `PromotionInOtherProgram`, in this order.
    """
    customer, promotion = await _look_up(loaders, arguments)
    if customer is None:
        raise CustomerNotFound
    if arguments.promotion is None:
        raise PromotionNotFound(f"promotionId {NOT_AN_ID}")
    if promotion is None or arguments.promotion_identifier not in (None, promotion.promotion_identifier):
        raise PromotionNotFound
    if promotion.program_id != arguments.program_id:
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


async def _look_up(loaders: Loaders, arguments: SummaryArguments) -> tuple[Person | None, Promotion | None]:
    """The customer and the promotion: from the cache, or else from the database, concurrently."""
    customer, reference = loaders.remembered_customer(arguments.customer), arguments.promotion
    promotion = None if reference is None else loaders.remembered_promotion(reference)
    if promotion is None and reference is not None:
        if customer is not None:
            return customer, await loaders.promotions.load(reference)
        return await asyncio.gather(
            loaders.customers.load(arguments.customer), loaders.promotions.load(reference)
        )
    if customer is None:
        customer = await loaders.customers.load(arguments.customer)
    return customer, promotion
