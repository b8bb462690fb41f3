"""graphql-core's errors about wrong input, without the input.

graphql-core quotes values, and a value can be a customer's phone number. These errors replace its own as soon
as they are raised, and say what was expected and what kind of value came instead.
"""

import re
from collections.abc import Mapping
from typing import Any

from graphql import (
    ArgumentNode,
    EnumValueNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputType,
    GraphQLSchema,
    GraphQLSyntaxError,
    ValidationRule,
    ValueNode,
    VariableDefinitionNode,
    get_named_type,
    is_input_type,
    type_from_ast,
)
from graphql.utilities import validate_input_literal
from graphql.validation import ValuesOfCorrectTypeRule, specified_rules

from gateway.graphql.request import json_kind
from loaders.errors import forget_frames

_QUOTED_TOKEN = re.compile(r"(Name|Int|Float|String|BlockString|Comment) ['\"].*", re.DOTALL)
_QUOTED_CHARACTERS = re.compile(r"( but got)?: ['\"].*", re.DOTALL)


class LiteralsOfCorrectTypeRule(ValidationRule):
    """Replaces graphql-core's `ValuesOfCorrectTypeRule`; describes a wrong literal instead of quoting it."""

    def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
        self._check(f"Argument '{node.name.value}'", node.value)

    def enter_variable_definition(self, node: VariableDefinitionNode, *_: Any) -> None:
        if node.default_value is not None:
            self._check(f"Default value of variable '${node.variable.name.value}'", node.default_value)

    def _check(self, subject: str, node: ValueNode) -> None:
        type_ = self.context.get_input_type()
        if type_ is None:
            return
        errors: list[GraphQLError] = []
        validate_input_literal(node, type_, lambda error, _path: errors.append(error))
        if errors:
            kind = node.kind.removesuffix("_value")
            article = "" if kind == "null" else "an " if kind[0] in "aeiou" else "a "
            unknown = isinstance(node, EnumValueNode)
            self.report_error(GraphQLError(_describe(subject, type_, article + kind, unknown=unknown), node))


RULES = tuple(
    LiteralsOfCorrectTypeRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules
)


def variable_error(
    error: GraphQLError, schema: GraphQLSchema, variables: Mapping[str, object]
) -> GraphQLError:
    """Replace an error about the value of a variable."""
    definition = error.nodes[0] if error.nodes else None
    if not isinstance(definition, VariableDefinitionNode):
        return error
    name = definition.variable.name.value
    type_ = type_from_ast(schema, definition.type)
    assert is_input_type(type_), "the document is valid"
    found = json_kind(variables[name]) if name in variables else "nothing"
    message = _describe(f"Variable '${name}'", type_, found, unknown=found == "a string")
    forget_frames(error)
    return GraphQLError(message, error.nodes)


def syntax_error(error: GraphQLSyntaxError) -> GraphQLSyntaxError:
    """Replace a syntax error."""
    assert error.source is not None, "the parser names its source"
    [position] = error.positions or ()
    description = error.message.removeprefix("Syntax Error: ")
    description = _QUOTED_CHARACTERS.sub(".", _QUOTED_TOKEN.sub(r"\1.", description))
    return GraphQLSyntaxError(error.source, position, description)


def _describe(subject: str, type_: GraphQLInputType, found: str, *, unknown: bool) -> str:
    """What is wrong with a value; `unknown` if it has the form of a value of an enum."""
    named = get_named_type(type_)
    wrong = f"expected a value of type '{type_}', found {found}"
    if not isinstance(named, GraphQLEnumType):
        return f"{subject}: {wrong}."
    if unknown:
        wrong = f"the value is not in the enum '{named}'"
    return f"{subject}: {wrong}. Allowed values: {', '.join(named.values)}."
