"""The cost of an operation: the number of summaries that it reads from the database."""

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    get_argument_values,
)
from graphql.execution.collect_fields import FragmentDetails, collect_fields
from graphql.execution.values import VariableValues


def count_summaries(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    values: VariableValues,
) -> int:
    """How many fields of the query a valid operation selects; fields with the same arguments count once.

    A field whose arguments cannot be used fails without a summary, and does not count.
    """
    query = schema.query_type
    assert query is not None, "the schema has a query type"
    fragments = {
        one.name.value: FragmentDetails(one)
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    collected = collect_fields(schema, fragments, values, query, operation)
    summaries = set()
    for details in collected.grouped_field_set.values():
        node = details[0].node
        if (field := query.fields.get(node.name.value)) is not None:
            try:
                arguments = get_argument_values(field, node, values)
            except GraphQLError:
                continue
            summaries.add((node.name.value, frozenset(arguments.items())))
    return len(summaries)
