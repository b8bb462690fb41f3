"""What a field needs to be loaded: said beside the field, and read ahead where its summary is made."""

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import FragmentDefinitionNode, GraphQLObjectType, GraphQLResolveInfo, get_nullable_type
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_subfields

from loaders.enums import Benefit

_NEEDS = "benefits"


class CompiledInfo(GraphQLResolveInfo[Any]):
    """A field's info; `memo` keeps what depends on the selection below the field alone."""

    memo: dict[str, Any]


def needs(*benefits: Benefit) -> Mapping[str, tuple[Benefit, ...]]:
    """Metadata of a field that is made of the totals of these benefits."""
    return {_NEEDS: benefits}


def required_benefits(info: strawberry.Info[Any, Any]) -> frozenset[Benefit]:
    """The benefits that the fields selected below this one need."""
    raw = info._raw_info
    if not isinstance(raw, CompiledInfo):
        return _read_required_benefits(raw)
    if _NEEDS not in raw.memo:
        raw.memo[_NEEDS] = _read_required_benefits(raw)
    benefits: frozenset[Benefit] = raw.memo[_NEEDS]
    return benefits


def _read_required_benefits(raw: GraphQLResolveInfo[Any]) -> frozenset[Benefit]:
    type_ = get_nullable_type(raw.return_type)
    assert isinstance(type_, GraphQLObjectType)
    fragments = {
        name: FragmentDetails(one)
        for name, one in raw.fragments.items()
        if isinstance(one, FragmentDefinitionNode)
    }
    details = [FieldDetails(node, None) for node in raw.field_nodes]
    selected = collect_subfields(raw.schema, fragments, raw.variable_values, raw.operation, type_, details)
    found: set[Benefit] = set()
    for below in selected.grouped_field_set.values():
        field = type_.fields.get(below[0].node.name.value)
        if field is not None:
            found.update(field.extensions["strawberry-definition"].metadata.get(_NEEDS, ()))
    return frozenset(found)
