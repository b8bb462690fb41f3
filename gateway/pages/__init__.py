"""What a browser gets: an index, GraphiQL, the REST documentation.

GraphiQL and the documentation are bundled by `make pages` from the sources in this directory; without
the bundle there are plain pages in their place. A page is public and executes nothing: what it sends needs
credentials like any request.
"""

from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from gateway import json_format
from gateway.auth.credentials import authorization
from gateway.pages.examples import examples
from gateway.pages.page import bundled, from_cdn, plain
from gateway.rest.action_summary import ACTION_SUMMARY_PATH

ASSETS_PATH = "/assets"
BUILT = Path(__file__).parent / "dist"
_GRAPHIQL_CARD = (
    '<li><a href="/graphql">GraphiQL</a><span>Write a query, run it, copy it as code.</span></li>'
)


class Till(NamedTuple):
    """A till's name and password."""

    name: str
    password: str


class Pages:
    """The pages of a gateway with this schema; they call as `till` where there is one, and else they ask."""

    def __init__(self, schema: str, till: Till | None, *, introspection: bool) -> None:
        caller = _caller(till)
        self._index = plain(
            "index.html",
            caller=caller,
            graphiql=_GRAPHIQL_CARD if introspection else "",
            version=version("promo-gateway"),
        )
        if (BUILT / "graphiql.html").exists():
            called = till and till._asdict()
            self._graphiql = bundled(
                BUILT / "graphiql.html",
                {
                    "schema": schema,
                    "examples": [example._asdict() for example in examples()],
                    "restPath": ACTION_SUMMARY_PATH,
                    "till": called,
                },
            )
            # Who may not explore the schema may read this page all the same.
            self._docs = bundled(BUILT / "docs.html", {"till": called})
        else:
            self._graphiql = plain(
                "graphql.html", caller=caller, examples=_listed_examples(), schema=escape(schema)
            )
            self._docs = plain("docs.html")
        self._cdn = from_cdn()
        # Level 9 takes a third longer, for less than a hundredth of the bytes.
        self.assets = GZipMiddleware(Assets(directory=BUILT / "assets", check_dir=False), compresslevel=6)

    async def index(self, _: Request) -> Response:
        """GET `/`."""
        return self._index.answer()

    async def docs(self, _: Request) -> Response:
        """GET `/docs`."""
        return self._docs.answer()

    def graphiql(self, request: Request) -> Response:
        """GET `/graphql` in a browser; with `?cdn` it is the frame within the plain page."""
        return (self._cdn if "cdn" in request.query_params else self._graphiql).answer()


class Assets(StaticFiles):
    """The bundled files; their names hold a hash of what is in them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def _caller(till: Till | None) -> str:
    if till is None:
        return "<p>Every request needs credentials; the REST documentation says which there are.</p>"
    header = authorization(till.name, till.password)
    return (
        f"<p>This is the demo. Its till <code>{escape(till.name)}</code> has the password "
        f"<code>{escape(till.password)}</code>, and sends:</p>"
        f'<pre tabindex="0"><code>Authorization: {escape(header)}</code></pre>'
    )


def _listed_examples() -> str:
    return "".join(
        f'<pre tabindex="0"><code>{escape(example.query)}\n'
        f"# Variables\n{escape(json_format.encode(example.variables).decode())}</code></pre>"
        for example in examples()
    )
