"""`/graphql`: the commands that a request sends, and the exact messages of its errors."""

import json

import pytest
from graphql import get_introspection_query

from gateway.commands.sample_data import CUSTOMER, GENERATED_CUSTOMERS, PROGRAM, PROMOTION
from gateway.graphql.endpoint import SCHEMA_PATH
from tests.conftest import OpenGateway
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    FULL_SUMMARY,
    Gateway,
    assert_graphql_refusal,
    assert_rest_error,
)
from tests.helpers.graphql import SCHEMA, field

SECRET = "919078300000"
JSON_HEADERS = {**DEMO_HEADER, "Content-Type": "application/json"}


PROGRAM_DIGITS = "programId takes digits only, up to 9223372036854775807."
PROMOTION_DIGITS = "promotionId takes digits only, up to 9223372036854775807."


def aggregated_benefits(gateway: Gateway) -> list[str]:
    [command] = [command for command in gateway.commands.sent if "aggregate" in command]
    benefits: list[str] = command["pipeline"][1]["$match"]["benefit"]["$in"]
    return benefits


ALIASES = "\n".join(
    field(
        f"a{n}",
        "customerId points { totalPointsIssued }",
        value=f"9198{n:08}",
        promotion=f'promotionId: "{2000066 + n % 3}"',
    )
    for n in range(20)
)


async def test_twenty_aliases_send_two_finds_and_one_aggregation(gateway: Gateway) -> None:
    await gateway.warm()
    data = (await gateway.graphql(f"{{ {ALIASES} }}")).json()["data"]
    assert [data[f"a{n}"]["customerId"] for n in range(20)] == [
        str(customer) for customer in GENERATED_CUSTOMERS[:20]
    ]
    assert gateway.commands.names == ["find", "find", "aggregate"]
    assert aggregated_benefits(gateway) == ["POINTS"]


async def test_all_lists_and_warnings_send_two_finds_and_one_aggregation(gateway: Gateway) -> None:
    await gateway.warm()
    body = (await gateway.graphql(f"{{ {field(selection=FULL_SUMMARY)} }}")).json()
    assert body["data"]["summary"]["warnings"] == []
    assert gateway.commands.names == ["find", "find", "aggregate"]
    assert aggregated_benefits(gateway) == ["ALTERNATE_CURRENCY", "BADGE", "POINTS", "REWARD"]


@pytest.mark.parametrize(("width", "aggregations"), [(25, 1), (26, 3), (100, 10)])
async def test_up_to_25_full_summaries_fit_one_aggregation(
    gateway: Gateway, width: int, aggregations: int
) -> None:
    await gateway.warm()
    aliases = "\n".join(
        field(f"a{n}", FULL_SUMMARY, value=f"9198{n:08}", promotion=f'promotionId: "{2000066 + n % 12}"')
        for n in range(width)
    )
    body = (await gateway.graphql(f"{{ {aliases} }}")).json()
    assert "errors" not in body
    assert gateway.commands.names == ["find", "find"] + ["aggregate"] * aggregations


@pytest.mark.parametrize(
    ("selection", "benefits"),
    [
        ("points { totalPointsIssued }", ["POINTS"]),
        ("alternateCurrencies { alternateCurrencyName }", ["ALTERNATE_CURRENCY"]),
        ("rewards { rewardSeriesId } badges { badgeSeriesId }", ["BADGE", "REWARD"]),
        ("warnings { code }", ["ALTERNATE_CURRENCY", "BADGE", "POINTS", "REWARD"]),
    ],
)
async def test_only_selected_benefits_are_matched(
    gateway: Gateway, selection: str, benefits: list[str]
) -> None:
    await gateway.warm()
    await gateway.graphql(f"{{ {field(selection=selection)} }}")
    assert gateway.commands.names == ["find", "find", "aggregate"]
    assert aggregated_benefits(gateway) == benefits


async def test_without_a_benefit_field_nothing_is_aggregated(gateway: Gateway) -> None:
    await gateway.warm()
    await gateway.graphql(f"{{ {field(selection='orgId customerId promotionIdentifier')} }}")
    assert gateway.commands.names == ["find", "find"]


