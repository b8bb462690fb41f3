"""The pages with and without their bundle: contents, security policy, caching and compression."""

import asyncio
import base64
import hashlib
import html
import json
import re
import socket
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from gateway import pages
from gateway.app import create_app
from gateway.auth.credentials import authorization
from gateway.commands.sample_data import PASSWORD, TILL
from gateway.pages import PageCredentials
from gateway.pages.examples import Example, examples
from gateway.pages.page import from_bundle
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from resolvers.schema import create_schema
from tests.conftest import OpenGateway
from tests.helpers.faults import served
from tests.helpers.gateway import DEMO_HEADER, DOCUMENTED, Gateway, assert_rest_error, changed, open_gateway

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGE = """<!doctype html><title>{0}</title><script type="module" src="/assets/{0}-Ab12.js"></script>
<script id="data" type="application/json"></script>"""
PAGES = ["/", "/graphql", "/docs"]
CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HASH = r"'sha256-[\w+/]{43}='"
TEMPLATE_POLICY = re.compile(
    CLOSED
    + rf"; script-src ({HASH}|'none'); connect-src 'self'; style-src {HASH}; img-src data:; frame-src 'self'"
)
BUNDLE_POLICY = (
    f"{CLOSED}; script-src 'self'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:"
)
# The path of an asset as Vite names it, with a hash.
ASSET = "/assets/graphiql-Ab12.js"
# "export {};" 1,000 times, as node's zlib compresses it.
BROTLI = bytes.fromhex("1b0f27f81da9559f38bcde29dbeb5372780df20647270e0c0500f600709a06")
FOR_EVER = "public, max-age=31536000, immutable"
DEMO = PageCredentials(TILL, PASSWORD)


@pytest.fixture
def without_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BUNDLE", tmp_path)


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle with the files that Vite writes, but with other contents."""
    monkeypatch.setattr(pages, "BUNDLE", tmp_path)
    for name in ("graphiql", "docs"):
        (tmp_path / f"{name}.html").write_text(PAGE.format(name))
    (tmp_path / "assets").mkdir()
    (tmp_path / ASSET.removeprefix("/")).write_text("export {};" * 1000)
    (tmp_path / f"{ASSET.removeprefix('/')}.br").write_bytes(BROTLI)
    return tmp_path


def inline_scripts(page: httpx.Response) -> list[str]:
    """The scripts in the page itself that a browser would run; a block of JSON is not one."""
    found = re.findall(r"<script\b([^>]*)>(.*?)</script>", page.text, re.DOTALL)
    return [text for attributes, text in found if text.strip() and "application/json" not in attributes]


def base64_hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def data(page: str) -> dict[str, object]:
    [block] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page)
    found: dict[str, object] = json.loads(block)
    return found


@pytest.mark.usefixtures("without_bundle")
@pytest.mark.parametrize("path", PAGES)
async def test_without_the_bundle_a_page_loads_nothing_from_other_hosts(
    gateway_with: OpenGateway, path: str
) -> None:
    async with gateway_with(introspection=True) as gateway:
        page = await gateway.client.get(path, headers=HTML)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert TEMPLATE_POLICY.fullmatch(page.headers["content-security-policy"])
        scripts = inline_scripts(page)
        assert [f"'sha256-{base64_hash(script)}'" for script in scripts] == re.findall(
            r"script-src ('sha\S+')", page.headers["content-security-policy"]
        )
        assert len(scripts) == (path == "/")
        assert not re.search(r"""(src|href)=["']?(\w+:)?//""", page.text)
        assert gateway.commands.names == []


@pytest.mark.usefixtures("without_bundle")
@pytest.mark.parametrize(
    "text",
    ["make pages", "query Wallet(", "type CustomerPromotionActionSummary {", '<iframe src="/graphql?cdn"'],
)
async def test_without_the_bundle_the_graphql_page_shows_examples_schema_and_how_to_build(
    gateway_with: OpenGateway, text: str
) -> None:
    async with gateway_with(introspection=True) as gateway:
        assert text in (await gateway.client.get("/graphql", headers=HTML)).text


async def test_the_frame_runs_only_strawberry_s_script(gateway_with: OpenGateway) -> None:
    async with gateway_with(introspection=True) as gateway:
        page = await gateway.client.get("/graphql?cdn", headers=HTML)
    policy = page.headers["content-security-policy"]
    [allowed] = re.findall(r"script-src ([^;]*)", policy)
    assert re.fullmatch(r"https://unpkg\.com 'sha256-[\w+/]{43}='", allowed)
    assert len(inline_scripts(page)) == 1
    assert "frame-ancestors 'self'" in policy
    assert "shouldPersistHeaders: false" in page.text


