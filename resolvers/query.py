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


@strawberry.type(description="The queries of this API.")
class Query:
    @strawberry.field(
        description="What a customer earned from a promotion. If the customer or the promotion is not "
        "found, the field is null and the response has an error; the other fields are not affected."
    )
    async def customer_promotion_action_summary(
        self,
        info: strawberry.Info[Context, None],
        source: Annotated[
            CustomerSource, strawberry.argument(description="The system that the identifier comes from.")
        ],
        identifier_name: Annotated[
            CustomerIdentifierName, strawberry.argument(description="The kind of identifier.")
        ],
        identifier_value: Annotated[
            str, strawberry.argument(description="The identifier, exactly as it is stored.")
        ],
        program_id: Annotated[
            strawberry.ID, strawberry.argument(description="The id of the loyalty programme.")
        ],
        promotion_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The id of the promotion. Required without promotionIdentifier."),
        ] = strawberry.UNSET,
        promotion_identifier: Annotated[
            str | None,
            strawberry.argument(
                description="The external identifier of the promotion. Required without promotionId; if "
                "both are given, they must name the same promotion."
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
