"""Executes operations that have no plan by graphql-core's executor."""

from inspect import isawaitable
from typing import Any

from graphql import DocumentNode, ExecutionResult, Executor, GraphQLSchema, execute_root_selection_set

from resolvers.context import Context


async def execute(
    schema: GraphQLSchema,
    document: DocumentNode,
    name: str | None,
    variables: dict[str, Any],
    context: Context,
) -> ExecutionResult:
    """Execute a valid operation."""
    executor = Executor.build(
        schema, document, context_value=context, raw_variable_values=variables, operation_name=name
    )
    assert isinstance(executor, Executor), "the operation and its variables are valid"
    try:
        result = execute_root_selection_set(executor)
        return await result if isawaitable(result) else result
    finally:
        # The executor and its helpers refer to each other, and would wait for the garbage collector.
        del executor.async_helpers
