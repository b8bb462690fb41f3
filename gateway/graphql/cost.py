"""What an operation costs, in a unit that means something: the summaries that it asks the database for."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_argument_values,
    get_variable_values,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields


def count_summaries(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> int:
    """How many fields of the query a valid operation asks for; aliases of the same arguments are one.

    What executing the operation will refuse asks for nothing.
    """
    values = get_variable_values(schema, operation.variable_definitions or (), dict(variables))
    query = schema.query_type
    if isinstance(values, list) or query is None:
        return 0
    fragments = {
        one.name.value: FragmentDetails(one)
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    collected = collect_fields(schema, fragments, values, query, operation)
    asked = set()
    for details in collected.grouped_field_set.values():
        node = details[0].node
        if (field := query.fields.get(node.name.value)) is not None:
            try:
                arguments = get_argument_values(field, node, values)
            except GraphQLError:
                continue
            asked.add((node.name.value, frozenset(arguments.items())))
    return len(asked)
