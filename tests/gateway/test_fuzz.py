"""Generated requests cause no defect, and the schemas describe every response.

`make fuzz` tries many more examples than `make test`, and different ones each time.
"""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests
import schemathesis
from graphql import (
    FieldNode,
    GraphQLResolveInfo,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    execute_sync,
    introspection_from_schema,
    parse,
    print_ast,
)
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from schemathesis import GenerationMode, checks
from schemathesis.specs.openapi import checks as openapi_checks

from gateway.auth.credentials import TOKEN_HEADER
from gateway.commands.sample_data import OAUTH_KEY, OAUTH_SECRET
from gateway.middleware.deadline import HEADER
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from gateway.settings import Settings
from gateway.telemetry import REQUEST_ID
from loaders.store import Store
from resolvers.schema import create_schema
from tests.helpers import events
from tests.helpers.events import new_writer
from tests.helpers.gateway import (
    DEMO_HEADER,
    DOCUMENTED,
    Tenant,
    environment,
    free_port,
    new_tenant,
    wait_until_served,
)
from tests.helpers.graphql import field
from tests.helpers.openapi import OPENAPI, check
from tests.helpers.repository import ROOT

pytestmark = pytest.mark.slow

BOUNDED = 30
MANY = os.environ.get("GATEWAY_FUZZ_EXAMPLES")
fuzz = examples(
    max_examples=int(MANY or BOUNDED),
    derandomize=MANY is None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

SCHEMA = create_schema()._schema
REST = schemathesis.openapi.from_dict(OPENAPI)
# Generated credentials would be refused before anything is read; the raw requests send some.
REST.config.generation.with_security_parameters = False
# The boundary values of all schemas take a thousand requests, whatever the number of examples.
REST.config.phases.coverage.enabled = MANY is not None
GRAPHQL = schemathesis.graphql.from_dict(dict(introspection_from_schema(SCHEMA)))
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.unsupported_method,
    openapi_checks.ignored_auth,
]


