"""Validates documents; those that have the same shape are validated once.

Validation is most of a new document's cost, and its outcome does not depend on the texts of the strings:
every input type that takes a string takes any string.
"""

import gc
from collections.abc import Generator

from cachetools import LRUCache
from graphql import DocumentNode, GraphQLError, GraphQLSchema, NoSchemaIntrospectionCustomRule, validate
from graphql.validation import NoUndefinedVariablesRule, NoUnusedVariablesRule, VariablesInAllowedPositionRule

from gateway.graphql.limits import Limits
from gateway.graphql.redaction import RULES
from gateway.graphql.shapes import Shape

# Validation errors in a response. graphql-core's executor reports as many errors of variables.
MAX_ERRORS = 50
# A shape takes about 200 bytes.
REMEMBERED_SHAPES = 10_000
# These rules take about as long as all other rules together.
_VARIABLE_RULES = (NoUndefinedVariablesRule, NoUnusedVariablesRule, VariablesInAllowedPositionRule)


class Validator:
    """Validates the documents of one schema, after their limits.

    With `introspection` off, documents must not ask for the schema, and errors name no part of it that the
    document does not name.
    """

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, introspection: bool) -> None:
        self._schema = schema
        self._limits = limits
        rules = RULES if introspection else (*RULES, NoSchemaIntrospectionCustomRule)
        self._at_once = [rules]
        self._in_steps = [_VARIABLE_RULES, tuple(one for one in rules if one not in _VARIABLE_RULES)]
        self._hide_suggestions = not introspection
        self._valid: LRUCache[bytes, None] = LRUCache(REMEMBERED_SHAPES)

    def validate(
        self, document: DocumentNode, shape: Shape, *, large: bool
    ) -> Generator[None, None, list[GraphQLError]]:
        """The errors of a document; raises `LimitExceeded`.

        A large document is validated in two steps, which together take an eighth longer than a single step.
        """
        if shape.digest in self._valid:
            return []
        try:
            self._limits.check(document)
        except GraphQLError as error:
            return [error]
        errors: list[GraphQLError] = []
        for rules in self._in_steps if large else self._at_once:
            most = MAX_ERRORS - len(errors)
            errors += validate(self._schema, document, rules, most, hide_suggestions=self._hide_suggestions)
            # graphql-core's visitors are about a thousand objects in reference cycles, all of them new.
            gc.collect(0)
            yield
            if len(errors) > MAX_ERRORS:
                # The last error says that there are more.
                break
        if not errors:
            self._valid[shape.digest] = None
        return errors