async def test_mixed_references_share_the_aggregation(gateway: Gateway) -> None:
    await gateway.warm()
    points = "points { totalPointsIssued }"
    aliases = (
        field("a", points),
        field("b", points, name="ID", value=str(CUSTOMER)),
        field("c", points, name="EXTERNAL_ID", value=f"EXT-{CUSTOMER}"),
        field("d", points, promotion=f'promotionIdentifier: "{PROMOTION.promotion_identifier}"'),
        field("e", points, promotion='promotionId: "abc"'),
        field("f", points, value="unknown"),
        field("g", points, promotion='promotionIdentifier: ""'),
    )
    body = (await gateway.graphql(f"{{ {' '.join(aliases)} }}")).json()
    same = {"points": [{"totalPointsIssued": "600.000"}] * 2}
    assert body["data"] == {**dict.fromkeys("abcd", same), **dict.fromkeys("efg")}
    assert {error["path"][0]: error["extensions"] for error in body["errors"]} == {
        "e": {"code": "PROMOTION_NOT_FOUND", "errorCode": 8874, "reason": PROMOTION_DIGITS},
        "f": {"code": "CUSTOMER_NOT_FOUND", "errorCode": 8015},
        "g": {
            "code": "INSUFFICIENT_PARAMETERS",
            "errorCode": 8883,
            "reason": "promotionId or promotionIdentifier is required.",
        },
    }
    assert gateway.commands.names == ["find"] * 5 + ["aggregate"]


ERRORS = [
    (
        field(value=""),
        "IDENTIFIER_MISSING",
        8002,
        "Lookup failed, No identifiers passed",
    ),
    (
        field(promotion=""),
        "INSUFFICIENT_PARAMETERS",
        8883,
        "Insufficient parameters passed, program id and one of promotion id/identifier are required.",
    ),
    (field(value="0"), "CUSTOMER_NOT_FOUND", 8015, "Customer not found for the given identifiers"),
    (field(promotion="promotionId: 1"), "PROMOTION_NOT_FOUND", 8874, "promotion id passed is invalid"),
    (
        field().replace(str(PROGRAM), "1"),
        "PROMOTION_IN_OTHER_PROGRAM",
        8105,
        "Error fetching promotion data. Verify programs/promotionIdentifier passed.",
    ),
]


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
@pytest.mark.parametrize(("query", "code", "error_code", "message"), ERRORS)
async def test_every_error_has_its_exact_code_and_message(
    gateway_with: OpenGateway, query: str, code: str, error_code: int, message: str, rest_status: str
) -> None:
    async with gateway_with(rest_status=rest_status) as gateway:
        response = await gateway.graphql(f"{{ good: {field().partition(': ')[2]} {query} }}")
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"good": {"customerId": str(CUSTOMER)}, "summary": None}
    [error] = body["errors"]
    assert (error["message"], error["path"]) == (message, ["summary"])
    assert (error["extensions"]["code"], error["extensions"]["errorCode"]) == (code, error_code)


# A field with an argument in the wrong form, its error code, and the reason.
REASONS = [
    (field(program="summer"), 8883, PROGRAM_DIGITS),
    (field(program="-1"), 8883, PROGRAM_DIGITS),
    (field(program=" 973"), 8883, PROGRAM_DIGITS),
    (field(program="9223372036854775808"), 8883, PROGRAM_DIGITS),
    (field(program="१"), 8883, PROGRAM_DIGITS),
    (field(program=""), 8883, "programId is missing."),
    (field(promotion=""), 8883, "promotionId or promotionIdentifier is required."),
    (field(promotion='promotionIdentifier: ""'), 8883, "promotionId or promotionIdentifier is required."),
    (field(promotion='promotionId: "summer"'), 8874, PROMOTION_DIGITS),
    (field(promotion='promotionId: "1.0"'), 8874, PROMOTION_DIGITS),
    (field(value=""), 8002, "identifierValue is empty."),
]


@pytest.mark.parametrize(("query", "error_code", "reason"), REASONS)
async def test_an_argument_in_the_wrong_form_has_a_reason(
    gateway: Gateway, query: str, error_code: int, reason: str
) -> None:
    [error] = (await gateway.graphql(f"{{ {query} }}")).json()["errors"]
    assert error["extensions"]["errorCode"] == error_code
    assert error["extensions"]["reason"] == reason


async def test_the_rest_body_has_no_reason(gateway: Gateway) -> None:
    response = await gateway.rest({**DOCUMENTED, "programId": "summer"})
    message = "Insufficient parameters passed, program id and one of promotion id/identifier are required."
    assert_rest_error(response, 200, 8883, message)


