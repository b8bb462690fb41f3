"""A customer: the summaries of a list of promotions, and of all promotions that gave benefits."""

from typing import Annotated, Any

import strawberry

from loaders.customers import Person
from resolvers.context import Context
from resolvers.required_benefits import required_benefits
from resolvers.summary_lists import DEFAULT_PAGE, summarize_earned, summarize_list
from resolvers.summary_types import CustomerPromotionActionSummary, CustomerPromotionActionSummaryConnection

_ProgramId = Annotated[
    strawberry.ID | None, strawberry.argument(description="The programme that the promotions must belong to.")
]


@strawberry.type(description="A customer of the organisation.")
class Customer:
    id: int = strawberry.field(graphql_type=strawberry.ID, description="The id of the customer.")
    person: strawberry.Private[Person]

    @strawberry.field(
        description="One summary for each promotion of the list, in the same order. An entry without a "
        "summary is null, and the `path` of its error has the index of the entry. Exactly one of "
        "`promotionIds` and `promotionIdentifiers` is required, with 1 to 100 entries."
    )
    async def promotion_action_summaries(
        self,
        info: strawberry.Info[Context, None],
        program_id: _ProgramId = strawberry.UNSET,
        promotion_ids: Annotated[
            list[strawberry.ID] | None, strawberry.argument(description="The ids of the promotions.")
        ] = strawberry.UNSET,
        promotion_identifiers: Annotated[
            list[str] | None, strawberry.argument(description="The external identifiers of the promotions.")
        ] = strawberry.UNSET,
    ) -> list[CustomerPromotionActionSummary | None]:
        summaries: Any = await summarize_list(
            info.context.loaders,
            self.person,
            program_id or None,
            None if promotion_ids is strawberry.UNSET else promotion_ids,
            None if promotion_identifiers is strawberry.UNSET else promotion_identifiers,
            required_benefits(info),
        )
        # graphql-core reports an exception in a list as an error at its place.
        return list[CustomerPromotionActionSummary | None](summaries)

    @strawberry.field(
        description="The promotions from which the customer earned anything, the highest id first."
    )
    async def earned_promotions(
        self,
        info: strawberry.Info[Context, None],
        program_id: _ProgramId = strawberry.UNSET,
        first: Annotated[
            int | None,
            strawberry.argument(description="The maximum number of entries in the page: 1 to 100."),
        ] = DEFAULT_PAGE,
        after: Annotated[
            str | None, strawberry.argument(description="The cursor of the entry before the page.")
        ] = strawberry.UNSET,
    ) -> CustomerPromotionActionSummaryConnection:
        return await summarize_earned(
            info.context.loaders,
            self.person,
            program_id or None,
            DEFAULT_PAGE if first is None else first,
            after or None,
        )
