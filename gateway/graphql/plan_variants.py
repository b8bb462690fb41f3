"""The plans of an operation: one for each combination of the conditions of its `@include` and `@skip`."""

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode, print_ast
from graphql.execution.values import VariableValues

from gateway.graphql.compiler import compile_operation
from gateway.graphql.plan import Plan

_NO_VARIABLES = VariableValues({}, {})
# Of one operation. graphql-core's executor executes further combinations.
MAX_PLANS = 8


class Plans:
    """Compiles a valid operation when a combination of its conditions first occurs.

    Without conditions, it is compiled at once.
    """

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
        self._plans: dict[tuple[object, ...], Plan | None] = {}
        if not self._conditions:
            self.get(_NO_VARIABLES)

    def get(self, values: VariableValues) -> Plan | None:
        """The plan for these values of the variables; None if graphql-core's executor has to execute it."""
        combination = tuple(values.coerced.get(name) for name in self._conditions)
        if combination not in self._plans:
            if len(self._plans) == MAX_PLANS:
                return None
            self._plans[combination] = self._compile(values)
        return self._plans[combination]

    def _compile(self, values: VariableValues) -> Plan | None:
        try:
            return compile_operation(self._schema, self._document, self._operation, values)
        except GraphQLError:
            # A condition is null: the operation fails as a whole.
            return None