def body_of(query: object = "{ __typename }", **more: object) -> str:
    return json.dumps({"query": query, **more})


# A body that is refused before it is executed, and the message.
REFUSED: list[tuple[str | bytes, str]] = [
    ("", "The body is not valid JSON at line 1, column 1."),
    ('{\n "query": "{ __typename }"\n', "The body is not valid JSON at line 3, column 1."),
    (b"\xff", "The body is not valid JSON at line 1, column 1."),
    ("[" * 100_000, "The body is nested too deeply."),
    ("null", "The body must be an object, not null."),
    ("1", "The body must be an object, not a number."),
    ('"{ __typename }"', "The body must be an object, not a string."),
    ("[{}]", "Batching is off: send one operation, not a list."),
    ("{}", "query is missing."),
    (body_of(""), "query is missing."),
    (body_of(1), "query must be a string, not a number."),
    (body_of(variables=[]), "variables must be an object, not a list."),
    (body_of(variables=SECRET), "variables must be an object, not a string."),
    (body_of(extensions=True), "extensions must be an object, not a boolean."),
    (body_of(operationName={}), "operationName must be a string, not an object."),
    (body_of(documentId=1), "documentId must be a string, not a number."),
    (body_of(documentId="1"), "query and documentId cannot be given together."),
    *(
        (
            body_of(extensions={"persistedQuery": persisted}),
            "extensions.persistedQuery must have the version 1 and a sha256Hash.",
        )
        for persisted in ("1", {}, {"version": 2, "sha256Hash": ""}, {"version": 1, "sha256Hash": 1})
    ),
]


@pytest.mark.parametrize(("content", "message"), REFUSED, ids=range(len(REFUSED)))
async def test_a_malformed_request_says_what_is_wrong(
    gateway: Gateway, content: str | bytes, message: str
) -> None:
    response = await gateway.client.post("/graphql", content=content, headers=JSON_HEADERS)
    assert_graphql_refusal(response, 400, "BAD_REQUEST", 400, message)


async def test_a_malformed_request_is_400_whatever_rest_status_is(gateway_with: OpenGateway) -> None:
    async with gateway_with(rest_status="semantic") as gateway:
        response = await gateway.client.post("/graphql", content="{}", headers=JSON_HEADERS)
    assert_graphql_refusal(response, 400, "BAD_REQUEST", 400, "query is missing.")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused(gateway: Gateway, method: str) -> None:
    response = await gateway.client.request(method, "/graphql", headers=DEMO_HEADER)
    assert_graphql_refusal(response, 405, "METHOD_NOT_ALLOWED", 405, "Method Not Allowed")
    assert set(response.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    ("media_type", "takes"),
    [
        ("text/plain", "application/json"),
        ("application/x-www-form-urlencoded", "application/json"),
        ("multipart/form-data; boundary=x", "application/json"),
        ("application/json; charset=utf-16", "UTF-8"),
    ],
)
async def test_other_media_types_are_refused(gateway: Gateway, media_type: str, takes: str) -> None:
    headers = {**DEMO_HEADER, "Content-Type": media_type}
    response = await gateway.client.post("/graphql", content=body_of(), headers=headers)
    message = f"A POST to /graphql takes {takes}."
    assert_graphql_refusal(response, 415, "UNSUPPORTED_MEDIA_TYPE", 415, message)


async def test_a_query_may_come_by_get(gateway: Gateway) -> None:
    parameters = {"query": "query ($v: Boolean!) { __typename @include(if: $v) }", "variables": '{"v": true}'}
    response = await gateway.client.get("/graphql", params=parameters, headers=DEMO_HEADER)
    assert response.json() == {"data": {"__typename": "Query"}}
    wrong = {**parameters, "variables": f"{{{SECRET}"}
    response = await gateway.client.get("/graphql", params=wrong, headers=DEMO_HEADER)
    assert_graphql_refusal(
        response, 400, "BAD_REQUEST", 400, "variables is not valid JSON at line 1, column 2."
    )
    response = await gateway.client.get("/graphql", headers=DEMO_HEADER)
    assert_graphql_refusal(response, 400, "BAD_REQUEST", 400, "query is missing.")


