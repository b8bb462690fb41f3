"""The operations that GraphiQL opens with: what screens really ask for, about the demo's customers."""

from pathlib import Path
from typing import NamedTuple

_TEXTS = Path(__file__).parent / "operations"
# The customers and the promotion of the sample data.
_MOBILE, _MOBILE_WITHOUT_BENEFITS = "919078345795", "919078345796"
_PROGRAM_ID, _PROMOTION_ID = "2568", "2000065"
# Has benefits from several promotions.
_WALLET_MOBILE = "919800000000"


class Example(NamedTuple):
    """An operation, ready to run; its comment says what it is for."""

    query: str
    variables: dict[str, str]


def examples() -> list[Example]:
    """In the order of the tabs."""
    customer = {"source": "INSTORE", "identifierName": "MOBILE", "programId": _PROGRAM_ID}
    promotion = {"promotionId": _PROMOTION_ID}
    return [
        Example((_TEXTS / f"{name}.graphql").read_text(), {**customer, **variables})
        for name, variables in (
            ("full-summary", {"identifierValue": _MOBILE, **promotion}),
            ("points-only", {"identifierValue": _MOBILE, **promotion}),
            ("wallet", {"identifierValue": _WALLET_MOBILE}),
            ("errors-and-warnings", {"identifierValue": _MOBILE_WITHOUT_BENEFITS, **promotion}),
        )
    ]
