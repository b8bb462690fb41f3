"""The root of the GraphQL schema."""

from typing import Annotated

import strawberry

from loaders.customers import CustomerIdentifier
from loaders.enums import IdentifierName
from resolvers.action_summary import summarize
from resolvers.arguments import CustomerIdentifierName, CustomerSource, SummaryArguments
from resolvers.context import Context
from resolvers.required_benefits import required_benefits
from resolvers.summary_types import CustomerPromotionActionSummary


@strawberry.type(description="What can be asked for.")
class Query:
    @strawberry.field(
        description="What a customer earned from a promotion. Null, with an error beside it, where the "
        "customer or the promotion is not found; other fields of the operation are answered all the same."
    )
    async def customer_promotion_action_summary(
        self,
        info: strawberry.Info[Context, None],
        source: Annotated[
            CustomerSource, strawberry.argument(description="The system that knows the identifier.")
        ],
        identifier_name: Annotated[
            CustomerIdentifierName, strawberry.argument(description="The kind of identifier.")
        ],
        identifier_value: Annotated[
            str, strawberry.argument(description="The identifier itself; exact, not trimmed.")
        ],
        program_id: Annotated[
            strawberry.ID, strawberry.argument(description="The loyalty programme of the promotion.")
        ],
        promotion_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The promotion's id. This or its identifier is required."),
        ] = strawberry.UNSET,
        promotion_identifier: Annotated[
            str | None,
            strawberry.argument(
                description="The promotion's external identifier. Given with an id, the two must agree."
            ),
        ] = strawberry.UNSET,
    ) -> CustomerPromotionActionSummary | None:
        return await summarize(
            info.context.loaders,
            SummaryArguments.check(
                CustomerIdentifier(source.name, IdentifierName[identifier_name.name], identifier_value),
                program_id,
                promotion_id,
                promotion_identifier,
            ),
            required_benefits(info),
        )
