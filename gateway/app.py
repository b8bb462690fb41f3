"""The application, declared: its routes, its middleware, its error handlers, its lifespan."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway import legacy
from gateway.auth import Authenticator
from gateway.errors import GRAPHQL_PATH, ErrorAnswers
from gateway.graphql_app import GraphQLEndpoint
from gateway.legacy import ActionSummary
from gateway.settings import Settings
from gateway.telemetry import RequestId
from loaders import Loaders
from loaders.store import CommandListener, Store
from resolvers.context import Context
from resolvers.schema import create_schema


def create_app(settings: Settings, *, listeners: Sequence[CommandListener] = ()) -> Starlette:
    """The gateway as an ASGI application; `listeners` observe the database commands it sends."""
    store = Store(settings.mongodb_uri, settings.database, listeners=listeners)
    authenticator = Authenticator(store)

    async def enter(request: Request) -> Context:
        caller = await authenticator.authenticate(request.headers)
        return Context(Loaders(store, caller.organization, settings.benefits_since))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        store.close()

    return Starlette(
        routes=[
            Route(GRAPHQL_PATH, GraphQLEndpoint(create_schema(), enter), methods=["GET", "POST"]),
            Route(legacy.PATH, ActionSummary(enter).get, methods=["GET"]),
        ],
        middleware=[
            Middleware(RequestId),
            Middleware(ErrorAnswers, always_200=settings.rest_status == "legacy"),
        ],
        exception_handlers={HTTPException: _leave_to_error_answers},
        lifespan=lifespan,
    )


async def _leave_to_error_answers(_: Request, error: Exception) -> Response:
    raise error


def create_app_from_environment() -> Starlette:
    """What each server process runs."""
    return create_app(Settings.from_environment(os.environ))
