"""Compiles a valid operation into a plan.

A plan is made from the definitions of Strawberry's fields, so the schema is the only source. graphql-core's
executor executes what the compiler does not support: introspection, abstract types, lists of anything but
objects, fields with extensions, arguments that are neither scalars nor enums nor lists of them, and async
fields below an object that no async field returns. A nullable field below the query is compiled if it is an
attribute with a scalar; a list of nullable items, if an async field below the query returns it.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLID,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    get_argument_values,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues

from gateway.graphql.field_definitions import (
    NotCompilable,
    async_resolver,
    definition_of,
    python_name,
    resolver,
    split,
)
from gateway.graphql.plan import Complete, FieldFailed, Plan, Root

NO_VARIABLES = VariableValues({}, {})
# Async fields that are compiled in one step. A field with a full summary takes about 0.3 ms.
FIELDS_OF_A_STEP = 10


def compile_operation(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    conditions: VariableValues,
) -> Generator[None, None, Plan | None]:
    """The plan of a valid operation, compiled in steps; None if the compiler does not support it.

    `conditions` has the values of the variables that `@include` and `@skip` name.
    """
    if operation.operation is not OperationType.QUERY:
        return None
    try:
        return (yield from _Compiler(schema, document, operation, conditions).plan())
    except NotCompilable:
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
        self._compiled_fields = 0

    def plan(self) -> Generator[None, None, Plan]:
        query = self._schema.query_type
        assert query is not None, "the schema has a query type"
        collected = collect_fields(self._schema, self._details, self._conditions, query, self._operation)
        roots: dict[str, Root | str] = {}
        for key, details in collected.grouped_field_set.items():
            if _name(details) == "__typename":
                roots[key] = query.name
            elif (field := query.fields.get(_name(details))) is not None and is_object_type(field.type):
                roots[key] = yield from self._async_field(query, field, details)
            else:
                raise NotCompilable
        return Plan(self._schema, query, self._operation, self._fragments, roots)

    def _async_field(
        self, parent: GraphQLObjectType, field: GraphQLField, details: list[FieldDetails]
    ) -> Generator[None, None, Root]:
        if self._compiled_fields and self._compiled_fields % FIELDS_OF_A_STEP == 0:
            yield
        self._compiled_fields += 1
        type_ = get_nullable_type(field.type)
        is_list = is_list_type(type_)
        returned = type_.of_type if is_list_type(type_) else type_
        if not is_object_type(returned):
            raise NotCompilable
        complete, below = yield from self._object(returned, details)
        if is_list and below:
            raise NotCompilable
        names = {name: python_name(argument) for name, argument in field.args.items()}
        constant, varying = split(field, details[0].node)
        constants = get_argument_values(constant, details[0].node, NO_VARIABLES)
        return Root(
            _name(details),
            parent,
            varying,
            _nodes(details),
            definition_of(field),
            async_resolver(definition_of(field)),
            names,
            {names[name]: value for name, value in constants.items()},
            {names[name]: text for name, text in _texts(field, details[0].node)},
            complete,
            below,
            {},
            is_list=is_list,
        )

    def _object(
        self, type_: GraphQLObjectType, details: list[FieldDetails]
    ) -> Generator[None, None, tuple[Complete, dict[str, Root]]]:
        """The completion of an object, and its async fields, whose places the completion leaves empty."""
        collected = collect_subfields(
            self._schema, self._details, self._conditions, self._operation, type_, details
        )
        fields: list[tuple[str, list[FieldNode], Callable[[Any], Any], Complete, bool]] = []
        below: dict[str, Root] = {}
        for key, selected in collected.grouped_field_set.items():
            if _name(selected) == "__typename":
                fields.append((key, _nodes(selected), lambda _: type_.name, str, False))
                continue
            field = type_.fields[_name(selected)]
            definition, nullable = definition_of(field), not is_non_null_type(field.type)
            if definition.is_async and not nullable:
                below[key] = yield from self._async_field(type_, field, selected)
                fields.append((key, _nodes(selected), lambda _: None, str, True))
                continue
            if nullable and (definition.base_resolver or not is_leaf_type(field.type)):
                raise NotCompilable
            complete_field = (
                field.type.coerce_output_value
                if nullable
                else (yield from self._non_null(field.type, selected))
            )
            fields.append((key, _nodes(selected), resolver(definition), complete_field, nullable))

        def complete(value: Any) -> dict[str, Any]:
            completed: dict[str, Any] = {}
            for key, nodes, resolve, complete_field, nullable in fields:
                try:
                    if (resolved := resolve(value)) is None:
                        if nullable:
                            completed[key] = None
                            continue
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

        return complete, below

    def _non_null(
        self, type_: GraphQLOutputType, details: list[FieldDetails]
    ) -> Generator[None, None, Complete]:
        if not is_non_null_type(type_):
            raise NotCompilable
        if is_leaf_type(type_.of_type):
            return type_.of_type.coerce_output_value
        if is_object_type(type_.of_type):
            complete_object, below = yield from self._object(type_.of_type, details)
            if below:
                raise NotCompilable
            return complete_object
        if not (is_list_type(type_.of_type) and is_non_null_type(item := type_.of_type.of_type)):
            raise NotCompilable
        if not is_object_type(item.of_type):
            raise NotCompilable
        complete_item = yield from self._non_null(item, details)

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


def _name(details: list[FieldDetails]) -> str:
    return details[0].node.name.value


def _texts(field: GraphQLField, node: FieldNode) -> Iterator[tuple[str, str]]:
    """The arguments that take the text of a string in the document, with the text."""
    for argument in node.arguments or ():
        type_ = get_nullable_type(field.args[argument.name.value].type)
        if isinstance(argument.value, StringValueNode) and type_ in (GraphQLString, GraphQLID):
            yield argument.name.value, argument.value.value


def _nodes(details: list[FieldDetails]) -> list[FieldNode]:
    return [one.node for one in details]
