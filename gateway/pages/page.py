"""How a page is put together: its data, its styles, and the policy that keeps everything else out of it."""

import base64
import hashlib
import re
from pathlib import Path
from string import Template
from typing import NamedTuple
from urllib.parse import quote

from starlette.responses import HTMLResponse, Response
from strawberry.http.ides import get_graphql_ide_html

from gateway import json_format
from gateway.http_headers import content_security_policy

_TEMPLATES = Path(__file__).parent / "templates"
# In the bundled pages, the block that their data goes into.
_DATA = '<script id="data" type="application/json">{}</script>'
_ICON = "data:image/svg+xml," + quote((_TEMPLATES / "icon.svg").read_text())
_CDN = "https://unpkg.com"
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


class Page(NamedTuple):
    """A page and its Content-Security-Policy."""

    body: str
    policy: str

    def answer(self) -> Response:
        """The page, as the answer to a request."""
        return HTMLResponse(self.body, headers={"Content-Security-Policy": self.policy})


def bundled(path: Path, data: object) -> Page:
    """A page of the bundle, with `data` in it."""
    # A "</script>" within the data would end its block.
    block = _DATA.format(json_format.encode(data).decode().replace("<", "\\u003c"))
    return Page(
        path.read_text().replace(_DATA.format(""), block),
        content_security_policy(
            script_src="'self'",
            worker_src="'self'",
            connect_src="'self'",
            # The editor and the documentation make styles as they run.
            style_src="'self' 'unsafe-inline'",
            img_src="'self' data:",
            font_src="'self' data:",
        ),
    )


def plain(template: str, **values: str) -> Page:
    """A page that needs neither scripts nor the network; `values` are HTML."""
    css = (_TEMPLATES / "page.css").read_text()
    return Page(
        Template((_TEMPLATES / template).read_text()).substitute(values, css=css, icon=_ICON),
        content_security_policy(style_src=_hash(css), img_src="data:", frame_src="'self'"),
    )


def from_cdn() -> Page:
    """Strawberry's GraphiQL, which loads its scripts from a CDN; for the frame within the plain page."""
    # Credentials do not outlive the page.
    html = get_graphql_ide_html().replace("shouldPersistHeaders: true", "shouldPersistHeaders: false")
    hashes = " ".join(_hash(script) for script in _INLINE_SCRIPT.findall(html))
    return Page(
        html,
        content_security_policy(
            script_src=f"{_CDN} {hashes}",
            style_src=f"{_CDN} 'unsafe-inline'",
            font_src=f"{_CDN} data:",
            img_src="data:",
            connect_src="'self'",
            frame_ancestors="'self'",
        ),
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
