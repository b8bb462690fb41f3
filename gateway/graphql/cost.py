"""The cost of an operation: the number of summaries that it reads from the database."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_argument_values,
    get_nullable_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues

from resolvers.summary_lists import DEFAULT_PAGE

Grouped = Mapping[str, list[FieldDetails]]


def count_summaries(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, values: VariableValues
) -> int:
    """How many summaries a valid operation reads; single summaries with the same arguments count once.

    A list counts its length, and a page the number of its entries, at each place where it is selected. A
    field whose arguments cannot be used fails without a summary, and does not count. An operation or a
    customer with a condition that is null does not count either: graphql-core refuses it.
    """
    query = schema.query_type
    assert query is not None, "the schema has a query type"
    fragments = {
        one.name.value: FragmentDetails(one)
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    try:
        collected = collect_fields(schema, fragments, values, query, operation)
    except GraphQLError:
        return 0
    summaries: set[tuple[str, str]] = set()
    listed = 0
    for name, arguments, details in _fields(query, collected.grouped_field_set, values):
        type_ = get_nullable_type(query.fields[name].type)
        if name != "customer" or not isinstance(type_, GraphQLObjectType):
            summaries.add((name, repr(arguments)))
            continue
        try:
            below = collect_subfields(schema, fragments, values, operation, type_, details)
        except GraphQLError:
            continue
        for field, given, _ in _fields(type_, below.grouped_field_set, values):
            if field == "promotionActionSummaries":
                lists = (given.get(one) or () for one in ("promotionIds", "promotionIdentifiers"))
                listed += sum(map(len, lists))
            elif field == "earnedPromotions":
                first = given["first"]
                listed += DEFAULT_PAGE if first is None else max(0, first)
    return len(summaries) + listed


def _fields(
    type_: GraphQLObjectType, grouped: Grouped, values: VariableValues
) -> Iterator[tuple[str, dict[str, Any], list[FieldDetails]]]:
    """The name, the arguments and the nodes of each selected field whose arguments can be used."""
    for details in grouped.values():
        node = details[0].node
        if (field := type_.fields.get(node.name.value)) is not None:
            try:
                yield node.name.value, get_argument_values(field, node, values), details
            except GraphQLError:
                continue