GRAPHIQL_DATA = {
    "credentials": None,
    "schema": create_schema().as_str(),
    "examples": [example._asdict() for example in examples()],
    "restPath": ACTION_SUMMARY_PATH,
}


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(
    ("path", "expected"), [("/graphql", GRAPHIQL_DATA), ("/docs", {"credentials": None})]
)
async def test_a_page_of_the_bundle_is_served_with_its_data(
    gateway_with: OpenGateway, path: str, expected: object
) -> None:
    async with gateway_with(introspection=True) as gateway:
        page = await gateway.client.get(path, headers=HTML)
        assert page.headers["content-security-policy"] == BUNDLE_POLICY
        assert page.headers["cache-control"] == "no-store"
        assert inline_scripts(page) == []
        assert data(page.text) == expected
        assert gateway.commands.names == []


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize(("accepted", "encoding"), [("gzip", "gzip"), ("identity", None), ("gzip, br", "br")])
async def test_an_asset_is_compressed_if_the_client_accepts_that_and_may_be_kept_for_ever(
    gateway_with: OpenGateway, accepted: str, encoding: str | None
) -> None:
    async with gateway_with() as gateway:
        asset = await gateway.client.get(ASSET, headers={"Accept-Encoding": accepted})
        assert asset.content == (BROTLI if encoding == "br" else b"export {};" * 1000)
        assert asset.headers["content-type"] == "text/javascript; charset=utf-8"
        assert asset.headers.get("content-encoding") == encoding
        assert asset.headers["vary"] == "Accept-Encoding"
        assert asset.headers["cache-control"] == FOR_EVER
        again = {"Accept-Encoding": accepted, "If-None-Match": asset.headers["etag"]}
        assert (await gateway.client.get(ASSET, headers=again)).status_code == 304


MISSING = ["graphiql-Cd34.js", "../graphiql.html", "%2e%2e/graphiql.html", "", "%00", "x" * 300, "a/b/c"]


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("name", MISSING)
async def test_an_unknown_asset_is_404(gateway: Gateway, gateway_with: OpenGateway, name: str) -> None:
    async with gateway_with() as gateway:
        missing = await gateway.client.get(f"/assets/{name}")
        assert_rest_error(missing, 404, 404, "Not Found")
        assert missing.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("without_bundle")
@pytest.mark.parametrize("name", [*MISSING, "graphiql-Ab12.js"])
async def test_without_the_bundle_every_asset_is_404(gateway_with: OpenGateway, name: str) -> None:
    async with gateway_with() as gateway:
        missing = await gateway.client.get(f"/assets/{name}")
        assert_rest_error(missing, 404, 404, "Not Found")
        assert missing.headers["cache-control"] == "no-store"


@pytest.mark.slow
async def test_a_slow_reader_of_an_asset_gets_all_of_it_and_takes_no_slot(
    settings: Settings, bundle: Path
) -> None:
    size = 16 << 20
    with (bundle / "assets" / "large-Gh78.js").open("wb") as large:
        large.truncate(size)
    app = create_app(changed(settings, deadline_ms=2_000, max_concurrent_requests=1))
    async with served(app) as (running, port), httpx.AsyncClient(timeout=60) as client:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.write(
            f"GET {ASSET.replace('graphiql-Ab12', 'large-Gh78')} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
        )
        await reader.readuntil(b"\r\n\r\n")
        # The wait is longer than the deadline of the APIs.
        await asyncio.sleep(3)
        assert len(running.server_state.tasks) == 1
        rest = await client.get(
            f"http://127.0.0.1:{port}{ACTION_SUMMARY_PATH}", params=DOCUMENTED, headers=DEMO_HEADER
        )
        assert rest.json()["customerId"] == 387729100
        assert await reader.readexactly(size) == bytes(size)
        writer.close()


async def read_pages(settings: Settings, credentials: PageCredentials | None) -> list[str]:
    async with open_gateway(changed(settings, introspection=True), page_credentials=credentials) as gateway:
        return [(await gateway.client.get(path, headers=HTML)).text for path in PAGES]


@pytest.mark.usefixtures("bundle")
async def test_the_demo_s_pages_have_its_credentials(settings: Settings) -> None:
    index, graphiql, docs = await read_pages(settings, DEMO)
    assert authorization(TILL, PASSWORD) in index
    assert data(graphiql)["credentials"] == data(docs)["credentials"] == DEMO._asdict()


@pytest.mark.usefixtures("bundle")
async def test_other_pages_have_no_credentials(settings: Settings) -> None:
    for page in await read_pages(settings, None):
        assert TILL not in page
        assert authorization(TILL, PASSWORD) not in page


