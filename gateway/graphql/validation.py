"""Validates documents; those that have the same shape are validated once.

Validation is most of a new document's cost, and its outcome does not depend on the texts of the strings:
every input type that takes a string takes any string.
"""

import gc

from cachetools import LRUCache
from graphql import DocumentNode, GraphQLError, GraphQLSchema, NoSchemaIntrospectionCustomRule, validate

from gateway.graphql.limits import Limits
from gateway.graphql.redaction import RULES
from gateway.graphql.shapes import Shape

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

    def validate(self, document: DocumentNode, shape: Shape) -> list[GraphQLError]:
        """The errors of a document; raises `LimitExceeded`."""
        if shape.digest in self._valid:
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
            self._valid[shape.digest] = None
        return errors
