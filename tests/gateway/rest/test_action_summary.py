"""The original REST call: the exact body, the accepted spellings, the errors and their statuses."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.commands.database import set_up
from gateway.commands.sample_data import CUSTOMER, DEMO, MOBILE, PROGRAM, PROMOTION, documented_issuances
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, Gateway, assert_rest_error, new_tenant
from tests.helpers.wrong_requests import WRONG_REQUESTS

# The sample of the API's documentation.
GOLDEN = """
{
    "orgId": 51135,
    "programId": 2568,
    "customerId": 387729100,
    "promotionId": 2000065,
    "promotionIdentifier": "021a1876-17d9-4d7a-bd2c-e74a65298398",
    "points": [
        {
            "pointsCategory": "REGULAR_POINTS",
            "totalPointsIssued": 600.000,
            "numberOfTimesIssued": 6,
            "lastIssuedOn": "2025-03-22T17:36:21+05:30"
        },
        {
            "pointsCategory": "PROMISED_POINTS",
            "totalPointsIssued": 600.000,
            "numberOfTimesIssued": 6,
            "lastIssuedOn": "2025-03-22T17:36:21+05:30"
        }
    ],
    "alternateCurrencies": [
        {
            "alternateCurrencyName": "DocCoin",
            "alternateCurrencySubDetails": [
                {
                    "alternateCurrencyType": "REGULAR",
                    "totalIssued": 5600.000,
                    "numberOfTimesIssued": 8,
                    "lastIssuedOn": "2025-03-22T17:36:21+05:30"
                }
            ]
        }
    ],
    "rewards": [
        {
            "rewardSeriesId": "113336.0",
            "numberOfTimesIssued": 2,
            "lastIssuedOn": "2025-03-29T16:30:01+05:30"
        }
    ],
    "badges": [
        {
            "badgeSeriesId": "67ce697296dcfc6386c64f8a",
            "numberOfTimesIssued": 8,
            "lastIssuedOn": "2025-03-22T17:36:23+05:30"
        }
    ],
    "warnings": []
}
"""


async def test_the_documented_body_byte_for_byte(gateway_with: OpenGateway, empty_store: Store) -> None:
    await set_up(empty_store)
    tenant = await new_tenant(
        empty_store,
        organization_id=DEMO.id,
        time_zone="Asia/Kolkata",
        customer_id=CUSTOMER,
        mobile=MOBILE,
        promotion=PROMOTION,
    )
    # The documentation has the dates of the demo, 122 days earlier.
    earlier = timedelta(days=122)
    await tenant.issue(
        replace(issuance, issued_on=issuance.issued_on - earlier) for issuance in documented_issuances()
    )
    january = date(2025, 1, 1)
    async with gateway_with(database=empty_store.name, benefits_since=january) as gateway:
        response = await gateway.rest(DOCUMENTED, tenant.headers)
    assert response.text == "".join(GOLDEN.split())
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "query",
    [
        "source=instore&identifierName=MOBILE",
        "source=InStore&identifierName=Mobile",
        "source=FACEBOOK&source=INSTORE&identifierName=id&identifierName=mobile",
        "source=INSTORE&identifierName=mobile&pageSize=10&source2=x",
    ],
)
async def test_the_spellings_of_legacy_clients_are_accepted(gateway: Gateway, query: str) -> None:
    rest = f"identifierValue={MOBILE}&programId={PROGRAM}&promotionId={PROMOTION.promotion_id}"
    response = await gateway.client.get(f"{ACTION_SUMMARY_PATH}?{query}&{rest}", headers=DEMO_HEADER)
    assert response.json()["customerId"] == CUSTOMER


async def test_external_id_may_be_spelled_with_two_capitals(gateway: Gateway) -> None:
    parameters = {**DOCUMENTED, "identifierName": "externalID", "identifierValue": f"EXT-{CUSTOMER}"}
    assert (await gateway.rest(parameters)).json()["customerId"] == CUSTOMER


async def test_the_last_value_of_a_repeated_parameter_counts_even_if_it_is_empty(gateway: Gateway) -> None:
    query = "&".join(f"{name}={value}" for name, value in DOCUMENTED.items())
    response = await gateway.client.get(f"{ACTION_SUMMARY_PATH}?{query}&programId=", headers=DEMO_HEADER)
    assert response.json()["errors"][0]["code"] == 8883


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
async def test_every_error_has_its_exact_code_and_message(
    gateway_with: OpenGateway, rest_status: str
) -> None:
    async with gateway_with(rest_status=rest_status) as gateway:
        for changes, code, message, semantic_status in WRONG_REQUESTS:
            parameters = {
                name: value for name, value in {**DOCUMENTED, **changes}.items() if value is not None
            }
            status = 200 if rest_status == "legacy" else semantic_status
            assert_rest_error(await gateway.rest(parameters), status, code, message)


async def test_a_wrong_request_sends_no_command(gateway: Gateway) -> None:
    await gateway.warm()
    for changes, code, _, _ in WRONG_REQUESTS:
        if code in (8001, 8003, 8002, 8013, 8883):
            await gateway.rest({name: value or "" for name, value in {**DOCUMENTED, **changes}.items()})
    assert gateway.commands.names == []


async def test_the_warning_has_the_shape_of_an_error(gateway: Gateway) -> None:
    body = (await gateway.rest({**DOCUMENTED, "identifierValue": "919078345796"})).json()
    assert body["warnings"] == [
        {
            "status": False,
            "code": 8116,
            "message": "No benefits earned by customer for the given promotion.",
        }
    ]


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
async def test_routing_errors_keep_their_status_in_both_modes(
    gateway_with: OpenGateway, rest_status: str
) -> None:
    async with gateway_with(rest_status=rest_status) as gateway:
        response = await gateway.client.post(ACTION_SUMMARY_PATH, headers=DEMO_HEADER)
        assert_rest_error(response, 405, 405, "Method Not Allowed")
        assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD"}
        for path in ("/v2/customers", f"{ACTION_SUMMARY_PATH}/", "/graphql/"):
            assert_rest_error(await gateway.client.get(path), 404, 404, "Not Found")


@pytest.mark.parametrize("size", [1, 2 << 20])
async def test_a_body_is_ignored(gateway: Gateway, size: int) -> None:
    # Some HTTP libraries send a body with every request.
    response = await gateway.client.request(
        "GET", ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER, content=b"x" * size
    )
    assert (response.status_code, response.json()["customerId"]) == (200, CUSTOMER)


async def test_head_has_the_status_and_the_length_of_get(gateway: Gateway) -> None:
    head = await gateway.client.head(ACTION_SUMMARY_PATH, params=DOCUMENTED, headers=DEMO_HEADER)
    get = await gateway.rest(DOCUMENTED)
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(get.content)))


@pytest.mark.parametrize(
    "given", ["0123456789abcdef0123456789ABCDEF", "01234567-89ab-cdef-0123-456789abcdef"]
)
async def test_a_good_request_id_comes_back(gateway: Gateway, given: str) -> None:
    response = await gateway.rest(DOCUMENTED, {**DEMO_HEADER, "X-CAP-REQUEST-ID": given})
    assert response.headers["x-cap-request-id"] == given


@pytest.mark.parametrize("given", ["", "919078345795", "x" * 32, "0123456789abcdef0123456789abcdef0"])
async def test_any_other_request_id_is_replaced(gateway: Gateway, given: str) -> None:
    response = await gateway.rest(DOCUMENTED, {**DEMO_HEADER, "X-CAP-REQUEST-ID": given})
    new = response.headers["x-cap-request-id"]
    assert new != given
    assert len(bytes.fromhex(new)) == 16


async def test_rest_sends_two_finds_and_one_aggregation(gateway: Gateway) -> None:
    await gateway.warm()
    await gateway.rest(DOCUMENTED)
    assert gateway.commands.names == ["find", "find", "aggregate"]
