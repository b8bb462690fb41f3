"""The root of the GraphQL schema."""

from typing import Annotated

import strawberry
from strawberry.schema_directive import Location

from loaders.customers import CustomerIdentifier
from loaders.enums import IdentifierName
from resolvers.action_summary import summarize
from resolvers.arguments import CustomerIdentifierName, CustomerSource, check_customer
from resolvers.context import Context
from resolvers.customer import Customer
from resolvers.required_benefits import required_benefits
from resolvers.summary_lists import find_customer
from resolvers.summary_types import CustomerPromotionActionSummary


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="The field is null only if it has an error. Clients that throw errors can take it as "
    "non-null.",
)
class SemanticNonNull:
    # Apollo Kotlin 4 takes no other definition.
    levels: list[int | None] | None = strawberry.directive_field(name="levels", default=(0,))


_NULL_ONLY_WITH_AN_ERROR = [SemanticNonNull()]
_SOURCE = strawberry.argument(description="The system that the identifier comes from.")
_IDENTIFIER_NAME = strawberry.argument(description="The kind of identifier.")
_IDENTIFIER_VALUE = strawberry.argument(description="The identifier, exactly as it is stored.")


@strawberry.type(description="The queries of this API.")
class Query:
    @strawberry.field(
        description="The customer with this identifier. Without arguments, the customer that the caller's "
        "token names. If the customer is not found, the field is null and the response has an error.",
        directives=_NULL_ONLY_WITH_AN_ERROR,
    )
    async def customer(
        self,
        info: strawberry.Info[Context, None],
        source: Annotated[CustomerSource | None, _SOURCE] = strawberry.UNSET,
        identifier_name: Annotated[CustomerIdentifierName | None, _IDENTIFIER_NAME] = strawberry.UNSET,
        identifier_value: Annotated[str | None, _IDENTIFIER_VALUE] = strawberry.UNSET,
    ) -> Customer | None:
        identifier = check_customer(source or None, identifier_name or None, identifier_value or None)
        person = await find_customer(info.context.loaders, identifier)
        return Customer(id=person.customer_id, person=person)

    @strawberry.field(
        description="The benefits that a customer earned from a promotion. If the customer or the promotion "
        "is not found, the field is null and the response has an error; the other fields are not affected.",
        directives=_NULL_ONLY_WITH_AN_ERROR,
    )
    async def customer_promotion_action_summary(
        self,
        info: strawberry.Info[Context, None],
        source: Annotated[CustomerSource, _SOURCE],
        identifier_name: Annotated[CustomerIdentifierName, _IDENTIFIER_NAME],
        identifier_value: Annotated[str, _IDENTIFIER_VALUE],
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
            CustomerIdentifier(source.name, IdentifierName[identifier_name.name], identifier_value),
            program_id,
            promotion_id,
            promotion_identifier,
            required_benefits(info),
        )
