"""The GraphQL schema; `schema.graphql` is this module, printed."""

import strawberry
from strawberry.schema.config import StrawberryConfig

from resolvers.query import Query
from resolvers.scalars import SCALARS


def create_schema() -> strawberry.Schema:
    """The schema, ready to execute with a `Context`."""
    return strawberry.Schema(Query, config=StrawberryConfig(scalar_map=SCALARS))
