"""What the compiler reads from the definition of a Strawberry field: its resolver and its arguments."""

from collections.abc import Callable
from inspect import isfunction
from operator import attrgetter
from typing import Any

import strawberry
from graphql import FieldNode, GraphQLArgument, GraphQLField, ListValueNode, ValueNode, VariableNode
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

from gateway.graphql.plan import ResolveRoot

# Strawberry passes values of these types, of enums, and lists of them, as graphql-core coerces them.
_PASSED_UNCHANGED = str, int, float, bool, strawberry.ID


class NotCompilable(Exception):
    """The compiler does not support this operation."""


def definition_of(field: GraphQLField) -> StrawberryField:
    definition = field.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryField):
        raise NotCompilable
    return definition


def python_name(argument: GraphQLArgument) -> str:
    definition = argument.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryArgument):
        raise NotCompilable
    kind = definition.type
    # A subclass of `StrawberryOptional` is passed as an object of Strawberry's own.
    while type(kind) is StrawberryOptional or isinstance(kind, StrawberryList):
        kind = kind.of_type
    if not isinstance(kind, StrawberryEnumDefinition) and kind not in _PASSED_UNCHANGED:
        raise NotCompilable
    return definition.python_name


def split(field: GraphQLField, node: FieldNode) -> tuple[GraphQLField, GraphQLField]:
    """The field with its constant arguments, and with those that depend on variables."""
    variables = {one.name.value for one in node.arguments or () if _has_variable(one.value)}
    constant, varying = (
        {name: argument for name, argument in field.args.items() if (name in variables) == varying}
        for varying in (False, True)
    )
    return GraphQLField(field.type, constant), GraphQLField(field.type, varying)


def _has_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(map(_has_variable, value.values))
    return isinstance(value, VariableNode)


def async_resolver(definition: StrawberryField) -> ResolveRoot:
    resolver = definition.base_resolver
    if resolver is None or not definition.is_async or definition.extensions:
        raise NotCompilable
    method, info = resolver.wrapped_func, resolver.info_parameter
    if not isfunction(method) or not resolver.self_parameter or resolver.parent_parameter:
        raise NotCompilable
    if info is None or info.name != "info":
        raise NotCompilable
    return method


def resolver(definition: StrawberryField) -> Callable[[Any], Any]:
    resolver = definition.base_resolver
    if definition.extensions:
        raise NotCompilable
    if resolver is None:
        return attrgetter(definition.python_name)
    method = resolver.wrapped_func
    if definition.is_async or definition.arguments or resolver.info_parameter or not isfunction(method):
        raise NotCompilable
    return method
