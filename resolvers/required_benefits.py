"""The benefits that a field of a summary needs, and those that an operation selects."""

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import FragmentDefinitionNode, GraphQLObjectType, GraphQLResolveInfo, get_named_type
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields

from loaders.enums import Benefit

_KEY = "benefits"


class CompiledInfo(GraphQLResolveInfo[Any]):
    """The info of a field of a compiled operation; `memo` keeps what is the same for each execution."""

    memo: dict[str, Any]


def needs(*benefits: Benefit) -> Mapping[str, tuple[Benefit, ...]]:
    """The metadata of a field that needs the totals of these benefits."""
    return {_KEY: benefits}


def required_benefits(info: strawberry.Info[Any, Any]) -> frozenset[Benefit]:
    """The benefits that the selected fields of a summary, or of a list of summaries, need."""
    # Strawberry has no public access to the fragments of the document.
    raw = info._raw_info
    memo = raw.memo if isinstance(raw, CompiledInfo) else {}
    if _KEY not in memo:
        memo[_KEY] = _read_selection(raw)
    benefits: frozenset[Benefit] = memo[_KEY]
    return benefits


def _read_selection(raw: GraphQLResolveInfo[Any]) -> frozenset[Benefit]:
    type_ = get_named_type(raw.return_type)
    assert isinstance(type_, GraphQLObjectType)
    fragments = {
        name: FragmentDetails(one)
        for name, one in raw.fragments.items()
        if isinstance(one, FragmentDefinitionNode)
    }
    details = [FieldDetails(node, None) for node in raw.field_nodes]
    selected = collect_subfields(raw.schema, fragments, raw.variable_values, raw.operation, type_, details)
    names = {fields[0].node.name.value for fields in selected.grouped_field_set.values()}
    definitions = [
        type_.fields[name].extensions["strawberry-definition"] for name in names & type_.fields.keys()
    ]
    return frozenset(benefit for one in definitions for benefit in one.metadata.get(_KEY, ()))
