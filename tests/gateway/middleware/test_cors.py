"""CORS: pages of allowed origins may send the headers of common clients; other pages may not call."""

import httpx
import pytest

from gateway.commands.demo import LOCAL_ORIGINS
from gateway.middleware.response_headers import CORS_HEADERS
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from tests.conftest import OpenGateway
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, Gateway, open_gateway

ORIGIN = "https://shop.example"


async def preflight(
    client: httpx.AsyncClient, *, origin: str = ORIGIN, method: str = "POST", headers: str = ""
) -> httpx.Response:
    """Send the preflight that a browser sends before a request with these headers."""
    request_headers = {"Access-Control-Request-Headers": headers} if headers else {}
    return await client.options(
        "/graphql", headers={"Origin": origin, "Access-Control-Request-Method": method, **request_headers}
    )


async def call(gateway: Gateway, parameters: dict[str, str] = DOCUMENTED, **headers: str) -> httpx.Response:
    return await gateway.client.get(
        ACTION_SUMMARY_PATH, params=parameters, headers={**DEMO_HEADER, "Origin": ORIGIN, **headers}
    )


async def test_without_the_setting_no_page_of_another_origin_may_read(gateway: Gateway) -> None:
    responses = [await preflight(gateway.client), await call(gateway)]
    assert [response.status_code for response in responses] == [405, 200]
    for response in responses:
        assert [name for name in response.headers if name.startswith("access-control")] == []


async def test_a_preflight_lists_what_pages_may_send(gateway_with: OpenGateway) -> None:
    async with gateway_with(cors_origins=["https://other.example", ORIGIN]) as gateway:
        response = await preflight(gateway.client)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert response.headers["access-control-max-age"] == "7200"
    allowed = set(response.headers["access-control-allow-headers"].split(", "))
    safelisted = {"Accept", "Accept-Language", "Content-Language", "Content-Type"}
    assert allowed == {*CORS_HEADERS, *safelisted}


# The headers with which a browser announces the requests of these clients and libraries.
CLIENTS = {
    "the gateway's own headers": (
        "authorization,if-none-match,x-cap-api-oauth-token,x-cap-cost,x-cap-deadline-ms,x-cap-request-id"
    ),
    "Apollo Client": "apollographql-client-name,apollographql-client-version,authorization,content-type",
    "Apollo Client on Next.js": "apollo-require-preflight,content-type,x-apollo-operation-name",
    "Apollo Kotlin": "apollo-require-preflight,content-type,x-apollo-operation-id,x-apollo-operation-name",
    "Apollo iOS": "content-type,x-apollo-operation-name,x-apollo-operation-type",
    "Relay and urql": "authorization,content-type",
    "GraphQL Hive": "content-type,graphql-client-name,graphql-client-version",
    "Hot Chocolate": "content-type,graphql-preflight,graphql-require-preflight",
    "OpenTelemetry": "baggage,content-type,traceparent,tracestate",
    "Sentry": "baggage,content-type,sentry-trace",
    "Datadog": (
        "traceparent,tracestate,x-datadog-origin,x-datadog-parent-id,x-datadog-sampling-priority,"
        "x-datadog-trace-id"
    ),
    "New Relic": "newrelic,traceparent,tracestate",
    "Elastic": "elastic-apm-traceparent,traceparent,tracestate",
    "Zipkin": "b3,x-b3-parentspanid,x-b3-sampled,x-b3-spanid,x-b3-traceid",
    "Jaeger": "uber-trace-id",
    "Application Insights": "request-context,request-id,traceparent",
    "jQuery": "content-type,x-requested-with",
    "a reload in developer tools": "cache-control,pragma",
    "headers with spaces between them": "Authorization, Content-Type, SENTRY-TRACE",
}


@pytest.mark.parametrize("headers", CLIENTS.values(), ids=CLIENTS)
async def test_the_headers_of_a_client_are_allowed(gateway_with: OpenGateway, headers: str) -> None:
    async with gateway_with(cors_origins=[ORIGIN]) as gateway:
        assert (await preflight(gateway.client, headers=headers)).status_code == 200


@pytest.mark.parametrize("header", ["x-shop-session", "X-Tenant", "forwarded"])
async def test_another_header_is_allowed_only_by_the_setting(gateway_with: OpenGateway, header: str) -> None:
    async with gateway_with(cors_origins=[ORIGIN]) as gateway:
        assert (await preflight(gateway.client, headers=header)).status_code == 400
    async with gateway_with(cors_origins=[ORIGIN], cors_headers=["X-Other", header]) as gateway:
        assert (await preflight(gateway.client, headers=header)).status_code == 200


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 200), ("PUT", 400)])
async def test_a_method_that_no_api_has_is_not_allowed(
    gateway_with: OpenGateway, method: str, status: int
) -> None:
    async with gateway_with(cors_origins=[ORIGIN]) as gateway:
        assert (await preflight(gateway.client, method=method)).status_code == status


@pytest.mark.parametrize(
    ("parameters", "headers", "status"),
    [(DOCUMENTED, {}, 200), (DOCUMENTED, {"Authorization": "Basic x"}, 401), ({}, {}, 200)],
    ids=["data", "no-credentials", "error"],
)
async def test_a_page_of_an_allowed_origin_may_read_every_response(
    gateway_with: OpenGateway, parameters: dict[str, str], headers: dict[str, str], status: int
) -> None:
    async with gateway_with(cors_origins=["https://other.example", ORIGIN]) as gateway:
        response = await call(gateway, parameters, **headers)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "Origin" in response.headers["vary"].split(", ")
    assert "access-control-allow-credentials" not in response.headers
    exposed = response.headers["access-control-expose-headers"]
    assert exposed == "ETag, Retry-After, WWW-Authenticate, X-CAP-REQUEST-ID"


async def test_a_response_without_an_origin_also_varies_by_it(gateway_with: OpenGateway) -> None:
    # Otherwise a cache could give the response to a page, which could not read it without CORS headers.
    async with gateway_with(cors_origins=[ORIGIN]) as gateway:
        response = await gateway.rest(DOCUMENTED)
    assert "Origin" in response.headers["vary"].split(", ")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{ORIGIN}.evil", ORIGIN.upper()])
async def test_a_page_of_another_origin_may_not_read(gateway_with: OpenGateway, origin: str) -> None:
    async with gateway_with(cors_origins=[ORIGIN]) as gateway:
        refused = await preflight(gateway.client, origin=origin)
        assert refused.status_code == 400
        response = await call(gateway, Origin=origin)
        assert "access-control-allow-origin" not in refused.headers
        assert "access-control-allow-origin" not in response.headers


LOCAL = [
    *("http://localhost", "http://localhost:5173", "http://127.0.0.1:3000", "http://[::1]:8080"),
    "https://localhost:3000",
]
NOT_LOCAL = [
    *("null", "http://shop.example", "http://localhost.evil.example", "http://evil-localhost:5173"),
    *("http://127.0.0.1.evil.example", "http://127.0.0.11:3000", "http://192.168.0.2:3000"),
    *("http://localhost:5173.evil.example", "http://localhost:x", "file://localhost"),
]


@pytest.mark.parametrize(
    ("origin", "status"), [*[(origin, 200) for origin in LOCAL], *[(origin, 400) for origin in NOT_LOCAL]]
)
async def test_the_demo_allows_pages_of_this_machine_on_any_port(
    settings: Settings, origin: str, status: int
) -> None:
    async with open_gateway(settings, cors_origin_pattern=LOCAL_ORIGINS) as gateway:
        assert (await preflight(gateway.client, origin=origin)).status_code == status
