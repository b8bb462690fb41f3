"""GraphQL over HTTP: the media types and statuses of responses, and the accepted forms of requests."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
import pytest

from gateway.app import create_app
from gateway.auth.credentials import NO_CREDENTIALS
from gateway.graphql.request import GRAPHQL_RESPONSE, negotiate
from gateway.settings import Settings
from tests.conftest import OpenGateway
from tests.helpers.faults import served
from tests.helpers.gateway import DEMO_HEADER, Gateway, assert_graphql_refusal
from tests.helpers.graphql import field

JSON = "application/json"

# The Accept header of a request, and the media type of the response; None is a refusal.
ACCEPTED = [
    ("", JSON),
    ("*/*", JSON),
    ("application/*", JSON),
    ("application/json", JSON),
    ("APPLICATION/JSON;Q=0.5", JSON),
    (GRAPHQL_RESPONSE, GRAPHQL_RESPONSE),
    (f"{GRAPHQL_RESPONSE}; charset=utf-8", GRAPHQL_RESPONSE),
    (f'{GRAPHQL_RESPONSE}; charset="UTF-8"', GRAPHQL_RESPONSE),
    (f"{GRAPHQL_RESPONSE}, application/json;q=0.9", GRAPHQL_RESPONSE),
    (f"application/json, {GRAPHQL_RESPONSE}", GRAPHQL_RESPONSE),
    (f"application/json, {GRAPHQL_RESPONSE};q=0.9", JSON),
    (f"{GRAPHQL_RESPONSE}, */*", GRAPHQL_RESPONSE),
    (f"{GRAPHQL_RESPONSE};q=0.1, */*", JSON),
    ("application/json, */*;q=0.1", JSON),
    (f"{GRAPHQL_RESPONSE};q=0, */*", JSON),
    ("application/json;q=0, */*", GRAPHQL_RESPONSE),
    ("text/html, application/xml;q=0.9, */*;q=0.8", JSON),
    ("text/html", None),
    ("application/json;q=0", None),
    ("application/json;q=2", None),
    ("application/json;q=x", None),
    ("application/json; charset=latin1", None),
    ("application/xml, text/*", None),
]


@pytest.mark.parametrize(("accept", "expected"), ACCEPTED)
def test_the_type_of_an_answer_is_negotiated(accept: str, expected: str | None) -> None:
    assert negotiate(accept) == expected


GOOD = "{ __typename }"
NOT_EXECUTED = [
    ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "{ a { b { c { d { e { f { g { h { i } } } } } } } } }"}, "LIMIT_EXCEEDED"),
    ({"query": "query ($v: Boolean!) { __typename @skip(if: $v) }"}, "BAD_USER_INPUT"),
    ({"query": "query A { __typename }", "operationName": "B"}, "OPERATION_RESOLUTION_FAILURE"),
]


@pytest.mark.parametrize(("media_type", "status"), [(JSON, 200), (GRAPHQL_RESPONSE, 400)])
@pytest.mark.parametrize(("body", "code"), NOT_EXECUTED)
async def test_a_request_that_is_not_executed_has_no_data(
    gateway: Gateway, body: Mapping[str, str], code: str, media_type: str, status: int
) -> None:
    await gateway.warm()
    response = await gateway.client.post("/graphql", json=body, headers={**DEMO_HEADER, "Accept": media_type})
    assert response.status_code == status
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.json().keys() == {"errors"}
    assert {error["extensions"]["code"] for error in response.json()["errors"]} == {code}
    assert gateway.commands.names == []


# An operation, the codes of its errors, and the HTTP status of its response in the newer media type.
EXECUTED = [
    (f"{{ {field()} }}", [], 200),
    (f"{{ {field(value='0')} }}", [8015], 294),
    (f"{{ {field('a')} {field('b', value='0')} }}", [8015], 294),
    (f"{{ {field('a', program='x')} {field('b', promotion='promotionId: 1')} }}", [8883, 8874], 294),
]


@pytest.mark.parametrize("media_type", [JSON, GRAPHQL_RESPONSE])
@pytest.mark.parametrize(("query", "codes", "status"), EXECUTED)
async def test_data_with_errors_is_294_in_the_newer_media_type(
    gateway: Gateway, query: str, codes: list[int], status: int, media_type: str
) -> None:
    response = await gateway.graphql(query, headers={**DEMO_HEADER, "Accept": media_type})
    assert response.status_code == (200 if media_type == JSON else status)
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    body = response.json()
    assert "data" in body
    assert [error["extensions"]["errorCode"] for error in body.get("errors", [])] == codes


@pytest.mark.parametrize("media_type", [JSON, GRAPHQL_RESPONSE])
@pytest.mark.parametrize(
    ("headers", "status", "code", "message", "reason"),
    [
        ({}, 401, "UNAUTHENTICATED", "Unauthorized", NO_CREDENTIALS),
        (DEMO_HEADER, 400, "BAD_REQUEST", "query is missing.", ""),
    ],
    ids=["without credentials", "without query"],
)
async def test_a_refusal_has_the_accepted_media_type(
    gateway: Gateway,
    headers: Mapping[str, str],
    status: int,
    code: str,
    message: str,
    reason: str,
    media_type: str,
) -> None:
    response = await gateway.client.post("/graphql", json={}, headers={**headers, "Accept": media_type})
    assert_graphql_refusal(response, status, code, status, message, reason)
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


async def test_a_request_that_accepts_no_available_media_type_is_not_executed(gateway: Gateway) -> None:
    await gateway.warm()
    headers = {**DEMO_HEADER, "Accept": "text/plain"}
    response = await gateway.graphql(f"{{ {field()} }}", headers=headers)
    message = "The response can be application/json or application/graphql-response+json."
    assert_graphql_refusal(response, 406, "NOT_ACCEPTABLE", 406, message)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert gateway.commands.names == []


@pytest.mark.parametrize("document", ["mutation { __typename }", "subscription { __typename }"])
async def test_get_and_head_take_queries_only(gateway: Gateway, document: str) -> None:
    params = {"query": document}
    get = await gateway.client.get("/graphql", params=params, headers=DEMO_HEADER)
    assert_graphql_refusal(get, 405, "METHOD_NOT_ALLOWED", 405, "GET and HEAD take queries only.")
    head = await gateway.client.head("/graphql", params=params, headers=DEMO_HEADER)
    assert head.status_code == 405
    assert get.headers["allow"] == head.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"query": f"{{ {field()} }}"}, 200),
        ({"query": f"{{ {field(value='0')} }}"}, 294),
        ({"query": "{"}, 400),
        ({"documentId": "unknown"}, 404),
        ({}, 400),
    ],
)
async def test_head_has_the_status_and_the_headers_of_get(
    settings: Settings, params: dict[str, str], status: int
) -> None:
    headers = {**DEMO_HEADER, "Accept": GRAPHQL_RESPONSE}
    async with served(create_app(settings)) as (_, port), httpx.AsyncClient(timeout=60) as client:
        url = f"http://127.0.0.1:{port}/graphql"
        get = await client.get(url, params=params, headers=headers)
        head = await client.head(url, params=params, headers=headers)
    assert (get.status_code, head.status_code) == (status, status)
    assert head.content == b""
    changing = {"date", "x-cap-request-id"}
    kept = {name: value for name, value in head.headers.items() if name not in changing}
    assert kept == {name: value for name, value in get.headers.items() if name not in changing}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON",
        "application/json;charset=UTF-8",
        'application/json; charset="utf8"',
    ],
)
async def test_a_post_is_json_in_utf_8(gateway: Gateway, content_type: str) -> None:
    body = {
        "query": "query A { __typename } query B { b: __typename }",
        "operationName": "B",
        "variables": None,
        "extensions": {"anything": ["at", {"all": "🏃"}]},
        "more": 1,
    }
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {**DEMO_HEADER, "Content-Type": content_type}
    response = await gateway.client.post("/graphql", content=content, headers=headers)
    assert (response.status_code, response.json()) == (200, {"data": {"b": "Query"}})


async def test_the_last_of_repeated_parameters_counts_and_all_repeated_headers_count(
    gateway: Gateway,
) -> None:
    headers = [*DEMO_HEADER.items(), ("Accept", "text/html"), ("Accept", GRAPHQL_RESPONSE)]
    given = [
        ("query", "{"),
        ("query", GOOD),
        ("operationName", ""),
        ("variables", ""),
        ("extensions", "null"),
    ]
    params = urlencode(given)
    response = await gateway.client.get("/graphql", params=params, headers=headers)
    assert response.json() == {"data": {"__typename": "Query"}}
    assert response.headers["content-type"] == f"{GRAPHQL_RESPONSE}; charset=utf-8"


ALIASES = " ".join(field(f"a{n}", "points { totalPointsIssued }", value=f"9198{n:08}") for n in range(20))


# An operation, its summaries, and the commands that it sends.
COSTS = [
    pytest.param(f"{{ {ALIASES} }}", 20, {"find": 2, "aggregate": 1}, id="twenty summaries"),
    pytest.param(f"{{ {field()} }}", 1, {"find": 2, "aggregate": 0}, id="no benefits"),
    pytest.param(f"{{ ... @skip(if: true) {{ {field()} }} }}", 0, {"find": 0, "aggregate": 0}, id="skipped"),
    pytest.param(
        f"{{ {field('a')} {field('b', 'orgId')} }}", 1, {"find": 2, "aggregate": 0}, id="the same twice"
    ),
    pytest.param(GOOD, 0, {"find": 0, "aggregate": 0}, id="no summary"),
]


@pytest.mark.parametrize("compiled", ["on", "off"])
@pytest.mark.parametrize(("query", "summaries", "commands"), COSTS)
async def test_a_request_gets_its_cost_if_it_asks(
    gateway_with: OpenGateway, query: str, summaries: int, commands: dict[str, int], compiled: str
) -> None:
    async with gateway_with(compiled=compiled) as gateway:
        await gateway.warm()
        body = (await gateway.graphql(query, headers={**DEMO_HEADER, "X-CAP-COST": "1"})).json()
        names = gateway.commands.names
    assert body.keys() == {"data", "extensions"}
    assert body["extensions"] == {"cost": {"summaries": summaries, "commands": commands}}
    assert {kind: names.count(kind) for kind in ("find", "aggregate")} == commands


@pytest.mark.parametrize("cost_header", [{}, {"X-CAP-COST": "0"}], ids=["no header", "0"])
async def test_a_request_that_does_not_ask_gets_no_cost(
    gateway: Gateway, cost_header: Mapping[str, str]
) -> None:
    response = await gateway.graphql(f"{{ {field()} }}", headers={**DEMO_HEADER, **cost_header})
    assert response.json().keys() == {"data"}
