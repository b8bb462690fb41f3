"""The operations that GraphiQL opens with, about customers of the sample data."""

from pathlib import Path
from typing import NamedTuple

_OPERATIONS = Path(__file__).parent / "operations"
_PROMOTION = {"programId": "2568", "promotionId": "2000065"}
_MOBILE, _MOBILE_WITHOUT_BENEFITS = "919078345795", "919078345796"
# This customer has benefits from several promotions.
_WALLET_MOBILE = "919800000000"
_EXAMPLES: list[tuple[str, dict[str, str]]] = [
    ("full-summary", {"identifierValue": _MOBILE, **_PROMOTION}),
    ("points-only", {"identifierValue": _MOBILE, **_PROMOTION}),
    ("wallet", {"identifierValue": _WALLET_MOBILE, "programId": "2568"}),
    ("errors-and-warnings", {"identifierValue": _MOBILE_WITHOUT_BENEFITS, **_PROMOTION}),
]


class Example(NamedTuple):
    """An operation that can be run as it is. Its comment says what it is for."""

    query: str
    variables: dict[str, str]


def examples() -> list[Example]:
    """The examples, in the order of the tabs."""
    return [
        Example(
            (_OPERATIONS / f"{name}.graphql").read_text(),
            {"source": "INSTORE", "identifierName": "MOBILE", **variables},
        )
        for name, variables in _EXAMPLES
    ]
