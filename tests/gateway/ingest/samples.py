"""A sample of every event notification, as the loyalty platform sends it."""

from typing import Any

CREATED_AT = 1_753_187_781_000  # 2025-07-22T18:06:21+05:30

CUSTOMER = {
    "customerId": 387729100,
    "instore": {
        "mobile": "919078345795",
        "email": "someone@example.com",
        "externalId": "EXT-1",
        "cardNumbers": ["4000"],
    },
}


def event(name: str, data: dict[str, Any], event_id: str = "ev-1", **changes: Any) -> dict[str, Any]:
    return {
        "eventName": name,
        "eventId": event_id,
        "eventLogId": "log-1",
        "orgId": 51135,
        "refId": "ref-1",
        "apiRequestId": "req-1",
        "createdAt": CREATED_AT,
        "data": data,
        **changes,
    }


POINTS_ISSUED = event(
    "pointsIssued",
    {
        "customerIdentifiers": CUSTOMER,
        "loyaltyProgramId": 2568,
        "totalPointsIssued": 175.5,
        "regularPointsIssued": 100,
        "promotionalPointsIssued": [
            {"promotionName": "Summer", "promotionIdentifier": "one", "promotionPoints": 25.125},
            {"promotionName": "No identifier", "promotionPoints": 1000},
            {"promotionName": "Nothing", "promotionIdentifier": "one", "promotionPoints": 0},
            {"promotionName": "Summer", "promotionIdentifier": "one", "promotionPoints": "0.1"},
        ],
        "promisedPointsIssued": [
            {"promisedPoints": 50, "isExternalTriggerBased": False, "promotionIdentifier": "one"},
            {"promisedPoints": 7, "isExternalTriggerBased": True, "promotionIdentifier": "one"},
        ],
    },
)
ALTERNATE_CURRENCIES_ISSUED = event(
    "alternateCurrenciesIssued",
    {
        "customerIdentifiers": CUSTOMER,
        "alternateCurrencies": [
            {
                "alternateCurrencyName": "DocCoin",
                "alternateCurrencyIdentifier": "dc",
                "promotionalAlternateCurrenciesIssued": [
                    {"promotionIdentifier": "one", "promotionAlternateCurrencies": 700}
                ],
                "promisedAlternateCurrenciesIssued": [
                    {
                        "promotionIdentifier": "one",
                        "promisedAlternateCurrencies": 5,
                        "isExternalTriggerBased": True,
                    }
                ],
            },
            {
                "alternateCurrencyName": "StarCoin",
                "promisedAlternateCurrenciesIssued": [
                    {"promotionIdentifier": "one", "promisedAlternateCurrencies": 0.5}
                ],
            },
        ],
    },
)
BADGE_EARNED = event(
    "badgeEarned",
    {
        "customerIdentifiers": CUSTOMER,
        "badgeId": "67ce697296dcfc6386c64f8a",
        "earnId": "earn-1",
        "earnedOn": CREATED_AT - 60_000,
        "promotionIdentifier": "one",
    },
)
REWARD_ISSUED = event(
    "rewardIssued",
    {"customerIdentifiers": CUSTOMER, "rewardId": 113336, "transactionId": "t-1", "promotionId": 1},
)
COUPON_ISSUE = event(
    "CouponIssue",
    {
        "series_info": {"id": 4711},
        "coupons": [
            {"id": 1, "issued_on": "2025-07-22T10:00:00+05:30", "customerIdentifiers": CUSTOMER},
            {"id": 2, "issued_on": CREATED_AT + 1000, "customerIdentifiers": CUSTOMER},
            {"id": 3, "customerIdentifiers": CUSTOMER},
        ],
        "promotionId": 1,
    },
)
PROMOTION_CREATED = event(
    "promotionCreated",
    {
        "loyaltyProgramId": 1,
        "promotionId": 1,
        "promotionName": "Summer",
        "externalIdentifier": "one",
        "promotionStartDate": CREATED_AT,
        "promotionEndDate": CREATED_AT + 1,
    },
)
CUSTOMER_ADDED = event("customerAdded", {"customerIdentifiers": CUSTOMER})
