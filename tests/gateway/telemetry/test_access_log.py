"""The exact log line of each request, and the metrics of requests and errors."""

import json
from typing import Any

import pytest

from gateway.commands.sample_data import MOBILE, OAUTH_KEY, OAUTH_SECRET, TILL
from gateway.middleware.deadline import HEADER as DEADLINE
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from tests.conftest import Logged
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, Gateway
from tests.helpers.graphql import field
from tests.helpers.metrics import metric

REQUEST_ID = "0123456789abcdef0123456789abcdef"
POINTS = "points { totalPointsIssued }"
UNKNOWN = {**DOCUMENTED, "identifierValue": "919000000000"}


def requests(text: str) -> list[dict[str, Any]]:
    """The lines of requests, without the fields that differ from run to run."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        assert line.pop("time")[-6:] == "+00:00"
        assert isinstance(line.pop("milliseconds", 0.0), float)
    return [line for line in lines if line["event"] == "request"]


def line(**fields: object) -> dict[str, object]:
    """The line of a REST request of the demo's POS client, with these fields changed."""
    return {
        "level": "info",
        "event": "request",
        "route": ACTION_SUMMARY_PATH,
        "operation": None,
        "status": 200,
        "code": None,
        "aggregations": 1,
        "batch_size": 1,
        "client_id": TILL,
        "request_id": REQUEST_ID,
        **fields,
    }


def nothing_read(**fields: object) -> dict[str, object]:
    return line(aggregations=0, batch_size=0, **fields)


GRAPHQL = {"route": "/graphql", "operation": "ad hoc"}
PAGE = (
    f'{{ customer(source: INSTORE, identifierName: MOBILE, identifierValue: "{MOBILE}") '
    "{ earnedPromotions { edges { cursor } } } }"
)
BOTH = f"{{ {field('a', POINTS)} {field('b', POINTS)} }}"
CASES = [
    pytest.param("GET", ACTION_SUMMARY_PATH, {"params": DOCUMENTED}, line(), id="summary"),
    pytest.param(
        "GET", ACTION_SUMMARY_PATH, {"params": UNKNOWN}, nothing_read(code=8015), id="unknown customer"
    ),
    pytest.param(
        "GET",
        ACTION_SUMMARY_PATH,
        {"headers": {"Authorization": ""}},
        nothing_read(status=401, code=401, client_id=None),
        id="no credentials",
    ),
    pytest.param(
        "DELETE",
        ACTION_SUMMARY_PATH,
        {},
        nothing_read(status=405, code=405, client_id=None),
        id="wrong method",
    ),
    pytest.param(
        "GET",
        "/919078345795",
        {},
        nothing_read(route="unmatched", status=404, code=404, client_id=None),
        id="unknown path",
    ),
    pytest.param(
        "GET",
        ACTION_SUMMARY_PATH,
        {"headers": {DEADLINE: "x"}},
        nothing_read(status=400, code=400, client_id=None),
        id="invalid deadline",
    ),
    pytest.param(
        "GET",
        "/919078345795",
        {"headers": {DEADLINE: "x"}},
        nothing_read(route="unmatched", status=404, code=404, client_id=None),
        id="unknown path with an invalid deadline",
    ),
    pytest.param("POST", "/graphql", {"json": {"query": BOTH}}, line(**GRAPHQL), id="GraphQL"),
    pytest.param("POST", "/graphql", {"json": {"query": PAGE}}, line(**GRAPHQL), id="page"),
    pytest.param(
        "POST",
        "/graphql",
        {"json": {"query": "query Mine { nothing }"}},
        nothing_read(**GRAPHQL, code=400),
        id="invalid GraphQL",
    ),
    pytest.param(
        "POST",
        "/graphql",
        {"content": b"{}"},
        nothing_read(**GRAPHQL, status=415, code=415),
        id="GraphQL without a media type",
    ),
    pytest.param(
        "POST",
        TOKEN_PATH,
        {"json": {"key": OAUTH_KEY, "secret": OAUTH_SECRET}},
        nothing_read(route=TOKEN_PATH, client_id=OAUTH_KEY),
        id="token",
    ),
    pytest.param(
        "POST",
        TOKEN_PATH,
        {"json": {"key": "919078345795", "secret": ""}},
        nothing_read(route=TOKEN_PATH, status=401, code=320001, client_id=None),
        id="token with wrong secret",
    ),
    pytest.param(
        "POST",
        EVENTS_PATH,
        {"json": {}},
        nothing_read(route=EVENTS_PATH, status=403, code=4000),
        id="event without the right to write",
    ),
]


@pytest.mark.parametrize(("method", "path", "given", "expected"), CASES)
async def test_a_request_is_logged_on_one_line_and_counted_under_its_route(
    gateway: Gateway,
    logged: Logged,
    method: str,
    path: str,
    given: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    await gateway.warm()
    logged()
    labels = {"route": expected["route"], "status": str(expected["status"])}
    before = metric("request_duration_seconds_count", **labels)
    errors = metric("errors_total", code=str(expected["code"]))
    headers = {**DEMO_HEADER, "X-CAP-REQUEST-ID": REQUEST_ID, **given.get("headers", {})}
    await gateway.client.request(method, path, **{**given, "headers": headers})
    assert requests(logged()) == [expected]
    assert metric("request_duration_seconds_count", **labels) == before + 1
    assert metric("errors_total", code=str(expected["code"])) == errors + (expected["code"] is not None)


async def test_every_error_of_an_operation_is_counted_and_the_first_is_logged(
    gateway: Gateway, logged: Logged
) -> None:
    await gateway.warm()
    logged()
    before = [metric("errors_total", code=code) for code in ("8015", "8874")]
    another = field("c", promotion='promotionId: "1"')
    query = f"{{ {field('a', value='919000000000')} {field('b')} {another} }}"
    await gateway.graphql(query)
    [written] = requests(logged())
    assert written["code"] == 8015
    assert [metric("errors_total", code=code) for code in ("8015", "8874")] == [n + 1 for n in before]
