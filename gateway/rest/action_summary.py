"""The original REST call, whose parameters, spellings and body are frozen.

Legacy clients must not notice a difference, so this module keeps the oddities of the original API.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from gateway import json_format
from loaders.customers import CustomerIdentifier
from loaders.enums import Benefit, IdentifierName
from resolvers.action_summary import summarize
from resolvers.arguments import CustomerSource
from resolvers.context import Context
from resolvers.errors import IdentifierMissing, IdentifierNameInvalid, SourceInvalid, SourceMissing
from resolvers.scalars import write_second
from resolvers.summary_types import CustomerPromotionActionSummary

ACTION_SUMMARY_PATH = "/v2/customers/lookup/customerPromotionDetails/actionSummary"

# Neither is case-sensitive: the vendor's own pages mix `externalId` and `externalID`.
_SOURCES = {source.name.lower(): source.name for source in CustomerSource}
_IDENTIFIER_NAMES = {name.value.lower(): name for name in IdentifierName}
_ALL_BENEFITS = frozenset(Benefit)


async def get_action_summary(request: Request, *, enter: Callable[[Request], Awaitable[Context]]) -> Response:
    """Answer `GET actionSummary`; `enter` authenticates the caller and opens the context of its request."""
    context = await enter(request)
    # Starlette's `get` returns the last value of a repeated parameter.
    parameters = request.query_params
    summary = await summarize(
        context.loaders,
        read_customer(parameters),
        parameters.get("programId"),
        parameters.get("promotionId"),
        parameters.get("promotionIdentifier"),
        _ALL_BENEFITS,
    )
    return Response(json_format.encode(_body(summary)), media_type=json_format.MEDIA_TYPE)


def read_customer(parameters: Mapping[str, str]) -> CustomerIdentifier:
    """The customer that `source`, `identifierName` and `identifierValue` name, checked in this order."""
    if not (given_source := parameters.get("source")):
        raise SourceMissing
    if (source := _SOURCES.get(_folded(given_source))) is None:
        raise SourceInvalid
    given_name, value = parameters.get("identifierName"), parameters.get("identifierValue")
    if not given_name or not value:
        raise IdentifierMissing
    if (name := _IDENTIFIER_NAMES.get(_folded(given_name))) is None:
        raise IdentifierNameInvalid
    return CustomerIdentifier(source, name, value)


def _folded(word: str) -> str:
    # `lower` would turn a Kelvin sign into an ASCII "k", and so accept a name that is not one of the names.
    return word.lower() if word.isascii() else word


def _body(summary: CustomerPromotionActionSummary) -> dict[str, Any]:
    return {
        "orgId": summary.org_id,
        "programId": summary.program_id,
        "customerId": summary.customer_id,
        "promotionId": summary.promotion_id,
        "promotionIdentifier": summary.promotion_identifier,
        "points": [
            {
                "pointsCategory": row.points_category.name,
                "totalPointsIssued": row.total_points_issued,
                **_issued(row),
            }
            for row in summary.points()
        ],
        "alternateCurrencies": [
            {
                "alternateCurrencyName": currency.alternate_currency_name,
                "alternateCurrencySubDetails": [
                    {
                        "alternateCurrencyType": row.alternate_currency_type.name,
                        "totalIssued": row.total_issued,
                        **_issued(row),
                    }
                    for row in currency.alternate_currency_sub_details
                ],
            }
            for currency in summary.alternate_currencies()
        ],
        "rewards": [{"rewardSeriesId": row.reward_series_id, **_issued(row)} for row in summary.rewards()],
        "badges": [{"badgeSeriesId": row.badge_series_id, **_issued(row)} for row in summary.badges()],
        "warnings": [
            {"status": False, "code": warning.code, "message": warning.message}
            for warning in summary.warnings()
        ],
    }


def _issued(row: Any) -> dict[str, Any]:
    return {
        "numberOfTimesIssued": row.number_of_times_issued,
        "lastIssuedOn": write_second(row.last_issued_on),
    }
