"""The promotion of a summary."""

import strawberry


@strawberry.type(description="A loyalty promotion.")
class Promotion:
    id: int = strawberry.field(graphql_type=strawberry.ID, description="The id of the promotion.")
    identifier: str | None = strawberry.field(
        description="The external identifier of the promotion, if it has one."
    )
    name: str = strawberry.field(description="The name of the promotion, as the loyalty platform shows it.")
    program_id: int = strawberry.field(
        graphql_type=strawberry.ID, description="The id of the loyalty programme."
    )
