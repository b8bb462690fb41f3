"""The GraphQL schema; `schema.graphql` is this module, printed."""

from collections.abc import Iterator
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.config import StrawberryConfig

from resolvers.messages import RULES
from resolvers.query import Query
from resolvers.scalars import SCALARS


class _ValidationRules(SchemaExtension):
    def on_operation(self) -> Iterator[None]:
        self.execution_context.validation_rules = RULES
        yield


class _Schema(strawberry.Schema):
    def process_errors(self, errors: list[GraphQLError], execution_context: Any = None) -> None:
        """Log nothing: Strawberry would log the errors whole, with the input that they quote."""


def create_schema() -> strawberry.Schema:
    """The schema, ready to execute with a `Context`."""
    return _Schema(
        Query,
        config=StrawberryConfig(scalar_map=SCALARS),
        extensions=[_ValidationRules, ParserCache, ValidationCache],
    )