@pytest.fixture(scope="module")
def served(
    settings: Settings, signing_keys: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a gateway that logs no defect."""
    port, log = free_port(), tmp_path_factory.mktemp("served") / "log"
    variables = environment(
        settings, GATEWAY_PORT=str(port), GATEWAY_SIGNING_KEYS=str(signing_keys[0]), PYTHONWARNINGS="error"
    )
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "serve"], env=variables, stdout=file, stderr=file
        )
        try:
            wait_until_served(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()
    assert not re.findall("unexpected .*|Traceback|Exception.*|ERROR.*", log.read_text())


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture(scope="module")
async def tenant(store: Store) -> Tenant:
    return await new_tenant(store)


@pytest.fixture(scope="module")
async def writer(store: Store, tenant: Tenant) -> dict[str, str]:
    return await new_writer(store, tenant)


@pytest.mark.parametrize("known", [False, True])
@REST.parametrize()
@fuzz
def test_generated_rest_requests(
    case: schemathesis.Case[Any],
    known: bool,
    served: str,
    session: requests.Session,
    tenant: Tenant,
    writer: dict[str, str],
) -> None:
    headers = writer if case.path == EVENTS_PATH else DEMO_HEADER
    if known:
        # Known values, which a random choice would not find.
        if case.path == ACTION_SUMMARY_PATH and case.query:
            case.query.update({name: DOCUMENTED[name] for name in case.query.keys() & DOCUMENTED.keys()})
        elif case.path == TOKEN_PATH and isinstance(case.body, dict):
            case.body.update(key=OAUTH_KEY, secret=OAUTH_SECRET)
        elif case.path == EVENTS_PATH and isinstance(case.body, dict):
            case.body.update(orgId=tenant.organization.id, createdAt=events.CREATED_AT)
    # A short deadline can cause a 503, which is described and is no defect.
    short: list[Any] = [checks.not_a_server_error] if HEADER in (case.headers or {}) else []
    case.call_and_validate(
        base_url=served, session=session, headers=headers, checks=CHECKS, excluded_checks=short
    )


PUBLISHED = build_schema((ROOT / "schema.graphql").read_text())


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@fuzz
@given(data=st.data())
def test_generated_graphql_documents(
    data: st.DataObject, mode: GenerationMode, served: str, session: requests.Session
) -> None:
    operation = GRAPHQL["Query"]["customerPromotionActionSummary"]
    query = data.draw(operation.as_strategy(mode)).body
    assert isinstance(query, str)
    if mode is GenerationMode.POSITIVE and data.draw(st.booleans()):
        query = _about_known_customer(query)
    response = session.post(f"{served}/graphql", json={"query": query}, headers=DEMO_HEADER)
    assert response.status_code < 500
    _check_graphql(query, response.json())


SUMMARY_QUERY = """
query ($source: CustomerSource!, $name: CustomerIdentifierName!, $value: String!, $id: ID!) {
  customerPromotionActionSummary(
    source: $source, identifierName: $name, identifierValue: $value, programId: $id, promotionId: $id
  ) { customerId }
}
"""
# Includes lone surrogates, which JSON can escape and UTF-8 cannot encode.
TEXT = st.text(st.characters(exclude_categories=()))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)
VARIABLES = {
    "source": JSON | st.sampled_from(["INSTORE", "LINE"]),
    "name": JSON | st.sampled_from(["MOBILE", "ID", "EXTERNAL_ID"]),
    "value": JSON | TEXT,
    "id": JSON | st.integers(),
}


@fuzz
@given(
    body=st.fixed_dictionaries(
        {"query": st.just(SUMMARY_QUERY) | JSON},
        optional={
            "variables": st.fixed_dictionaries({}, optional=VARIABLES) | JSON,
            "operationName": JSON,
            "extensions": JSON,
            "other": JSON,
        },
    )
    | JSON
)
def test_generated_graphql_bodies(body: object, served: str, session: requests.Session) -> None:
    headers = {**DEMO_HEADER, "Content-Type": "application/json"}
    # `dumps` also writes NaN and infinities, which are not JSON.
    response = session.post(f"{served}/graphql", data=json.dumps(body), headers=headers)
    assert response.status_code in (200, 400)
    _check_graphql(SUMMARY_QUERY, response.json())


def _about_known_customer(query: str) -> str:
    """The query with the arguments of a known customer, which a random choice would not find."""
    generated, known = [parse(text).definitions[0] for text in (query, f"{{ {field()} }}")]
    assert isinstance(generated, OperationDefinitionNode)
    assert isinstance(known, OperationDefinitionNode)
    [field_of_customer] = known.selection_set.selections
    assert isinstance(field_of_customer, FieldNode)
    selections = [
        replace(one, arguments=field_of_customer.arguments) if isinstance(one, FieldNode) else one
        for one in generated.selection_set.selections
    ]
    return print_ast(replace(generated, selection_set=SelectionSetNode(selections=tuple(selections))))


def _check_graphql(query: str, body: dict[str, Any]) -> None:
    for error in body.get("errors", []):
        assert error.keys() <= {"message", "locations", "path", "extensions"}
        assert error["extensions"]["code"] != "INTERNAL_SERVER_ERROR"
        assert isinstance(error["extensions"]["errorCode"], int)
    assert body.keys() <= {"data", "errors"}
    if (data := body.get("data")) is not None:
        # The data conforms to the schema if the query, executed on the data, returns exactly this data.
        found = execute_sync(PUBLISHED, parse(query), data, field_resolver=_by_response_key)
        assert (found.data, found.errors) == (data, None)


def _by_response_key(source: dict[str, Any], info: GraphQLResolveInfo[None], /, **_: object) -> object:
    return source[str(info.path.key)]


BYTES = st.binary(max_size=60)
# Bytes without control characters, which would end a header or the target of a request line.
VALUES = BYTES.map(lambda raw: re.sub(rb"[\x00-\x1f\x7f]", b"", raw))
WORDS = st.sampled_from([*DOCUMENTED.values(), *DEMO_HEADER.values(), "*", "application/json", "text/html"])
NAMES = st.sampled_from([*DOCUMENTED, "query", "variables", "operationName", "extensions"])
PARAMETERS = st.lists(
    st.tuples(NAMES, WORDS.map(quote) | BYTES.map(quote)).map("=".join).map(str.encode)
    | VALUES.map(lambda raw: raw.replace(b" ", b""))
).map(b"&".join)
HEADER_NAMES = st.sampled_from(
    [
        *("Authorization", TOKEN_HEADER, REQUEST_ID, "Accept", "Content-Type", "Cookie", "Forwarded"),
        *("Host", "If-None-Match", "Origin", "traceparent", "X-Forwarded-For"),
    ]
)
# The statuses of an invalid or too long request head, on every path.
HEAD_REFUSED = {400, 414, 431}
HEADERS = st.lists(st.tuples(HEADER_NAMES.map(str.encode), WORDS.map(str.encode) | VALUES).map(b": ".join))


@fuzz
@given(
    method=st.sampled_from(["GET", "GET", "POST", "HEAD", "OPTIONS", "PUT"]),
    path=st.sampled_from([*OPENAPI["paths"], "/graphql", "/unknown"]),
    query=PARAMETERS,
    headers=HEADERS,
    credentials=st.sampled_from([[], [f"Authorization: {DEMO_HEADER['Authorization']}".encode()]]),
    body=BYTES,
)
def test_raw_query_strings_and_headers(
    served: str,
    method: str,
    path: str,
    query: bytes,
    headers: list[bytes],
    credentials: list[bytes],
    body: bytes,
) -> None:
    first = f"{method} {path}?".encode() + query + b" HTTP/1.1"
    length = f"Content-Length: {len(body)}".encode()
    response = _send(
        served, b"\r\n".join([first, *headers, *credentials, length, b"Connection: close", b"", body]), method
    )
    assert response is not None
    if REQUEST_ID not in response.headers:
        # uvicorn itself refuses a request that is not valid HTTP.
        assert response.status_code == 400
    elif response.status_code in HEAD_REFUSED:
        assert method == "HEAD" or response.json()["errors"]
    elif path == "/graphql":
        assert response.status_code < 500
    elif method.lower() in OPENAPI["paths"].get(path, {}):
        response.request = httpx.Request(method, f"http://gateway{path}")
        check(response)
    elif method == "HEAD" and "get" in OPENAPI["paths"].get(path, {}):
        assert str(response.status_code) in OPENAPI["paths"][path]["get"]["responses"]
    else:
        assert response.status_code == (404 if path == "/unknown" else 405)


@fuzz
@given(sent=st.binary(max_size=500))
def test_raw_bytes(served: str, sent: bytes) -> None:
    response = _send(served, sent, "GET", whole=False)
    assert response is None or response.status_code == 400


def _send(served: str, sent: bytes, method: str, *, whole: bool = True) -> httpx.Response | None:
    """Send these bytes; returns the response, or None if they are only the beginning of a request."""
    with socket.create_connection(("127.0.0.1", int(served.rpartition(":")[2])), timeout=60) as connection:
        connection.sendall(sent)
        if not whole:
            connection.shutdown(socket.SHUT_WR)
        if not connection.recv(1, socket.MSG_PEEK):
            return None
        answer = HTTPResponse(connection, method=method)
        answer.begin()
        content, headers = answer.read(), answer.getheaders()
        return httpx.Response(answer.status, headers=headers, content=content)
