"""The operations that GraphiQL opens with and the index's commands, about customers of the sample data."""

import json
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

from gateway.rest.action_summary import ACTION_SUMMARY_PATH

_OPERATIONS = Path(__file__).parent / "operations"
_PROMOTION = {"programId": "2568", "promotionId": "2000065"}
_MOBILE, _MOBILE_WITHOUT_BENEFITS = "919078345795", "919078345796"
# This customer has benefits from several promotions.
_WALLET_MOBILE = "919800000000"
_EXAMPLES: list[tuple[str, dict[str, object]]] = [
    ("full-summary", {"identifierValue": _MOBILE, **_PROMOTION}),
    ("points-only", {"identifierValue": _MOBILE, **_PROMOTION}),
    ("wallet", {"identifierValue": _WALLET_MOBILE, "promotionIds": ["2000073", "2000075", "2000077"]}),
    ("everything-earned", {"identifierValue": _WALLET_MOBILE, "after": None}),
    ("errors-and-warnings", {"identifierValue": _MOBILE_WITHOUT_BENEFITS, **_PROMOTION}),
]


class Example(NamedTuple):
    """An operation that can be run as it is. Its comment says what it is for."""

    query: str
    variables: dict[str, object]


def examples() -> list[Example]:
    """The examples, in the order of the tabs."""
    return [
        Example(
            (_OPERATIONS / f"{name}.graphql").read_text(),
            {"source": "INSTORE", "identifierName": "MOBILE", **variables},
        )
        for name, variables in _EXAMPLES
    ]


# The index replaces the address by its own.
_ADDRESS = "https://gateway.example"


def graphql_command(header: str | None, address: str = _ADDRESS) -> str:
    """A command that sends a query with this `Authorization`, or with the one in the environment."""
    arguments = f'source: INSTORE, identifierName: MOBILE, identifierValue: "{_MOBILE}"'
    for name, value in _PROMOTION.items():
        arguments += f', {name}: "{value}"'
    fields = "points { pointsCategory totalPointsIssued lastIssuedOn }"
    body = {"query": f"{{ customerPromotionActionSummary({arguments}) {{ {fields} }} }}"}
    return _command(
        f"{address}/graphql", header, "-H 'Content-Type: application/json'", f"-d '{json.dumps(body)}'"
    )


def rest_command(header: str | None, address: str = _ADDRESS) -> str:
    """A command that sends the original REST call to the gateway at `address`."""
    parameters = {"source": "INSTORE", "identifierName": "mobile", "identifierValue": _MOBILE, **_PROMOTION}
    return _command(f"'{address}{ACTION_SUMMARY_PATH}?{urlencode(parameters)}'", header)


def _command(url: str, header: str | None, *options: str) -> str:
    authorization = f"'Authorization: {header}'" if header else '"Authorization: $AUTHORIZATION"'
    return " \\\n  ".join([f"curl -s {url}", f"-H {authorization}", *options])
