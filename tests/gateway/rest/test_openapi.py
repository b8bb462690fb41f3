"""The OpenAPI document is valid, complete, and what the gateway really answers."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from decimal import Decimal
from itertools import product
from typing import Any

import httpx
import jsonschema
import pytest
import schemathesis
from starlette.routing import Route

from gateway.app import create_app
from gateway.auth.credentials import authorization, md5_hex
from gateway.auth.passwords import FAILURES_ALLOWED
from gateway.commands.sample_data import MOBILE, OAUTH_KEY, OAUTH_SECRET, PASSWORD, TILL
from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.health import LIVE, READY
from gateway.middleware.deadline import HEADER
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.openapi import OPENAPI_PATH
from gateway.rest.openapi.document import document
from gateway.rest.tokens import JWKS_PATH, TOKEN_PATH
from gateway.settings import Settings
from loaders.clients import NO_RIGHTS, Account, add_account, put_group
from loaders.enums import ClientKind
from loaders.store import Store
from resolvers.schema import create_schema
from tests.conftest import OpenGateway
from tests.gateway.rest.test_action_summary import ERRORS
from tests.helpers import events
from tests.helpers.events import new_sender
from tests.support import DEMO_HEADER, DOCUMENTED, PASSWORD_HASH, Gateway, new_tenant, open_gateway

MODES = ["legacy", "semantic"]
TOKEN = {"key": OAUTH_KEY, "secret": OAUTH_SECRET}
ONE = {"source": "INSTORE", "identifierName": "mobile", "identifierValue": MOBILE}
WRONG = {"Authorization": authorization(TILL, "wrong")}


def described(rest_status: str) -> dict[str, Any]:
    return document(create_schema()._schema, always_200=rest_status == "legacy")


def answers(described: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    for path, item in described["paths"].items():
        for method, operation in item.items():
            for status in operation["responses"]:
                yield method, path, int(status)


def check(described: dict[str, Any], response: httpx.Response) -> tuple[str, str, int]:
    """Which of the answers described this one is; fails if it does not look like that."""
    method, path = response.request.method.lower(), response.request.url.path
    answer = described["paths"][path][method]["responses"][str(response.status_code)]
    for name in answer["headers"]:
        assert name in response.headers or not described["components"]["headers"][name]["required"]
    if "content" in answer:
        [(media_type, content)] = answer["content"].items()
        assert response.headers["content-type"] == media_type
        schema = {**content["schema"], "components": described["components"]}
        body = json.loads(response.content, parse_float=Decimal)
        jsonschema.Draft202012Validator(schema).validate(body)
    else:
        assert response.content == b""
    return method, path, response.status_code


@pytest.mark.parametrize("rest_status", MODES)
def test_it_is_valid(rest_status: str) -> None:
    whole = described(rest_status)
    schemathesis.openapi.from_dict(whole).validate()
    schemas = list(whole["components"]["schemas"].values())
    for method, path, status in answers(whole):
        content = whole["paths"][path][method]["responses"][str(status)].get("content", {})
        schemas += [one["schema"] for one in content.values()]
    for schema in schemas:
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_it_is_public_and_sends_no_command(gateway: Gateway) -> None:
    response = await gateway.client.get(OPENAPI_PATH)
    assert response.json() == described("legacy")
    assert gateway.commands.names == []


def test_it_describes_every_route_but_graphql_and_pages(settings: Settings) -> None:
    routes = [route for route in create_app(settings).routes if isinstance(route, Route)]
    own = {
        (route.path, frozenset(getattr(route.endpoint, "methods", ())) - {"HEAD"})
        for route in routes
        if route.path not in {GRAPHQL_PATH, "/", "/docs"}
    }
    paths = described("legacy")["paths"]
    assert own == {(path, frozenset(method.upper() for method in item)) for path, item in paths.items()}


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    whole = described("legacy")
    text = json.dumps(whole)
    for kind in ("headers", "schemas"):
        used = {name.partition('"')[0] for name in text.split(f'"#/components/{kind}/')[1:]}
        assert used == whole["components"][kind].keys()


@pytest.mark.parametrize("rest_status", ["legacy", pytest.param("semantic", marks=pytest.mark.slow)])
async def test_real_answers_of_every_kind_are_as_described(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch, rest_status: str
) -> None:
    whole = described(rest_status)
    async with AsyncExitStack() as stack:
        gateway, without_keys, without_database, impatient, full = [
            await stack.enter_async_context(
                open_gateway(replace(settings, rest_status=rest_status, **changes))
            )
            for changes in (
                {},
                {"signing_keys": ()},
                {"mongodb_uri": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=50"},
                {"max_body_seconds": 0},
                {"max_concurrent_requests": 0},
            )
        ]
        real = [
            *await _summaries(gateway),
            *await _tokens(gateway, store),
            *await _events(gateway, store),
            *await _bodies_that_do_not_come(impatient, store),
            await without_keys.client.post(TOKEN_PATH, json=TOKEN),
            await without_database.rest(DOCUMENTED),
            await without_database.client.post(TOKEN_PATH, json=TOKEN),
            await without_database.client.post(EVENTS_PATH, json={}, headers=DEMO_HEADER),
        ]
        for path in (JWKS_PATH, OPENAPI_PATH):
            real += [
                await gateway.client.get(path, headers=headers) for headers in ({}, {"If-None-Match": "*"})
            ]
        for one, path in product((gateway, full), (LIVE, READY)):
            real.append(await one.client.get(path))
        for one, headers in ((full, {}), (gateway, {HEADER: "0"})):
            real.append(await one.client.get(ACTION_SUMMARY_PATH, headers=headers))
        # The server itself refuses to aggregate a collection of this name.
        monkeypatch.setattr("loaders.totals.ISSUANCES", type("Collection", (), {"name": "$invalid"}))
        real.append(await gateway.rest(DOCUMENTED))
    assert {check(whole, response) for response in real} == set(answers(whole))


async def _summaries(gateway: Gateway) -> list[httpx.Response]:
    changed = [
        {name: value for name, value in {**DOCUMENTED, **changes}.items() if value is not None}
        for changes, *_ in ERRORS
    ]
    without_benefits = {**DOCUMENTED, "identifierValue": "919078345796"}
    answers = [await gateway.rest(parameters) for parameters in (DOCUMENTED, without_benefits, *changed)]
    answers.append(await gateway.rest(DOCUMENTED, {}))
    return answers + [await gateway.rest(DOCUMENTED, WRONG) for _ in range(FAILURES_ALLOWED + 1)]


async def _tokens(gateway: Gateway, store: Store) -> list[httpx.Response]:
    tenant = await new_tenant(store)
    await put_group(store, "nothing", NO_RIGHTS)
    name = f"oauth-{tenant.organization.id}"
    account = Account(name, name, ClientKind.OAUTH, tenant.organization.id, "nothing", 300, PASSWORD_HASH)
    await add_account(store, account)
    bodies: list[object] = [
        TOKEN,
        {**TOKEN, "customer": ONE},
        {**TOKEN, "customer": {**ONE, "identifierValue": "0"}},
        {**TOKEN, "customer": {**ONE, "identifierName": "email"}},
        {"key": name, "secret": md5_hex(PASSWORD), "customer": ONE},
        {"key": 1},
        {"key": "x" * Settings().max_body_bytes},
        *[{**TOKEN, "secret": "wrong"}] * (FAILURES_ALLOWED + 1),
    ]
    answers = [await gateway.client.post(TOKEN_PATH, json=body) for body in bodies]
    return [*answers, await gateway.client.post(TOKEN_PATH, content=b"{}")]


async def _events(gateway: Gateway, store: Store) -> list[httpx.Response]:
    tenant = await new_tenant(store)
    sender = await new_sender(gateway, store, tenant)
    answers = [
        await sender.send(sample)
        for sample in (events.PROMOTION_CREATED, events.POINTS_ISSUED, events.event("x", {}))
    ]
    headers = {**sender.headers, "Content-Type": "text/plain"}
    answers.append(await gateway.client.post(EVENTS_PATH, content=b"{}", headers=headers))
    for content in (b"{", b" " * (Settings().max_body_bytes + 1)):
        answers.append(await sender.post(content))
    answers.append(await gateway.rest(DOCUMENTED, sender.headers))
    for credentials in (DEMO_HEADER, {}, WRONG):
        answers.append(await gateway.client.post(EVENTS_PATH, json={}, headers=credentials))
    return answers


async def _bodies_that_do_not_come(gateway: Gateway, store: Store) -> list[httpx.Response]:
    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    sender = await new_sender(gateway, store, await new_tenant(store))
    headers = {**sender.headers, "Content-Type": "application/json"}
    return [
        await gateway.client.post(path, content=never(), headers=headers)
        for path in (TOKEN_PATH, EVENTS_PATH)
    ]


async def test_the_parameters_examples_are_a_request_that_the_demo_answers(gateway: Gateway) -> None:
    parameters = described("legacy")["paths"][ACTION_SUMMARY_PATH]["get"]["parameters"]
    examples = {one["name"]: str(one["example"]) for one in parameters if "example" in one}
    assert examples == DOCUMENTED
    assert (await gateway.rest(examples)).json()["points"][0]["numberOfTimesIssued"] == 6


async def test_the_example_of_a_503_is_what_comes_when_too_many_requests_run(
    gateway_with: OpenGateway,
) -> None:
    answers = described("legacy")["paths"][ACTION_SUMMARY_PATH]["get"]["responses"]
    errors = answers["503"]["content"]["application/json"]["schema"]["properties"]["errors"]
    messages = [error["properties"]["message"] for error in errors["items"]["anyOf"]]
    async with gateway_with(max_concurrent_requests=0) as full:
        [error] = (await full.rest(DOCUMENTED)).json()["errors"]
    assert [message["examples"] for message in messages if "examples" in message] == [[error["message"]]]


async def test_it_says_where_the_pages_are(gateway: Gateway) -> None:
    about = described("legacy")["info"]["description"]
    assert "[More about this gateway](/)" in about
    for path in ("/", "/docs"):
        assert f"`{path}`" in about
        assert (await gateway.client.get(path)).status_code == 200


async def test_decimals_are_json_numbers_and_a_string_is_refused(gateway: Gateway) -> None:
    whole, response = described("legacy"), await gateway.rest(DOCUMENTED)
    assert b'"totalPointsIssued":600.000' in response.content
    wrong = response.content.replace(b":600.000", b':"600.000"')
    changed = httpx.Response(200, headers=response.headers, content=wrong, request=response.request)
    with pytest.raises(jsonschema.ValidationError):
        check(whole, changed)


@pytest.mark.parametrize("sample", events.SAMPLES, ids=lambda sample: sample["eventName"])
def test_the_samples_are_notifications_as_described(sample: dict[str, Any]) -> None:
    whole = described("legacy")
    schema = {"$ref": "#/components/schemas/Notification", "components": whole["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate(sample)
    assert not validator.is_valid({**sample, "data": {}})
