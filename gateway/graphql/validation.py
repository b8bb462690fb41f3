"""Validates documents; those that differ in their strings only are validated once.

Some clients write the values of arguments into the document, so that each request has a new one. Validation
is most of a new document's cost, and its outcome does not depend on the texts of the strings: every input
type that takes a string takes any string.
"""

import gc
import hashlib
from collections.abc import Collection, Generator

from cachetools import LRUCache
from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    NoUndefinedVariablesRule,
    NoUnusedVariablesRule,
    TokenKind,
    VariablesInAllowedPositionRule,
    validate,
)

from gateway.graphql.limits import Limits
from gateway.graphql.redaction import RULES

# Validation errors in a response. graphql-core's executor reports as many errors of variables.
MAX_ERRORS = 50
# A shape takes about 200 bytes.
REMEMBERED_SHAPES = 10_000

Rules = Collection[type[ASTValidationRule]]
# These rules share what they find out about the variables of a document. They take a third of its validation.
_VARIABLE_RULES = NoUndefinedVariablesRule, NoUnusedVariablesRule, VariablesInAllowedPositionRule


class Validator:
    """Validates the documents of one schema, after their limits.

    With `introspection` off, documents must not ask for the schema, and errors name no part of it that the
    document does not name.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._rules = RULES if introspection else (*RULES, NoSchemaIntrospectionCustomRule)
        others = [rule for rule in self._rules if rule not in _VARIABLE_RULES]
        self._parts = _VARIABLE_RULES, others[::2], others[1::2]
        self._introspection = introspection
        self._valid: LRUCache[bytes, None] = LRUCache(REMEMBERED_SHAPES)

    def validate(
        self, document: DocumentNode, *, large: bool = False
    ) -> Generator[None, None, list[GraphQLError]]:
        """Returns the errors of a document, in several steps if it is large; raises `LimitExceeded`."""
        shape = shape_of(document)
        if shape in self._valid:
            return []
        try:
            self._limits.check(document)
        except GraphQLError as error:
            return [error]
        if large:
            for rules in self._parts:
                yield
                if self._errors(document, rules, 1):
                    break
            else:
                self._valid[shape] = None
                return []
            yield
        # All rules at once: the errors are in the order of the document.
        errors = self._errors(document, self._rules, MAX_ERRORS)
        if not errors:
            self._valid[shape] = None
        return errors

    def _errors(self, document: DocumentNode, rules: Rules, most: int) -> list[GraphQLError]:
        errors = validate(self._schema, document, rules, most, hide_suggestions=not self._introspection)
        # graphql-core's visitors are about a thousand objects in reference cycles, all of them new.
        gc.collect(0)
        return errors


def shape_of(document: DocumentNode) -> bytes:
    """A hash that documents share if their tokens differ in the texts of strings only.

    Strings that are equal in one of them are equal in the others, because validation compares arguments.
    """
    parts: list[str] = []
    strings: dict[tuple[TokenKind, str | None], int] = {}
    assert document.loc is not None, "the parser keeps locations"
    token = document.loc.start_token.next
    while token is not None:
        if token.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING):
            parts.append(f'"{strings.setdefault((token.kind, token.value), len(strings))}')
        elif token.kind is not TokenKind.COMMENT:
            parts.append(token.value or token.kind.value)
        token = token.next
    return hashlib.sha256(" ".join(parts).encode()).digest()
