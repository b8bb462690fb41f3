"""A compiled operation, and how it runs: by plain calls, without graphql-core's executor.

A plan calls the same resolvers and serializers as the executor would, without Strawberry's wrappers around a
resolver; `gateway.graphql.compiler` finds them in the schema. Only the fields of the query are awaited, side
by side; the values below them are built without a coroutine per field.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_argument_values,
    get_variable_values,
    located_error,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, is_awaitable
from strawberry.types.field import StrawberryField

from resolvers.context import Context
from resolvers.required_benefits import CompiledInfo

# Makes an answer's value of a resolved one.
Complete = Callable[[Any], Any]
# The method behind a field of the query.
ResolveRoot = Callable[..., Awaitable[Any]]

# As many as graphql-core lists before it gives up.
_MOST_VARIABLE_ERRORS = 50


class FieldFailed(Exception):
    """A field below the root failed; `path` leads from the root field to it."""

    def __init__(self, error: Exception, nodes: list[FieldNode], *path: str | int) -> None:
        self.error = error
        self.nodes = nodes
        self.path = list(path)


@dataclass(frozen=True, slots=True)
class Root:
    """A field of the query: how it is resolved, and how its value is completed.

    `field` has the arguments that depend on variables, `constants` are the values of the others; `names` are
    what the resolver calls them.
    """

    name: str
    field: GraphQLField
    nodes: list[FieldNode]
    definition: StrawberryField
    resolve: ResolveRoot
    names: dict[str, str]
    constants: dict[str, Any]
    complete: Complete
    memo: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an operation answers: by response key a field, or the name of the query's type."""

    schema: GraphQLSchema
    query: GraphQLObjectType
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    roots: dict[str, Root | str]

    async def execute(self, variables: dict[str, Any], context: Context) -> ExecutionResult:
        """What graphql-core's executor would answer."""
        declared = self.operation.variable_definitions or ()
        values = get_variable_values(self.schema, declared, variables, _MOST_VARIABLE_ERRORS)
        if isinstance(values, list):
            return ExecutionResult(None, values)
        errors: list[GraphQLError] = []
        answers = [
            self._answer(key, root, values, context, errors)
            for key, root in self.roots.items()
            if isinstance(root, Root)
        ]
        answered = iter([await answers[0]] if len(answers) == 1 else await asyncio.gather(*answers))
        data = {key: next(answered) if isinstance(root, Root) else root for key, root in self.roots.items()}
        return ExecutionResult(data, errors or None)

    async def _answer(
        self, key: str, root: Root, variables: VariableValues, context: Context, errors: list[GraphQLError]
    ) -> Any:
        """The value of a root field; None where it failed, with an error added."""
        try:
            values = get_argument_values(root.field, root.nodes[0], variables)
            arguments = {root.names[name]: value for name, value in values.items()}
            info = strawberry.Info(self._info(key, root, variables, context), root.definition)
            value = await root.resolve(None, info=info, **root.constants, **arguments)
            return None if value is None else root.complete(value)
        except FieldFailed as failed:
            errors.append(located_error(failed.error, failed.nodes, [key, *failed.path]))
        except Exception as error:
            errors.append(located_error(error, root.nodes, [key]))
        return None

    def _info(self, key: str, root: Root, variables: VariableValues, context: Context) -> CompiledInfo:
        info = CompiledInfo(
            root.name,
            root.nodes,
            root.field.type,
            self.query,
            Path(None, key, self.query.name),
            self.schema,
            self.fragments,
            None,
            self.operation,
            variables,
            context,
            is_awaitable,
            None,
            None,  # type: ignore[arg-type]  # for resolvers that start work of their own; ours do not
        )
        info.memo = root.memo
        return info
