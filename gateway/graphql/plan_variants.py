"""The plans of an operation: one for each combination of the conditions of its `@include` and `@skip`."""

from asyncio import Lock
from collections.abc import Generator

from cachetools import LRUCache
from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, print_ast
from graphql.execution.values import VariableValues

from gateway.graphql.compiler import NO_VARIABLES, compile_operation
from gateway.graphql.large_documents import run_fairly
from gateway.graphql.plan import Plan

# Plans of one operation. If more combinations occur, plans are compiled again. To compile and execute a plan
# takes no longer than graphql-core's executor, which gives other requests no turns.
MAX_PLANS = 8


class Plans:
    """Compiles a valid operation for the combinations of its conditions that were used most recently."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self._schema = schema
        self._document = document
        self._operation = operation
        # `@include` and `@skip`, the only directives of documents, take nothing else.
        self._conditions = [
            one.variable.name.value
            for one in operation.variable_definitions or ()
            if print_ast(one.type) in ("Boolean", "Boolean!")
        ]
        self._plans: LRUCache[tuple[object, ...], Plan | None] = LRUCache(MAX_PLANS)
        self._compiling = Lock()

    def prepare(self) -> Generator[None, None, None]:
        """Compile an operation without conditions, in steps."""
        if not self._conditions:
            yield from self.get(NO_VARIABLES)

    def take_all(self, strings: int) -> bool:
        """Whether there are strings in the document, and its one plan takes them all as arguments."""
        plan = None if self._conditions else self._plans[()]
        return strings > 0 and plan is not None and plan.takes_all(strings)

    def get(self, values: VariableValues, *, may_replace: bool = True) -> Generator[None, None, Plan | None]:
        """The plan for these values of the variables; None if graphql-core's executor has to execute it.

        A plan is compiled in steps. With `may_replace` off, a plan that would replace another one is not
        compiled, and the result is None.
        """
        combination = self._combination(values)
        if combination in self._plans:
            return self._plans[combination]
        if not may_replace and self._plans.currsize == self._plans.maxsize:
            return None
        plan = self._plans[combination] = yield from self._compile(values)
        return plan

    async def get_fairly(self, values: VariableValues, *, may_replace: bool = True) -> Plan | None:
        """Like `get`, but other requests have turns between the steps, and one request at a time compiles."""
        combination = self._combination(values)
        if combination in self._plans:
            return self._plans[combination]
        async with self._compiling:
            return await run_fairly(self.get(values, may_replace=may_replace))

    def _combination(self, values: VariableValues) -> tuple[object, ...]:
        return tuple(values.coerced.get(name) for name in self._conditions)

    def _compile(self, values: VariableValues) -> Generator[None, None, Plan | None]:
        try:
            return (yield from compile_operation(self._schema, self._document, self._operation, values))
        except GraphQLError:
            # A condition is null: the operation fails as a whole.
            return None
