"""The use case: what did this customer earn from this promotion? GraphQL and REST both call it."""

import asyncio
from asyncio import Future
from typing import Any

from loaders import Loaders
from loaders.enums import Benefit
from loaders.totals import BenefitsKey
from resolvers.arguments import SummaryArguments
from resolvers.errors import CustomerNotFound, PromotionInOtherProgram, PromotionNotFound
from resolvers.summary_types import CustomerPromotionActionSummary


async def summarize(
    loaders: Loaders, arguments: SummaryArguments, benefits: frozenset[Benefit]
) -> CustomerPromotionActionSummary:
    """Find the customer and the promotion side by side, then what was earned of these benefits.

    Raises `CustomerNotFound`, `PromotionNotFound` or `PromotionInOtherProgram`, in this order.
    """
    look_ups: list[Future[Any]] = [loaders.customers.load(arguments.customer)]
    if arguments.promotion is not None:
        look_ups.append(loaders.promotions.load(arguments.promotion))
    customer_id, *promotions = await asyncio.gather(*look_ups)
    promotion = promotions[0] if promotions else None
    if customer_id is None:
        raise CustomerNotFound
    if promotion is None or arguments.promotion_identifier not in (None, promotion.promotion_identifier):
        raise PromotionNotFound
    if promotion.program_id != arguments.program_id:
        raise PromotionInOtherProgram
    key = BenefitsKey(customer_id, promotion.promotion_id, benefits)
    return CustomerPromotionActionSummary(
        org_id=loaders.organization.id,
        program_id=promotion.program_id,
        customer_id=customer_id,
        promotion_id=promotion.promotion_id,
        promotion_identifier=promotion.promotion_identifier,
        totals=await loaders.totals.load(key) if benefits else {},
        time_zone=loaders.organization.time_zone,
    )
