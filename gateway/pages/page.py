"""How a page is made: its HTML, the data in it, and the Content-Security-Policy that it is sent with."""

import base64
import gzip
import hashlib
import re
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from strawberry.http.ides import get_graphql_ide_html

from gateway import json_format
from gateway.http_headers import Endpoint, content_security_policy

_TEMPLATES = Path(__file__).parent / "templates"
# The block of a bundled page that holds its data.
_DATA = '<script id="data" type="application/json">{}</script>'
_ICON = "data:image/svg+xml," + quote((_TEMPLATES / "icon.svg").read_text())
_CDN = "https://unpkg.com"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def from_bundle(path: Path, data: object) -> Endpoint:
    """A page of the bundle, with `data` in it."""
    # A "</script>" in the data would end its block.
    block = _DATA.format(json_format.encode(data).decode().replace("<", "\\u003c"))
    return _page(
        path.read_text().replace(_DATA.format(""), block),
        script_src="'self'",
        worker_src="'self'",
        connect_src="'self'",
        # The editor and the documentation write styles while they run.
        style_src="'self' 'unsafe-inline'",
        img_src="'self' data:",
        font_src="'self' data:",
    )


def from_template(template: str, **values: str) -> Endpoint:
    """A page that loads nothing from other hosts and can be read without scripts; `values` are HTML."""
    css = (_TEMPLATES / "page.css").read_text()
    html = Template((_TEMPLATES / template).read_text()).substitute(values, css=css, icon=_ICON)
    return _page(
        html,
        script_src=_hash(*_INLINE_SCRIPT.findall(html)) or "'none'",
        connect_src="'self'",
        style_src=_hash(css),
        img_src="data:",
        frame_src="'self'",
    )


def part(template: str, **values: str) -> str:
    """The HTML of a part of such a page; `values` are texts."""
    html = (_TEMPLATES / template).read_text().rstrip("\n")
    return Template(html).substitute({name: escape(value) for name, value in values.items()})


def from_cdn() -> Endpoint:
    """Strawberry's GraphiQL, which loads its scripts from a CDN: the frame in the page without the bundle."""
    # Credentials are forgotten with the page.
    html = get_graphql_ide_html().replace("shouldPersistHeaders: true", "shouldPersistHeaders: false")
    return _page(
        html,
        script_src=f"{_CDN} {_hash(*_INLINE_SCRIPT.findall(html))}",
        style_src=f"{_CDN} 'unsafe-inline'",
        font_src=f"{_CDN} data:",
        img_src="data:",
        connect_src="'self'",
        frame_ancestors="'self'",
    )


def _page(html: str, **sources: str) -> Endpoint:
    """The endpoint of a page that may load from these `sources`, by directive."""
    headers = {"Content-Security-Policy": content_security_policy(**sources), "Vary": "Accept-Encoding"}
    # GraphiQL's page holds the whole schema.
    compressed = cache(lambda: gzip.compress(html.encode(), mtime=0))

    async def respond(request: Request) -> Response:
        if "gzip" in request.headers.get("accept-encoding", ""):
            return HTMLResponse(compressed(), headers={**headers, "Content-Encoding": "gzip"})
        return HTMLResponse(html, headers=headers)

    return respond


def _hash(*texts: str) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)
