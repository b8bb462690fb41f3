"""Event notifications of the loyalty platform: a sample of each kind, and a client that sends them."""

import asyncio
import copy
import json
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.auth.credentials import authorization
from gateway.commands.sample_data import PASSWORD
from gateway.ingest.event_recorder import UNFINISHED
from gateway.rest.events import EVENTS_PATH
from loaders import pending_events
from loaders.clients import Account, add_account
from loaders.enums import ClientKind
from loaders.store import Store
from tests.helpers.gateway import PASSWORD_HASH, Gateway, Tenant

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


def changed(sample: dict[str, Any], *path: str | int, to: object) -> dict[str, Any]:
    """The notification with another value at `path`; the value `...` removes the field."""
    copied = copy.deepcopy(sample)
    at: Any = copied
    for step in path[:-1]:
        at = at[step]
    if to is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return copied


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
CUSTOMER_DELETED = event(
    "customerUpdated",
    {
        "customerIdentifiers": CUSTOMER,
        "customerStatus": {"currentLabel": "Deleted", "reason": "asked for it"},
        "source": "instore",
    },
)
CUSTOMER_MERGED = event(
    "loyaltyCustomerMerge",
    {
        "survivorCustomerIdentifiers": CUSTOMER,
        "victimCustomerIdentifiers": {**CUSTOMER, "customerId": 387729101},
        "survivorCustomerLoyaltySummary": [],
        "triggeringActivity": {"name": "customerMerge"},
    },
)
del CUSTOMER_MERGED["eventId"], CUSTOMER_MERGED["eventLogId"]
REQUEST_UPDATED = event(
    "requestUpdated",
    {
        "requestType": "CUSTOMER",
        "requestBaseType": "DELETE",
        "requestTrackingId": "r-1",
        "status": "SUCCESS",
        "customerIdentifiers": CUSTOMER,
        "updatedFields": [{"fieldName": "status", "previousValue": None, "currentValue": "SUCCESS"}],
    },
)
POINTS_REVERSED = event("issuedPointsReversed", {"customerIdentifiers": CUSTOMER, "totalPointsReversed": 5})
SAMPLES = (
    POINTS_ISSUED,
    ALTERNATE_CURRENCIES_ISSUED,
    BADGE_EARNED,
    REWARD_ISSUED,
    COUPON_ISSUE,
    PROMOTION_CREATED,
    {**PROMOTION_CREATED, "eventName": "promotionUpdated"},
    CUSTOMER_ADDED,
    CUSTOMER_DELETED,
    CUSTOMER_MERGED,
    REQUEST_UPDATED,
)
# Events that the gateway accepts and ignores.
OTHER_SAMPLES = (
    changed(REQUEST_UPDATED, "data", "status", to="PENDING"),
    POINTS_REVERSED,
    {**POINTS_REVERSED, "eventName": "issuedAlternateCurrenciesReversed"},
)


def wrapped(sample: dict[str, Any]) -> dict[str, Any]:
    """The notification in the platform's second format, with most of its fields in `attributes`."""
    attributes = {name: value for name, value in sample.items() if name not in ("eventId", "eventLogId")}
    return {
        **({"eventId": sample["eventId"]} if "eventId" in sample else {}),
        "eventType": "loyalty",
        "consumerGroupId": "g-1",
        "actionType": "CREATE",
        "timeStamp": "2025-07-22 12:36:21",
        "attributes": attributes,
    }


@dataclass(frozen=True)
class Sender:
    """A client that sends the events of one organisation, and a POS client that reads its summaries."""

    gateway: Gateway
    store: Store
    tenant: Tenant
    headers: dict[str, str]

    async def send(self, sample: dict[str, Any], **changes: Any) -> httpx.Response:
        organization = {"orgId": self.tenant.organization.id}
        if "attributes" in sample:
            sample = {**sample, "attributes": {**sample["attributes"], **organization}}
        else:
            sample = {**sample, **organization}
        return await self.post(json.dumps({**sample, **changes}))

    async def status(self, sample: dict[str, Any]) -> str:
        """Send a notification; returns the status in the response."""
        response = await self.send(sample)
        assert response.status_code == 200, response.text
        [(name, status)] = response.json().items()
        assert name == "status"
        return str(status)

    async def post(self, content: str | bytes) -> httpx.Response:
        headers = {"Content-Type": "application/json", **self.headers}
        return await self.gateway.client.post(EVENTS_PATH, content=content, headers=headers)

    async def answer(self, api: str = "rest", **changes: str) -> dict[str, Any]:
        parameters = {**self.tenant.parameters, "identifierValue": "919078345795", **changes}
        return await self.gateway.ask(api, parameters, self.tenant.headers)

    async def finished(self) -> dict[str, str]:
        """The pending events, once no event is being counted in the background."""
        async with asyncio.timeout(60):
            while True:
                pending = await self.pending()
                if UNFINISHED not in pending.values():
                    return pending
                await asyncio.sleep(0.01)

    async def pending(self) -> dict[str, str]:
        """The ids of the pending events, each with its reason."""
        waiting = pending_events.waiting(self.store, self.tenant.organization.id)
        return {event.event_id: event.reason async for event in waiting}


async def new_writer(store: Store, tenant: Tenant) -> dict[str, str]:
    """The headers of a new client that may write the events of this organisation."""
    till = f"events-{uuid.uuid4().hex}"
    account = Account(till, till, ClientKind.TILL, tenant.organization.id, "ingest", 0, PASSWORD_HASH)
    await add_account(store, account)
    return {"Authorization": authorization(till, PASSWORD)}


async def new_sender(gateway: Gateway, store: Store, tenant: Tenant) -> Sender:
    return Sender(gateway, store, tenant, await new_writer(store, tenant))
