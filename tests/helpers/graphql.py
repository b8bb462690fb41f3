"""GraphQL for tests: the schema, a summary field with its arguments, and results as comparable texts."""

import json

from graphql import ExecutionResult
from graphql.execution.values import VariableValues

from gateway.commands.sample_data import MOBILE, PROGRAM, PROMOTION
from gateway.graphql.large_documents import run
from gateway.graphql.operation import Operation
from gateway.graphql.plan import Plan
from resolvers.schema import create_schema

SCHEMA = create_schema()
_ARGUMENTS = 'source: INSTORE, identifierName: MOBILE, identifierValue: "919000000001", programId: 1'
SUMMARY = f"customerPromotionActionSummary({_ARGUMENTS}, promotionId: 1)"


def field(
    alias: str = "summary",
    selection: str = "customerId",
    *,
    name: str = "MOBILE",
    value: str = MOBILE,
    program: str = str(PROGRAM),
    promotion: str = f'promotionId: "{PROMOTION.promotion_id}"',
) -> str:
    """The summary of the demo's customer and promotion, unless other arguments are given."""
    return (
        f"{alias}: customerPromotionActionSummary(source: INSTORE, identifierName: {name}, "
        f'identifierValue: "{value}", programId: "{program}", {promotion}) {{ {selection} }}'
    )


def plan_of(operation: Operation, **conditions: object) -> Plan | None:
    """The plan of an operation for these variables of its `@skip` and `@include` conditions."""
    return None if operation.plans is None else run(operation.plans.get(VariableValues({}, conditions)))


def result_text(result: ExecutionResult) -> str:
    """The data and the errors of a result, with the order of the fields."""
    errors = [(error.formatted, repr(error.original_error)) for error in result.errors or []]
    return json.dumps([result.data, errors], default=str)
