"""What browsers and caches are told, and that a page of another site can do nothing."""

import json
from collections.abc import Mapping
from http.cookies import SimpleCookie

import httpx
import pytest

from gateway.auth.credentials import TOKEN_HEADER
from gateway.commands.sample_data import MOBILE, OAUTH_KEY, OAUTH_SECRET
from gateway.http_headers import content_security_policy
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.openapi import OPENAPI_PATH
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH
from loaders.store import Store
from tests.conftest import OpenGateway
from tests.helpers.events import new_sender
from tests.helpers.graphql import field
from tests.support import DEMO_HEADER, DOCUMENTED, Gateway, new_tenant

QUERY = f"{{ {field()} }}"
ORIGIN = "https://shop.example"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
STRICT = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


async def ask(
    gateway: Gateway, path: str, parameters: dict[str, str], method: str = "GET", **headers: str
) -> httpx.Response:
    return await gateway.client.request(method, path, params=parameters, headers={**DEMO_HEADER, **headers})


@pytest.mark.parametrize("path", [JWKS_PATH, OPENAPI_PATH])
async def test_a_public_document_is_cacheable_and_revalidated_by_its_etag(
    gateway: Gateway, path: str
) -> None:
    first = await gateway.client.get(path)
    assert (first.status_code, first.headers["cache-control"]) == (200, "public, max-age=300")
    tag = first.headers["etag"]
    assert len(bytes.fromhex(tag.strip('"'))) == 16
    for header in (tag, f"W/{tag}", f'"a,b", W/"c" ,{tag}', "*"):
        again = await gateway.client.get(path, headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "public, max-age=300"
        assert "content-type" not in again.headers
    for header in ("", '"0"', tag.strip('"'), '"*"', tag.upper()):
        other = await gateway.client.get(path, headers={"If-None-Match": header})
        assert (other.status_code, other.content) == (200, first.content)


async def test_if_none_match_may_be_several_headers(gateway: Gateway) -> None:
    tag = (await gateway.client.get(JWKS_PATH)).headers["etag"]
    response = await gateway.client.get(JWKS_PATH, headers=[("If-None-Match", '"0"'), ("If-None-Match", tag)])
    assert response.status_code == 304


async def test_the_original_call_has_these_headers_and_no_others(gateway: Gateway) -> None:
    answer = await gateway.rest(DOCUMENTED)
    before = {"content-length", "content-type", "x-cap-request-id"}
    browsers = {"x-content-type-options", "referrer-policy", "content-security-policy"}
    assert answer.headers.keys() == before | browsers | {"cache-control"}


async def test_head_has_the_headers_of_get(gateway: Gateway) -> None:
    get, head = [await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED, method) for method in ("GET", "HEAD")]
    assert head.content == b""
    assert {**head.headers, "x-cap-request-id": ""} == {**get.headers, "x-cap-request-id": ""}


@pytest.mark.parametrize("rest_status", ["legacy", "semantic"])
async def test_a_personal_answer_is_never_stored(gateway_with: OpenGateway, rest_status: str) -> None:
    token = {"key": OAUTH_KEY, "secret": OAUTH_SECRET}
    async with gateway_with(rest_status=rest_status) as gateway:
        answers = [
            await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED),
            await ask(gateway, "/graphql", {"query": QUERY}),
            await ask(gateway, ACTION_SUMMARY_PATH, {**DOCUMENTED, "source": "SHOP"}),
            await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED, Authorization="Basic x"),
            await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED, "POST"),
            await ask(gateway, "/graphql", {"query": "{ x }"}),
            await ask(gateway, "/graphql", {"query": f"{{ {field(value='0')} }}"}),
            await ask(gateway, "/graphql", {}),
            await ask(gateway, "/unknown", {}),
            await gateway.graphql(QUERY),
            await gateway.client.post(TOKEN_PATH, json=token),
            await gateway.client.post(TOKEN_PATH, json={**token, "secret": ""}),
            await gateway.client.post(EVENTS_PATH, json={}, headers=DEMO_HEADER),
        ]
    refused = 200 if rest_status == "legacy" else 400
    statuses = [200, 200, refused, 401, 405, 200, 200, 400, 404, 200, 200, 401, 403]
    assert [answer.status_code for answer in answers] == statuses
    for answer in answers:
        assert answer.headers.get_list("cache-control") == ["no-store"]
        assert "etag" not in answer.headers


async def test_every_answer_has_the_headers_that_browsers_heed(gateway_with: OpenGateway) -> None:
    async with gateway_with(cors_origins=(ORIGIN,)) as gateway:
        answers = [
            await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED),
            await ask(gateway, JWKS_PATH, {}, **{"If-None-Match": "*"}),
            await ask(gateway, ACTION_SUMMARY_PATH, {}),
            await ask(gateway, "/unknown", {}),
            await gateway.graphql(QUERY),
            await gateway.client.options("/graphql", headers=PREFLIGHT),
        ]
    assert [answer.status_code for answer in answers] == [200, 304, 200, 404, 200, 200]
    for answer in answers:
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        assert answer.headers.get_list("referrer-policy") == ["no-referrer"]
        assert answer.headers.get_list("content-security-policy") == [STRICT]


