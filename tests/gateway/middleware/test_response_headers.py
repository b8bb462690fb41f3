"""The response headers for browsers and caches; nothing is executed for pages of other sites."""

import json
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest

from gateway.auth.credentials import TOKEN_HEADER
from gateway.commands.sample_data import MOBILE, OAUTH_KEY, OAUTH_SECRET
from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.http_headers import content_security_policy
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.openapi import OPENAPI_PATH
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers.events import new_sender
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, Gateway, new_tenant
from tests.helpers.graphql import field

QUERY = f"{{ {field()} }}"
TOKEN = {"key": OAUTH_KEY, "secret": OAUTH_SECRET}
STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PUBLIC = "public, max-age=300"


async def send(gateway: Gateway, method: str, path: str, **request: Any) -> httpx.Response:
    """The response to a request with the demo's credentials, unless it has others."""
    headers = {**DEMO_HEADER, **request.pop("headers", {})}
    return await gateway.client.request(method, path, headers=headers, **request)


@pytest.mark.parametrize("path", [JWKS_PATH, OPENAPI_PATH])
async def test_a_public_document_may_be_kept_for_five_minutes(gateway: Gateway, path: str) -> None:
    response = await gateway.client.get(path)
    assert (response.status_code, response.headers["cache-control"]) == (200, PUBLIC)
    assert len(bytes.fromhex(response.headers["etag"].strip('"'))) == 16


@pytest.mark.parametrize("path", [JWKS_PATH, OPENAPI_PATH])
@pytest.mark.parametrize("header", ["{tag}", "W/{tag}", '"a,b", W/"c" ,{tag}', "*"])
async def test_a_public_document_that_the_client_has_is_304(gateway: Gateway, path: str, header: str) -> None:
    tag = (await gateway.client.get(path)).headers["etag"]
    response = await gateway.client.get(path, headers={"If-None-Match": header.format(tag=tag)})
    assert (response.status_code, response.content) == (304, b"")
    assert (response.headers["etag"], response.headers["cache-control"]) == (tag, PUBLIC)
    assert "content-type" not in response.headers


@pytest.mark.parametrize("path", [JWKS_PATH, OPENAPI_PATH])
@pytest.mark.parametrize("header", ["", '"0"', "{bare}", '"*"', "{upper}"])
async def test_a_public_document_is_sent_to_a_client_with_another_tag(
    gateway: Gateway, path: str, header: str
) -> None:
    first = await gateway.client.get(path)
    tag = first.headers["etag"]
    header = header.format(bare=tag.strip('"'), upper=tag.upper())
    response = await gateway.client.get(path, headers={"If-None-Match": header})
    assert (response.status_code, response.content) == (200, first.content)


async def test_if_none_match_may_be_several_headers(gateway: Gateway) -> None:
    tag = (await gateway.client.get(JWKS_PATH)).headers["etag"]
    response = await gateway.client.get(JWKS_PATH, headers=[("If-None-Match", '"0"'), ("If-None-Match", tag)])
    assert response.status_code == 304


async def test_the_original_call_has_these_headers_and_no_others(gateway: Gateway) -> None:
    response = await gateway.rest(DOCUMENTED)
    original = {"content-length", "content-type", "x-cap-request-id"}
    browsers = {"x-content-type-options", "referrer-policy", "content-security-policy"}
    assert response.headers.keys() == original | browsers | {"cache-control"}


async def test_head_has_the_headers_of_get(gateway: Gateway) -> None:
    get, head = [
        await send(gateway, method, ACTION_SUMMARY_PATH, params=DOCUMENTED) for method in ("GET", "HEAD")
    ]
    assert head.content == b""
    assert {**head.headers, "x-cap-request-id": ""} == {**get.headers, "x-cap-request-id": ""}


PERSONAL: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "REST": ("GET", ACTION_SUMMARY_PATH, {"params": DOCUMENTED}, 200),
    "REST, wrong source": ("GET", ACTION_SUMMARY_PATH, {"params": {**DOCUMENTED, "source": "SHOP"}}, 400),
    "REST, unauthorized": ("GET", ACTION_SUMMARY_PATH, {"headers": {"Authorization": "Basic x"}}, 401),
    "REST, wrong method": ("POST", ACTION_SUMMARY_PATH, {}, 405),
    "GraphQL by GET": ("GET", GRAPHQL_PATH, {"params": {"query": QUERY}}, 200),
    "GraphQL": ("POST", GRAPHQL_PATH, {"json": {"query": QUERY}}, 200),
    "GraphQL, invalid": ("GET", GRAPHQL_PATH, {"params": {"query": "{ x }"}}, 200),
    "GraphQL, error of a field": (
        "GET",
        GRAPHQL_PATH,
        {"params": {"query": f"{{ {field(value='0')} }}"}},
        200,
    ),
    "GraphQL, no query": ("GET", GRAPHQL_PATH, {}, 400),
    "unknown path": ("GET", "/unknown", {}, 404),
    "token": ("POST", TOKEN_PATH, {"json": TOKEN}, 200),
    "token, wrong secret": ("POST", TOKEN_PATH, {"json": {**TOKEN, "secret": ""}}, 401),
    "event, forbidden": ("POST", EVENTS_PATH, {"json": {}}, 403),
}


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
@pytest.mark.parametrize(("method", "path", "request_", "status"), PERSONAL.values(), ids=PERSONAL)
async def test_a_personal_response_is_never_stored(
    gateway_with: OpenGateway,
    rest_status: str,
    method: str,
    path: str,
    request_: dict[str, Any],
    status: int,
) -> None:
    async with gateway_with(rest_status=rest_status) as gateway:
        response = await send(gateway, method, path, **request_)
    wrong_source = request_.get("params", {}).get("source") == "SHOP"
    assert response.status_code == (200 if wrong_source and rest_status == "legacy" else status)
    assert response.headers.get_list("cache-control") == ["no-store"]
    assert "etag" not in response.headers


PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", ACTION_SUMMARY_PATH, {}, 200),
        ("GET", JWKS_PATH, {"If-None-Match": "*"}, 304),
        ("GET", "/unknown", {}, 404),
        ("POST", GRAPHQL_PATH, {"Content-Type": "application/json"}, 400),
        ("OPTIONS", GRAPHQL_PATH, PREFLIGHT, 200),
    ],
    ids=["REST", "304", "404", "GraphQL", "preflight"],
)
async def test_every_response_has_the_headers_for_browsers(
    gateway_with: OpenGateway, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    async with gateway_with(cors_origins=[PREFLIGHT["Origin"]]) as gateway:
        response = await send(gateway, method, path, headers=headers)
    assert response.status_code == status
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert response.headers.get_list("referrer-policy") == ["no-referrer"]
    assert response.headers.get_list("content-security-policy") == [STRICT]


async def test_a_page_has_a_policy_of_its_own(gateway_with: OpenGateway) -> None:
    async with gateway_with(introspection=True) as gateway:
        page = await gateway.client.get(GRAPHQL_PATH, headers={"Accept": "text/html"})
    [policy] = page.headers.get_list("content-security-policy")
    assert policy != STRICT
    assert "frame-ancestors '" in policy


def test_a_policy_names_the_sources_that_it_allows() -> None:
    policy = content_security_policy(script_src="'self'", form_action="'self'")
    assert policy == (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'self'"
    )


EXECUTING: dict[str, tuple[str, str, dict[str, Any]]] = {
    "REST": ("GET", ACTION_SUMMARY_PATH, {"params": DOCUMENTED}),
    "REST by HEAD": ("HEAD", ACTION_SUMMARY_PATH, {"params": DOCUMENTED}),
    "GraphQL by GET": ("GET", GRAPHQL_PATH, {"params": {"query": QUERY}}),
    "GraphQL": ("POST", GRAPHQL_PATH, {"json": {"query": QUERY}}),
    "event": ("POST", EVENTS_PATH, {"json": {"eventName": "badgeEarned"}}),
}
CROSS_SITE = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}


@pytest.mark.parametrize("cookie", [False, True], ids=["no-cookie", "cookie"])
@pytest.mark.parametrize("headers", [{}, CROSS_SITE], ids=["same-site", "cross-site"])
@pytest.mark.parametrize(("method", "path", "request_"), EXECUTING.values(), ids=EXECUTING)
async def test_nothing_is_executed_without_credentials_in_a_header(
    gateway: Gateway,
    method: str,
    path: str,
    request_: dict[str, Any],
    headers: dict[str, str],
    cookie: bool,
) -> None:
    if cookie:
        cookies = SimpleCookie({**DEMO_HEADER, TOKEN_HEADER: await gateway.token()})
        headers = {**headers, "Cookie": cookies.output(attrs=[], header="", sep=";").strip()}
        gateway.commands.clear()
    response = await gateway.client.request(method, path, headers=headers, **request_)
    assert response.status_code == 401
    assert "set-cookie" not in response.headers
    assert gateway.commands.names == []


@pytest.fixture
async def writer(gateway: Gateway, store: Store) -> Mapping[str, str]:
    """The headers of a caller that may write events."""
    return (await new_sender(gateway, store, await new_tenant(store))).headers


# The types that a browser sends to another site without a preflight; the last is a body without a type.
SIMPLE = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]


@pytest.mark.parametrize("media_type", [*SIMPLE, "application/jsonx", "text/plain; application/json"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        (GRAPHQL_PATH, {"query": QUERY}),
        (TOKEN_PATH, TOKEN),
        (EVENTS_PATH, {"eventName": "badgeEarned"}),
    ],
)
async def test_a_post_takes_only_json(
    gateway: Gateway, writer: Mapping[str, str], media_type: str | None, path: str, body: dict[str, str]
) -> None:
    headers = {**(writer if path == EVENTS_PATH else DEMO_HEADER)}
    await gateway.client.post(path, json={}, headers=headers)
    gateway.commands.clear()
    if media_type is not None:
        headers["Content-Type"] = media_type
    response = await gateway.client.post(path, content=json.dumps(body), headers=headers)
    assert response.status_code == 415
    [error] = response.json()["errors"]
    assert error["message"] == f"A POST to {path} takes application/json."
    assert gateway.commands.names == []
    assert MOBILE not in response.text
