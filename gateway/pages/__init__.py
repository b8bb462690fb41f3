"""The pages for browsers: an index, GraphiQL, and the REST documentation.

`make pages` bundles GraphiQL and the REST documentation from the sources in this folder. Without the bundle,
simple pages replace them, which can be read without scripts. Pages are public and execute nothing. The
requests that they send need credentials, like all requests.
"""

from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from gateway import json_format
from gateway.auth.credentials import authorization
from gateway.pages.examples import examples, graphql_command, rest_command
from gateway.pages.page import from_bundle, from_cdn, from_template, part
from gateway.rest.action_summary import ACTION_SUMMARY_PATH

ASSETS_PATH = "/assets"
BUNDLE = Path(__file__).parent / "dist"


class PageCredentials(NamedTuple):
    """The name and the password of the POS client whose credentials the demo's pages send."""

    name: str
    password: str


class Pages:
    """The pages of a gateway with this schema. Without `credentials`, they ask for them."""

    def __init__(self, schema: str, credentials: PageCredentials | None, *, introspection: bool) -> None:
        header, wallet, about_credentials = None, "", part("credentials.html")
        if credentials:
            header, wallet = authorization(*credentials), part("wallet_card.html")
            about_credentials = part("demo_credentials.html", header=header, **credentials._asdict())
        commands = part("command.html", api="REST", command=rest_command(header))
        if introspection:
            commands += part("command.html", api="GraphQL", command=graphql_command(header))
        self.index = from_template(
            "index.html",
            credentials=about_credentials,
            commands=commands,
            graphiql=part("graphiql_cards.html") if introspection else "",
            wallet=wallet,
            version=version("promo-gateway"),
        )
        if (BUNDLE / "graphiql.html").exists():
            data = {"credentials": credentials and credentials._asdict()}
            self.docs = from_bundle(BUNDLE / "docs.html", data)
            self._graphiql = from_bundle(
                BUNDLE / "graphiql.html",
                {
                    **data,
                    "schema": schema,
                    "examples": [example._asdict() for example in examples()],
                    "restPath": ACTION_SUMMARY_PATH,
                },
            )
        else:
            self.docs = from_template("docs.html")
            self._graphiql = from_template(
                "graphql.html",
                credentials=about_credentials,
                examples="".join(
                    part("example.html", query=query, variables=json_format.encode(variables).decode())
                    for query, variables in examples()
                ),
                schema=escape(schema),
            )
        self._cdn = from_cdn()
        assets = BUNDLE / "assets"
        # Level 9 would take a third longer and save less than a hundredth of the bytes. A router without
        # routes answers every path with 404.
        self.assets: ASGIApp = (
            GZipMiddleware(Assets(directory=assets), compresslevel=6) if assets.exists() else Router()
        )

    async def graphiql(self, request: Request) -> Response:
        """GET `/graphql` from a browser; with `?cdn`, the frame in the page without the bundle."""
        return await (self._cdn if "cdn" in request.query_params else self._graphiql)(request)


class Assets(StaticFiles):
    """The files of the bundle, as they are or compressed with brotli when the bundle was made.

    Their names contain a hash of their contents, so they may be kept for ever.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        if "br" in Headers(scope=scope).get("accept-encoding", "") and self.lookup_path(f"{path}.br")[1]:
            response = await super().get_response(f"{path}.br", scope)
            response.headers.update({"Content-Encoding": "br", "Vary": "Accept-Encoding"})
        else:
            response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
