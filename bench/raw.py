"""A hand-written REST handler with which the benches compare the gateway.

It responds to the original REST call with the same body, byte for byte: two concurrent look-ups and the same
aggregation, with motor, on the gateway's HTTP server. It checks no credentials and no arguments, handles no
errors, and shares nothing between requests. It finds the organisation by the programme's id.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import CommandListener
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import json_format
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from loaders.database_schema import CUSTOMER_IDENTIFIERS, ISSUANCES, PROMOTIONS, customer_promotion
from loaders.enums import Benefit, IssuanceType
from loaders.organizations import Organization
from resolvers.scalars import to_three_digits, write_second
from resolvers.summary_types import NO_BENEFITS

Row = dict[str, Any]

_ORDER = [None, *IssuanceType]
_BENEFITS = [benefit.value for benefit in Benefit]
_GROUP = {
    "_id": {name: f"${name}" for name in ("customerPromotion", "benefit", "item", "type")},
    "total": {"$sum": "$amount"},
    "times": {"$sum": 1},
    "lastIssuedOn": {"$max": "$issuedOn"},
}


def create_app(
    settings: Settings,
    organizations: Mapping[str, Organization],
    *,
    listeners: Sequence[CommandListener] = (),
) -> Starlette:
    """The handler as an application; `listeners` observe its database commands."""
    options: CodecOptions[Row] = CodecOptions(tz_aware=True)
    client: AsyncIOMotorClient[Row] = AsyncIOMotorClient(
        settings.mongodb_uri.get_secret_value(), event_listeners=list(listeners)
    )
    database = client.get_database(settings.database, codec_options=options)
    identifiers, promotions = database[CUSTOMER_IDENTIFIERS.name], database[PROMOTIONS.name]
    issuances = database[ISSUANCES.name]
    since = {one.id: one.midnight(settings.benefits_since) for one in organizations.values()}

    async def get(request: Request) -> Response:
        parameters = request.query_params
        organization = organizations[parameters["programId"]]
        customer, promotion = await asyncio.gather(
            identifiers.find_one(
                {
                    "orgId": organization.id,
                    "source": parameters["source"],
                    "name": parameters["identifierName"],
                    "value": parameters["identifierValue"],
                }
            ),
            promotions.find_one({"orgId": organization.id, "promotionId": int(parameters["promotionId"])}),
        )
        assert customer is not None
        assert promotion is not None
        pair = customer_promotion(customer["customerId"], promotion["promotionId"])
        pipeline = [
            {"$match": {"orgId": organization.id, "customerPromotion": pair}},
            {"$match": {"benefit": {"$in": _BENEFITS}, "issuedOn": {"$gte": since[organization.id]}}},
            {"$group": _GROUP},
        ]
        rows = await issuances.aggregate(pipeline).to_list(None)
        return Response(
            json_format.encode(_body(organization, promotion, customer["customerId"], rows)),
            media_type=json_format.MEDIA_TYPE,
        )

    return Starlette(routes=[Route(ACTION_SUMMARY_PATH, get, methods=["GET"])])


def _body(organization: Organization, promotion: Row, customer_id: int, rows: list[Row]) -> Row:
    def issued(row: Row) -> Row:
        last: datetime = row["lastIssuedOn"].astimezone(organization.time_zone)
        return {"numberOfTimesIssued": row["times"], "lastIssuedOn": write_second(last)}

    def amount(row: Row) -> Any:
        return to_three_digits(row["total"].to_decimal())

    rows.sort(key=lambda row: (row["_id"].get("item", ""), _ORDER.index(row["_id"].get("type"))))
    of = {benefit: [row for row in rows if row["_id"]["benefit"] == benefit] for benefit in Benefit}
    return {
        "orgId": organization.id,
        "programId": int(promotion["programId"]),
        "customerId": int(customer_id),
        "promotionId": int(promotion["promotionId"]),
        "promotionIdentifier": promotion["promotionIdentifier"],
        "points": [
            {
                "pointsCategory": f"{row['_id']['type']}_POINTS",
                "totalPointsIssued": amount(row),
                **issued(row),
            }
            for row in of[Benefit.POINTS]
        ],
        "alternateCurrencies": [
            {
                "alternateCurrencyName": name,
                "alternateCurrencySubDetails": [
                    {
                        "alternateCurrencyType": row["_id"]["type"],
                        "totalIssued": amount(row),
                        **issued(row),
                    }
                    for row in group
                ],
            }
            for name, group in groupby(of[Benefit.ALTERNATE_CURRENCY], lambda row: row["_id"]["item"])
        ],
        "rewards": [{"rewardSeriesId": row["_id"]["item"], **issued(row)} for row in of[Benefit.REWARD]],
        "badges": [{"badgeSeriesId": row["_id"]["item"], **issued(row)} for row in of[Benefit.BADGE]],
        "warnings": []
        if rows
        else [{"status": False, "code": NO_BENEFITS.code, "message": NO_BENEFITS.message}],
    }