async def test_a_browser_gets_graphiql_without_credentials(gateway_with: OpenGateway) -> None:
    html = {"Accept": "text/html,*/*;q=0.8"}
    async with gateway_with(introspection="on") as gateway:
        response = await gateway.client.get("/graphql", headers=html)
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert "GraphiQL" in response.text
        assert (await gateway.client.head("/graphql", headers=html)).status_code == 200
        shared = await gateway.client.get("/graphql", params={"query": "{ __typename }"}, headers=html)
        assert "GraphiQL" in shared.text
        for params in ({"documentId": "1"}, {"extensions": "{}"}):
            response = await gateway.client.get("/graphql", params=params, headers=html)
            assert response.status_code == 401


async def test_without_introspection_no_type_and_no_suggestion_is_shown(
    gateway: Gateway, gateway_with: OpenGateway
) -> None:
    misspelt = "{ customerPromotionActionSumary { orgId } }"
    introspection = '{ __type(name: "Query") { name } }'
    message = "Cannot query field 'customerPromotionActionSumary' on type 'Query'."
    assert (await gateway.client.get("/graphql", headers={"Accept": "text/html"})).status_code == 401
    [error] = (await gateway.graphql(misspelt)).json()["errors"]
    assert error["message"] == message
    [error, *_] = (await gateway.graphql(introspection)).json()["errors"]
    assert error["message"] == (
        "GraphQL introspection has been disabled, but the requested query contained the field '__type'."
    )
    async with gateway_with(introspection="on") as introspected:
        [error] = (await introspected.graphql(misspelt)).json()["errors"]
        assert error["message"] == f"{message} Did you mean 'customerPromotionActionSummary'?"
        assert (await introspected.graphql(introspection)).json() == {"data": {"__type": {"name": "Query"}}}
        described = (await introspected.graphql(get_introspection_query())).json()
        assert described["data"]["__schema"]["queryType"]["name"] == "Query"


# The introspections that code generators send.
TYPES = '{ a: __type(name: "Query") { name } b: __type(name: "Warning") { name } }'
APOLLO_KOTLIN = """
query PreIntrospectionQuery {
  schema: __type(name: "__Schema") { ...fields }
  type: __type(name: "__Type") { ...fields }
  directive: __type(name: "__Directive") { ...fields }
  field: __type(name: "__Field") { ...fields }
  argument: __type(name: "__InputValue") { ...fields }
}
fragment fields on __Type { fields { name args { name } } }
"""
TWO_SCHEMAS = "{ a: __schema { queryType { name } } b: __schema { types { name kind } } }"


@pytest.mark.parametrize("query", [TYPES, APOLLO_KOTLIN, TWO_SCHEMAS, get_introspection_query()])
async def test_an_introspection_of_ordinary_size_is_answered(gateway_with: OpenGateway, query: str) -> None:
    async with gateway_with(introspection="on") as gateway:
        assert (await gateway.graphql(query)).json().keys() == {"data"}


async def test_an_unknown_operation_name_is_refused(gateway: Gateway) -> None:
    headers = {**DEMO_HEADER, "Content-Type": "application/json"}
    for content in (
        body_of("query A { __typename }", operationName=SECRET),
        body_of("query A { __typename } query B { __typename }", operationName=SECRET),
        body_of("fragment F on Query { __typename }"),
    ):
        response = await gateway.client.post("/graphql", content=content, headers=headers)
        message = "operationName must name an operation of the document."
        assert_graphql_refusal(response, 200, "OPERATION_RESOLUTION_FAILURE", 400, message)


async def test_the_error_of_an_unknown_field_names_the_field(gateway: Gateway) -> None:
    [error] = (await gateway.graphql("{ nothing }")).json()["errors"]
    assert error["message"] == "Cannot query field 'nothing' on type 'Query'."


async def test_the_schema_is_served_where_introspection_is_on(gateway_with: OpenGateway) -> None:
    async with gateway_with(introspection="on") as gateway:
        response = await gateway.client.get(SCHEMA_PATH)
        again = await gateway.client.get(SCHEMA_PATH, headers={"If-None-Match": response.headers["etag"]})
        post = await gateway.client.post(SCHEMA_PATH)
    assert response.text == f"{SCHEMA.as_str()}\n"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=300"
    assert again.status_code == 304
    assert_rest_error(post, 405, 405, "Method Not Allowed")


@pytest.mark.parametrize("headers", [{}, DEMO_HEADER])
async def test_the_schema_is_404_where_introspection_is_off(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    assert_rest_error(await gateway.client.get(SCHEMA_PATH, headers=headers), 404, 404, "Not Found")
