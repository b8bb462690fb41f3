"""Validates documents; those that differ in their strings only are validated once.

Some clients write the values of arguments into the document, so that each request has a new one. Validation
is most of a new document's cost, and its outcome does not depend on the texts of the strings: every input
type that takes a string takes any string.
"""

import gc
import hashlib

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    TokenKind,
    validate,
)

from gateway.graphql.limits import Limits
from gateway.graphql.redaction import RULES

# Validation errors in a response. graphql-core's executor reports as many errors of variables.
MAX_ERRORS = 50
# A shape takes about 200 bytes.
REMEMBERED_SHAPES = 10_000


class Validator:
    """Validates the documents of one schema, after their limits.

    With `introspection` off, documents must not ask for the schema, and errors name no part of it that the
    document does not name.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._rules = RULES if introspection else (*RULES, NoSchemaIntrospectionCustomRule)
        self._introspection = introspection
        self._valid: LRUCache[bytes, None] = LRUCache(REMEMBERED_SHAPES)

    def validate(self, document: DocumentNode) -> list[GraphQLError]:
        """The errors of a document; raises `LimitExceeded`."""
        shape = shape_of(document)
        if shape in self._valid:
            return []
        try:
            self._limits.check(document)
        except GraphQLError as error:
            return [error]
        suggestions = self._introspection
        errors = validate(self._schema, document, self._rules, MAX_ERRORS, hide_suggestions=not suggestions)
        # graphql-core's visitors are about a thousand objects in reference cycles, all of them new.
        gc.collect(0)
        if not errors:
            self._valid[shape] = None
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
