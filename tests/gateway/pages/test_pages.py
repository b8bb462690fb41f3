"""The pages, with and without their bundle: what they hold, what their policy allows, what they cost."""

import asyncio
import json
import re
import socket
from pathlib import Path

import httpx
import pytest

from gateway import pages
from gateway.app import create_app
from gateway.auth.credentials import authorization
from gateway.commands.sample_data import PASSWORD, TILL
from gateway.pages import Till
from gateway.pages.examples import Example, examples
from gateway.pages.page import bundled
from gateway.rest.action_summary import ACTION_SUMMARY_PATH
from gateway.settings import Settings
from resolvers.schema import create_schema
from tests.conftest import OpenGateway
from tests.faults import served
from tests.support import DEMO_HEADER, DOCUMENTED, Gateway, assert_rest_error, changed

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
BUNDLED = """<!doctype html><title>{0}</title><script type="module" src="/assets/{0}-Ab12.js"></script>
<script id="data" type="application/json"></script>"""
PAGES = ["/", "/graphql", "/docs"]
CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
PLAIN_POLICY = re.compile(CLOSED + r"; style-src 'sha256-[\w+/]{43}='; img-src data:; frame-src 'self'")
BUNDLED_POLICY = (
    f"{CLOSED}; script-src 'self'; worker-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:"
)


