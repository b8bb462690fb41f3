"""Operations by id: those that the operator trusts, and those that clients have sent before."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest

from gateway.app import create_operations
from gateway.auth.credentials import NO_CREDENTIALS
from gateway.graphql.persisted_documents import ManifestUnusable
from gateway.settings import Settings
from resolvers.schema import create_schema
from tests.conftest import Logged, OpenGateway
from tests.helpers.gateway import DEMO_HEADER, Gateway, assert_graphql_refusal
from tests.helpers.graphql import field, plan_of

GOOD = "query Good { __typename }"
OTHER = "query Other { other: __typename }"
TRUSTED = f"query Screen {{ {field()} }}"
TWO = "query A { a: __typename } query B { b: __typename }"
ANSWER = {"data": {"__typename": "Query"}}
CUSTOMER = {"data": {"summary": {"customerId": "387729100"}}}


def sha256(document: str) -> str:
    return hashlib.sha256(document.encode()).hexdigest()


def hashed(document: str) -> dict[str, object]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": sha256(document)}}}


async def send(
    gateway: Gateway, method: str, body: Mapping[str, object], headers: Mapping[str, str] = DEMO_HEADER
) -> httpx.Response:
    if method == "POST":
        return await gateway.client.post("/graphql", json=body, headers=headers)
    params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in body.items()}
    return await gateway.client.get("/graphql", params=params, headers=headers)


def assert_not_found(response: httpx.Response, status: int = 200) -> None:
    assert_graphql_refusal(response, status, "PERSISTED_QUERY_NOT_FOUND", 404, "PersistedQueryNotFound")
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(hashed(GOOD), id="hash"),
        pytest.param({"query": "", **hashed(GOOD)}, id="hash and empty document"),
        pytest.param({"documentId": sha256(GOOD)}, id="id"),
        pytest.param({"documentId": f"sha256:{sha256(GOOD)}"}, id="id with prefix"),
    ],
)
async def test_a_document_is_found_by_its_hash_once_it_was_sent(
    gateway_with: OpenGateway, body: Mapping[str, object], method: str
) -> None:
    async with gateway_with() as gateway:
        await gateway.warm()
        newer = {**DEMO_HEADER, "Accept": "application/graphql-response+json"}
        assert_not_found(await send(gateway, method, body, newer), 404)
        assert_not_found(await send(gateway, method, body))
        assert (await send(gateway, method, {"query": GOOD, **hashed(GOOD)})).json() == ANSWER
        assert (await send(gateway, method, body)).json() == ANSWER
        assert gateway.commands.names == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_hash_of_another_document_is_refused_and_not_kept(
    gateway_with: OpenGateway, method: str
) -> None:
    async with gateway_with() as gateway:
        response = await send(gateway, method, {"query": OTHER, **hashed(GOOD)})
        assert_graphql_refusal(response, 400, "BAD_REQUEST", 400, "provided sha does not match query")
        assert_not_found(await send(gateway, method, hashed(GOOD)))
        assert_not_found(await send(gateway, method, hashed(OTHER)))


@pytest.mark.parametrize("document", ["{", "{ nothing }"])
async def test_an_invalid_document_is_not_kept(gateway_with: OpenGateway, document: str) -> None:
    async with gateway_with() as gateway:
        await send(gateway, "POST", {"query": document, **hashed(document)})
        assert_not_found(await send(gateway, "POST", hashed(document)))


async def test_the_cache_of_documents_is_bounded_by_bytes(gateway_with: OpenGateway) -> None:
    room = len(GOOD) + len(OTHER) - 1
    async with gateway_with(apq_cache_bytes=room) as gateway:
        for document in (GOOD, OTHER):
            await send(gateway, "POST", {"query": document, **hashed(document)})
        assert_not_found(await send(gateway, "POST", hashed(GOOD)))
        assert (await send(gateway, "POST", hashed(OTHER))).status_code == 200
        large = GOOD.ljust(room + 1)
        assert (await send(gateway, "POST", {"query": large, **hashed(large)})).json() == ANSWER
        assert_not_found(await send(gateway, "POST", hashed(large)))
        assert (await send(gateway, "POST", hashed(OTHER))).json() == {"data": {"other": "Query"}}


async def test_a_known_hash_without_credentials_is_401(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        await send(gateway, "POST", {"query": GOOD, **hashed(GOOD)})
        response = await send(gateway, "POST", hashed(GOOD), {})
        assert_graphql_refusal(response, 401, "UNAUTHENTICATED", 401, "Unauthorized", NO_CREDENTIALS)


SHA1 = hashlib.sha1(TRUSTED.encode()).hexdigest()
DOCUMENTS = {SHA1: TRUSTED, sha256(TRUSTED): TRUSTED, "two": TWO}


def apollo_manifest(**changes: object) -> str:
    """A manifest as Apollo's `generate-persisted-query-manifest` writes it."""
    operations = [
        {"id": document_id, "body": text, "name": "Screen", "type": "query"}
        for document_id, text in DOCUMENTS.items()
    ]
    manifest = {"format": "apollo-persisted-query-manifest", "version": 1, "operations": operations}
    return json.dumps({**manifest, **changes})


