"""The operations that GraphiQL opens with: what screens really ask for, about the demo's customers."""

from pathlib import Path
from typing import NamedTuple

from gateway.demo import MOBILE, MOBILE_WITHOUT_BENEFITS, PROGRAM, PROMOTION

_TEXTS = Path(__file__).parent / "operations"
# Has benefits from several promotions.
_WALLET_MOBILE = "919800000000"


class Example(NamedTuple):
    """An operation, ready to run; its comment says what it is for."""

    query: str
    variables: dict[str, str]


def examples() -> list[Example]:
    """In the order of the tabs."""
    customer = {"source": "INSTORE", "identifierName": "MOBILE", "programId": str(PROGRAM)}
    promotion = {"promotionId": str(PROMOTION.promotion_id)}
    return [
        Example((_TEXTS / f"{name}.graphql").read_text(), {**customer, **variables})
        for name, variables in (
            ("full-summary", {"identifierValue": MOBILE, **promotion}),
            ("points-only", {"identifierValue": MOBILE, **promotion}),
            ("wallet", {"identifierValue": _WALLET_MOBILE}),
            ("errors-and-warnings", {"identifierValue": MOBILE_WITHOUT_BENEFITS, **promotion}),
        )
    ]
