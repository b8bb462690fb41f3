"""Compiles a valid operation into a plan.

A plan is made from the definitions of Strawberry's fields, so the schema is the only source. graphql-core's
executor executes what the compiler does not support: introspection, abstract types, nullable
fields below the query, lists of anything but objects, fields with extensions, arguments below the query, and
arguments of the query that are neither scalars nor enums.
"""

from collections.abc import Callable, Iterable
from inspect import isfunction
from operator import attrgetter
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    get_argument_values,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    FieldDetails,
    FragmentDetails,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition
from strawberry.types.field import StrawberryField

from gateway.graphql.plan import Complete, FieldFailed, Plan, ResolveRoot, Root

# Without directives, the selection does not depend on variables.
_NO_VARIABLES = VariableValues({}, {})
# Strawberry passes values of these types, and of enums, to a resolver as graphql-core coerces them.
_PASSED_UNCHANGED = str, int, float, bool, strawberry.ID


class _NotCompilable(Exception):
    """The compiler does not support this operation."""


def compile_operation(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    conditions: VariableValues = _NO_VARIABLES,
) -> Plan | None:
    """The plan of a valid operation; None if the compiler does not support it.

    `conditions` has the values of the variables that `@include` and `@skip` name.
    """
    if operation.operation is not OperationType.QUERY:
        return None
    try:
        return _Compiler(schema, document, operation, conditions).plan()
    except _NotCompilable:
        return None


class _Compiler:
    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        conditions: VariableValues,
    ) -> None:
        self._schema = schema
        self._conditions = conditions
        self._operation = operation
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self._details = {name: FragmentDetails(fragment) for name, fragment in self._fragments.items()}

    def plan(self) -> Plan:
        query = self._schema.query_type
        assert query is not None, "the schema has a query type"
        collected = collect_fields(self._schema, self._details, self._conditions, query, self._operation)
        roots = {
            key: query.name if _name(details) == "__typename" else self._root(query, details)
            for key, details in collected.grouped_field_set.items()
        }
        return Plan(self._schema, query, self._operation, self._fragments, roots)

    def _root(self, query: GraphQLObjectType, details: list[FieldDetails]) -> Root:
        field = query.fields.get(_name(details))
        if field is None or not is_object_type(field.type):
            raise _NotCompilable
        names = {name: _python_name(argument) for name, argument in field.args.items()}
        constant, varying = _split(field, details[0].node)
        constants = get_argument_values(constant, details[0].node, _NO_VARIABLES)
        return Root(
            _name(details),
            varying,
            _nodes(details),
            _definition(field),
            _resolve_root(_definition(field)),
            names,
            {names[name]: value for name, value in constants.items()},
            self._object(field.type, details),
            {},
        )

    def _object(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Complete:
        collected = collect_subfields(
            self._schema, self._details, self._conditions, self._operation, type_, details
        )
        fields: list[tuple[str, list[FieldNode], Callable[[Any], Any], Complete]] = []
        for key, selected in collected.grouped_field_set.items():
            if _name(selected) == "__typename":
                fields.append((key, _nodes(selected), lambda _: type_.name, str))
            else:
                field = type_.fields[_name(selected)]
                complete_field = self._non_null(field.type, selected)
                fields.append((key, _nodes(selected), _resolve(_definition(field)), complete_field))

        def complete(value: Any) -> dict[str, Any]:
            completed = {}
            for key, nodes, resolve, complete_field in fields:
                try:
                    if (resolved := resolve(value)) is None:
                        raise TypeError(
                            f"Cannot return null for non-nullable field {type_.name}.{nodes[0].name.value}."
                        )
                    completed[key] = complete_field(resolved)
                except FieldFailed as failed:
                    failed.path.insert(0, key)
                    raise
                except Exception as error:
                    raise FieldFailed(error, nodes, key) from error
            return completed

        return complete

    def _non_null(self, type_: GraphQLOutputType, details: list[FieldDetails]) -> Complete:
        if not is_non_null_type(type_):
            raise _NotCompilable
        if is_leaf_type(type_.of_type):
            return type_.of_type.coerce_output_value
        if is_object_type(type_.of_type):
            return self._object(type_.of_type, details)
        if not (is_list_type(type_.of_type) and is_non_null_type(item := type_.of_type.of_type)):
            raise _NotCompilable
        if not is_object_type(item.of_type):
            raise _NotCompilable
        complete_item = self._non_null(item, details)

        def complete(values: Iterable[Any]) -> list[Any]:
            completed = []
            for index, value in enumerate(values):
                try:
                    completed.append(complete_item(value))
                except FieldFailed as failed:
                    failed.path.insert(0, index)
                    raise
            return completed

        return complete


def _definition(field: GraphQLField) -> StrawberryField:
    definition = field.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryField):
        raise _NotCompilable
    return definition


def _python_name(argument: GraphQLArgument) -> str:
    definition = argument.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryArgument):
        raise _NotCompilable
    kind = definition.type
    if type(kind) is StrawberryOptional:
        kind = kind.of_type
    if not isinstance(kind, StrawberryEnumDefinition) and kind not in _PASSED_UNCHANGED:
        raise _NotCompilable
    return definition.python_name


def _split(field: GraphQLField, node: FieldNode) -> tuple[GraphQLField, GraphQLField]:
    """The field with its constant arguments, and with those that depend on variables."""
    variables = {one.name.value for one in node.arguments or () if isinstance(one.value, VariableNode)}
    constant, varying = (
        {name: argument for name, argument in field.args.items() if (name in variables) == varying}
        for varying in (False, True)
    )
    return GraphQLField(field.type, constant), GraphQLField(field.type, varying)


def _resolve_root(definition: StrawberryField) -> ResolveRoot:
    resolver = definition.base_resolver
    if resolver is None or not definition.is_async or definition.extensions:
        raise _NotCompilable
    method, info = resolver.wrapped_func, resolver.info_parameter
    if not isfunction(method) or not resolver.self_parameter or resolver.parent_parameter:
        raise _NotCompilable
    if info is None or info.name != "info":
        raise _NotCompilable
    return method


def _resolve(definition: StrawberryField) -> Callable[[Any], Any]:
    resolver = definition.base_resolver
    if definition.extensions:
        raise _NotCompilable
    if resolver is None:
        return attrgetter(definition.python_name)
    method = resolver.wrapped_func
    if definition.is_async or definition.arguments or resolver.info_parameter or not isfunction(method):
        raise _NotCompilable
    return method


def _name(details: list[FieldDetails]) -> str:
    return details[0].node.name.value


def _nodes(details: list[FieldDetails]) -> list[FieldNode]:
    return [one.node for one in details]
