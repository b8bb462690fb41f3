"""The three endpoints with a JSON body refuse a compressed body."""

import gzip
from collections.abc import Mapping

import pytest

from gateway.graphql.endpoint import GRAPHQL_PATH
from gateway.rest.events import EVENTS_PATH
from gateway.rest.tokens import TOKEN_PATH
from loaders.store import Store
from tests.helpers.events import new_writer
from tests.helpers.gateway import DEMO_HEADER, Gateway, new_tenant

# Each endpoint, and its message about an empty object.
MESSAGES = {
    GRAPHQL_PATH: "query is missing.",
    TOKEN_PATH: "Object missing required field `key`.",
    EVENTS_PATH: "The body is not an event: orgId is missing.",
}


@pytest.fixture(scope="module")
async def writer(store: Store) -> Mapping[str, str]:
    return await new_writer(store, await new_tenant(store))


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity, deflate", "zstd"])
@pytest.mark.parametrize("path", MESSAGES)
async def test_a_compressed_body_is_415(
    gateway: Gateway, writer: Mapping[str, str], path: str, encoding: str
) -> None:
    credentials = writer if path == EVENTS_PATH else DEMO_HEADER
    headers = {**credentials, "Content-Type": "application/json", "Content-Encoding": encoding}
    response = await gateway.client.post(path, content=gzip.compress(b"{}"), headers=headers)
    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"
    assert response.json()["errors"][0]["message"] == "The body must not be compressed."


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
@pytest.mark.parametrize("path", MESSAGES)
async def test_a_body_without_compression_is_read(
    gateway: Gateway, writer: Mapping[str, str], path: str, encoding: str
) -> None:
    credentials = writer if path == EVENTS_PATH else DEMO_HEADER
    headers = {**credentials, "Content-Type": "application/json", "Content-Encoding": encoding}
    response = await gateway.client.post(path, content=b"{}", headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"] == MESSAGES[path]
