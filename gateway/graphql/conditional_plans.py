"""The plans of an operation with `@include` and `@skip`: one for each combination of its conditions."""

from graphql import (
    BREAK,
    DirectiveNode,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    Visitor,
    visit,
)
from graphql.execution.values import VariableValues

from gateway.graphql.compiler import compile_operation
from gateway.graphql.plan import Plan

# Of one operation. graphql-core's executor executes further combinations.
MAX_PLANS = 8


def has_directives(document: DocumentNode) -> bool:
    """Whether the document has directives: the fields that it selects can depend on variables."""
    visitor = _FindDirective()
    visit(document, visitor)
    return visitor.found


class ConditionalPlans:
    """Compiles a valid operation when a combination of the values of its conditions first occurs."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode
    ) -> None:
        self._schema = schema
        self._document = document
        self._operation = operation
        conditions = _Conditions()
        visit(document, conditions)
        self._conditions = sorted(conditions.variables)
        self._supported = conditions.supported
        self._plans: dict[tuple[object, ...], Plan | None] = {}

    def get(self, values: VariableValues) -> Plan | None:
        """The plan for these values of the variables; None if graphql-core's executor has to execute it."""
        combination = tuple(values.coerced.get(name) for name in self._conditions)
        if combination not in self._plans:
            if not self._supported or len(self._plans) == MAX_PLANS:
                return None
            self._plans[combination] = self._compile(values)
        return self._plans[combination]

    def _compile(self, values: VariableValues) -> Plan | None:
        try:
            return compile_operation(self._schema, self._document, self._operation, values)
        except GraphQLError:
            # A condition is null: the operation fails as a whole.
            return None


class _FindDirective(Visitor):
    found = False

    def enter_directive(self, *_: object) -> object:
        self.found = True
        return BREAK


class _Conditions(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.variables: set[str] = set()
        self.supported = True

    def enter_directive(self, node: DirectiveNode, *_: object) -> None:
        if node.name.value not in ("include", "skip"):
            self.supported = False
        self.variables |= {
            argument.value.name.value
            for argument in node.arguments or ()
            if isinstance(argument.value, VariableNode)
        }
