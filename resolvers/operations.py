"""Operations: each parsed, validated and compiled once, and executed many times."""

from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import strawberry
from cachetools import LRUCache
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    execute,
    get_operation_ast,
    parse,
    validate,
)

from resolvers.compiler import compile_operation
from resolvers.context import Context
from resolvers.messages import RULES
from resolvers.plan import Plan

# Parsed and compiled, a document takes 50 to 300 bytes a character.
REMEMBERED_CHARACTERS = 250_000


class OperationUnknown(Exception):
    """The document has no operation of the name that was asked for, or several and none was asked for."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document: not to be executed if there are `errors`, by the executor if no plan."""

    document: DocumentNode
    definition: OperationDefinitionNode
    errors: list[GraphQLError]
    plan: Plan | None

    @property
    def is_query(self) -> bool:
        return self.definition.operation is OperationType.QUERY


class Operations:
    """The operations of one schema; the most recently used are remembered.

    With `compiled` off, graphql-core's executor executes them all.
    """

    def __init__(self, schema: strawberry.Schema, *, compiled: bool) -> None:
        self._schema = schema._schema
        self._compiled = compiled
        self._remembered: LRUCache[tuple[str, str | None], Operation] = LRUCache(
            REMEMBERED_CHARACTERS, getsizeof=_characters
        )
        self.hits = 0
        self.misses = 0

    def prepare(self, query: str, name: str | None) -> Operation:
        """The operation called `name`, or the only one of the document.

        Raises `GraphQLSyntaxError` or `OperationUnknown`.
        """
        if (operation := self._remembered.get((query, name))) is not None:
            self.hits += 1
            return operation
        self.misses += 1
        document = parse(query)
        definition = get_operation_ast(document, name)
        if definition is None:
            raise OperationUnknown
        errors = validate(self._schema, document, RULES)
        compiling = self._compiled and not errors
        plan = compile_operation(self._schema, document, definition) if compiling else None
        operation = Operation(document, definition, errors, plan)
        if _characters(operation) <= REMEMBERED_CHARACTERS:
            self._remembered[query, name] = operation
        return operation

    async def execute(
        self, operation: Operation, variables: dict[str, Any], context: Context
    ) -> ExecutionResult:
        """The answer; its errors are graphql-core's, in the order of the fields."""
        assert not operation.errors, "only a valid operation is executed"
        if operation.plan is not None:
            result = await operation.plan.execute(variables, context)
        else:
            result = await self._execute_plainly(operation, variables, context)
        if result.errors and result.data:
            # They come as they happen, which depends on the database.
            order: dict[str | int, int] = {key: position for position, key in enumerate(result.data)}
            result.errors.sort(key=lambda error: order[error.path[0]] if error.path else 0)
        return result

    async def _execute_plainly(
        self, operation: Operation, variables: dict[str, Any], context: Context
    ) -> ExecutionResult:
        name = operation.definition.name
        result = execute(
            self._schema,
            operation.document,
            context_value=context,
            variable_values=variables,
            operation_name=name.value if name else None,
        )
        return await result if isawaitable(result) else result


def _characters(operation: Operation) -> int:
    assert operation.document.loc is not None, "the parser keeps locations"
    return operation.document.loc.end