@pytest.fixture(params=[json.dumps(DOCUMENTS), apollo_manifest()], ids=["graphql-codegen", "Apollo"])
def manifest(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A manifest of `DOCUMENTS`."""
    path = tmp_path / "persisted-documents.json"
    path.write_text(request.param)
    return path


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("body", "answer"),
    [
        pytest.param({"documentId": SHA1}, CUSTOMER, id="SHA-1"),
        pytest.param({"documentId": sha256(TRUSTED)}, CUSTOMER, id="SHA-256"),
        pytest.param({"documentId": f"sha256:{sha256(TRUSTED)}"}, CUSTOMER, id="SHA-256 with prefix"),
        pytest.param({"documentId": SHA1, "operationName": "Screen"}, CUSTOMER, id="with its operation"),
        pytest.param(
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": SHA1}}},
            CUSTOMER,
            id="Apollo, SHA-1",
        ),
        pytest.param(hashed(TRUSTED), CUSTOMER, id="Apollo, SHA-256"),
        pytest.param(
            {"documentId": "two", "operationName": "B"}, {"data": {"b": "Query"}}, id="one of two operations"
        ),
    ],
)
async def test_a_trusted_document_is_found_by_every_id(
    gateway_with: OpenGateway, manifest: Path, body: Mapping[str, object], answer: object, method: str
) -> None:
    async with gateway_with(trusted_documents=str(manifest), trusted_documents_only="on") as gateway:
        assert (await send(gateway, method, body)).json() == answer


@pytest.mark.parametrize("only", ["off", "on"])
async def test_an_id_that_is_not_in_the_manifest_is_not_found(
    gateway_with: OpenGateway, manifest: Path, only: str
) -> None:
    async with gateway_with(trusted_documents=str(manifest), trusted_documents_only=only) as gateway:
        assert_not_found(await send(gateway, "GET", {"documentId": "three"}))


@pytest.mark.parametrize("named", [{}, {"operationName": "C"}], ids=["no operation", "another operation"])
async def test_a_trusted_document_of_two_operations_is_sent_with_the_name_of_one(
    gateway_with: OpenGateway, manifest: Path, named: Mapping[str, str]
) -> None:
    async with gateway_with(trusted_documents=str(manifest)) as gateway:
        response = await send(gateway, "POST", {"documentId": "two", **named})
    message = "operationName must name an operation of the document."
    assert_graphql_refusal(response, 200, "OPERATION_RESOLUTION_FAILURE", 400, message)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"query": GOOD}, id="another document"),
        pytest.param({"query": TRUSTED}, id="the text of a trusted document"),
        pytest.param({"query": GOOD, **hashed(GOOD)}, id="a document with its hash"),
        pytest.param({"query": "{"}, id="not a document"),
    ],
)
async def test_only_trusted_documents_are_executed_if_the_setting_is_on(
    gateway_with: OpenGateway, manifest: Path, body: Mapping[str, object], method: str
) -> None:
    async with gateway_with(trusted_documents=str(manifest), trusted_documents_only="on") as gateway:
        await gateway.warm()
        response = await send(gateway, method, body)
        message = "Only operations of the manifest are executed here."
        assert_graphql_refusal(response, 200, "PERSISTED_QUERY_NOT_IN_LIST", 403, message)
        assert_not_found(await send(gateway, method, hashed(GOOD)))
        assert gateway.commands.names == []


def test_trusted_documents_are_compiled_and_labelled_at_start(manifest: Path) -> None:
    operations = create_operations(create_schema(), Settings(trusted_documents=manifest))
    trusted = operations.trusted("two", "A")
    assert trusted is not None
    assert (plan_of(trusted) is not None, trusted.trusted, trusted.label) == (True, True, "A")
    sent = operations.prepare(TWO, "A")
    assert (plan_of(sent) is not None, sent.trusted, sent.label) == (True, False, "ad hoc")
    assert (operations.misses, operations.hits) == (1, 0)


@pytest.mark.parametrize(
    ("body", "operation"),
    [
        ({"documentId": sha256(TRUSTED)}, "Screen"),
        ({"query": TRUSTED}, "ad hoc"),
        ({"query": "{"}, "ad hoc"),
        (hashed(GOOD), "ad hoc"),
    ],
)
async def test_only_the_name_of_a_trusted_operation_is_logged(
    gateway_with: OpenGateway, manifest: Path, logged: Logged, body: Mapping[str, object], operation: str
) -> None:
    async with gateway_with(trusted_documents=str(manifest)) as gateway:
        await gateway.warm()
        logged()
        await send(gateway, "POST", body)
        [line] = [json.loads(line) for line in logged().splitlines()]
    assert line["operation"] == operation


# The text of a manifest, and the reason why it is unusable.
UNUSABLE = [
    ("{", "not valid JSON at line 1, column 2"),
    ("[]", "neither an object of documents by id nor Apollo's manifest"),
    ('{"a": 1}', "neither an object of documents by id nor Apollo's manifest"),
    (apollo_manifest(version=2), "not version 1 of Apollo's manifest"),
    (apollo_manifest(operations={}), "not version 1 of Apollo's manifest"),
    (apollo_manifest(operations=["{ __typename }"]), "an operation without id or body"),
    (apollo_manifest(operations=[{"id": "a", "query": TRUSTED}]), "an operation without id or body"),
    (apollo_manifest(operations=[{"id": 1, "body": TRUSTED}]), "an operation without id or body"),
    (
        apollo_manifest(operations=[{"id": "a", "body": TRUSTED}, {"id": "a", "body": TWO}]),
        "document 'a': two operations have this id",
    ),
    (
        apollo_manifest(operations=[{"id": "a", "body": "{ nothing }"}]),
        "document 'a': Cannot query field 'nothing' on type 'Query'.",
    ),
    ('{"a": "{"}', "document 'a': Syntax Error: Expected Name, found <EOF>."),
    ('{"a": "{ nothing }"}', "document 'a': Cannot query field 'nothing' on type 'Query'."),
    ('{"a": "fragment F on Query { __typename }"}', "document 'a': The document has no operation."),
    (
        '{"a": "{ a: __typename } { b: __typename }"}',
        "document 'a': One of several operations has no name.",
    ),
    (
        json.dumps({"a": f"{{ {'x' * 100_000} }}"}),
        "document 'a': The limit of characters is 100000; this request has 100004.",
    ),
]


@pytest.mark.parametrize(("text", "why"), UNUSABLE)
def test_an_unusable_manifest_is_reported_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ManifestUnusable) as raised:
        create_operations(create_schema(), Settings(trusted_documents=path))
    assert str(raised.value) == f"GATEWAY_TRUSTED_DOCUMENTS: {path}: {why}"