@pytest.mark.usefixtures("bundle")
async def test_the_commands_of_the_index_take_credentials_from_a_variable(settings: Settings) -> None:
    [index, *_] = await read_pages(settings, None)
    commands = [html.unescape(found) for found in re.findall(r"<code>(curl .*?)</code>", index, re.DOTALL)]
    assert [command.split('-H "')[1].split('"')[0] for command in commands] == [
        "Authorization: $AUTHORIZATION",
        "Authorization: $AUTHORIZATION",
    ]


async def test_data_cannot_end_its_script_block(bundle: Path) -> None:
    respond = from_bundle(bundle / "graphiql.html", {"x": "</script><script>alert()</script>"})
    response = await respond(Request({"type": "http", "headers": []}))
    page = bytes(response.body).decode()
    assert page.count("</script>") == 2
    assert data(page) == {"x": "</script><script>alert()</script>"}


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_without_introspection_a_page_shows_neither_graphiql_nor_the_schema(
    gateway_with: OpenGateway, path: str
) -> None:
    async with gateway_with() as gateway:
        page = await gateway.client.get(path, headers=HTML)
        assert page.status_code == 200
        assert "/graphql" not in page.text
        assert "CustomerPromotionActionSummary" not in page.text
        assert gateway.commands.names == []


@pytest.mark.usefixtures("bundle")
async def test_without_introspection_there_is_no_graphiql(gateway_with: OpenGateway) -> None:
    async with gateway_with() as gateway:
        assert (await gateway.client.get("/graphql", headers=HTML)).status_code == 401
        assert gateway.commands.names == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/graphql?documentId=1", HTML),
        ("/graphql?cdn&extensions={}", HTML),
        ("/graphql", {"Accept": "application/json"}),
        ("/graphql?query={__typename}", {"Accept": "application/json"}),
    ],
)
async def test_a_request_of_a_browser_that_is_not_for_the_page_needs_credentials(
    gateway_with: OpenGateway, path: str, headers: dict[str, str]
) -> None:
    async with gateway_with(introspection=True) as gateway:
        assert (await gateway.client.get(path, headers=headers)).status_code == 401
        assert gateway.commands.names == []


def name_of(example: Example) -> str:
    [name] = re.findall(r"query (\w+)", example.query)
    return str(name)


@pytest.mark.parametrize("example", examples(), ids=name_of)
def test_an_example_begins_with_a_comment_about_its_purpose(example: Example) -> None:
    assert re.match(r"(# .*\n)*# .*\.\nquery [A-Z]\w+\(", example.query)


@pytest.mark.parametrize("example", examples()[:-1], ids=name_of)
async def test_an_example_shows_benefits(gateway: Gateway, example: Example) -> None:
    body = (await gateway.graphql(example.query, example.variables)).json()
    assert "errors" not in body
    data = body["data"]
    customer = data.get("customer", {})
    edges = customer.get("earnedPromotions", {}).get("edges", ())
    summaries = customer.get("promotionActionSummaries") or [edge["node"] for edge in edges]
    for summary in summaries or data.values():
        assert any(summary.get(benefit) for benefit in ("points", "rewards", "badges"))


async def test_the_example_that_pages_has_a_next_page(gateway: Gateway) -> None:
    example = examples()[3]
    seen = []
    after = None
    for _ in range(2):
        variables = {**example.variables, "after": after}
        page = (await gateway.graphql(example.query, variables)).json()["data"]["customer"][
            "earnedPromotions"
        ]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    assert len(set(seen)) == 3
    assert page["pageInfo"]["hasNextPage"] is False


async def test_the_last_example_shows_two_errors_and_a_warning(gateway: Gateway) -> None:
    example = examples()[-1]
    body = (await gateway.graphql(example.query, example.variables)).json()
    assert [error["extensions"]["errorCode"] for error in body["errors"]] == [8015, 8874]
    assert [warning["code"] for warning in body["data"]["nothingEarned"]["warnings"]] == [8116]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(("accepted", "encoding"), [("gzip, br", "gzip"), ("identity", None)])
async def test_a_page_is_compressed_for_a_browser_that_reads_gzip(
    gateway_with: OpenGateway, page: str, accepted: str, encoding: str | None
) -> None:
    async with gateway_with(introspection=True) as gateway:
        response = await gateway.client.get(page, headers={**HTML, "Accept-Encoding": accepted})
        plain = await gateway.client.get(page, headers={**HTML, "Accept-Encoding": "identity"})
    assert (response.status_code, response.text) == (200, plain.text)
    assert response.headers.get("content-encoding") == encoding
    assert response.headers["vary"] == "Accept-Encoding"
    assert (int(response.headers["content-length"]) < len(response.content)) == (encoding is not None)
