"""Operations: each is parsed, validated and compiled once, and executed many times."""

from collections.abc import Generator
from contextlib import nullcontext, suppress
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any

import strawberry
from cachetools import LRUCache
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    get_operation_ast,
    get_variable_values,
)
from graphql.execution.values import VariableValues

from gateway.errors import LimitExceeded, OperationUnknown
from gateway.graphql.cost import count_summaries
from gateway.graphql.graphql_core import execute
from gateway.graphql.large_documents import is_large, run, run_fairly
from gateway.graphql.limits import MAX_CHARACTERS, MAX_VARIABLES, Limits, check
from gateway.graphql.operation import Operation
from gateway.graphql.plan import position
from gateway.graphql.plan_variants import Plans
from gateway.graphql.redaction import syntax_error, variable_error
from gateway.graphql.shapes import Shape, moved, shape_of
from gateway.graphql.validation import MAX_ERRORS, Validator
from gateway.graphql.wide_operations import MAX_SMALL, WideOperations
from resolvers.context import Context

# Estimated bytes of all operations in the cache: about 200 operations of one full summary.
REMEMBERED_BYTES = 16 * 1024 * 1024
_DEFAULT_LIMITS = Limits()


class DocumentInvalid(ValueError):
    """A document of the manifest cannot be executed; the message says why."""


