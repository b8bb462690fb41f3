"""The use case: what did this customer earn from this promotion? GraphQL and REST both call it."""

import asyncio

from loaders import Loaders
from loaders.promotions import Promotion, PromotionReference
from resolvers.arguments import SummaryArguments
from resolvers.errors import CustomerNotFound, PromotionInOtherProgram, PromotionNotFound
from resolvers.summary import CustomerPromotionActionSummary


async def summarize(loaders: Loaders, arguments: SummaryArguments) -> CustomerPromotionActionSummary:
    """Find the customer and the promotion side by side; what was earned is loaded when it is read.

    Raises `CustomerNotFound`, `PromotionNotFound` or `PromotionInOtherProgram`, in this order.
    """
    customer_id, promotion = await asyncio.gather(
        loaders.customers.load(arguments.customer), _find_promotion(loaders, arguments.promotion)
    )
    if customer_id is None:
        raise CustomerNotFound
    if promotion is None or arguments.promotion_identifier not in (None, promotion.promotion_identifier):
        raise PromotionNotFound
    if promotion.program_id != arguments.program_id:
        raise PromotionInOtherProgram
    return CustomerPromotionActionSummary(
        org_id=loaders.organization.id,
        program_id=promotion.program_id,
        customer_id=customer_id,
        promotion_id=promotion.promotion_id,
        promotion_identifier=promotion.promotion_identifier,
        loaders=loaders,
    )


async def _find_promotion(loaders: Loaders, reference: PromotionReference | None) -> Promotion | None:
    return None if reference is None else await loaders.promotions.load(reference)
