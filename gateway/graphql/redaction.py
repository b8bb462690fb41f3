"""What graphql-core says about bad input, without the input.

Its messages quote values, and a value here can be a customer's phone number. This is the one place that
rewrites them, before anything is logged or answered: what was expected, and what kind of thing came.
"""

import re
from collections.abc import Mapping

from graphql import (
    GraphQLError,
    GraphQLInputType,
    GraphQLSyntaxError,
    ValueNode,
    VariableDefinitionNode,
    print_ast,
)
from graphql.language.visitor import SKIP, VisitorAction
from graphql.utilities import validate_input_literal
from graphql.validation import ValuesOfCorrectTypeRule, specified_rules

_QUOTED_TOKEN = re.compile(r"(Name|Int|Float|String|BlockString|Comment) ['\"].*", re.DOTALL)
_QUOTED_CHARACTERS = re.compile(r"( but got)?: ['\"].*", re.DOTALL)


class LiteralsOfCorrectTypeRule(ValuesOfCorrectTypeRule):
    """graphql-core's rule of the same purpose; a wrong literal is described, not quoted."""

    def is_valid_value_node(self, node: ValueNode, input_type: GraphQLInputType | None) -> VisitorAction:
        if input_type is not None:
            wrong: list[GraphQLError] = []
            validate_input_literal(node, input_type, lambda error, _path: wrong.append(error))
            if wrong:
                found = node.kind.removesuffix("_value").replace("_", " ")
                self.report_error(
                    GraphQLError(f"Expected a value of type '{input_type}', found {_article(found)}.", node)
                )
        return SKIP


RULES = tuple(
    LiteralsOfCorrectTypeRule if rule is ValuesOfCorrectTypeRule else rule for rule in specified_rules
)


def without_input(error: GraphQLError, variables: Mapping[str, object] | None) -> str:
    """The message of one of graphql-core's own errors, with nothing in it that a caller sent as a value.

    `variables` are the raw variables of the request, or None where the document itself was wrong.
    """
    if isinstance(error, GraphQLSyntaxError):
        return _QUOTED_CHARACTERS.sub(".", _QUOTED_TOKEN.sub(r"\1.", error.message))
    if (
        variables is not None
        and error.nodes
        and isinstance(definition := error.nodes[0], VariableDefinitionNode)
    ):
        name = definition.variable.name.value
        expected = print_ast(definition.type)
        found = _kind(variables[name]) if name in variables else "nothing"
        return f"Variable '${name}': expected a value of type '{expected}', found {found}."
    return error.message


def _kind(value: object) -> str:
    kinds = {bool: "boolean", int: "int", float: "float", str: "string", list: "list", dict: "object"}
    return "null" if value is None else _article(kinds[type(value)])


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