@pytest.fixture
def unbuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle as Vite writes it, but without its contents."""
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    for name in ("graphiql", "docs"):
        (tmp_path / f"{name}.html").write_text(BUNDLED.format(name))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "graphiql-Ab12.js").write_text("export {};")


def inline_scripts(page: httpx.Response) -> list[str]:
    """The scripts that a browser would run out of the page itself; a block of JSON is none."""
    found = re.findall(r"<script\b([^>]*)>(.*?)</script>", page.text, re.DOTALL)
    return [text for attributes, text in found if text.strip() and "application/json" not in attributes]


def data(page: httpx.Response) -> dict[str, object]:
    [block] = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page.text)
    found: dict[str, object] = json.loads(block)
    return found


@pytest.mark.usefixtures("unbuilt")
@pytest.mark.parametrize("path", PAGES)
async def test_without_the_bundle_pages_are_plain(gateway_with: OpenGateway, path: str) -> None:
    async with gateway_with(introspection="on") as gateway:
        page = await gateway.client.get(path, headers=HTML)
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert PLAIN_POLICY.fullmatch(page.headers["content-security-policy"])
        assert "<script" not in page.text
        assert "://" not in re.sub(r'href="data:[^"]*"', "", page.text)
        assert gateway.commands.names == []


@pytest.mark.usefixtures("unbuilt")
async def test_without_the_bundle_graphql_shows_examples_schema_and_how_to_build(
    gateway_with: OpenGateway,
) -> None:
    async with gateway_with(introspection="on") as gateway:
        text = (await gateway.client.get("/graphql", headers=HTML)).text
        assert "make pages" in text
        assert "query Wallet(" in text
        assert "type CustomerPromotionActionSummary {" in text
        assert '<iframe src="/graphql?cdn"' in text


async def test_the_frame_runs_what_strawberry_wrote_and_nothing_else(gateway_with: OpenGateway) -> None:
    async with gateway_with(introspection="on") as gateway:
        page = await gateway.client.get("/graphql?cdn", headers=HTML)
    policy = page.headers["content-security-policy"]
    [allowed] = re.findall(r"script-src ([^;]*)", policy)
    assert re.fullmatch(r"https://unpkg\.com 'sha256-[\w+/]{43}='", allowed)
    assert len(inline_scripts(page)) == 1
    assert "frame-ancestors 'self'" in policy
    assert "shouldPersistHeaders: false" in page.text


@pytest.mark.usefixtures("built")
async def test_the_bundle_is_served_with_its_data(gateway_with: OpenGateway) -> None:
    graphiql = {
        "schema": create_schema().as_str(),
        "examples": [example._asdict() for example in examples()],
        "restPath": "/v2/customers/lookup/customerPromotionDetails/actionSummary",
        "till": None,
    }
    async with gateway_with(introspection="on") as gateway:
        for path, expected in (("/graphql", graphiql), ("/docs", {"till": None})):
            page = await gateway.client.get(path, headers=HTML)
            assert page.headers["content-security-policy"] == BUNDLED_POLICY
            assert page.headers["cache-control"] == "no-store"
            assert inline_scripts(page) == []
            assert data(page) == expected
        assert gateway.commands.names == []


@pytest.mark.usefixtures("built")
async def test_assets_may_be_kept_for_ever_and_others_are_unknown(gateway_with: OpenGateway) -> None:
    async with gateway_with(introspection="on") as gateway:
        asset = await gateway.client.get("/assets/graphiql-Ab12.js")
        assert (asset.text, asset.headers["content-type"]) == (
            "export {};",
            "text/javascript; charset=utf-8",
        )
        assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
        for name in ("graphiql-Cd34.js", "../graphiql.html", "%2e%2e/graphiql.html", ""):
            missing = await gateway.client.get(f"/assets/{name}")
            assert_rest_error(missing, 404, 404, "Not Found")
            assert missing.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("built")
async def test_assets_are_sent_compressed_to_who_takes_that(
    gateway_with: OpenGateway, tmp_path: Path
) -> None:
    (tmp_path / "assets" / "docs-Ef56.css").write_text("a{}" * 1000)
    async with gateway_with() as gateway:
        for asked, encoding in (("gzip", "gzip"), ("identity", None)):
            asset = await gateway.client.get("/assets/docs-Ef56.css", headers={"Accept-Encoding": asked})
            assert asset.text == "a{}" * 1000
            assert asset.headers.get("content-encoding") == encoding
            assert asset.headers["vary"] == "Accept-Encoding"
            assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
            again = {"Accept-Encoding": asked, "If-None-Match": asset.headers["etag"]}
            assert (await gateway.client.get("/assets/docs-Ef56.css", headers=again)).status_code == 304


@pytest.mark.usefixtures("built")
async def test_who_reads_an_asset_slowly_gets_it_all_and_is_in_nobody_s_way(
    settings: Settings, tmp_path: Path
) -> None:
    size = 16 << 20
    with (tmp_path / "assets" / "large-Gh78.js").open("wb") as large:
        large.truncate(size)
    app = create_app(changed(settings, deadline_ms=500, max_concurrent_requests=1))
    async with served(app) as (running, port), httpx.AsyncClient() as client:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.write(b"GET /assets/large-Gh78.js HTTP/1.1\r\nHost: gateway\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1)
        assert len(running.server_state.tasks) == 1
        rest = await client.get(
            f"http://127.0.0.1:{port}{ACTION_SUMMARY_PATH}", params=DOCUMENTED, headers=DEMO_HEADER
        )
        assert rest.json()["customerId"] == 387729100
        assert await reader.readexactly(size) == bytes(size)
        writer.close()


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("till", [None, Till(TILL, PASSWORD)], ids=["asks", "demo"])
async def test_only_the_demo_s_pages_know_credentials(settings: Settings, till: Till | None) -> None:
    app = create_app(changed(settings, introspection="on"), pages_call_as=till)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
    ):
        pages = [await client.get(path, headers=HTML) for path in PAGES]
    header = authorization(TILL, PASSWORD)
    assert (header in pages[0].text) is (till is not None)
    for page in pages[1:]:
        assert data(page)["till"] == (None if till is None else {"name": TILL, "password": PASSWORD})
        assert (TILL in page.text) is (till is not None)


@pytest.mark.usefixtures("built")
async def test_data_cannot_end_its_block(tmp_path: Path) -> None:
    page = bundled(tmp_path / "graphiql.html", {"x": "</script><script>alert()</script>"})
    assert page.body.count("</script>") == 2
    assert data(httpx.Response(200, text=page.body)) == {"x": "</script><script>alert()</script>"}


@pytest.mark.usefixtures("built")
async def test_what_may_not_be_explored_has_no_graphiql_and_shows_no_schema(
    gateway_with: OpenGateway,
) -> None:
    async with gateway_with() as gateway:
        assert (await gateway.client.get("/graphql", headers=HTML)).status_code == 401
        for path in ("/", "/docs"):
            page = await gateway.client.get(path, headers=HTML)
            assert page.status_code == 200
            assert "/graphql" not in page.text
            assert "CustomerPromotionActionSummary" not in page.text
        assert gateway.commands.names == []


async def test_a_browser_s_request_with_a_query_needs_credentials_all_the_same(
    gateway_with: OpenGateway,
) -> None:
    async with gateway_with(introspection="on") as gateway:
        for path in ("/graphql?query={__typename}", "/graphql?cdn&query={__typename}"):
            assert (await gateway.client.get(path, headers=HTML)).status_code == 401
        json_only = {"Accept": "application/json"}
        assert (await gateway.client.get("/graphql", headers=json_only)).status_code == 401
        assert gateway.commands.names == []


@pytest.mark.parametrize(
    "example", examples(), ids=lambda example: re.findall(r"query (\w+)", example.query)[0]
)
async def test_each_example_says_what_it_is_for_and_shows_something(
    gateway: Gateway, example: Example
) -> None:
    assert re.match(r"(# .*\n)*# .*\.\nquery [A-Z]\w+\(", example.query)
    body = (await gateway.graphql(example.query, example.variables)).json()
    if "query ErrorsAndWarnings" in example.query:
        assert [error["extensions"]["errorCode"] for error in body["errors"]] == [8015, 8874]
        assert [warning["code"] for warning in body["data"]["nothingEarned"]["warnings"]] == [8116]
    else:
        assert "errors" not in body
        for summary in body["data"].values():
            assert any(summary.get(benefit) for benefit in ("points", "rewards", "badges"))
