"""The GraphQL schema; `schema.graphql` is its printed form."""

from functools import cache

import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.name_converter import NameConverter
from strawberry.types.arguments import StrawberryArgument

from resolvers.query import Query
from resolvers.scalars import SCALARS


class _Names(NameConverter):
    @cache  # noqa: B019 - Strawberry converts the name of every argument each time that it resolves a field.
    def from_argument(self, argument: StrawberryArgument) -> str:
        return super().from_argument(argument)


def create_schema() -> strawberry.Schema:
    """The schema, ready to execute with a `Context`."""
    return strawberry.Schema(Query, config=StrawberryConfig(name_converter=_Names(), scalar_map=SCALARS))
