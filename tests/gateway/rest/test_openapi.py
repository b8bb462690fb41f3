"""The OpenAPI document is valid and complete, and agrees with the responses of the gateway."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Any

import httpx
import jsonschema
import jwt
import pytest
import schemathesis
from graphql import GraphQLEnumType, GraphQLObjectType
from pydantic import SecretStr
from starlette.routing import Route

from gateway import health
from gateway.app import create_app
from gateway.auth.credentials import TOKEN_HEADER, authorization, md5_hex
from gateway.auth.password_check import FAILURES_ALLOWED
from gateway.auth.tokens import ISSUER, SigningKey
from gateway.commands.sample_data import MOBILE, OAUTH_KEY, OAUTH_SECRET, PASSWORD, PROMOTION, TILL
from gateway.errors import ERRORS, DeadlineInvalid, Refused
from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.ingest import event_recorder
from gateway.ingest.notifications import READERS
from gateway.middleware.deadline import HEADER as DEADLINE
from gateway.rest import openapi
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.openapi import OPENAPI_PATH
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH
from gateway.settings import Settings
from loaders.clients import NO_RIGHTS, Account, add_account, put_group
from loaders.enums import ClientKind, IdentifierName
from loaders.errors import StoreUnavailable
from loaders.store import Store
from resolvers.arguments import CustomerSource
from resolvers.errors import ArgumentInvalid, SummaryError
from resolvers.schema import create_schema
from tests.helpers import events
from tests.helpers.events import new_sender
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, PASSWORD_HASH, Gateway, new_tenant, open_gateway
from tests.helpers.openapi import DESCRIBED, OPENAPI, check
from tests.helpers.wrong_requests import WRONG_REQUESTS

SUMMARY = OPENAPI["paths"][ACTION_SUMMARY_PATH]["get"]
TOKEN = {"key": OAUTH_KEY, "secret": OAUTH_SECRET}
WRONG = {"Authorization": authorization(TILL, "wrong")}
SCHEMAS = OPENAPI["components"]["schemas"]
TOKEN_REQUESTS, EVENTS = [
    OPENAPI["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for path in (TOKEN_PATH, EVENTS_PATH)
]
# Codes whose messages describe a single request, so that the error table has no fixed text for them.
OWN_MESSAGES = {400, 408, 413, 415, 498, 503}


def test_the_document_is_valid() -> None:
    schemathesis.openapi.from_dict(OPENAPI).validate()


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


async def test_the_document_is_served_as_it_is_written(gateway: Gateway) -> None:
    response = await gateway.client.get(OPENAPI_PATH)
    assert response.content == openapi.DOCUMENT
    assert gateway.commands.names == []


@pytest.mark.parametrize(("accepted", "encoding"), [("gzip", "gzip"), ("identity", None), ("br", None)])
async def test_the_document_is_compressed_if_the_client_accepts_that(
    gateway: Gateway, accepted: str, encoding: str | None
) -> None:
    response = await gateway.client.get(OPENAPI_PATH, headers={"Accept-Encoding": accepted})
    assert response.content == openapi.DOCUMENT
    assert response.headers.get("content-encoding") == encoding
    assert response.headers["vary"] == "Accept-Encoding"


def test_the_document_has_the_version_of_the_package() -> None:
    assert OPENAPI["info"]["version"] == version("promo-gateway")


def test_every_route_but_graphql_and_the_pages_is_described(settings: Settings) -> None:
    routes = [route for route in create_app(settings).routes if isinstance(route, Route)]
    own = {
        (route.path, frozenset(getattr(route.endpoint, "methods", ())) - {"HEAD"})
        for route in routes
        if route.path not in {GRAPHQL_PATH, "/", "/docs"}
    }
    described = {
        (path, frozenset(method.upper() for method in item)) for path, item in OPENAPI["paths"].items()
    }
    assert own == described


@pytest.mark.parametrize("kind", sorted(OPENAPI["components"].keys() - {"securitySchemes"}))
def test_every_reference_leads_somewhere_and_every_component_is_used(kind: str) -> None:
    text = openapi.DOCUMENT.decode()
    used = {name.partition('"')[0] for name in text.split(f'"#/components/{kind}/')[1:]}
    assert used == OPENAPI["components"][kind].keys()


def parameter(name: str) -> list[str]:
    [values] = [one["schema"]["enum"] for one in SUMMARY["parameters"] if one.get("name") == name]
    assert isinstance(values, list)
    return values


def token_customer(name: str) -> list[str]:
    customer, _ = SCHEMAS["TokenRequest"]["properties"]["customer"]["anyOf"]
    values = customer["properties"][name]["enum"]
    assert isinstance(values, list)
    return values


def outcomes(path: str, method: str, status: int) -> list[str]:
    content = OPENAPI["paths"][path][method]["responses"][str(status)]["content"]["application/json"]
    values = content["schema"]["properties"]["status"]["enum"]
    assert isinstance(values, list)
    return values


GRAPHQL_TYPES = create_schema()._schema.type_map


def graphql_values(name: str) -> list[str]:
    enum = GRAPHQL_TYPES[name]
    assert isinstance(enum, GraphQLEnumType)
    return list(enum.values)


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        (parameter("source"), [source.name for source in CustomerSource]),
        (token_customer("source"), [source.name for source in CustomerSource]),
        (parameter("identifierName"), [name.value for name in IdentifierName]),
        (token_customer("identifierName"), [name.value for name in IdentifierName]),
        (
            SCHEMAS["Points"]["properties"]["pointsCategory"]["enum"],
            graphql_values("PointsCategory"),
        ),
        (
            SCHEMAS["AlternateCurrencySubDetail"]["properties"]["alternateCurrencyType"]["enum"],
            graphql_values("AlternateCurrencyType"),
        ),
        (outcomes(EVENTS_PATH, "post", 200), list(event_recorder.Outcome)),
        (outcomes(health.READY, "get", 503), list(health.NOT_READY)),
        (SCHEMAS["OtherEvent"]["properties"]["eventName"]["not"]["enum"], list(READERS)),
    ],
    ids=[
        *("source", "source-of-token", "identifierName", "identifierName-of-token"),
        *("pointsCategory", "alternateCurrencyType", "event-outcomes", "not-ready", "event-names"),
    ],
)
def test_an_enum_has_the_code_s_values(described: list[str], expected: list[str]) -> None:
    assert described == expected


GRAPHQL_ONLY = {("CustomerPromotionActionSummary", name) for name in ("id", "promotion")}
REST_TYPES = {
    "CustomerPromotionActionSummary": "Summary",
    "PointsSummary": "Points",
    "AlternateCurrencySummary": "AlternateCurrency",
    "AlternateCurrencySubDetail": "AlternateCurrencySubDetail",
    "RewardSummary": "Reward",
    "BadgeSummary": "Badge",
}


@pytest.mark.parametrize(("graphql_type", "schema"), REST_TYPES.items())
def test_a_schema_has_the_fields_of_its_graphql_type(graphql_type: str, schema: str) -> None:
    type_ = GRAPHQL_TYPES[graphql_type]
    assert isinstance(type_, GraphQLObjectType)
    fields = [name for name in type_.fields if (graphql_type, name) not in GRAPHQL_ONLY]
    assert list(SCHEMAS[schema]["properties"]) == SCHEMAS[schema]["required"] == fields


def test_every_error_of_the_rest_api_is_described_word_for_word() -> None:
    described = {
        (error["code"], error["message"])
        for example in OPENAPI["components"]["examples"].values()
        for error in example["value"].get("errors", [])
    }
    expected = {
        (spec.code, spec.message)
        for error, spec in ERRORS.items()
        if issubclass(error, Refused | SummaryError | StoreUnavailable | DeadlineInvalid)
        and spec.message
        # Only the GraphQL API has lists and pages.
        and error is not ArgumentInvalid
    }
    assert expected - described == set()
    assert {(code, message) for code, message in described - expected if code not in OWN_MESSAGES} == set()


# In semantic mode an 8xxx code has a status of its own, in legacy mode it has 200; the rest is the same.
@pytest.mark.parametrize("rest_status", ["legacy", pytest.param("semantic", marks=pytest.mark.slow)])
async def test_each_described_response_occurs_and_no_other(
    settings: Settings,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    rest_status: str,
) -> None:
    expired = {TOKEN_HEADER: _expired_token(settings)}
    async with AsyncExitStack() as stack:
        gateway, without_keys, without_database, full = [
            await stack.enter_async_context(
                # `model_copy` validates nothing, so that a limit of 0 requests is possible.
                open_gateway(settings.model_copy(update={"rest_status": rest_status, **changes}))
            )
            for changes in (
                {},
                {"signing_keys": ()},
                {"mongodb_uri": SecretStr("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50")},
                {"max_concurrent_requests": 0},
            )
        ]
        responses = [
            *await _summaries(gateway),
            await gateway.rest(DOCUMENTED, expired),
            *await _tokens(gateway, store),
            *await _events(gateway, store),
            await gateway.client.post(EVENTS_PATH, json={}, headers=expired),
            *await _late_bodies(gateway, store, monkeypatch),
            await without_keys.client.post(TOKEN_PATH, json=TOKEN),
            # These are sent together, because each waits for the driver's next attempt to connect.
            *await asyncio.gather(
                without_database.rest(DOCUMENTED),
                without_database.client.post(TOKEN_PATH, json=TOKEN),
                without_database.client.post(EVENTS_PATH, json={}, headers=DEMO_HEADER),
            ),
            await full.rest(DOCUMENTED),
            await gateway.client.get(ACTION_SUMMARY_PATH, headers={DEADLINE: "0"}),
        ]
        for path in (JWKS_PATH, OPENAPI_PATH):
            for headers in ({}, {"If-None-Match": "*"}):
                responses.append(await gateway.client.get(path, headers=headers))
        for one, path in ((gateway, health.LIVE), (gateway, health.READY), (full, health.READY)):
            responses.append(await one.client.get(path))
        # The database refuses to read a collection of this name.
        refused = type("Collection", (), {"name": "$invalid"})
        monkeypatch.setattr("loaders.totals.ISSUANCES", refused)
        responses.append(await gateway.rest(DOCUMENTED))
        monkeypatch.setattr("loaders.customers.CUSTOMER_IDENTIFIERS", refused)
        responses.append(await _token_of_customer(gateway, identifierValue="1"))
        sender = await new_sender(gateway, store, await new_tenant(store))
        monkeypatch.setattr("loaders.ledger.CUSTOMER_IDENTIFIERS", refused)
        responses.append(await sender.send(events.CUSTOMER_ADDED))
    described = {
        response
        for response in DESCRIBED
        if response.code not in range(8000, 9000) or (response.status == 200) == (rest_status == "legacy")
    }
    assert {check(response) for response in responses} == described


def _expired_token(settings: Settings) -> str:
    key = SigningKey.read(settings.signing_keys[0])
    claims = {"iss": ISSUER, "iat": 0, "exp": 1, "jti": "1", "sub": "x", "client_id": "x", "org_id": 1}
    return jwt.encode({**claims, "token_use": "access"}, key.private, "RS256", {"kid": key.id})


async def _token_of_customer(gateway: Gateway, **changes: str) -> httpx.Response:
    customer = {"source": "INSTORE", "identifierName": "mobile", "identifierValue": MOBILE, **changes}
    return await gateway.client.post(TOKEN_PATH, json={**TOKEN, "customer": customer})


async def _summaries(gateway: Gateway) -> list[httpx.Response]:
    requests = [
        {name: value for name, value in {**DOCUMENTED, **changes}.items() if value is not None}
        for changes, *_ in WRONG_REQUESTS
    ]
    responses = [await gateway.rest(parameters) for parameters in (DOCUMENTED, *requests)]
    # One failed log-in more than is allowed.
    return responses + [await gateway.rest(DOCUMENTED, WRONG) for _ in range(FAILURES_ALLOWED + 1)]


async def _tokens(gateway: Gateway, store: Store) -> list[httpx.Response]:
    tenant = await new_tenant(store)
    await put_group(store, "nothing", NO_RIGHTS)
    key = f"oauth-{tenant.organization.id}"
    account = Account(key, key, ClientKind.OAUTH, tenant.organization.id, "nothing", 300, PASSWORD_HASH)
    await add_account(store, account)
    bodies: list[object] = [
        TOKEN,
        {"key": key, "secret": md5_hex(PASSWORD), "customer": {"source": "INSTORE"}},
        {"key": 1},
        {"key": "x" * Settings().max_body_bytes},
        *[{**TOKEN, "secret": "wrong"}] * (FAILURES_ALLOWED + 1),
    ]
    customers = [
        {"identifierValue": "1"},
        {"identifierName": "email"},
        {"identifierValue": ""},
        {"source": "SHOP"},
        {"source": ""},
    ]
    return [
        *[await _token_of_customer(gateway, **customer) for customer in customers],
        *[await gateway.client.post(TOKEN_PATH, json=body) for body in bodies],
        await gateway.client.post(TOKEN_PATH, content=b"{}"),
    ]


async def _events(gateway: Gateway, store: Store) -> list[httpx.Response]:
    sender = await new_sender(gateway, store, await new_tenant(store))
    text = {**sender.headers, "Content-Type": "text/plain"}
    responses = [
        *[await sender.send(one) for one in (events.PROMOTION_CREATED, events.POINTS_ISSUED)],
        *[await sender.post(content) for content in (b"{", b" " * (Settings().max_body_bytes + 1))],
        await gateway.rest(DOCUMENTED, sender.headers),
        await gateway.client.post(EVENTS_PATH, content=b"{}", headers=text),
    ]
    for headers in (DEMO_HEADER, {}, WRONG):
        responses.append(await gateway.client.post(EVENTS_PATH, json={}, headers=headers))
    return responses


async def _late_bodies(
    gateway: Gateway, store: Store, monkeypatch: pytest.MonkeyPatch
) -> list[httpx.Response]:
    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    sender = await new_sender(gateway, store, await new_tenant(store))
    headers = {**sender.headers, "Content-Type": "application/json"}
    with monkeypatch.context() as patch:
        patch.setattr("gateway.middleware.deadline.BODY_SECONDS", 0)
        return [
            await gateway.client.post(path, content=never(), headers=headers)
            for path in (TOKEN_PATH, EVENTS_PATH)
        ]


async def test_the_demo_answers_the_example_request_with_the_example_summary(
    gateway: Gateway,
) -> None:
    parameters = {one["name"]: str(one["example"]) for one in SUMMARY["parameters"] if "example" in one}
    assert parameters == DOCUMENTED
    exact = json.loads(openapi.DOCUMENT, parse_float=str)["components"]["examples"]["Summary"]["value"]
    assert json.loads((await gateway.rest(parameters)).content, parse_float=str) == exact


async def test_the_demo_answers_with_the_example_of_a_warning(gateway: Gateway) -> None:
    response = await gateway.rest({**DOCUMENTED, "identifierValue": "919078345796"})
    assert response.json() == OPENAPI["components"]["examples"]["NothingEarned"]["value"]


@pytest.mark.parametrize("name", TOKEN_REQUESTS)
async def test_the_example_of_a_token_request_is_answered_by_the_demo(gateway: Gateway, name: str) -> None:
    response = await gateway.client.post(TOKEN_PATH, json=TOKEN_REQUESTS[name]["value"])
    assert check(response) == ("post", TOKEN_PATH, 200, None)


@pytest.mark.parametrize("name", EVENTS)
async def test_the_example_of_an_event_is_recorded(gateway: Gateway, store: Store, name: str) -> None:
    sender = await new_sender(gateway, store, await new_tenant(store, promotion=PROMOTION))
    response = await sender.send(EVENTS[name]["value"])
    assert (name, response.json()) == (EVENTS[name]["value"]["eventName"], {"status": "recorded"})


@pytest.mark.parametrize("sample", events.SAMPLES, ids=lambda sample: sample["eventName"])
def test_a_sample_is_an_event_as_described(sample: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/Event", "components": OPENAPI["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(sample)
    assert not validator.is_valid({**sample, "data": {}})


async def test_an_amount_is_described_as_a_number(gateway: Gateway) -> None:
    response = await gateway.rest(DOCUMENTED)
    assert b'"totalPointsIssued":600.000' in response.content
    text = response.content.replace(b":600.000", b':"600.000"')
    changed = httpx.Response(200, headers=response.headers, content=text, request=response.request)
    with pytest.raises(jsonschema.ValidationError):
        check(changed)