async def test_a_page_has_a_policy_of_its_own(gateway_with: OpenGateway) -> None:
    async with gateway_with(introspection="on") as gateway:
        page = await gateway.client.get("/graphql", headers={"Accept": "text/html"})
    [policy] = page.headers.get_list("content-security-policy")
    assert policy != STRICT
    assert "frame-ancestors '" in policy


def test_a_policy_names_the_sources_that_it_allows() -> None:
    policy = content_security_policy(script_src="'self'", form_action="'self'")
    assert policy == (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; script-src 'self'"
    )


async def test_without_the_setting_no_page_of_another_origin_may_read(gateway: Gateway) -> None:
    preflight = await gateway.client.options("/graphql", headers=PREFLIGHT)
    answer = await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED, Origin=ORIGIN)
    assert (preflight.status_code, answer.status_code) == (405, 200)
    assert not [name for name in [*preflight.headers, *answer.headers] if name.startswith("access-control")]


async def test_pages_of_the_origins_named_may_call(gateway_with: OpenGateway) -> None:
    asked = (
        "authorization, content-type, if-none-match, traceparent, x-cap-api-oauth-token, x-cap-cost, "
        "x-cap-deadline-ms, x-cap-request-id"
    )
    async with gateway_with(cors_origins=("https://other.example", ORIGIN)) as gateway:
        preflight = await gateway.client.options(
            "/graphql", headers={**PREFLIGHT, "Access-Control-Request-Headers": asked}
        )
        assert preflight.status_code == 200
        allowed = set(preflight.headers["access-control-allow-headers"].lower().split(", "))
        # The others are always allowed.
        assert allowed == {*asked.split(", "), "accept", "accept-language", "content-language"}
        assert preflight.headers["access-control-allow-methods"] == "GET, POST"
        assert preflight.headers["access-control-max-age"] == "7200"
        answers = [
            preflight,
            await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED, Origin=ORIGIN),
            await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED, Origin=ORIGIN, Authorization="Basic x"),
            await ask(gateway, ACTION_SUMMARY_PATH, {}, Origin=ORIGIN),
        ]
        for answer in answers:
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert "Origin" in answer.headers["vary"].split(", ")
            assert "access-control-allow-credentials" not in answer.headers
        exposed = answers[1].headers["access-control-expose-headers"]
        assert exposed == "ETag, Retry-After, WWW-Authenticate, X-CAP-REQUEST-ID"
        # A cache must not give a page the answer that was meant for none.
        assert "Origin" in (await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED)).headers["vary"].split(", ")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{ORIGIN}.evil", ORIGIN.upper()])
async def test_pages_of_other_origins_may_not_read(gateway_with: OpenGateway, origin: str) -> None:
    async with gateway_with(cors_origins=(ORIGIN,)) as gateway:
        preflight = await gateway.client.options("/graphql", headers={**PREFLIGHT, "Origin": origin})
        assert preflight.status_code == 400
        answer = await ask(gateway, ACTION_SUMMARY_PATH, DOCUMENTED, Origin=origin)
        assert "access-control-allow-origin" not in preflight.headers
        assert "access-control-allow-origin" not in answer.headers
        assert gateway.commands.names != []


EXECUTING = [
    ("GET", ACTION_SUMMARY_PATH, DOCUMENTED, None),
    ("HEAD", ACTION_SUMMARY_PATH, DOCUMENTED, None),
    ("GET", "/graphql", {"query": QUERY}, None),
    ("POST", "/graphql", {}, {"query": QUERY}),
    ("POST", EVENTS_PATH, {}, {"eventName": "badgeEarned"}),
]


@pytest.mark.parametrize(("method", "path", "parameters", "body"), EXECUTING)
async def test_without_credentials_in_a_header_nothing_is_executed(
    gateway: Gateway, method: str, path: str, parameters: dict[str, str], body: object
) -> None:
    cookies = SimpleCookie({**DEMO_HEADER, TOKEN_HEADER: await gateway.token()})
    gateway.commands.clear()
    cookie = {"Cookie": cookies.output(attrs=[], header="", sep=";").strip()}
    for headers in ({}, cookie, {**cookie, "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}):
        response = await gateway.client.request(method, path, params=parameters, json=body, headers=headers)
        assert response.status_code == 401
        assert "set-cookie" not in response.headers
    assert gateway.commands.names == []


@pytest.fixture
async def writer(gateway: Gateway, store: Store) -> Mapping[str, str]:
    """The headers of a caller who may write events."""
    return (await new_sender(gateway, store, await new_tenant(store))).headers


# What a browser sends to another site without asking it first; the last is a body without a type.
SIMPLE = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]


@pytest.mark.parametrize("media_type", [*SIMPLE, "application/jsonx", "text/plain; application/json"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/graphql", {"query": QUERY}),
        (TOKEN_PATH, {"key": OAUTH_KEY, "secret": OAUTH_SECRET}),
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


async def test_a_head_of_graphql_is_told_the_methods_that_there_are(gateway: Gateway) -> None:
    gateway.commands.clear()
    response = await gateway.client.head("/graphql", headers=DEMO_HEADER)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    assert gateway.commands.names == []