class Operations:
    """The operations of one schema: a cache of those used most recently, and the trusted ones.

    With `compiled` off, graphql-core's executor executes them all. With `introspection` off, neither queries
    nor error messages show parts of the schema that the document does not name.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        *,
        compiled: bool,
        limits: Limits = _DEFAULT_LIMITS,
        introspection: bool = True,
    ) -> None:
        self._schema = schema._schema
        self._compiled = compiled
        self._limits = limits
        self._validator = Validator(self._schema, limits, introspection=introspection)
        self._trusted: dict[str, dict[str | None, Operation]] = {}
        # By the text of the document, or by the digest of its shape if documents of the shape share it.
        self._remembered: LRUCache[tuple[str | bytes, str | None], Operation] = LRUCache(
            REMEMBERED_BYTES, getsizeof=attrgetter("size")
        )
        # An operation that is prepared may be executed while others wait for their preparation.
        self._preparing, self._wide = WideOperations(), WideOperations()
        self.hits = self.misses = 0

    def trust(self, document_id: str, text: str) -> None:
        """Prepare the operations of a document of the manifest; raises `DocumentInvalid`."""
        try:
            document, shape = self._parse(text), shape_of(text)
            names = [
                one.name.value if one.name else None
                for one in document.definitions
                if isinstance(one, OperationDefinitionNode)
            ]
            operations = {name: run(self._prepare(document, name, shape, trusted=True)) for name in names}
        except OperationUnknown:
            raise DocumentInvalid("One of several operations has no name.") from None
        except GraphQLError as error:
            raise DocumentInvalid(error.message) from error
        except LimitExceeded as error:
            raise DocumentInvalid(str(error)) from error
        if not operations:
            raise DocumentInvalid("The document has no operation.")
        for operation in operations.values():
            if operation.errors:
                raise DocumentInvalid(operation.errors[0].message)
        if len(names) == 1:
            # The only operation of a document can be executed without its name.
            operations[None] = operations[names[0]]
        self._trusted[document_id] = operations

    def trusted(self, document_id: str, name: str | None) -> Operation | None:
        """The operation of a trusted document; None if there is no such document.

        Raises `OperationUnknown`.
        """
        if (operations := self._trusted.get(document_id)) is None:
            return None
        if (operation := operations.get(name)) is None:
            raise OperationUnknown
        return operation

    def prepare(self, query: str, name: str | None) -> Operation:
        """The operation called `name`, or the only one of the document.

        Raises `LimitExceeded`, `GraphQLSyntaxError` or `OperationUnknown`.
        """
        return self._find(query, name) or run(self._prepare_new(query, name))

    async def prepare_fairly(self, query: str, name: str | None, organization_id: int) -> Operation:
        """Like `prepare`, but a large new document waits for a slot and lets other requests have turns.

        Raises `HTTPException` if too many wait.
        """
        if (operation := self._find(query, name)) is not None:
            return operation
        if not is_large(query):
            return run(self._prepare_new(query, name))
        async with self._preparing.slot(organization_id):
            # Another request may have prepared it meanwhile.
            if (operation := self._find(query, name)) is None:
                operation = await run_fairly(self._prepare_new(query, name, large=True))
            return operation

    def _find(self, query: str, name: str | None) -> Operation | None:
        operation = self._remembered.get((query, name))
        # A document of a known shape can be too long.
        if operation is None and len(query) <= MAX_CHARACTERS:
            shape = shape_of(query)
            operation = self._remembered.get((shape.digest, name))
            if operation is not None and operation.strings != shape.strings:
                replaced = dict(zip(operation.strings, shape.strings, strict=True))
                operation = replace(operation, text=query, replaced=replaced)
        self.hits += operation is not None
        return operation

    def _prepare_new(
        self, query: str, name: str | None, *, large: bool = False
    ) -> Generator[None, None, Operation]:
        self.misses += 1
        document = self._parse(query)
        yield
        shape = shape_of(query)
        operation = yield from self._prepare(document, name, shape, large=large)
        shared = operation.plans is not None and operation.plans.take_all(len(shape.strings))
        # cachetools refuses what is larger than the whole cache.
        with suppress(ValueError):
            self._remembered[shape.digest if shared else query, name] = operation
        return operation

    def _parse(self, text: str) -> DocumentNode:
        try:
            return self._limits.parse(text)
        except GraphQLSyntaxError as error:
            raise syntax_error(error) from None

    def _prepare(
        self,
        document: DocumentNode,
        name: str | None,
        shape: Shape,
        *,
        large: bool = False,
        trusted: bool = False,
    ) -> Generator[None, None, Operation]:
        if (definition := get_operation_ast(document, name)) is None:
            raise OperationUnknown
        errors = yield from self._validator.validate(document, shape, large=large)
        plans = Plans(self._schema, document, definition) if self._compiled and not errors else None
        if plans is not None:
            yield from plans.prepare()
        return Operation(document, definition, errors, plans, shape.strings, trusted)

    def count_summaries(self, operation: Operation, variables: dict[str, Any]) -> int:
        """How many different summaries the operation asks for: its cost."""
        if isinstance(values := self._coerce(operation, variables), list):
            return 0
        return self._count_summaries(operation, values)

    def _count_summaries(self, operation: Operation, values: VariableValues) -> int:
        document, definition = operation.document, operation.definition
        if operation.text is not None:
            document = self._parse(operation.text)
            definition = get_operation_ast(document, operation.name) or definition
        return count_summaries(self._schema, document, definition, values)

    def _coerce(self, operation: Operation, variables: dict[str, Any]) -> VariableValues | list[GraphQLError]:
        declared = operation.definition.variable_definitions or ()
        values = get_variable_values(self._schema, declared, variables, MAX_ERRORS)
        if isinstance(values, list):
            return [variable_error(error, self._schema, variables) for error in values]
        return values

    async def execute(
        self, operation: Operation, variables: dict[str, Any], context: Context
    ) -> ExecutionResult:
        """Execute a valid operation; the errors of the result are in the order of its fields.

        Raises `LimitExceeded`, or `HTTPException` if too many wide operations wait; no command was sent then.
        """
        assert not operation.errors, "only a valid operation is executed"
        result = await self._execute(operation, variables, context)
        if result.errors and result.data:
            # They were added when they happened, in an order that depends on the database.
            result.errors.sort(key=partial(position, result.data))
        if operation.replaced:
            for error in result.errors or ():
                error.locations = moved(error, operation.replaced)
        return result

    async def _execute(
        self, operation: Operation, variables: dict[str, Any], context: Context
    ) -> ExecutionResult:
        check("variables", len(variables), MAX_VARIABLES)
        organization_id = context.loaders.organization.id
        # Many fields show without their variables, which take long to coerce.
        many_fields = len(operation.definition.selection_set.selections) > MAX_SMALL
        async with self._wide.slot(organization_id) if many_fields else nullcontext():
            values = self._coerce(operation, variables)
            if isinstance(values, list):
                return ExecutionResult(None, values)
            plans = operation.plans
            plan = None if plans is None else await plans.get_fairly(values, may_replace=False)
            summaries = len(plan.roots) if plan is not None and plan.is_flat else 0
            if not summaries or summaries > self._limits.summaries:
                summaries = self._count_summaries(operation, values)
                check("summaries", summaries, self._limits.summaries)
            # An operation without a plan gives others no turns, and the compilation of a plan takes long.
            wide = not many_fields and (summaries > MAX_SMALL or (plan is None and self._compiled))
            async with self._wide.slot(organization_id) if wide else nullcontext():
                if plan is None and plans is not None:
                    plan = await plans.get_fairly(values)
                if plan is not None:
                    return await plan.execute(values, context, operation.replaced)
                return await execute(self._schema, operation.document, operation.name, variables, context)
