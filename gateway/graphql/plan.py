"""A compiled operation, executed by plain calls instead of graphql-core's executor.

A plan calls the same resolvers and serializers as the executor, without Strawberry's wrappers around them;
`gateway.graphql.compiler` finds them in the schema. The fields of the query are awaited concurrently; the
values below them need no coroutine.
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
    located_error,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, is_awaitable
from strawberry.types.field import StrawberryField

from resolvers.context import Context
from resolvers.required_benefits import CompiledInfo

# Makes the value of a response from the value that a resolver returned.
Complete = Callable[[Any], Any]
# The resolver of a field of the query.
ResolveRoot = Callable[..., Awaitable[Any]]


class FieldFailed(Exception):
    """A field below a field of the query failed; `path` leads to it."""

    def __init__(self, error: Exception, nodes: list[FieldNode], *path: str | int) -> None:
        self.error = error
        self.nodes = nodes
        self.path = list(path)


@dataclass(frozen=True, slots=True)
class Root:
    """A field of the query, its resolver and its completion.

    `field` has the arguments that depend on variables, and `constants` the values of the others; `names` has
    the names of the resolver's parameters. `memo` is for the resolver (see `CompiledInfo`).
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
    """The fields of an operation by response key; for `__typename`, the name of the query's type."""

    schema: GraphQLSchema
    query: GraphQLObjectType
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    roots: dict[str, Root | str]

    async def execute(self, variables: VariableValues, context: Context) -> ExecutionResult:
        """Return the result that graphql-core's executor would return."""
        errors: list[GraphQLError] = []
        fields = [
            self._execute_field(key, root, variables, context, errors)
            for key, root in self.roots.items()
            if isinstance(root, Root)
        ]
        values = iter([await fields[0]] if len(fields) == 1 else await asyncio.gather(*fields))
        data = {key: next(values) if isinstance(root, Root) else root for key, root in self.roots.items()}
        return ExecutionResult(data, errors or None)

    async def _execute_field(
        self, key: str, root: Root, variables: VariableValues, context: Context, errors: list[GraphQLError]
    ) -> Any:
        """The value of a field of the query; None if it failed, and its error is added to `errors`."""
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
            None,  # type: ignore[arg-type]  # the executor, which our resolvers do not use
        )
        info.memo = root.memo
        return info
